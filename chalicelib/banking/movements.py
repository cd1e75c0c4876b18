"""One movement of a tenant's bank account, as a bank's message tells of it, whatever the message's kind.

Pure. Leaves to others: what a movement pays for (`chalicelib.settlement`), and whether a statement holds (`recon`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import date

from chalicelib.banking.domain import MOST_TEXT, BankAccount
from chalicelib.banking.payouts import is_payout_id
from chalicelib.banking.references import references_in
from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import movement_content, movement_key
from chalicelib.ledger.movements import MovementFacts, Source
from chalicelib.messages.model import Detail, Entry, Statement
from chalicelib.messages.proof import opening_balance, prove


@dataclass(frozen=True, slots=True)
class Movement:
    """`amount` is signed: money in is positive. `references` are the valid creditor references the payer gave, `text`
    what else was written. The counterparty is the payer of money in, the payee of money out. `original_reference` is
    the bank's reference of the movement that this one takes back, `charges_minor` what the bank kept of what it books.
    Where the movement sums several payments, what belongs to one of them (`end_to_end_id`, `uetr`, `transaction_id`,
    the counterparty) is empty."""

    account: BankAccount
    bank_reference: str
    amount: Money
    booked_on: date | None = None
    value_on: date | None = None
    end_to_end_id: str = ""
    uetr: str = ""
    transaction_id: str = ""
    counterparty_name: str = ""
    counterparty_account: str = ""
    original_reference: str = ""
    references: tuple[str, ...] = ()
    text: str = ""
    reversal: bool = False
    return_reason: str = ""
    known_as: str = ""
    charges_minor: int = 0

    @property
    def key(self) -> str:
        """The worker key it is booked under, whichever message states it: the one it is known as, before that the key
        of the first movement with its reference."""
        return self.known_as or movement_key(self.account.account_id, self.bank_reference)

    @property
    def facts(self) -> MovementFacts:
        """What its identity is judged by."""
        return MovementFacts(
            account_id=self.account.account_id,
            amount=self.amount,
            reference=self.bank_reference,
            booked_on=self.booked_on,
            end_to_end_id=self.end_to_end_id,
            uetr=self.uetr,
            counterparty_account=self.counterparty_account,
            payment_references=self.references,
        )

    @property
    def content(self) -> dict[str, object]:
        """What its fingerprint covers."""
        return movement_content(self.amount)

    @property
    def is_payout_debit(self) -> bool:
        """Whether the bank has paid out one of our payouts."""
        return self.amount.minor < 0 and not self.reversal and is_payout_id(self.end_to_end_id)

    @property
    def is_payout_return(self) -> bool:
        """Whether one of our payouts came back. The payee knows its end-to-end id and may quote it in a payment of its
        own, so the id alone is no proof: the bank must say that it is a return."""
        told = self.reversal or bool(self.return_reason)
        return self.amount.minor > 0 and told and is_payout_id(self.end_to_end_id)


def sources_of(statement: Statement, message: str, part: str) -> Iterator[tuple[Entry, Source]]:
    """Each entry of a statement with where it is stated, in the statement's order. `message` stands for the message's
    content, `part` for the statement's place in it.

    Whoever handles the entries apart needs the pair alone: of the rest of the message, an entry's identity takes no
    more than the number of equal ones before it, and what the statement proves.
    """
    is_proved, series = _authority(statement)
    equals: Counter[tuple[object, ...]] = Counter()
    for number, entry in enumerate(statement.entries):
        only = entry.only_detail or Detail(None, "")
        stated = (
            (entry.amount_minor, entry.currency, entry.own_reference, entry.booked_on),
            (only.end_to_end_id, only.uetr, only.counterparty_number, only.creditor_references),
        )
        yield entry, Source(message, f"{part}/{number}", equals[stated], series, is_proved)
        equals[stated] += 1


def _authority(statement: Statement) -> tuple[bool, str]:
    """Whether a statement decides how many movements there are, and the series of an intraday report that repeats what
    those before it had: one that foots from the balance that its day, or the period it names, opened with."""
    proof = prove(statement)
    opening = opening_balance(statement)
    if opening is None or not proof.holds:
        return False, ""
    if statement.kind != "report":
        return statement.kind == "statement", ""
    return False, f"{statement.starts_at or opening.on}#{opening.code}#{opening.amount_minor}"


def movement_of(account: BankAccount, entry: Entry) -> Movement:
    """The movement a booked entry tells of.

    Raises InvalidInput `currency_mismatch`, `amount_is_zero`.
    """
    only = entry.only_detail or Detail(None, "")
    if entry.currency != account.currency:
        raise InvalidInput("currency_mismatch", "the account has another currency", expected=account.currency)
    if entry.amount_minor == 0:
        raise InvalidInput("amount_is_zero", "a movement of nothing", field="Amt")
    structured = [text for detail in entry.details for text in detail.creditor_references]
    remittance = [text for detail in entry.details for text in detail.remittance]
    return Movement(
        account=account,
        bank_reference=entry.own_reference,
        amount=Money(entry.amount_minor, entry.currency),
        booked_on=entry.booked_on,
        value_on=entry.valued_on,
        end_to_end_id=only.end_to_end_id,
        uetr=only.uetr,
        transaction_id=only.transaction_id,
        counterparty_name=only.counterparty_name,
        counterparty_account=only.counterparty_number,
        original_reference=only.original_reference,
        references=references_in(structured, remittance),
        text=" ".join([*structured, *remittance])[:MOST_TEXT],
        reversal=entry.reversal,
        return_reason=only.return_reason,
        charges_minor=_charges(entry, only),
    )


def _charges(entry: Entry, only: Detail) -> int:
    """What the bank kept of what it books: what it states, or by how much the transaction is more than the entry."""
    if only.charges_minor or only.amount_minor is None or only.currency != entry.currency:
        return only.charges_minor
    return max(only.amount_minor - entry.amount_minor, 0) if entry.amount_minor > 0 else 0
