"""What a hold is and what may become of it: money of one account, kept for a transfer that comes later or never.

It is captured in parts or at once, voided or expired; after that it moves nothing. As two-phase transfers in
TigerBeetle: see "Two-Phase Transfers" in its documentation. Leaves to the store: that the account has as much, and that
two captures cannot both take the same remainder.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from chalicelib.core.errors import Conflict, Defect, InvalidInput, Refusal
from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, Side, credit, debit, is_deferred

PLACED = "hold.placed"
CAPTURED = "hold.captured"
VOIDED = "hold.voided"
EXPIRED = "hold.expired"
"""Kinds of the journal items of one hold. Each has the hold's id as its subject."""

GROUP_PLACED = "hold_group.placed"
GROUP_CAPTURED = "hold_group.captured"
GROUP_VOIDED = "hold_group.voided"
"""Kinds of the journal item of a group: without legs, its data name the journal items of its holds (`entries`), which
were written in the same commit."""

MOST_AHEAD = timedelta(days=366)
MOST_IN_GROUP = 20

_HOLD_ID = re.compile("hld_[0-9a-z]{26}")


class Status(Enum):
    """Where a hold is. Only a pending one reserves anything."""

    PENDING = "pending"
    CAPTURED = "captured"
    VOIDED = "voided"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Terms:
    """A transfer to come. `reserved` says of whose money: the debited account's, or the credited one's."""

    debit_account_id: str
    credit_account_id: str
    amount: Money
    reserved: Side = Side.DEBIT
    expires_at: datetime | None = None

    @property
    def reserved_account_id(self) -> str:
        """The account that the money is reserved of."""
        return self.debit_account_id if self.reserved is Side.DEBIT else self.credit_account_id

    @property
    def other_account_id(self) -> str:
        """The account that the money is promised to."""
        return self.credit_account_id if self.reserved is Side.DEBIT else self.debit_account_id


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold as it stands: `captured` was booked, `remaining` is still reserved (minor units), the rest was let go.
    `closed_at` is the instant it stopped being pending."""

    hold_id: str
    terms: Terms
    placed_at: datetime
    remaining: int
    captured: int = 0
    status: Status = Status.PENDING
    closed_at: datetime | None = None

    def __post_init__(self) -> None:
        if min(self.remaining, self.captured, self.released) < 0:
            raise Defect(f"{self.hold_id}: {self.captured} captured and {self.remaining} left of {self.terms.amount}")
        if self.is_open != (self.remaining > 0) or self.is_open != (self.closed_at is None):
            raise Defect(f"{self.hold_id} is {self.status.value} with {self.remaining} left")

    @property
    def is_open(self) -> bool:
        """Whether it still reserves money."""
        return self.status is Status.PENDING

    @property
    def released(self) -> int:
        """What was let go without being captured, in minor units."""
        return self.terms.amount.minor - self.captured - self.remaining

    def is_due(self, now: datetime) -> bool:
        """Whether it is pending though its time is over."""
        expires_at = self.terms.expires_at
        return self.is_open and expires_at is not None and now >= expires_at


@dataclass(frozen=True, slots=True)
class Step:
    """What one command does to a hold: the hold after it, how much it books, and by how much it reserves less. Both are
    minor units; what is let go without being booked is the difference."""

    hold: Hold
    booked: int
    let_go: int

    def postings(self) -> tuple[Posting, ...]:
        """The transfer of what is booked, or nothing."""
        terms, amount = self.hold.terms, self.hold.terms.amount.of(self.booked)
        return (debit(terms.debit_account_id, amount), credit(terms.credit_account_id, amount)) if self.booked else ()


def is_hold_id(text: str) -> bool:
    """Whether it looks like a hold's id."""
    return _HOLD_ID.fullmatch(text) is not None


def hold_id_of(entry_id: str) -> str:
    """The id of the hold that a journal item places."""
    return f"hld_{entry_id.removeprefix('ent_')}"


def placing_entry_id(hold_id: str) -> str:
    """The id of the journal item that placed a hold."""
    return f"ent_{hold_id.removeprefix('hld_')}"


def check_terms(terms: Terms) -> Terms:
    """The terms, if they can be a transfer's. Raises InvalidInput `amount_not_positive`, `account_on_both_sides`, and
    `account_deferred` where the money would be that of an account whose balance is not known at the time."""
    if terms.amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "a hold reserves more than nothing", field="amount")
    if terms.debit_account_id == terms.credit_account_id:
        account_id = terms.debit_account_id
        raise InvalidInput("account_on_both_sides", "a transfer has two accounts", account_id=account_id)
    if is_deferred(terms.reserved_account_id):
        account_id = terms.reserved_account_id
        raise InvalidInput("account_deferred", "nothing can be held of a deferred account", account_id=account_id)
    return terms


def expiry_refusal(terms: Terms, *, now: datetime) -> Refusal | None:
    """Why the terms' expiry cannot be accepted now: InvalidInput `invalid_expiry`, or None. It is in the future and at
    most 366 days ahead."""
    expires_at = terms.expires_at
    if expires_at is None or now < expires_at <= now + MOST_AHEAD:
        return None
    sentence = f"expires_at lies in the future, at most {MOST_AHEAD.days} days ahead"
    return InvalidInput("invalid_expiry", sentence, field="expires_at")


def check_capture(amount: Money | None, *, close: bool) -> None:
    """Refuse what no hold can be captured with: InvalidInput `amount_not_positive` for less than nothing, and for
    nothing where the hold is kept open."""
    if amount is not None and (amount.minor < 0 or (amount.minor == 0 and not close)):
        raise InvalidInput("amount_not_positive", "only a capture that closes can be of nothing", field="amount")


def capture(hold: Hold, amount: Money | None, *, close: bool, now: datetime) -> Step:
    """Book `amount` of a hold (None: all that remains), and let go of the rest or, with `close` false, keep it.

    Raises Conflict `hold_captured`, `hold_voided`, `hold_expired`, then InvalidInput `currency_mismatch`, then Conflict
    `capture_exceeds_hold`.
    """
    _require_open(hold, now)
    wanted = hold.terms.amount.of(hold.remaining) if amount is None else amount
    if wanted.currency != hold.terms.amount.currency:
        facts = {"hold_id": hold.hold_id, "expected": hold.terms.amount.currency, "given": wanted.currency}
        raise InvalidInput("currency_mismatch", f"the hold is in {hold.terms.amount.currency}", **facts)
    if wanted.minor > hold.remaining:
        raise Conflict(
            "capture_exceeds_hold",
            "the hold has less left than that",
            hold_id=hold.hold_id,
            requested=wanted.minor,
            remaining=hold.remaining,
        )
    if wanted.minor == hold.remaining or close:
        return _closed(hold, Status.CAPTURED, booked=wanted.minor, now=now)
    left = hold.remaining - wanted.minor
    after = Hold(hold.hold_id, hold.terms, hold.placed_at, left, hold.captured + wanted.minor)
    return Step(after, booked=wanted.minor, let_go=wanted.minor)


def void(hold: Hold, *, now: datetime) -> Step:
    """Let go of all that remains. Raises Conflict `hold_captured`, `hold_voided`, `hold_expired`."""
    _require_open(hold, now)
    return _closed(hold, Status.VOIDED, booked=0, now=now)


def expire(hold: Hold, *, now: datetime) -> Step:
    """Let go of what remains once the time is over. Raises Conflict `hold_not_due` before, and what closed it."""
    if not hold.is_open:
        raise _closed_refusal(hold)
    if not hold.is_due(now):
        raise Conflict("hold_not_due", "the hold's time is not over", hold_id=hold.hold_id)
    return _closed(hold, Status.EXPIRED, booked=0, now=now)


def seen_at(hold: Hold, now: datetime) -> Hold:
    """The hold as a reader sees it: expired when its time is over, though nobody has let go of it yet."""
    return expire(hold, now=now).hold if hold.is_due(now) else hold


def placed_facts(terms: Terms) -> dict[str, Any]:
    """What the journal item keeps of a new hold. `terms_of` reads it back."""
    return {
        "debit_account_id": terms.debit_account_id,
        "credit_account_id": terms.credit_account_id,
        "reserved": terms.reserved.value,
        "expires_at": None if terms.expires_at is None else instant_text(terms.expires_at),
        **_held(terms, terms.amount.minor),
    }


def terms_of(facts: Mapping[str, Any]) -> Terms:
    """The terms that a journal item of kind `hold.placed` keeps in its data."""
    return Terms(
        debit_account_id=facts["debit_account_id"],
        credit_account_id=facts["credit_account_id"],
        amount=Money(facts["held_minor"], facts["currency"]),
        reserved=Side(facts["reserved"]),
        expires_at=None if facts["expires_at"] is None else parse_instant(facts["expires_at"]),
    )


def step_facts(step: Step) -> dict[str, Any]:
    """What the journal item keeps of a capture, a void or an expiry: the answer is made of it."""
    return {
        "status": step.hold.status.value,
        "booked_minor": step.booked,
        "captured_minor": step.hold.captured,
        "remaining_minor": step.hold.remaining,
        **_held(step.hold.terms, -step.let_go),
    }


def _held(terms: Terms, change: int) -> dict[str, Any]:
    return {"held_account_id": terms.reserved_account_id, "held_minor": change, "currency": terms.amount.currency}


def _require_open(hold: Hold, now: datetime) -> None:
    seen = seen_at(hold, now)
    if not seen.is_open:
        raise _closed_refusal(seen)


def _closed_refusal(hold: Hold) -> Refusal:
    return Conflict(f"hold_{hold.status.value}", f"the hold is {hold.status.value}", hold_id=hold.hold_id)


def _closed(hold: Hold, status: Status, *, booked: int, now: datetime) -> Step:
    after = Hold(
        hold_id=hold.hold_id,
        terms=hold.terms,
        placed_at=hold.placed_at,
        remaining=0,
        captured=hold.captured + booked,
        status=status,
        closed_at=now,
    )
    return Step(after, booked=booked, let_go=hold.remaining)
