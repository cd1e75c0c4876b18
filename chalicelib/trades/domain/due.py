"""What time will do to a trade, and when: one question that its stored state alone answers.

A schedule finds trades by the instant of `next_at` and does what `acts` says. Each act leaves a state in which it is
not due again, so that one that was done twice, or a day late, has been done once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum

from chalicelib.core.values import dataclass
from chalicelib.trades.domain.retention import retention_ends, without_retention_day
from chalicelib.trades.domain.states import IN_FULL, TRANSITIONS, Command, State
from chalicelib.trades.domain.trade import Progress, Trade


class Deed(Enum):
    """What time does: takes silence for acceptance, lets an accepted milestone's money or the retention go, draws a
    difference from the credit line, ends the trade. Its clocks are counted anew where another version of their calendar
    ends them later, or knows days that they wait for."""

    ACCEPT = "accept"
    RECOUNT = "recount"
    RELEASE = "release"
    RETENTION = "retention"
    TOP_UP = "top_up"
    EXPIRE = "expire"


NEVER = datetime.max.replace(tzinfo=UTC)
"""When a clock ends whose calendar does not know it yet. It keeps its place in the list of what is due, where those who
bring a new version of a calendar find it."""


@dataclass(frozen=True, slots=True)
class Act:
    """A deed, since when it is due, and the milestone it is about (`name` or `name/lot`)."""

    deed: Deed
    at: datetime
    key: str = ""


def next_at(trade: Trade) -> datetime | None:
    """When time will next do something to a trade, or None."""
    return min((act.at for act in _acts(trade)), default=None)


def due(trade: Trade, now: datetime) -> Act | None:
    """What is due now, the longest waiting first, or None."""
    waiting = [act for act in _acts(trade) if act.at <= now]
    return min(waiting, key=lambda act: (act.at, act.deed.value, act.key), default=None)


def set_aside(trade: Trade, act: Act) -> Trade:
    """The trade without an act that cannot be done, so that it is not due for ever. What it was about stays to be done
    by hand."""
    if act.deed in {Deed.ACCEPT, Deed.RELEASE}:
        progress = trade.progress.get(act.key, Progress()).unclocked()
        return replace(trade, progress=trade.progress | {act.key: progress})
    if act.deed is Deed.TOP_UP:
        return replace(trade, top_up_at=None)
    if act.deed is Deed.EXPIRE:
        return replace(trade, expires_at=None)
    return without_retention_day(trade)


def _acts(trade: Trade) -> Iterator[Act]:
    if trade.stage in IN_FULL and trade.dispute is None:
        yield from _by_milestones(trade)
    if trade.retained_until is not None and _retained(trade):
        yield _retention(trade)
    if trade.top_up_at is not None and trade.state is State.TOP_UP_DUE:
        yield Act(Deed.TOP_UP, trade.top_up_at)
    if trade.expires_at is not None and Command.EXPIRE in TRANSITIONS[trade.state] and not trade.waits_for_calendar:
        yield Act(Deed.EXPIRE, trade.expires_at)


def _retention(trade: Trade) -> Act:
    ends = retention_ends(trade)
    return Act(Deed.RECOUNT, NEVER) if ends is None else Act(Deed.RETENTION, ends)


def _by_milestones(trade: Trade) -> Iterator[Act]:
    for key, progress in trade.progress.items():
        if progress.waits_for_calendar and key not in trade.done:
            yield Act(Deed.RECOUNT, NEVER, key)
        if progress.deemed_at is not None and key not in trade.done:
            yield Act(Deed.RELEASE if progress.accepted else Deed.ACCEPT, progress.deemed_at, key)


def _retained(trade: Trade) -> int:
    """What stays back and is not in dispute."""
    return trade.retained_minor - (trade.dispute.retained_minor if trade.dispute else 0)
