"""Documents, signatures, and the silence that stands for them: refusals, and clocks over weekends and disputes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.trades.domain.evidence import Document, EvidenceKind
from chalicelib.trades.domain.proof import Signature, sign
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.trade import Progress
from tests.support.calls import MONDAY, over
from tests.trades.lives import Life, refusal_of, told
from tests.trades.papers import (
    bill_of_lading,
    certificate,
    delivery_note,
    exchange_rate,
    index_fixings,
    recall_notice,
    weight_note,
)
from tests.trades.works import ACCEPTANCE, ARRIVED, LOTS, START, THREE, WORKS


def day(number: int, month: int = 3) -> datetime:
    return datetime(2026, month, number, tzinfo=UTC)


# Documents


def test_evidence_is_known_by_its_place_with_who_gave_it_and_when() -> None:
    life = Life(LOTS, lots=THREE).give(weight_note(40_000, lot="A"), bill_of_lading(lot="A"))

    assert life.trade.evidence == {"weight_note/A": "evd_1", "bill_of_lading/A": "evd_2"}
    assert [one.place for one in life.evidence] == ["weight_note/A", "bill_of_lading/A"]
    assert {(one.recorded_by, one.recorded_at) for one in life.evidence} == {("cli_test", MONDAY)}


def test_evidence_before_the_money_changes_no_state_and_after_it_is_performance() -> None:
    life = Life()

    assert life.give(delivery_note()).state is State.AGREED
    assert life.funded().state is State.FUNDED
    assert life.give(certificate()).state is State.PERFORMING


@pytest.mark.parametrize(
    ("document", "kind", "code"),
    [
        (weight_note(0, unit="kg", lot="D"), "InvalidInput", "quantity_not_positive"),
        (index_fixings(), "InvalidInput", "evidence_not_wanted"),
        (weight_note(unit="kg", lot="D"), "InvalidInput", "unknown_lot"),
        (weight_note(unit="kg"), "InvalidInput", "lot_missing"),
        (recall_notice(""), "InvalidInput", "lot_missing"),
        (weight_note(unit="kg", lot="A"), "InvalidInput", "unit_mismatch"),
        (bill_of_lading(unit="kg", lot="A"), "InvalidInput", "unit_mismatch"),
        (weight_note(lot="A"), "Conflict", "trade_state"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_bad_evidence_is_refused_in_the_order_of_its_rules(document: Document, kind: str, code: str) -> None:
    life = Life(LOTS, lots=THREE)
    life.cancel()

    assert told(life.give, document) == (kind, code)


def test_evidence_given_twice_is_told_from_evidence_that_contradicts() -> None:
    life = Life(LOTS, lots=THREE).give(weight_note(40_000, lot="A"))

    twice = refusal_of(life.give, weight_note(40_000, lot="A"))
    other = refusal_of(life.give, weight_note(40_001, lot="A"))

    assert (twice.code, twice.facts) == ("evidence_twice", {"evidence_id": "evd_1"})
    assert (other.code, other.facts) == ("evidence_contradicts", {"evidence_id": "evd_1"})
    assert life.give(weight_note(40_000, lot="B")).trade.evidence["weight_note/B"] == "evd_2"


def test_a_mismatch_names_what_was_expected() -> None:
    priced = replace(LOTS, milestones=(replace(ARRIVED, needs=(EvidenceKind.WEIGHT_NOTE, EvidenceKind.INDEX_FIXINGS)),))
    life = Life(replace(priced, accepts=(EvidenceKind.EXCHANGE_RATE,)))

    unit = refusal_of(life.give, weight_note(unit="kg"))
    currency = refusal_of(life.give, index_fixings(currency="USD"))
    pair = refusal_of(life.give, exchange_rate())
    unwanted = refusal_of(life.give, delivery_note())

    assert unit.facts == {"field": "document.unit", "expected": "t", "given": "kg"}
    assert currency.facts == {"field": "document.currency", "expected": "CNY", "given": "USD"}
    assert (pair.code, pair.facts["field"], pair.facts["given"]) == ("currency_mismatch", "document.base", "CNY/USD")
    assert unwanted.facts["wanted"] == ["exchange_rate", "index_fixings", "weight_note"]


def test_evidence_of_what_has_been_settled_is_too_late() -> None:
    life = Life(LOTS, lots=THREE).funded().give(bill_of_lading(lot="A"), weight_note(40_000, lot="B"))
    life.release("shipped", "A")
    life.sign("arrived", "buyer", lot="B").settle("B")
    life.give(recall_notice("A"))
    life.settle("A")

    late = refusal_of(life.give, weight_note(40_000, lot="A"))

    assert (late.code, late.facts) == ("evidence_too_late", {"type": "weight_note", "place": "weight_note/A"})
    assert life.give(weight_note(20_000, lot="C")).state is State.RELEASING


def test_a_lot_cannot_be_called_back_after_all_of_it_has_been_released() -> None:
    life = Life(replace(LOTS, milestones=(ARRIVED,)), lots=THREE).funded().give(weight_note(40_000, lot="A"))
    life.sign("arrived", "buyer", lot="A").settle("A")

    assert told(life.give, recall_notice("A")) == ("Conflict", "evidence_too_late")
    assert life.give(recall_notice("B")).trade.recalled == ("B",)


# Signatures


def test_signatures_are_refused_in_the_order_of_their_rules() -> None:
    life = Life(LOTS, lots=THREE)
    cases = [
        Signature("installed", "carrier", "pty_other", ""),
        Signature("arrived", "carrier", "pty_other", ""),
        Signature("arrived", "carrier", "pty_other", "D"),
        Signature("arrived", "carrier", "pty_other", "A"),
        Signature("arrived", "buyer", "pty_other", "A"),
    ]

    codes = [told(sign, life.terms, life.trade, one, now=MONDAY)[1] for one in cases]

    assert codes == ["unknown_milestone", "lot_missing", "unknown_lot", "not_a_signer", "signer_without_role"]
    assert told(Life(draft=True).sign, "acceptance", "buyer") == ("Conflict", "trade_state")


def test_a_signature_waits_for_the_milestones_before_is_given_once_and_not_after_the_money() -> None:
    life = Life().funded().give(delivery_note())
    early = told(life.sign, "acceptance", "buyer")[1]
    life.release("start")
    twice = told(life.sign("acceptance", "buyer").sign, "acceptance", "buyer")[1]
    life.give(certificate()).sign("acceptance", "arbiter").release("acceptance")

    assert (early, twice) == ("milestone_before_missing", "signed_twice")
    assert told(life.sign, "acceptance", "surveyor")[1] == "trade_state"


def test_a_signature_under_what_has_been_released_is_refused() -> None:
    life = Life(replace(WORKS, milestones=(replace(START, signers=("buyer", "seller"), signatures=1), ACCEPTANCE)))
    life.funded().give(delivery_note()).sign("start", "buyer").release("start")

    assert told(life.sign, "start", "seller") == ("Conflict", "milestone_done")


def test_two_of_three_are_enough() -> None:
    life = started().sign("acceptance", "buyer")
    one = told(life.release, "acceptance")

    life.sign("acceptance", "surveyor").release("acceptance")

    assert one == ("Conflict", "signatures_missing")
    assert life.trade.done == ("start", "acceptance")


# Silence


def started() -> Life:
    """The start is released and the certificate there: since Monday only signatures are missing."""
    life = Life().funded().give(delivery_note(), certificate())
    life.release("start")
    return life


def clock(life: Life, key: str = "acceptance") -> Progress:
    return life.trade.progress.get(key, Progress())


def test_silence_is_counted_from_when_all_else_is_there_over_the_weekend() -> None:
    life = Life().funded().give(certificate())
    no_start = clock(life)
    life.give(delivery_note()).later(1).release("start")

    assert no_start == Progress()
    assert (clock(life).ready_at, clock(life).deemed_at) == (MONDAY + timedelta(days=1), day(11))


def test_silence_is_counted_from_the_money_where_that_comes_last() -> None:
    life = Life(replace(WORKS, milestones=(replace(ACCEPTANCE, after=()),))).give(certificate())
    before = clock(life)

    life.later(4).fund()

    assert (before, clock(life).deemed_at) == (Progress(), day(14))


@pytest.mark.parametrize(
    ("calendar", "deemed"),
    [
        ("weekdays", day(8, 10)),
        ("CN", day(14, 10) - timedelta(hours=8)),
        ("TARGET", day(8, 10) - timedelta(hours=2)),
        ("CN+TARGET", day(15, 10) - timedelta(hours=8)),
        ("TARGET+CN", day(15, 10) - timedelta(hours=2)),
    ],
)
def test_silence_is_counted_in_the_business_days_of_the_templates_calendar(calendar: str, deemed: datetime) -> None:
    """In China the first week of October is free in 2026, and Saturday the 10th is worked for it."""
    life = Life(replace(WORKS, calendar=calendar, milestones=(replace(ACCEPTANCE, after=()),))).give(certificate())
    life.now = datetime(2026, 9, 30, 9, tzinfo=UTC)

    life.fund()

    assert clock(life).deemed_at == deemed


def test_silence_over_christmas_is_longer_by_the_euros_calendar() -> None:
    life = Life(replace(WORKS, calendar="TARGET", milestones=(replace(ACCEPTANCE, after=()),))).give(certificate())
    life.now = datetime(2026, 12, 23, 9, tzinfo=UTC)

    life.fund()

    assert clock(life).deemed_at == datetime(2026, 12, 31, 23, tzinfo=UTC)


def test_silence_that_has_lasted_long_enough_stands_for_the_signatures() -> None:
    life = started().sign("acceptance", "buyer").later(7, hours=14, minutes=59)
    early = refusal_of(life.accept, "acceptance")

    life.later(minutes=1).accept("acceptance").release("acceptance")

    assert (early.code, early.facts) == ("not_due", {"milestone": "acceptance"})
    assert clock(life).accepted
    assert life.state is State.RETAINED


@pytest.mark.parametrize("key", ["start", "acceptance/A", "installed"])
def test_nothing_is_accepted_that_nobody_is_waited_for(key: str) -> None:
    assert told(started().later(30).accept, key) == ("Conflict", "not_due")


def test_silence_is_not_waited_for_once_enough_have_signed() -> None:
    life = started().sign("acceptance", "buyer", "surveyor").later(30)

    assert (clock(life).deemed_at, life.due()) == (None, None)
    assert told(life.accept, "acceptance") == ("Conflict", "not_due")


def test_silence_is_not_waited_for_where_enough_signed_before_the_evidence_came() -> None:
    life = Life().funded().give(delivery_note())
    life.release("start")
    life.sign("acceptance", "buyer", "surveyor").give(certificate())

    assert clock(life).deemed_at is None


def test_acceptance_is_taken_once() -> None:
    life = started().later(30).accept("acceptance")

    assert told(life.accept, "acceptance") == ("Conflict", "not_due")


# Disputes stop the clock


def test_a_dispute_stops_the_clock_and_its_end_lets_the_rest_run() -> None:
    """Of the five days from Monday on, Tuesday and Wednesday have passed when there is a dispute on Wednesday."""
    life = started().later(2).dispute(1_000)
    stopped = clock(life)

    life.later(12).resolve({"kept": 1_000})

    assert (stopped.deemed_at, stopped.days_left) == (None, 3)
    assert life.now == MONDAY + timedelta(days=14)
    assert (clock(life).deemed_at, clock(life).days_left) == (day(20), None)


def test_a_dispute_on_the_last_day_leaves_the_rest_of_that_day() -> None:
    life = started().later(7).dispute(1_000)
    life.later(1).resolve({"kept": 1_000})

    assert clock(life).deemed_at == day(11)


def test_a_dispute_after_the_days_are_over_comes_too_late_to_stop_the_clock() -> None:
    life = started().later(8).dispute(1_000)
    life.later(30).resolve({"kept": 1_000})

    assert clock(life).accepted
    assert life.release("acceptance").trade.state is State.RETAINED


def test_what_becomes_ready_in_a_dispute_begins_its_clock_when_that_ends() -> None:
    life = Life().funded().give(delivery_note())
    life.release("start")
    life.dispute(1_000).give(certificate())
    during = clock(life)

    life.later(1).resolve({"kept": 1_000})

    assert (during, clock(life).ready_at) == (Progress(), life.now)


def test_who_signs_in_a_dispute_is_not_waited_for_after_it() -> None:
    life = started().later(2).dispute(1_000).sign("acceptance", "buyer", "surveyor")
    life.later(1).resolve({"kept": 1_000})

    assert (clock(life).deemed_at, clock(life).days_left) == (None, None)


def test_nothing_is_accepted_in_a_dispute() -> None:
    life = started().later(30).dispute(1_000)

    assert told(life.accept, "acceptance") == ("Conflict", "trade_state")


def test_a_dispute_puts_off_when_a_trade_expires() -> None:
    life = Life().funded().later(5).dispute(1_000)
    life.later(20).resolve({"kept": 1_000})

    assert life.trade.expires_at == over(80)


def test_lots_have_clocks_of_their_own() -> None:
    life = Life(LOTS, lots=THREE).funded().give(weight_note(40_000, lot="A"))
    life.later(1).give(weight_note(40_000, lot="B"))

    assert [clock(life, f"arrived/{lot}").deemed_at for lot in "ABC"] == [day(6), day(7), None]
