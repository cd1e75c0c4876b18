"""A line's dated history, and its replay: what was drawn and repaid, in the order of value dates.

An event that becomes known late takes its place among the others; all that came after it is computed again. What this
changes on the books is one difference, whatever the number of days and events between.

Pure. Leaves to others: which events a command reads and writes (`chalicelib.credit.store`), what the difference books
(`chalicelib.credit.postings`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from enum import Enum

from chalicelib.core.daycount import DayCount, year_fraction
from chalicelib.core.errors import Conflict
from chalicelib.core.money import round_ratio
from chalicelib.core.values import dataclass

MAX_LATER_EVENTS = 60
"""Events after a value date that one command replays: each is written again in its commit."""


TOO_MANY_LATER = "too_many_later_events"


class Component(Enum):
    """What a borrower owes on a line."""

    INTEREST = "interest"
    PRINCIPAL = "principal"


class EventKind(Enum):
    """What can happen to a line's principal and interest. A reversal gives back what a repayment had paid, from a later
    day on; one that counts from the repayment's own day lowers the repayment instead."""

    DRAWDOWN = "drawdown"
    REPAYMENT = "repayment"
    REVERSAL = "reversal"


@dataclass(frozen=True, slots=True)
class LineRules:
    """What a replay needs to know of a line."""

    line_id: str
    rate_bps: int
    day_count: DayCount
    repayment_order: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class LineBalance:
    """What is owed after an event, in minor units. `carried_minor` is unpaid interest fixed at `principal_since`, less
    what was paid since of the interest running; `fixed_minor` all interest that ever ran up to `principal_since`."""

    principal_minor: int
    principal_since: date
    carried_minor: int = 0
    fixed_minor: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class LineEvent:
    """One drawdown, repayment or reversal of `minor`, on its value date; `number` orders those of one day.

    `interest_minor` and `principal_minor` are what a repayment paid (a reversal gave back), `before` is the balance
    that it found. `receipt_id` names the bank receipt that paid, if one did; `reversed_minor` is what a later REVERSAL
    has given back of a repayment, `revision` how often it was written again.
    """

    line_id: str
    number: int
    kind: EventKind
    on: date
    minor: int
    entry_id: str
    before: LineBalance
    interest_minor: int = 0
    principal_minor: int = 0
    receipt_id: str = ""
    reversed_minor: int = 0
    revision: int = 0

    @property
    def place(self) -> str:
        """Where it stands in the line's history; sorts by value date."""
        return event_place(self.on, self.number)


@dataclass(frozen=True, slots=True)
class Surplus:
    """What an event does not need any more of its money, because less is owed on its day."""

    event: LineEvent
    minor: int


@dataclass(frozen=True, slots=True)
class Replayed:
    """The balance after a run of events, the events as they are now, and what later payments have too much."""

    balance: LineBalance
    events: tuple[LineEvent, ...]
    surplus: tuple[Surplus, ...]


def event_place(on: date, number: int) -> str:
    """Where an event of a day stands in its line's history."""
    return f"{on.isoformat()}#{number:012d}"


def replay(rules: LineRules, balance: LineBalance, events: Sequence[LineEvent]) -> Replayed:
    """Apply events to a balance in their order. A repayment of more than is owed is lowered to what is owed; the rest
    is its surplus. Raises Conflict `too_many_later_events`, `value_date_before_drawdown`."""
    if len(events) > MAX_LATER_EVENTS + 1:
        facts = {"line_id": rules.line_id, "maximum": MAX_LATER_EVENTS}
        raise Conflict(TOO_MANY_LATER, "too much has happened on the line since that day", **facts)
    applied: list[LineEvent] = []
    surplus: list[Surplus] = []
    for event in events:
        _check_order(rules, balance, event)
        now = _as_paid(rules, balance, event)
        if now.minor < event.minor:
            surplus.append(Surplus(now, event.minor - now.minor))
        balance = _after(rules, balance, now)
        applied.append(now)
    return Replayed(balance, tuple(applied), tuple(surplus))


def running_interest(rules: LineRules, balance: LineBalance, on: date) -> int:
    """Interest since the principal last changed, rounded half to even: principal x rate x part of a year."""
    days, year = year_fraction(rules.day_count, balance.principal_since, on)
    return round_ratio(balance.principal_minor * rules.rate_bps * days, 10_000 * year)


def recognised_through(rules: LineRules, balance: LineBalance, on: date) -> int:
    """All interest that ever ran on the line up to a day, which is not before the balance's own."""
    return balance.fixed_minor + running_interest(rules, balance, on)


def _as_paid(rules: LineRules, balance: LineBalance, event: LineEvent) -> LineEvent:
    """The event with what it finds, and (a repayment) with what it pays of that in the line's order."""
    if event.kind is not EventKind.REPAYMENT:
        return replace(event, before=balance)
    interest_due = balance.carried_minor + running_interest(rules, balance, event.on)
    owed = {Component.INTEREST: interest_due, Component.PRINCIPAL: balance.principal_minor}
    paid, left = {}, event.minor
    for component in rules.repayment_order:
        paid[component] = min(left, owed[component])
        left -= paid[component]
    interest, principal = paid[Component.INTEREST], paid[Component.PRINCIPAL]
    return replace(event, before=balance, minor=event.minor - left, interest_minor=interest, principal_minor=principal)


def _after(rules: LineRules, balance: LineBalance, event: LineEvent) -> LineBalance:
    match event.kind:
        case EventKind.DRAWDOWN:
            return _with_principal(rules, balance, event.on, event.minor)
        case EventKind.REPAYMENT:
            paid = _with_principal(rules, balance, event.on, -event.principal_minor)
            return replace(paid, carried_minor=paid.carried_minor - event.interest_minor)
        case EventKind.REVERSAL:
            owed = _with_principal(rules, balance, event.on, event.principal_minor)
            return replace(owed, carried_minor=owed.carried_minor + event.interest_minor)


def _with_principal(rules: LineRules, balance: LineBalance, on: date, change: int) -> LineBalance:
    """The balance with another principal: interest so far is fixed, and runs anew from `on`."""
    if not change:
        return balance
    running = running_interest(rules, balance, on)
    return LineBalance(
        balance.principal_minor + change, on, balance.carried_minor + running, balance.fixed_minor + running
    )


def _check_order(rules: LineRules, balance: LineBalance, event: LineEvent) -> None:
    if event.on < balance.principal_since:
        raise before_drawdown(rules.line_id, event.on)


def before_drawdown(line_id: str, on: date) -> Conflict:
    """The refusal of a payment for a day on which nothing was owed yet."""
    sentence = "nothing was owed on that day"
    return Conflict("value_date_before_drawdown", sentence, line_id=line_id, value_on=on.isoformat())
