"""A trade as the model keeps it: its rules read from the template's text, its terms, and what has become of it.

Plain values: integers of minor units, microseconds and thousandths, names, lists. Nothing here, nor in the rules that
go on from here, is shared with `chalicelib.trades` or `chalicelib.splits`.
"""

from __future__ import annotations

import tomllib
from copy import copy
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any

BEGINNING = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
HOUSE = Path(__file__).parents[2] / "chalicelib/trades/templates"
OWN = Path(__file__).with_name("templates")
DAY = 24 * 60 * 60 * 10**6
WHOLE = 10_000
MILLI = 1000
KEPT = "kept"

Rules = dict[str, Any]
"""A template as its text has it."""

ENDED = {"completed", "refunded", "cancelled", "expired"}
CLOSED = ENDED | {"retained"}
IN_FULL = {"funded", "performing", "releasing"}

_WAITING = "fund paper sign cancel expire link"
_WORKING = "paper sign accept release settle dispute refund cancel expire link"
_OVER = "unwind claim"
ALLOWED = {
    "draft": "agree cancel expire",
    "agreed": _WAITING,
    "funding": f"{_WAITING} refund",
    "deposited": f"{_WAITING} refund",
    "funded": _WORKING,
    "performing": _WORKING,
    "top_up_due": "fund dispute refund unwind cancel link",
    "releasing": f"{_WORKING} unwind",
    "retained": f"retention dispute refund {_OVER}",
    "disputed": "fund paper sign release settle retention refund unwind resolve",
    "completed": _OVER,
    "refunded": "",
    "cancelled": _OVER,
    "expired": _OVER,
}
"""Which command is allowed in which state."""


@dataclass
class Point:
    """How far a milestone has come, of one lot where each lot has its own. `waits`: its clock ends on a day that the
    calendar does not know; since when it runs, and for how many business days."""

    signed: list[str] = field(default_factory=list)
    ready: bool = False
    deemed: int | None = None
    left: int | None = None
    accepted: bool = False
    waits: tuple[int, int] | None = None

    def begin(self, calendar: str, now: int, count: int) -> None:
        """The clock runs for so many business days, or waits where nobody knows yet when they have passed."""
        self.deemed, self.left = after_days(calendar, now, count), None
        self.waits = (now, count) if self.deemed is None else None

    def forget(self) -> None:
        """No clock runs any more."""
        self.deemed = self.left = self.waits = None


@dataclass
class Dispute:
    """What is frozen, how much of it is of the retention, who says so, since when and in which stage."""

    role: str
    minor: int
    retained: int
    at: int
    stage: str


@dataclass
class Deal:
    """A trade. `parties` by role, `lots` by name: quantity and unit price (None: the deal's own). `clean`: nothing but
    performance has moved its money so far."""

    trade_id: str
    rules: Rules
    currency: str
    quantity: int
    price: int
    parties: dict[str, str]
    fixed: dict[str, int]
    premium: int
    lots: dict[str, tuple[int, int | None]]
    window: tuple[str, str] | None
    escrow: str
    reference: str = ""
    stage: str = "agreed"
    due: int = 0
    worth: int = 0
    funded: int = 0
    released: int = 0
    refunded: int = 0
    retained: int = 0
    charged: int = 0
    conceded: int = 0
    claim: int = 0
    deposit_claim: int = 0
    claim_paid: int = 0
    by_bank: int = 0
    version: int = 1
    lot_worth: dict[str, int] = field(default_factory=dict)
    papers: dict[str, dict[str, Any]] = field(default_factory=dict)
    points: dict[str, Point] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)
    recalled: set[str] = field(default_factory=set)
    got: dict[str, list[int]] = field(default_factory=dict)
    by_split: dict[str, int] = field(default_factory=dict)
    dispute: Dispute | None = None
    retained_until: str | None = None
    expires: int | None = None
    funds: str | None = None
    fed_by: str | None = None
    deeds: dict[int, set[tuple[str, str, int]]] = field(default_factory=dict)
    clean: bool = True

    def another(self) -> Deal:
        """The same once more, to be changed."""
        new = copy(self)
        for name, value in vars(self).items():
            if isinstance(value, dict | list | set) and name not in {"rules", "deeds", "parties", "fixed", "lots"}:
                setattr(new, name, copy(value))
        new.points = {key: copy(point) for key, point in self.points.items()}
        for point in new.points.values():
            point.signed = list(point.signed)
        new.got = {role: list(both) for role, both in self.got.items()}
        return new

    # What follows from the rules and the deal.

    def role_of(self, part: str) -> str:
        """The first role with a part."""
        return next((str(role["name"]) for role in self.rules["roles"] if role["part"] == part), "")

    @property
    def waits(self) -> bool:
        """Whether a clock waits for days that its calendar does not know."""
        return any(point.waits for key, point in self.points.items() if key not in self.done)

    @property
    def buyer(self) -> str:
        """The buyer's role."""
        return self.role_of("buyer")

    @property
    def seller(self) -> str:
        """The seller's role."""
        return self.role_of("seller")

    @property
    def provisional(self) -> int:
        """The agreed price."""
        return sum(self.lot_price(lot) for lot in self.lots) if self.lots else amount(self.quantity, self.price)

    def lot_price(self, lot: str) -> int:
        """The agreed price of a lot."""
        quantity, price = self.lots[lot]
        return amount(quantity, self.price if price is None else price)

    @property
    def deposit(self) -> int:
        """What is paid first."""
        return part(self.provisional, self.rules.get("deposit", {}).get("bps", 0))

    # What follows from what has happened.

    @property
    def state(self) -> str:
        """The state as callers are told."""
        return "disputed" if self.dispute else self.stage

    @property
    def held(self) -> int:
        """What the escrow holds."""
        return self.funded - self.released - self.refunded

    @property
    def frozen(self) -> int:
        """What is in dispute."""
        return self.dispute.minor if self.dispute else 0

    @property
    def frozen_retained(self) -> int:
        """What is in dispute of the retention."""
        return self.dispute.retained if self.dispute else 0

    @property
    def free(self) -> int:
        """What is neither in dispute nor retained."""
        return self.held - (self.frozen - self.frozen_retained) - self.retained

    @property
    def outstanding(self) -> int:
        """What the buyer is asked for."""
        return 0 if self.stage in CLOSED else self.due - self.funded

    def allows(self, command: str) -> bool:
        """Whether the state allows a command: in a dispute, the stage must as well."""
        within = command == "resolve" or command in ALLOWED[self.stage].split()
        return within and command in ALLOWED[self.state].split()

    def worth_of(self, lot: str) -> int:
        """What a lot comes to as is known now; without a name, all goods."""
        if not lot:
            return self.worth
        return self.lot_worth[lot] if lot in self.lot_worth else self.lot_price(lot)

    def point(self, key: str) -> Point:
        """How far a point has come; one of its own where nothing has happened."""
        return self.points.get(key, Point())

    # Milestones and their lots.

    @property
    def milestones(self) -> list[Rules]:
        """The milestones in their order."""
        return list(self.rules["milestones"])

    def keys(self) -> list[tuple[Rules, str, str]]:
        """Every point: milestone, lot (or nothing), key."""
        return [
            (milestone, lot, f"{milestone['name']}/{lot}" if lot else milestone["name"])
            for milestone in self.milestones
            for lot in (list(self.lots) if milestone.get("per_lot") and self.lots else [""])
        ]

    def before(self, milestone: Rules, lot: str) -> list[str]:
        """The keys that come before a point."""
        names = milestone.get("after", [])
        known = [(other, key) for one, other, key in self.keys() if one["name"] in names]
        return [key for other, key in known if not lot or other in {"", lot}]

    def called_back(self, lot: str) -> bool:
        """Whether all that a point is about was called back."""
        return lot in self.recalled or (not lot and bool(self.lots) and set(self.lots) <= self.recalled)

    def missing(self, milestone: Rules, lot: str) -> bool:
        """Whether a point still misses a document."""
        if self.called_back(lot):
            return False
        lots = [lot] if lot else [one for one in self.lots if one not in self.recalled]
        for kind in milestone["needs"]:
            if kind in self.papers and (not lot or kind == "index_fixings"):
                continue
            spots = [f"{kind}/{one}" for one in lots] if lots and kind != "index_fixings" else [kind]
            if any(spot not in self.papers for spot in spots):
                return True
        return False

    def signed(self, milestone: Rules, key: str) -> bool:
        """Whether a point is signed, or its signers were silent long enough."""
        signers = milestone.get("signers", [])
        point = self.point(key)
        return point.accepted or len(point.signed) >= (milestone.get("signatures") or len(signers))

    def reached(self, milestone: Rules, lot: str, key: str) -> bool:
        """Whether a point has all it needs, and its money has not gone. What was called back has nothing to reach."""
        is_open = (
            key not in self.done
            and not self.called_back(lot)
            and all(one in self.done for one in self.before(milestone, lot))
        )
        return is_open and not self.missing(milestone, lot) and self.signed(milestone, key)


def part(minor: int, bps: int) -> int:
    """Basis points of an amount, rounded down."""
    return minor * bps // WHOLE


def amount(quantity: int, price: int) -> int:
    """Thousandths of a unit at a price, half to even."""
    whole, rest = divmod(quantity * price, MILLI)
    return whole + (2 * rest > MILLI or (2 * rest == MILLI and whole % 2))


@cache
def rules_of(template: str) -> Rules | None:
    """A template by its id, as its text has it."""
    for folder in (OWN, HOUSE):
        path = folder / f"{template}.toml"
        if path.is_file():
            return tomllib.loads(path.read_text(encoding="utf-8"))
    return None


# Instants and days.


def instant(at: int) -> datetime:
    """An instant of the model."""
    return BEGINNING + timedelta(microseconds=at)


def microseconds(at: datetime) -> int:
    """An instant as the model has it."""
    return (at - BEGINNING) // timedelta(microseconds=1)


_FREE_2026 = (
    ((1, 1), 3),
    ((2, 15), 9),
    ((4, 4), 3),
    ((5, 1), 5),
    ((6, 19), 3),
    ((9, 25), 3),
    ((10, 1), 7),
)
_WORKED_2026 = {(1, 4), (2, 14), (2, 28), (5, 9), (9, 20), (10, 10)}


LAST_KNOWN = date(2026, 12, 31)
"""The last day of which it is known whether China works."""
NEVER = microseconds(datetime.max.replace(tzinfo=UTC))
"""When a clock ends that waits."""
_AHEAD = {"CN": 8 * 3_600_000_000}
"""Microseconds by which the clocks of a calendar are ahead of UTC."""


def day_of(at: int, calendar: str = "weekdays") -> date:
    """The day of an instant where a calendar is; by UTC, where none is said."""
    return instant(at + _AHEAD.get(calendar, 0)).date()


def begins(day: date, calendar: str = "weekdays") -> int:
    """The instant a day begins where a calendar is."""
    return microseconds(datetime.combine(day, time.min, tzinfo=UTC)) - _AHEAD.get(calendar, 0)


def is_worked(calendar: str, day: date) -> bool:
    """Whether business is done on a day: of mainland China by its notice for 2026."""
    if calendar == "CN" and day.year != 2026:
        raise ValueError(f"the model does not know {day} in China")
    if calendar == "CN" and (day.month, day.day) in _WORKED_2026:
        return True
    if day.isoweekday() > 5:
        return False
    gone = (
        (day - date(day.year, *first)).days < length and day >= date(day.year, *first) for first, length in _FREE_2026
    )
    return calendar != "CN" or not any(gone)


def after_days(calendar: str, at: int, count: int) -> int | None:
    """The instant at which so many business days after the day of an instant have passed; None: nobody knows."""
    day = day_of(at, calendar)
    while count:
        if calendar == "CN" and day >= LAST_KNOWN:
            return None
        day += timedelta(days=1)
        count -= is_worked(calendar, day)
    return begins(day + timedelta(days=1), calendar)


def after_all_days(calendar: str, at: int, count: int) -> int:
    """The instant at which so many days after the day of an instant have passed, whatever days they are."""
    return begins(day_of(at, calendar) + timedelta(days=count + 1), calendar)


def days_passed(calendar: str, since: int, at: int) -> int:
    """The business days after the day of one instant up to that of another, as far as they are known."""
    first, last = day_of(since, calendar) + timedelta(days=1), min(day_of(at, calendar), LAST_KNOWN)
    return sum(is_worked(calendar, first + timedelta(days=i)) for i in range((last - first).days + 1))


def days_left(calendar: str, at: int, ends: int) -> int:
    """The business days from the day after an instant to the last before a clock ends."""
    first, last = day_of(at, calendar) + timedelta(days=1), day_of(ends, calendar) - timedelta(days=1)
    span = (last - first).days + 1
    return sum(is_worked(calendar, first + timedelta(days=i)) for i in range(span))
