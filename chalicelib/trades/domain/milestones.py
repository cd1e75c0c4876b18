"""How far a milestone has come: which documents and signatures it still misses. Of a trade in lots, each lot reaches a
`per_lot` milestone by itself, and one that is not per lot asks for the documents of all lots."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.values import dataclass
from chalicelib.trades.domain.evidence import EvidenceKind, place
from chalicelib.trades.domain.template import Milestone
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Progress, Trade

WHOLE_ONLY = frozenset({EvidenceKind.INDEX_FIXINGS, EvidenceKind.EXCHANGE_RATE})
"""Documents that are of the whole trade, never of a lot."""


@dataclass(frozen=True, slots=True)
class Point:
    """A milestone, of one lot where it is per lot (`lot` is empty where it is not)."""

    milestone: Milestone
    lot: str = ""

    @property
    def key(self) -> str:
        """Its name, or name and lot: what `Trade.done` and `Trade.progress` know it by."""
        return f"{self.milestone.name}/{self.lot}" if self.lot else self.milestone.name


def point(terms: Terms, name: str, lot: str = "") -> Point:
    """The point of a milestone's name and a lot. Raises InvalidInput `unknown_milestone`, `lot_missing`,
    `lot_not_wanted`, `unknown_lot`."""
    milestone = terms.milestone(name)
    by_lot = milestone.per_lot and bool(terms.lots)
    if by_lot and not lot:
        raise InvalidInput("lot_missing", "each lot reaches this milestone by itself", field="lot", milestone=name)
    if lot and not by_lot:
        raise InvalidInput("lot_not_wanted", "all lots reach this milestone together", field="lot", milestone=name)
    if lot:
        terms.lot(lot)
    return Point(milestone, lot)


def points(terms: Terms) -> Iterator[Point]:
    """Every milestone of a trade, and of each lot where it is per lot, in the template's order."""
    for milestone in terms.template.milestones:
        if milestone.per_lot and terms.lots:
            yield from (Point(milestone, lot.name) for lot in terms.lots)
        else:
            yield Point(milestone)


def is_last(terms: Terms, trade: Trade, keys: tuple[str, ...]) -> bool:
    """Whether nothing but the points of these keys is still to be reached."""
    return all(one.key in trade.done or one.key in keys for one in points(terms))


def is_recalled(terms: Terms, trade: Trade, reached: Point) -> bool:
    """Whether all that a point is about was called back."""
    lots = [lot.name for lot in terms.lots]
    all_lots = bool(lots) and not reached.lot and all(lot in trade.recalled for lot in lots)
    return all_lots or reached.lot in trade.recalled


def keys_of_lot(terms: Terms, trade: Trade, reached: Point) -> tuple[str, ...]:
    """The points that are still to be reached of a point's lot, or of all goods where it is of all."""
    return tuple(one.key for one in points(terms) if one.key not in trade.done and reached.lot in {"", one.lot})


def check_not_done(trade: Trade, reached: Point) -> None:
    """Nothing where a point's money has not gone yet. Raises Conflict `milestone_done`."""
    if reached.key in trade.done:
        raise Conflict("milestone_done", "its money has gone already", milestone=reached.key)


def check_open(terms: Terms, trade: Trade, reached: Point) -> None:
    """Nothing where a point's money has not gone yet and all before it is done. Raises Conflict `milestone_done`,
    `milestone_before_missing`."""
    check_not_done(trade, reached)
    before = [key for key in keys_before(terms, reached) if key not in trade.done]
    if before:
        facts = {"milestone": reached.key, "before": before}
        raise Conflict("milestone_before_missing", "another milestone comes first", **facts)


def check_reached(terms: Terms, trade: Trade, reached: Point) -> None:
    """Nothing where a point has all it needs. Raises what `check_open` does, then Conflict `evidence_missing`,
    `signatures_missing`."""
    check_open(terms, trade, reached)
    if missing := missing_evidence(terms, trade, reached):
        raise Conflict("evidence_missing", "the milestone needs more", milestone=reached.key, missing=missing)
    if not is_signed(trade, reached):
        progress = trade.progress.get(reached.key, Progress())
        facts = {"milestone": reached.key, "signed": list(progress.signed), "needed": needed(reached.milestone)}
        raise Conflict("signatures_missing", "not enough of its signers have signed", **facts)


def first_reached(terms: Terms, trade: Trade) -> str | None:
    """The key of the first point that has all it needs and whose money has not gone, or None. What was called back has
    nothing to reach."""
    return next((one.key for one in points(terms) if _is_reached(terms, trade, one)), None)


def _is_reached(terms: Terms, trade: Trade, reached: Point) -> bool:
    if reached.key in trade.done or is_recalled(terms, trade, reached):
        return False
    before = all(key in trade.done for key in keys_before(terms, reached))
    return before and not missing_evidence(terms, trade, reached) and is_signed(trade, reached)


def keys_before(terms: Terms, reached: Point) -> list[str]:
    """The points that come before this one: of the same lot, where both are per lot."""
    names = reached.milestone.after
    before = [one for one in points(terms) if one.milestone.name in names]
    return [one.key for one in before if not reached.lot or one.lot in {"", reached.lot}]


def missing_evidence(terms: Terms, trade: Trade, reached: Point) -> list[str]:
    """The places of documents that a point still needs. A lot that was called back needs none."""
    if is_recalled(terms, trade, reached):
        return []
    lots = [reached.lot] if reached.lot else [lot.name for lot in terms.lots if lot.name not in trade.recalled]
    return [spot for kind in reached.milestone.needs for spot in _missing(trade, kind, lots, whole=not reached.lot)]


def _missing(trade: Trade, kind: EvidenceKind, lots: list[str], *, whole: bool) -> list[str]:
    if place(kind) in trade.evidence and (whole or kind in WHOLE_ONLY):
        return []
    if not lots or kind in WHOLE_ONLY:
        return [place(kind)]
    return [spot for lot in lots if (spot := place(kind, lot)) not in trade.evidence]


def needed(milestone: Milestone) -> int:
    """How many of its signers must sign."""
    return milestone.signatures or len(milestone.signers)


def is_signed(trade: Trade, reached: Point) -> bool:
    """Whether enough signers of a point have signed, or were silent long enough."""
    progress = trade.progress.get(reached.key, Progress())
    return progress.accepted or len(progress.signed) >= needed(reached.milestone)
