"""One transaction of a camt entry (TxDtls): references, the other party, what the payer wrote."""

from __future__ import annotations

from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import Detail
from chalicelib.messages.values import account_number, minor_units, reference
from chalicelib.messages.xml import Node, children, find, text

ORIGINAL = ("ORIG", "ORGNL")
"""How the type of a proprietary reference begins that names the movement undone."""


def read_detail(node: Node, *, credit: bool, reversal: bool) -> tuple[Detail, set[str]]:
    """The transaction and its warnings. `credit` and `reversal` are the entry's, for what the transaction leaves out.

    An amount that cannot be read is left out with a warning: only entries move money, details explain it.
    """
    refs = find(node, "Refs")
    own_direction = text(node, "CdtDbtInd").upper()
    credit = own_direction == "CRDT" if own_direction in ("CRDT", "DBIT") else credit
    amount, currency, warnings = _amount(node)
    returned = find(node, "RtrInf")
    name, account = _counterparty(node, payer=credit != (reversal or returned is not None))
    detail = Detail(
        amount_minor=amount if credit or amount is None else -amount,
        currency=currency,
        end_to_end_id=reference(text(refs, "EndToEndId")),
        instruction_id=reference(text(refs, "InstrId")),
        message_id=reference(text(refs, "MsgId")),
        transaction_id=reference(text(refs, "TxId")),
        uetr=reference(text(refs, "UETR")).lower(),
        bank_reference=reference(text(refs, "AcctSvcrRef")),
        original_reference=_original_reference(refs),
        creditor_references=_creditor_references(node),
        remittance=_remittance(node),
        counterparty_name=name,
        counterparty_iban=account_number(text(account, "Id", "IBAN")),
        counterparty_account=reference(text(account, "Id", "Othr", "Id")),
        return_reason=text(returned, "Rsn", "Cd") or text(returned, "Rsn", "Prtry"),
        info=text(node, "AddtlTxInf"),
        charges_minor=read_charges(node, currency),
    )
    return detail, warnings


def detail_direction(node: Node) -> int | None:
    """The direction that a transaction states itself: 1 in, -1 out, 0 neither of the two; None: it states none."""
    stated = text(node, "CdtDbtInd").upper()
    return {"": None, "CRDT": 1, "CREDIT": 1, "DBIT": -1, "DEBIT": -1}.get(stated, 0)


def _amount(node: Node) -> tuple[int | None, str, set[str]]:
    """What was booked: Amt, in older versions AmtDtls/TxAmt. The instructed amount is another matter and not read."""
    own, older = find(node, "Amt"), find(node, "AmtDtls", "TxAmt", "Amt")
    found = older if own is None else own
    if found is None:
        return None, "", set()
    warnings = {"detail_amounts_differ"} if _differ(own, older) else set()
    try:
        return minor_units(found.text, found.currency, element="TxDtls/Amt"), found.currency, warnings
    except MessageUnreadable:
        return None, found.currency, {"detail_amount_unreadable"}


def _differ(first: Node | None, second: Node | None) -> bool:
    """Whether two amounts in one currency are written with different figures."""
    if first is None or second is None or first.currency != second.currency:
        return False
    return first.text.rstrip("0").rstrip(".") != second.text.rstrip("0").rstrip(".")


def read_charges(node: Node, currency: str) -> int:
    """What a bank states to have kept of an entry or a transaction, in its currency. What cannot be read is left out:
    a charge explains an amount and moves none."""
    return sum(_charged(charges, currency) for charges in children(node, "Chrgs"))


def _charged(charges: Node, currency: str) -> int:
    stated = [each for each in children(charges, "Rcrd") if text(each, "CdtDbtInd").upper() != "CRDT"]
    found = [find(each, "Amt") for each in stated] or [find(charges, "TtlChrgsAndTaxAmt")]
    return sum(_charge(amount, currency) for amount in found if amount is not None)


def _charge(amount: Node, currency: str) -> int:
    if currency and amount.currency not in ("", currency):
        return 0
    try:
        return minor_units(amount.text, amount.currency or currency, element="Chrgs/Amt")
    except MessageUnreadable:
        return 0


def _counterparty(node: Node, *, payer: bool) -> tuple[str, Node | None]:
    """The name and account of the other side: who paid us, or whom we paid; of a return, whom we had paid."""
    parties = find(node, "RltdPties")
    sides = ("Dbtr", "Cdtr") if payer else ("Cdtr", "Dbtr")
    for side in sides:
        party, account = find(parties, side), find(parties, side + "Acct")
        name = text(party, "Nm") or text(party, "Pty", "Nm")
        if name or account is not None:
            return name, account
    return "", None


def _creditor_references(node: Node) -> tuple[str, ...]:
    """Structured references, as the payer quoted them, in order."""
    remittance = find(node, "RmtInf")
    quoted = (find(each, "CdtrRefInf") for each in children(remittance, "Strd"))
    found = (text(each, "Ref") or text(each, "CdtrRef") for each in quoted)
    return tuple(each for each in map(reference, found) if each)


def _original_reference(refs: Node | None) -> str:
    """The bank's reference of the movement undone. The standard has no element for it: banks give a proprietary
    reference whose type names the original."""
    for each in children(refs, "Prtry"):
        if text(each, "Tp").upper().startswith(ORIGINAL):
            return reference(text(each, "Ref"))
    return ""


def _remittance(node: Node) -> tuple[str, ...]:
    """The payer's own words, line by line, and numbers of the documents it names."""
    remittance = find(node, "RmtInf")
    lines = [each.text for each in children(remittance, "Ustrd")]
    for structured in children(remittance, "Strd"):
        lines += [text(document, "Nb") for document in children(structured, "RfrdDocInf")]
        lines += [each.text for each in children(structured, "AddtlRmtInf")]
    return tuple(line for line in lines if line)
