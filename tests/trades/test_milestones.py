"""How far a milestone has come: of the whole, of each lot, of lots that were called back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.trades.domain.evidence import EvidenceKind
from chalicelib.trades.domain.milestones import (
    check_reached,
    is_last,
    is_recalled,
    keys_before,
    keys_of_lot,
    missing_evidence,
    needed,
    point,
    points,
)
from chalicelib.trades.domain.template import Ending, Milestone
from tests.trades.lives import Life, refusal_of, told
from tests.trades.papers import (
    bill_of_lading,
    customs_release,
    delivery_note,
    index_fixings,
    recall_notice,
    weight_note,
)
from tests.trades.works import ARRIVED, LOTS, SHIPPED, THREE, WORKS

CLEARED = Milestone("cleared", (EvidenceKind.CUSTOMS_RELEASE,), Ending.RELEASE, bps=1000, after=("shipped",))
FIXED = replace(ARRIVED, needs=(EvidenceKind.WEIGHT_NOTE, EvidenceKind.INDEX_FIXINGS), after=("shipped", "cleared"))
CHAIN = replace(LOTS, milestones=(SHIPPED, CLEARED, FIXED))
"""Each lot is shipped, all are cleared together, each lot arrives; its price needs fixings that are of all."""


def chain() -> Life:
    return Life(CHAIN, lots=THREE).funded()


def missing(life: Life, name: str, lot: str = "") -> list[str]:
    return missing_evidence(life.terms, life.trade, point(life.terms, name, lot))


def test_a_milestone_that_is_per_lot_has_a_point_for_each_lot() -> None:
    keys = [one.key for one in points(chain().terms)]

    assert keys == ["shipped/A", "shipped/B", "shipped/C", "cleared", "arrived/A", "arrived/B", "arrived/C"]
    assert [one.key for one in points(Life(LOTS).terms)] == ["shipped", "arrived"]


@pytest.mark.parametrize(
    ("name", "lot", "code"),
    [
        ("installed", "", "unknown_milestone"),
        ("shipped", "", "lot_missing"),
        ("cleared", "A", "lot_not_wanted"),
        ("shipped", "D", "unknown_lot"),
    ],
)
def test_a_point_is_named_by_milestone_and_lot(name: str, lot: str, code: str) -> None:
    assert told(point, chain().terms, name, lot) == ("InvalidInput", code)


def test_a_lot_is_not_wanted_where_a_deal_has_none() -> None:
    assert told(point, Life(LOTS).terms, "shipped", "A") == ("InvalidInput", "lot_not_wanted")


def test_a_lot_needs_its_own_documents_and_those_that_are_of_all() -> None:
    life = chain().give(weight_note(40_000, lot="A"))

    assert missing(life, "arrived", "A") == ["index_fixings"]
    assert missing(life, "arrived", "B") == ["weight_note/B", "index_fixings"]
    assert missing(life.give(index_fixings()), "arrived", "A") == []


def test_a_milestone_of_all_lots_takes_one_document_of_the_whole_or_one_of_each() -> None:
    by_lot = chain().give(customs_release("A"), customs_release("B"))
    whole = chain().give(customs_release())

    assert missing(by_lot, "cleared") == ["customs_release/C"]
    assert missing(chain(), "cleared") == ["customs_release/A", "customs_release/B", "customs_release/C"]
    assert missing(whole, "cleared") == []


def test_a_lot_that_was_called_back_needs_nothing_and_is_waited_for_by_nobody() -> None:
    life = chain().give(recall_notice("C"), customs_release("A"), customs_release("B"))

    assert missing(life, "arrived", "C") == missing(life, "cleared") == []
    assert is_recalled(life.terms, life.trade, point(life.terms, "arrived", "C"))
    assert not is_recalled(life.terms, life.trade, point(life.terms, "cleared"))


def test_all_is_called_back_once_every_lot_is() -> None:
    life = chain().give(*(recall_notice(lot) for lot in "ABC"))

    assert is_recalled(life.terms, life.trade, point(life.terms, "cleared"))
    assert missing(life, "cleared") == []


def test_goods_without_lots_are_called_back_as_a_whole() -> None:
    life = Life(WORKS).funded().give(recall_notice(""))

    assert life.trade.recalled == ("",)
    assert is_recalled(life.terms, life.trade, point(life.terms, "start"))


def test_what_comes_before_a_point_is_of_its_own_lot_or_of_all() -> None:
    terms = chain().terms

    assert keys_before(terms, point(terms, "cleared")) == ["shipped/A", "shipped/B", "shipped/C"]
    assert keys_before(terms, point(terms, "arrived", "B")) == ["shipped/B", "cleared"]


def test_the_last_point_is_the_one_that_nothing_else_is_open_beside() -> None:
    life = chain()
    done = replace(life.trade, done=tuple(one.key for one in points(life.terms))[:-1])

    assert is_last(life.terms, done, ("arrived/C",))
    assert not is_last(life.terms, life.trade, ("arrived/C",))
    assert keys_of_lot(life.terms, done, point(life.terms, "arrived", "C")) == ("arrived/C",)
    assert keys_of_lot(life.terms, life.trade, point(life.terms, "arrived", "C")) == ("shipped/C", "arrived/C")


def test_refusals_of_a_point_that_is_not_reached_come_in_order() -> None:
    life = Life().funded().give(delivery_note())
    start, acceptance = point(life.terms, "start"), point(life.terms, "acceptance")

    before = refusal_of(check_reached, life.terms, life.trade, acceptance)
    life.release("start")
    done = refusal_of(check_reached, life.terms, life.trade, start)
    no_evidence = refusal_of(check_reached, life.terms, life.trade, acceptance)

    assert (before.code, before.facts["before"]) == ("milestone_before_missing", ["start"])
    assert (done.code, done.facts) == ("milestone_done", {"milestone": "start"})
    assert (no_evidence.code, no_evidence.facts["missing"]) == ("evidence_missing", ["quality_certificate"])


def test_signatures_that_are_missing_are_counted() -> None:
    life = Life(LOTS, lots=THREE).funded().give(weight_note(40_000, lot="A"), bill_of_lading(lot="A"))

    refusal = refusal_of(check_reached, life.terms, life.trade, point(life.terms, "arrived", "A"))

    assert refusal.code == "signatures_missing"
    assert refusal.facts == {"milestone": "arrived/A", "signed": [], "needed": 1}


def test_all_signers_are_needed_where_the_template_says_no_number() -> None:
    assert needed(replace(ARRIVED, signers=("buyer", "seller"))) == 2
    assert needed(replace(ARRIVED, signers=("buyer", "seller"), signatures=1)) == 1
