"""The life of a payout: one table of transitions, and what each step books.

A bank's messages come twice, late and out of order: what is old news changes nothing, what contradicts money already
booked is refused and alarms. Debit and return are bookings of their own: whichever is told first, both are made, once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from enum import Enum

from chalicelib.banking.domain import MOST_TEXT, BankAccount
from chalicelib.core.calendars import today_in
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, Purpose, credit, debit, purpose_account_id
from chalicelib.messages.model import StatusReport

_PAYOUT_ID = re.compile(r"pay_[0-9a-z]{26}", re.ASCII)


class State(Enum):
    """Where a payout stands. `reserved`: its money is set aside on the party's account and not taken yet, `stopped`: it
    stays there until somebody decides. `cancelled`: nothing is left to pay. `unknown`: the bank's word is in doubt, and
    a person or a later message must say."""

    RESERVED = "reserved"
    STOPPED = "stopped"
    CANCELLED = "cancelled"
    CREATED = "created"
    SENT = "sent"
    ACCEPTED = "accepted"
    SETTLED = "settled"
    REJECTED = "rejected"
    RETURNED = "returned"
    UNKNOWN = "unknown"


class Event(Enum):
    """What can be told of a payout."""

    SENT = "sent"
    ACCEPTED = "accepted"
    DOUBTED = "doubted"
    SETTLED = "settled"
    REJECTED = "rejected"
    RETURNED = "returned"


_OPEN = {
    Event.SETTLED: State.SETTLED,
    Event.REJECTED: State.REJECTED,
    Event.RETURNED: State.RETURNED,
    Event.DOUBTED: State.UNKNOWN,
}
LIFE: dict[State, dict[Event, State]] = {
    State.RESERVED: {},
    State.STOPPED: {},
    State.CANCELLED: {},
    State.CREATED: _OPEN | {Event.SENT: State.SENT, Event.ACCEPTED: State.ACCEPTED},
    State.SENT: _OPEN | {Event.SENT: State.SENT, Event.ACCEPTED: State.ACCEPTED},
    State.ACCEPTED: _OPEN | {Event.SENT: State.ACCEPTED, Event.ACCEPTED: State.ACCEPTED},
    State.UNKNOWN: _OPEN | {Event.SENT: State.UNKNOWN, Event.ACCEPTED: State.UNKNOWN},
    State.SETTLED: {
        Event.SENT: State.SETTLED,
        Event.ACCEPTED: State.SETTLED,
        Event.DOUBTED: State.SETTLED,
        Event.SETTLED: State.SETTLED,
        Event.RETURNED: State.RETURNED,
    },
    State.RETURNED: {
        Event.SENT: State.RETURNED,
        Event.ACCEPTED: State.RETURNED,
        Event.DOUBTED: State.RETURNED,
        Event.SETTLED: State.RETURNED,
        Event.RETURNED: State.RETURNED,
    },
    State.REJECTED: {
        Event.SENT: State.REJECTED,
        Event.ACCEPTED: State.REJECTED,
        Event.DOUBTED: State.REJECTED,
        Event.REJECTED: State.REJECTED,
    },
}
"""State x event: the state after. What is not here contradicts booked money and is refused with `payout_state`."""


@dataclass(frozen=True, slots=True)
class Payout:
    """Money we tell a bank to pay to a party, out of one of the tenant's accounts (`bank_id`, `iban`).

    The payment file is a function of this and of the party's details, so that it can be written again after a crash.
    `reason` is the bank's code for a rejection or return, `debit_reference` and `return_reference` its references of
    the two movements, once they are booked. `subject` is what it pays for.

    One that follows from an entry pays what `entry_id` has reserved for it: `reserved_minor` at first, `amount_minor`
    is what is left. While it waits it has no account at a bank yet, and `reason` says what it waits for.
    """

    tenant: str
    payout_id: str
    party_id: str
    bank_id: str
    iban: str
    currency: str
    amount_minor: int
    created_at: datetime
    execute_on: date
    remittance: str = ""
    subject: str | None = None
    state: State = State.CREATED
    reason: str = ""
    debit_reference: str = ""
    return_reference: str = ""
    returned_minor: int = 0
    entry_id: str = ""
    reserved_minor: int = 0
    reserved_at: datetime | None = None
    due_at: datetime | None = None

    @property
    def amount(self) -> Money:
        """What is paid."""
        return Money(self.amount_minor, self.currency)

    @property
    def file_key(self) -> str:
        """Where its payment file lies."""
        return f"payment-files/{self.bank_id}/{self.payout_id}.xml"


@dataclass(frozen=True, slots=True)
class News:
    """What a status report says of one payout, with the bank's reason."""

    payout_id: str
    event: Event
    reason: str = ""


def is_payout_id(text: str) -> bool:
    """Whether a text has the form of our payout ids: another system's can never become known here."""
    return _PAYOUT_ID.fullmatch(text) is not None


def new_payout(
    payout_id: str,
    amount: Money,
    *,
    party_id: str,
    account: BankAccount,
    now: datetime,
    remittance: str = "",
    subject: str | None = None,
) -> Payout:
    """A payout to be executed today, by the day it is where its currency is settled. Raises InvalidInput
    `amount_not_positive`, `currency_mismatch`, `invalid_remittance`."""
    if amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "a payout is more than nothing", field="amount")
    if amount.currency != account.currency:
        raise InvalidInput("currency_mismatch", "the bank account has another currency", expected=account.currency)
    if remittance != remittance.strip() or len(remittance) > MOST_TEXT or not remittance.isprintable():
        raise InvalidInput("invalid_remittance", f"at most {MOST_TEXT} printable characters", field="remittance")
    return Payout(
        tenant=account.tenant_id,
        payout_id=payout_id,
        party_id=party_id,
        bank_id=account.bank_id,
        iban=account.iban,
        currency=amount.currency,
        amount_minor=amount.minor,
        created_at=now,
        execute_on=today_in(account.currency, now),
        remittance=remittance,
        subject=subject,
    )


def advance(payout: Payout, event: Event, *, reason: str = "") -> Payout:
    """The payout after news without a movement of money at the bank. Old news gives it back as it is.

    Raises Conflict `payout_state` where the news contradicts what is booked: a rejection of what was debited.
    """
    to = _next(payout, event)
    return payout if to is payout.state else replace(payout, state=to, reason=reason or payout.reason)


def settle(payout: Payout, amount: Money, *, bank_reference: str) -> Payout:
    """The payout once the bank has debited `amount` (positive). Told again, it stays as it is.

    Raises Conflict `payout_amount_differs`, `payout_settled_twice` (a second debit), `payout_state` (it was rejected).
    """
    if payout.debit_reference == bank_reference:
        return payout
    to = _next(payout, Event.SETTLED)
    if payout.debit_reference:
        raise Conflict("payout_settled_twice", "the bank has debited this payout twice", **_facts(payout))
    if amount != payout.amount:
        raise Conflict(
            "payout_amount_differs", "the bank debited another amount", debited=amount.minor, **_facts(payout)
        )
    return replace(payout, state=to, debit_reference=bank_reference)


def give_back(payout: Payout, amount: Money, *, bank_reference: str, reason: str) -> Payout:
    """The payout once `amount` (positive; banks may keep a charge) has come back. Told again, it stays as it is.

    Raises Conflict `payout_amount_differs`, `payout_returned_twice`, `payout_state` (it was rejected).
    """
    if payout.return_reference == bank_reference:
        return payout
    to = _next(payout, Event.RETURNED)
    if payout.return_reference:
        raise Conflict("payout_returned_twice", "this payout has come back before", **_facts(payout))
    if amount.currency != payout.currency or not 0 < amount.minor <= payout.amount_minor:
        raise Conflict("payout_amount_differs", "more came back than went", returned=amount.minor, **_facts(payout))
    return replace(
        payout, state=to, return_reference=bank_reference, returned_minor=amount.minor, reason=reason or payout.reason
    )


def creation_postings(payout: Payout) -> tuple[Posting, ...]:
    """Dr party, Cr payouts in transit."""
    return debit(payee_account_id(payout), payout.amount), credit(_transit(payout), payout.amount)


def rejection_postings(payout: Payout) -> tuple[Posting, ...]:
    """Dr payouts in transit, Cr party."""
    return debit(_transit(payout), payout.amount), credit(payee_account_id(payout), payout.amount)


def settlement_postings(payout: Payout) -> tuple[Posting, ...]:
    """Dr payouts in transit, Cr bank."""
    return debit(_transit(payout), payout.amount), credit(_bank(payout), payout.amount)


def return_postings(payout: Payout) -> tuple[Posting, ...]:
    """Dr bank, Cr party: what came back."""
    returned = Money(payout.returned_minor, payout.currency)
    return debit(_bank(payout), returned), credit(payee_account_id(payout), returned)


ACCEPTING = frozenset({"ACTC", "ACCP", "ACSP", "ACSC", "ACCC", "ACWC", "ACWP", "ACFC"})
WAITING = frozenset({"RCVD", "PDNG", "PATC", "PART"})
REJECTING = frozenset({"RJCT", "CANC"})
HAD_ALREADY = frozenset({"DUPL", "DU01", "DU02", "DU03", "DU04", "DU05"})
"""Reasons of a refusal that say: this very file or payment of yours is here already. So nothing failed."""
PERHAPS_HAD = frozenset({"AM05"})
"""`Duplication` of this payment or of another that looks like it: only the bank can say whether it was paid."""


def news_of(report: StatusReport) -> tuple[News, ...]:
    """What a pain.002 says of each payout; nothing of those that it says are waiting.

    A report without payments speaks of the whole file, which is named after its one payout. Raises InvalidInput
    `unknown_payment_status` for a code that is in no list above.
    """
    told = [
        (payment.end_to_end_id or payment.instruction_id, payment.status, payment.reason) for payment in report.payments
    ]
    outer = [(report.group_status, report.group_reason), *((batch.status, batch.reason) for batch in report.batches)]
    if not told:
        # A batch's word is nearer than the group's.
        told = [(report.original_message_id, *word) for word in outer if word[0]][-1:]
    general = [reason for _, reason in outer if reason]
    news = (_news(payout_id, status, [reason, *general]) for payout_id, status, reason in told)
    return tuple(each for each in news if each is not None)


def _news(payout_id: str, status: str, reasons: Sequence[str]) -> News | None:
    """`reasons`: the payment's own first (perhaps empty), then those of its batch and file."""
    if status in WAITING:
        return None
    event = Event.ACCEPTED if status in ACCEPTING else _refusal(status, frozenset(reasons))
    return News(payout_id, event, next(filter(None, reasons), ""))


def _refusal(status: str, reasons: frozenset[str]) -> Event:
    if status not in REJECTING:
        raise InvalidInput("unknown_payment_status", "no known payment status", field="TxSts")
    if reasons & HAD_ALREADY:
        return Event.SENT
    return Event.DOUBTED if reasons & PERHAPS_HAD else Event.REJECTED


def _next(payout: Payout, event: Event) -> State:
    to = LIFE[payout.state].get(event)
    if to is None:
        raise Conflict(
            "payout_state", "the bank's word contradicts what is booked", event=event.value, **_facts(payout)
        )
    return to


def _facts(payout: Payout) -> dict[str, object]:
    return {"payout_id": payout.payout_id, "state": payout.state.value, "amount": payout.amount_minor}


def payee_account_id(payout: Payout) -> str:
    """The account in the books that a payout pays out of: what we owe its party."""
    return purpose_account_id(payout.tenant, Purpose.PARTY, payout.currency, payout.party_id)


def _transit(payout: Payout) -> str:
    return purpose_account_id(payout.tenant, Purpose.PAYOUTS_IN_TRANSIT, payout.currency)


def _bank(payout: Payout) -> str:
    return purpose_account_id(payout.tenant, Purpose.BANK, payout.currency, payout.iban)
