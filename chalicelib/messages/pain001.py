"""pain.001.001.09: a payment file for a bank, one debtor account and one currency, one or many payouts.

The same input makes the same bytes. What is paid, when and how often is decided by `chalicelib.banking`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, date, datetime

from lxml import etree

from chalicelib.core.errors import Defect
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass

NAMESPACE = "urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"
_ROOT = f'<Document xmlns="{NAMESPACE}"/>'
MAX_PAYOUTS = 10_000
MAX_ID = 35
MAX_NAME = 140
MAX_ACCOUNT = 34
MAX_REMITTANCE = 140
MAX_DIGITS = 18
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[A-Z0-9]{11,30}", re.ASCII)
_BIC = re.compile(r"[A-Z0-9]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?", re.ASCII)
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@dataclass(frozen=True, slots=True)
class Payee:
    """Who is paid: an IBAN, or the account number of a country without IBANs; `bic` may be empty."""

    name: str
    iban: str = ""
    account: str = ""
    bic: str = ""


@dataclass(frozen=True, slots=True)
class Payout:
    """One payment. `amount` is positive; `end_to_end_id` comes back in every later message about it."""

    end_to_end_id: str
    amount: Money
    payee: Payee
    remittance: str = ""


@dataclass(frozen=True, slots=True)
class PaymentFile:
    """One file: `message_id` is unique for ever at the bank, `created_at` aware, `execute_on` a day of the bank."""

    message_id: str
    created_at: datetime
    execute_on: date
    payer: Payee
    payouts: tuple[Payout, ...]


def write(file: PaymentFile) -> bytes:
    """The file as UTF-8 XML. A file that breaks a rule of the standard is a defect of the caller's: Defect."""
    _check_file(file)
    document = etree.fromstring(_ROOT)
    initiation = _add(document, "CstmrCdtTrfInitn")
    count, total = str(len(file.payouts)), _total(file.payouts)
    header = _add(initiation, "GrpHdr")
    _add(header, "MsgId", file.message_id)
    _add(header, "CreDtTm", file.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
    _add(header, "NbOfTxs", count)
    _add(header, "CtrlSum", total)
    _add(_add(header, "InitgPty"), "Nm", file.payer.name)
    batch = _add(initiation, "PmtInf")
    _add(batch, "PmtInfId", file.message_id)
    _add(batch, "PmtMtd", "TRF")
    _add(batch, "NbOfTxs", count)
    _add(batch, "CtrlSum", total)
    _add(_add(batch, "ReqdExctnDt"), "Dt", file.execute_on.isoformat())
    _add(_add(batch, "Dbtr"), "Nm", file.payer.name)
    _add_account(batch, "DbtrAcct", file.payer, currency=file.payouts[0].amount.currency)
    _add_agent(batch, "DbtrAgt", file.payer.bic or None)
    for payout in file.payouts:
        _add_payout(batch, payout)
    return etree.tostring(document, xml_declaration=True, encoding="UTF-8")


def _add_payout(batch: etree._Element, payout: Payout) -> None:
    transfer = _add(batch, "CdtTrfTxInf")
    identification = _add(transfer, "PmtId")
    _add(identification, "InstrId", payout.end_to_end_id)
    _add(identification, "EndToEndId", payout.end_to_end_id)
    _add(_add(transfer, "Amt"), "InstdAmt", payout.amount.text()).set("Ccy", payout.amount.currency)
    if payout.payee.bic:
        _add_agent(transfer, "CdtrAgt", payout.payee.bic)
    _add(_add(transfer, "Cdtr"), "Nm", payout.payee.name)
    _add_account(transfer, "CdtrAcct", payout.payee)
    if payout.remittance:
        _add(_add(transfer, "RmtInf"), "Ustrd", payout.remittance)


def _add_account(parent: etree._Element, name: str, payee: Payee, *, currency: str = "") -> None:
    account = _add(parent, name)
    identification = _add(account, "Id")
    if payee.iban:
        _add(identification, "IBAN", payee.iban)
    else:
        _add(_add(identification, "Othr"), "Id", payee.account)
    if currency:
        _add(account, "Ccy", currency)


def _add_agent(parent: etree._Element, name: str, bic: str | None) -> None:
    """A bank by its BIC; where the standard demands one and none is known, it is said to be missing."""
    institution = _add(_add(parent, name), "FinInstnId")
    if bic:
        _add(institution, "BICFI", bic)
    else:
        _add(_add(institution, "Othr"), "Id", "NOTPROVIDED")


def _add(parent: etree._Element, name: str, text: str | None = None) -> etree._Element:
    element = etree.SubElement(parent, f"{{{NAMESPACE}}}{name}")
    element.text = text
    return element


def _total(payouts: Sequence[Payout]) -> str:
    total = payouts[0].amount
    for payout in payouts[1:]:
        total = total + payout.amount
    return total.text()


def _check_file(file: PaymentFile) -> None:
    _check("payouts", 0 < len(file.payouts) <= MAX_PAYOUTS)
    _check("created_at", file.created_at.tzinfo is not None)
    _check_text("message_id", file.message_id, MAX_ID)
    _check_payee("payer", file.payer)
    _check("currency", len({payout.amount.currency for payout in file.payouts}) == 1)
    _check("end_to_end_id", len({payout.end_to_end_id for payout in file.payouts}) == len(file.payouts))
    for payout in file.payouts:
        _check_text("end_to_end_id", payout.end_to_end_id, MAX_ID)
        _check("amount", 0 < payout.amount.minor < 10**MAX_DIGITS)
        _check_payee("payee", payout.payee)
        if payout.remittance:
            _check_text("remittance", payout.remittance, MAX_REMITTANCE)


def _check_payee(field: str, payee: Payee) -> None:
    _check_text(f"{field}.name", payee.name, MAX_NAME)
    _check(f"{field}.account", bool(payee.iban) != bool(payee.account))
    if payee.iban:
        _check(f"{field}.iban", _IBAN.fullmatch(payee.iban) is not None)
    else:
        _check_text(f"{field}.account", payee.account, MAX_ACCOUNT)
    _check(f"{field}.bic", not payee.bic or _BIC.fullmatch(payee.bic) is not None)


def _check_text(field: str, value: str, maximum: int) -> None:
    printable = bool(value) and value == value.strip() and not _UNPRINTABLE.search(value)
    _check(field, printable and len(value) <= maximum)


def _check(field: str, holds: bool) -> None:
    if not holds:
        raise Defect(f"payment file: {field} breaks its rule")
