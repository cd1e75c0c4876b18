"""A payout and its attempts, and what each step of their life changes. Pure.

A bank's messages come twice, late and out of order: old news changes nothing, and what contradicts money already booked
is refused. Debit and return are bookings of their own: whichever is told first, both are made, once. A payout is its
newest attempt; those before it are dead, and late news about them never touches it.
"""

from __future__ import annotations

import re
from dataclasses import fields, replace
from datetime import date, datetime
from typing import Literal

from chalicelib.banking.domain import MOST_TEXT, BankAccount
from chalicelib.banking.payout_states import DEAD, GIVEN_UP, TRANSITIONS, Event, Source, State
from chalicelib.core.calendars import today_in
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.ids import derived_id
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass

_PAYOUT_ID = re.compile(r"pay_[0-9a-z]{26}", re.ASCII)
MAX_ATTEMPTS = 50
CANCELLED_BY_BANK = "CANC"
"""The reason that a bank's cancellation leaves on a payout, also while it is not proved."""

PRESUMED_CHARGE = 10
"""A return that lacks at most this part (a tenth) of the payout is whole: a bank that states no charge has kept one."""

ChargesBorneBy = Literal["party", "marketplace"]


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a person has found out about a payout that the bank left open, and what stood before."""

    event: Event
    before: State
    evidence: str
    actor: str
    at: datetime
    charge_minor: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try to pay, dead by now. Fields as those of the payout, which is its newest attempt itself."""

    attempt_id: str
    amount_minor: int
    started_at: datetime
    execute_on: date
    bank_account_id: str = ""
    state: State = State.CREATED
    reason: str = ""
    debit_reference: str = ""
    late_debit_reference: str = ""
    return_references: tuple[str, ...] = ()
    returned_minor: int = 0
    return_charges_minor: int = 0
    resends: int = 0
    news_at: datetime | None = None
    cancellation_requested_at: datetime | None = None
    resolution: Resolution | None = None


@dataclass(frozen=True, slots=True)
class Payout:
    """Money we tell a bank to pay out of one of the tenant's accounts (`bank_id`, `iban`) to a bank account
    (`bank_account_id`) of a party, or (`party_id` is `own`) of the marketplace itself. `subject` is what it pays for.

    The payment file is a function of the newest attempt and of that account's details, which never change, so it can be
    written again after a crash. `reason` is the bank's code for a rejection or return; `debit_reference` and
    `return_references` are the keys of movements once they are booked, `late_debit_reference` that of a debit of a dead
    attempt. `returned_minor` came back to the bank account, `return_charges_minor` of what went out did not. `due_at`:
    when time will do something to it; `overdue_since`: since when it is waited for.

    One that follows from an entry pays what `entry_id` has reserved for it: `reserved_minor` at first, `amount_minor`
    is what is left. While it waits it has no account at a bank yet, and `reason` says what it waits for. `resumed_at`:
    when a person last had it go on after it was stopped.
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
    returned_minor: int = 0
    source: Source = Source.PARTY
    bank_account_id: str = ""
    charges_borne_by: ChargesBorneBy = "party"
    attempt_id: str = ""
    started_at: datetime | None = None
    late_debit_reference: str = ""
    return_references: tuple[str, ...] = ()
    return_charges_minor: int = 0
    resends: int = 0
    news_at: datetime | None = None
    cancellation_requested_at: datetime | None = None
    resolution: Resolution | None = None
    earlier: tuple[Attempt, ...] = ()
    due_at: datetime | None = None
    overdue_since: datetime | None = None
    entry_id: str = ""
    reserved_minor: int = 0
    reserved_at: datetime | None = None
    resumed_at: datetime | None = None

    @property
    def amount(self) -> Money:
        """What is paid."""
        return Money(self.amount_minor, self.currency)

    @property
    def current_id(self) -> str:
        """The id of the newest attempt, by which a bank knows it: the first one's is the payout's own."""
        return self.attempt_id or self.payout_id

    @property
    def began_at(self) -> datetime:
        """When the newest attempt was begun."""
        return self.started_at or self.created_at

    @property
    def file_key(self) -> str:
        """Where the newest attempt's payment file lies."""
        return f"payment-files/{self.bank_id}/{self.current_id}.xml"

    @property
    def resent_file_key(self) -> str:
        """Where the same file lies that is sent once more."""
        return f"payment-files/{self.bank_id}/{self.current_id}.{self.resends}.xml"

    @property
    def regained_minor(self) -> int:
        """What of a dead attempt is on the account again that it was taken from."""
        if self.state in GIVEN_UP:
            return self.amount_minor
        borne = self.return_charges_minor if self.charges_borne_by == "marketplace" else 0
        return self.returned_minor + borne


def is_payout_id(text: str) -> bool:
    """Whether a text has the form of our payouts' and attempts' ids: another system's can never become known here."""
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
    """A payout to be executed today, where the currency is settled. Raises InvalidInput `amount_not_positive`,
    `currency_mismatch`, `invalid_remittance`."""
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
    to = next_state(payout, event)
    if event is Event.NOT_DEBITED and payout.reason == CANCELLED_BY_BANK:
        to = State.CANCELLED
    return payout if to is payout.state else replace(payout, state=to, reason=reason or payout.reason)


def settle(payout: Payout, amount: Money, *, bank_reference: str) -> Payout:
    """The payout once the bank has debited `amount` (positive). Told again, it stays as it is.

    Raises Conflict `payout_amount_differs`, `payout_settled_twice` (a second debit), `payout_state` (it is dead).
    """
    if bank_reference and bank_reference == payout.debit_reference:
        return payout
    to = next_state(payout, Event.SETTLED)
    if payout.debit_reference:
        raise Conflict("payout_settled_twice", "the bank has debited this payout twice", **payout_facts(payout))
    if amount != payout.amount:
        raise Conflict(
            "payout_amount_differs", "the bank debited another amount", debited=amount.minor, **payout_facts(payout)
        )
    return replace(payout, state=to, debit_reference=bank_reference)


def debit_late(payout: Payout, *, bank_reference: str) -> Payout:
    """The dead payout that the bank debited all the same: it shows the debit, which is claimed from its payee."""
    return payout if payout.late_debit_reference else replace(payout, late_debit_reference=bank_reference)


def give_back(payout: Payout, amount: Money, *, bank_reference: str, reason: str, charge_minor: int = 0) -> Payout:
    """The payout once `amount` (positive) of it has come back, less a charge that the bank states. Told again, it stays
    as it is. It is `returned` when all of it is, charges included, else `partly_returned`.

    Raises Conflict `payout_amount_differs`, `payout_returned_twice`, `payout_state` (it never left).
    """
    if bank_reference in payout.return_references:
        return payout
    if payout.state is State.RETURNED:
        raise Conflict("payout_returned_twice", "all of this payout has come back before", **payout_facts(payout))
    came = payout.returned_minor + payout.return_charges_minor + amount.minor + charge_minor
    missing = payout.amount_minor - came
    whole = missing * PRESUMED_CHARGE <= payout.amount_minor and not (charge_minor and missing)
    to = next_state(payout, Event.RETURNED if whole else Event.PARTLY_RETURNED)
    if amount.currency != payout.currency or amount.minor <= 0 or charge_minor < 0 or missing < 0:
        raise Conflict(
            "payout_amount_differs", "more came back than went", returned=amount.minor, **payout_facts(payout)
        )
    return replace(
        payout,
        state=to,
        return_references=(*payout.return_references, bank_reference),
        returned_minor=payout.returned_minor + amount.minor,
        return_charges_minor=payout.return_charges_minor + charge_minor + (missing if whole else 0),
        reason=reason or payout.reason,
    )


def next_attempt(payout: Payout, *, bank_account_id: str, now: datetime) -> Payout:
    """The payout with another attempt at what the last one gave back, to be executed today.

    Raises Conflict `payout_attempt_alive` (the last one may still pay), `payout_nothing_left`, `too_many_attempts`.
    """
    facts = payout_facts(payout)
    if payout.state not in DEAD:
        raise Conflict("payout_attempt_alive", "the last attempt may still pay", **facts)
    if payout.regained_minor <= 0:
        raise Conflict("payout_nothing_left", "nothing of it came back", **facts)
    earlier = (*payout.earlier, newest_attempt(payout))
    if len(earlier) >= MAX_ATTEMPTS:
        raise Conflict("too_many_attempts", f"at most {MAX_ATTEMPTS}", maximum=MAX_ATTEMPTS, **facts)
    fresh = Attempt(
        attempt_id=derived_id("pay", payout.tenant, payout.payout_id, str(len(earlier))),
        amount_minor=payout.regained_minor,
        started_at=now,
        execute_on=today_in(payout.currency, now),
        bank_account_id=bank_account_id,
    )
    return replace(_as_current(payout, fresh), earlier=earlier)


def attempt_at(payout: Payout, attempt_id: str) -> Payout:
    """One of a payout's attempts, as if it were the newest."""
    if attempt_id == payout.current_id:
        return payout
    return _as_current(payout, next(attempt for attempt in payout.earlier if attempt.attempt_id == attempt_id))


def with_attempt(payout: Payout, changed: Payout) -> Payout:
    """The payout after a change of one of its attempts, which `attempt_at` gave."""
    if changed.current_id == payout.current_id:
        return changed
    ended = newest_attempt(changed)
    earlier = (ended if attempt.attempt_id == ended.attempt_id else attempt for attempt in payout.earlier)
    return replace(payout, earlier=tuple(earlier))


def next_state(payout: Payout, event: Event) -> State:
    """The state after an event. Raises Conflict `payout_state` where the table has none."""
    to = TRANSITIONS[payout.state].get(event)
    if to is None:
        raise Conflict("payout_state", f"the payout is {payout.state.value}", event=event.value, **payout_facts(payout))
    return to


def payout_facts(payout: Payout) -> dict[str, object]:
    """What a refusal tells of a payout."""
    return {"payout_id": payout.payout_id, "state": payout.state.value, "amount": payout.amount_minor}


_ATTEMPT_FIELDS = tuple(field.name for field in fields(Attempt) if field.name not in {"attempt_id", "started_at"})


def newest_attempt(payout: Payout) -> Attempt:
    """The newest attempt by itself."""
    shared = {name: getattr(payout, name) for name in _ATTEMPT_FIELDS}
    return Attempt(attempt_id=payout.current_id, started_at=payout.began_at, **shared)


def _as_current(payout: Payout, attempt: Attempt) -> Payout:
    shared = {name: getattr(attempt, name) for name in _ATTEMPT_FIELDS}
    return replace(payout, attempt_id=attempt.attempt_id, started_at=attempt.started_at, **shared)
