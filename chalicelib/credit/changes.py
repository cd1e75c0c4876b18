"""What changes a credit line: a draw, a repayment, a repayment taken back. Each counts from its value date.

One whose day the line has been accrued past takes its place in the line's history, and what came after it is computed
again (`chalicelib.credit.history`). The difference is an `Adjustment`.

Pure. Leaves to others: what each of these books (`chalicelib.credit.postings`), where the money goes and comes from
(`chalicelib.settlement`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit.domain import ACTIVE, CreditLine, OwedFrom
from chalicelib.credit.history import (
    EventKind,
    LineEvent,
    Replayed,
    Surplus,
    before_drawdown,
    recognised_through,
    replay,
    running_interest,
)


@dataclass(frozen=True, slots=True)
class Source:
    """What an event of a line's history comes from: the entry that books it, and the bank receipt that paid it."""

    entry_id: str = ""
    receipt_id: str = ""


NO_SOURCE = Source()


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What a replay changes beside the event itself, in minor units: `interest_minor` of income more (mostly less:
    accruals taken back), `principal_minor` and `receivable_minor` owed more, and `surplus` of later payments, which is
    owed to who paid. It is booked in the first open period; `value_on` is the event's own day."""

    value_on: date
    interest_minor: int = 0
    principal_minor: int = 0
    receivable_minor: int = 0
    surplus: tuple[Surplus, ...] = ()

    @property
    def is_needed(self) -> bool:
        """Whether it moves anything."""
        return bool(self.interest_minor or self.principal_minor or self.receivable_minor or self.surplus)


@dataclass(frozen=True, slots=True)
class Drawdown:
    """The line after a draw of `amount`, and the events of its history that are written. `recognised` is interest up to
    the day that was not booked before."""

    line: CreditLine
    amount: Money
    recognised: Money
    events: tuple[LineEvent, ...]
    adjustment: Adjustment


@dataclass(frozen=True, slots=True)
class Repayment:
    """The line after a repayment, and what the money went to: `interest` (of which `accrued_part` had been booked
    before and `unaccrued_part` had not), `principal`, and `excess` that nothing was owed for: it is not booked.
    `recognised` is all interest up to the day that was not booked before, paid or not; `events` are written."""

    line: CreditLine
    interest: Money
    principal: Money
    excess: Money
    accrued_part: Money
    unaccrued_part: Money
    recognised: Money
    events: tuple[LineEvent, ...]
    adjustment: Adjustment


@dataclass(frozen=True, slots=True)
class Bounce:
    """The line after `minor` of a repayment was taken back: `interest` and `principal` are owed again."""

    line: CreditLine
    interest: Money
    principal: Money
    events: tuple[LineEvent, ...]
    adjustment: Adjustment


def draw(
    line: CreditLine, amount: Money, on: date, later: Sequence[LineEvent] = (), *, source: Source = NO_SOURCE
) -> Drawdown:
    """Draw on the line; `later` are the events of its history behind that day, where it has been accrued past it.

    Raises InvalidInput `currency_mismatch` or `amount_not_positive`, Conflict `credit_line_not_active`,
    `credit_limit_exceeded` (`requested`, `available`), or as `replay`.
    """
    _check_amount(line, amount)
    if line.status != ACTIVE:
        raise Conflict("credit_line_not_active", f"the line is {line.status}", line_id=line.line_id, status=line.status)
    if line.available < amount:
        raise Conflict(
            "credit_limit_exceeded",
            "the amount is more than the line has left",
            line_id=line.line_id,
            requested=amount.minor,
            available=line.available.minor,
        )
    event = _event(line, EventKind.DRAWDOWN, amount.minor, on, source)
    replayed = _replayed(line, (event, *later))
    after = _line_after(line, replayed, on)
    in_order = _recognised(line, after) if _is_in_order(line, on) else 0
    adjustment = _adjustment(line, after, replayed, on, interest=in_order, principal=amount.minor, receivable=in_order)
    return Drawdown(after, amount, amount.of(in_order), _written(line, replayed.events), adjustment)


def repay(
    line: CreditLine, amount: Money, on: date, later: Sequence[LineEvent] = (), *, source: Source = NO_SOURCE
) -> Repayment:
    """Pay what is owed on a day in the line's order; `later` are the events of its history behind that day, where it
    has been accrued past it: they are computed again.

    Raises InvalidInput `currency_mismatch` or `amount_not_positive`, or as `replay`; Conflict
    `value_date_before_drawdown` where nothing was owed on that day and something is now.
    """
    _check_amount(line, amount)
    event = _event(line, EventKind.REPAYMENT, amount.minor, on, source)
    replayed = _replayed(line, (event, *later))
    paid, surplus = replayed.events[0], tuple(one for one in replayed.surplus if one.event.number != event.number)
    if not paid.minor and later:
        raise before_drawdown(line.line_id, on)
    if not paid.minor:
        replayed = replace(replayed, events=())
    after = _line_after(line, replace(replayed, surplus=surplus), on)
    in_order = _recognised(line, after) if _is_in_order(line, on) else 0
    interest, principal = paid.interest_minor, paid.principal_minor
    accrued_part = min(interest, line.booked_interest.minor)
    return Repayment(
        line=after,
        interest=amount.of(interest),
        principal=amount.of(principal),
        excess=amount.of(amount.minor - paid.minor),
        accrued_part=amount.of(accrued_part),
        unaccrued_part=amount.of(interest - accrued_part),
        recognised=amount.of(in_order),
        events=_written(line, replayed.events),
        adjustment=_adjustment(
            line,
            after,
            replace(replayed, surplus=surplus),
            on,
            interest=in_order,
            principal=-principal,
            receivable=in_order - interest,
        ),
    )


def bounce(
    line: CreditLine,
    event: LineEvent,
    amount: Money,
    on: date,
    later: Sequence[LineEvent],
    *,
    source: Source,
    from_reversal: bool,
) -> Bounce:
    """Owe again what a repayment had paid and the bank has taken back on a day; `later` are the events behind the
    repayment. It counts as never paid or, `from_reversal`, as owed again from that day (`later` are then the events
    behind it). No limit refuses it.

    Raises InvalidInput `currency_mismatch` or `amount_not_positive`, or as `replay`.
    """
    _check_amount(line, amount)
    standing = event.minor - event.reversed_minor
    paid, kept = (_paid_by(line, event, minor) for minor in (standing, standing - amount.minor))
    interest, principal = paid.interest_minor - kept.interest_minor, paid.principal_minor - kept.principal_minor
    if from_reversal:
        owed = _event(line, EventKind.REVERSAL, amount.minor, on, source)
        owed = replace(owed, interest_minor=interest, principal_minor=principal)
        noted = replace(event, reversed_minor=event.reversed_minor + amount.minor)
        replayed, since = _replayed(line, (owed, *later)), on
        written: tuple[LineEvent, ...] = (noted, *replayed.events)
    else:
        replayed, since = replay(line.rules, event.before, (kept, *later)), event.on
        written = replayed.events
    after = _line_after(line, replayed, since)
    adjustment = _adjustment(line, after, replayed, since, principal=principal, receivable=interest)
    return Bounce(after, amount.of(interest), amount.of(principal), _written(line, written), adjustment)


def is_owed_from_reversal(line: CreditLine, event: LineEvent, on: date) -> bool:
    """Whether by the line's terms a repayment that is taken back on a day is owed again from that day."""
    return line.bounced_owed_from is OwedFrom.REVERSAL and event.on < on


def check_value_date(line: CreditLine, on: date, today: date) -> None:
    """Nothing where a repayment may be dated so without anybody's decision. Raises Conflict `value_date_too_old`."""
    if on < today - timedelta(days=line.backdating_days):
        facts = {"line_id": line.line_id, "value_on": on.isoformat(), "maximum_days": line.backdating_days}
        raise Conflict("value_date_too_old", "the line takes no repayment that old by itself", **facts)


def recognised_on(line: CreditLine, behind: Sequence[LineEvent], on: date) -> int:
    """All interest that had run on a line by a day; `behind` are all events of its history from that day or before."""
    balance = next((event.before for event in behind if event.on > on), line.balance)
    return recognised_through(line.rules, balance, on)


def _paid_by(line: CreditLine, event: LineEvent, minor: int) -> LineEvent:
    """The repayment as if it had been of `minor`."""
    return replay(line.rules, event.before, (replace(event, minor=minor, reversed_minor=0),)).events[0]


def _event(line: CreditLine, kind: EventKind, minor: int, on: date, source: Source) -> LineEvent:
    return LineEvent(
        line_id=line.line_id,
        number=line.events + 1,
        kind=kind,
        on=on,
        minor=minor,
        entry_id=source.entry_id,
        before=line.balance,
        receipt_id=source.receipt_id,
    )


def _replayed(line: CreditLine, events: Sequence[LineEvent]) -> Replayed:
    """The run of a new event and those behind it, from what stood before the first of these."""
    return replay(line.rules, line.balance if len(events) == 1 else events[1].before, events)


def _written(line: CreditLine, events: Sequence[LineEvent]) -> tuple[LineEvent, ...]:
    """The events as they are written: those that were there before, once more."""
    return tuple(
        event if event.number > line.events else replace(event, revision=event.revision + 1) for event in events
    )


def _line_after(line: CreditLine, replayed: Replayed, on: date) -> CreditLine:
    """The line after a run of events: accrued through the last of their days, if it was not before."""
    balance = replayed.balance
    through = max((line.accrued_through, on, *(event.on for event in replayed.events)))
    return replace(
        line,
        principal_minor=balance.principal_minor,
        principal_since=balance.principal_since,
        carried_interest_minor=balance.carried_minor,
        fixed_interest_minor=balance.fixed_minor,
        accrued_minor=running_interest(line.rules, balance, through),
        accrued_through=through,
        events=max((line.events, *(event.number for event in replayed.events))),
    )


def _is_in_order(line: CreditLine, on: date) -> bool:
    """Whether nothing that counts on the line is behind a day."""
    return on >= line.accrued_through


def _recognised(before: CreditLine, after: CreditLine) -> int:
    """Interest booked by what lies between two states of a line."""
    booked = (one.fixed_interest_minor + one.accrued_minor for one in (after, before))
    return next(booked) - next(booked)


def _adjustment(
    before: CreditLine,
    after: CreditLine,
    replayed: Replayed,
    on: date,
    *,
    interest: int = 0,
    principal: int = 0,
    receivable: int = 0,
) -> Adjustment:
    """What two states of a line differ in, less what the event's own entry books of income, loan and receivable."""
    owed = after.booked_interest.minor - before.booked_interest.minor
    return Adjustment(
        value_on=on,
        interest_minor=_recognised(before, after) - interest,
        principal_minor=after.principal_minor - before.principal_minor - principal,
        receivable_minor=owed - receivable,
        surplus=replayed.surplus,
    )


def _check_amount(line: CreditLine, amount: Money) -> None:
    if amount.currency != line.currency:
        raise InvalidInput(
            "currency_mismatch",
            f"the line is kept in {line.currency}",
            field="amount.currency",
            expected=line.currency,
            given=amount.currency,
        )
    if amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "the amount is more than zero", field="amount.minor")
