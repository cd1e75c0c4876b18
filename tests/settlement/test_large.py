"""The most that a trade may have: it is settled all the same, and no item grows beyond what the store takes."""

from __future__ import annotations

import json
from dataclasses import replace

from chalicelib.settlement.service.dividing import MOST_LINES, division_facts
from chalicelib.settlement.service.settling import settle_finally
from chalicelib.trades.domain.checking import MOST_DEDUCTIONS
from chalicelib.trades.domain.evidence import EvidenceKind, Finding
from chalicelib.trades.domain.opening import MOST_LOTS
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import Base, Deduction, DeductionKind, Ending, Milestone
from chalicelib.trades.domain.terms import Lot
from tests.settlement.goods import GOODS, Trading
from tests.trades.papers import certificate

NAMES = [f"property-{i}" for i in range(MOST_DEDUCTIONS)]
GRADED = replace(
    GOODS,
    id="test-graded",
    milestones=(Milestone("delivery", (EvidenceKind.QUALITY_CERTIFICATE,), Ending.FINAL_SETTLEMENT),),
    deductions=tuple(
        Deduction(name, DeductionKind.LINEAR, 13_000 + i, base=Base.NET, step_milli=997, rate_bps=37)
        for i, name in enumerate(NAMES)
    ),
)
GRADES = replace(certificate(), findings=tuple(Finding(name, 15_777 + i) for i, name in enumerate(NAMES)))
LOTS = tuple(Lot(f"LOT-{i}", 10_000) for i in range(MOST_LOTS))


def test_fifty_lots_under_thirty_deductions_are_settled_with_their_lines_in_short(place: Trading) -> None:
    deal = place.paid(GRADED, lots=LOTS, quantity_milli=10_000 * MOST_LOTS)
    place.told_of(deal, GRADES)

    settled = division_facts(settle_finally(place.call(), deal.trade_id).item)

    told, *lines = settled["lines"]
    amounts = [line["result"]["amount_minor"] for line in lines if line["step"] == "amount" and line["lot"]]
    assert (told["step"], told["rule"], told["inputs"]["lines"] > MOST_LOTS * MOST_DEDUCTIONS) == (
        "lines",
        "in_short",
        True,
    )
    assert (len(amounts), sum(amounts)) == (MOST_LOTS, settled["final_amount_minor"])
    assert len(json.dumps(settled["lines"])) < MOST_LINES
    assert (place.trade(deal).state, place.adds_up(deal)) == (State.COMPLETED, True)


def test_lines_that_fit_are_kept_as_they_are(place: Trading) -> None:
    deal = place.paid(GRADED, lots=LOTS[:1])
    place.told_of(deal, GRADES)

    settled = division_facts(settle_finally(place.call(), deal.trade_id).item)

    assert sum(line["step"] == "deduction" for line in settled["lines"]) == MOST_DEDUCTIONS
