"""The life of a trade: what each command does, the table of states and commands, refusals in their order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from chalicelib.core.errors import Conflict, Defect, InvalidInput, Refusal
from chalicelib.trades.domain import (
    TRANSITIONS,
    Command,
    FinalSettlement,
    State,
    Trade,
    add_evidence,
    final_settlement,
    fund,
    release,
)
from chalicelib.trades.domain.evidence import Document, Evidence
from chalicelib.trades.domain.terms import Terms
from tests.trades.deals import (
    FIXED_PRICE,
    THURSDAY,
    cny,
    deliverable,
    delivery_note,
    eur,
    evidenced,
    funded,
    index_fixings,
    opened,
    piece,
    ready,
    weight_note,
)

STEEL_DUE = 182_500_000
Case = tuple[Terms, Trade, tuple[Evidence, ...]]


def settled(quantity_milli: int = 498_320) -> FinalSettlement:
    return final_settlement(*ready(quantity_milli))


def refusal_of(command: Any, *arguments: Any, **named: Any) -> Refusal:
    with pytest.raises(Refusal) as refused:
        command(*arguments, **named)
    return refused.value


# Opening and funding


def test_an_opened_trade_is_due_its_provisional_amount_and_holds_nothing() -> None:
    _, trade = opened()

    assert (trade.state, trade.outstanding, trade.held) == (State.AGREED, cny(STEEL_DUE), cny(0))


def test_funding_in_parts_ends_when_all_is_there() -> None:
    _, trade = opened()

    part = fund(trade, cny(100_000_000))
    whole = fund(part.trade, cny(82_500_000))

    assert (part.trade.state, part.trade.held, part.excess) == (State.FUNDING, cny(100_000_000), cny(0))
    assert (whole.trade.state, whole.trade.outstanding, whole.excess) == (State.FUNDED, cny(0), cny(0))


def test_what_is_more_than_due_is_not_accepted() -> None:
    _, trade = opened()

    funding = fund(trade, cny(STEEL_DUE + 1))

    assert (funding.accepted, funding.excess, funding.trade.state) == (cny(STEEL_DUE), cny(1), State.FUNDED)


def test_another_currency_is_not_accepted() -> None:
    _, trade = opened()

    funding = fund(trade, eur(5))

    assert (funding.trade, funding.accepted, funding.excess) == (trade, eur(0), eur(5))


def test_funding_with_nothing_is_our_defect() -> None:
    with pytest.raises(Defect):
        fund(opened()[1], cny(0))


# The table: every state, every command


def standing(state: State) -> Case:
    """A trade in this state, with all its evidence where any could be."""
    terms, trade, evidence = ready(510_000)
    reached: dict[State, Trade] = {
        State.AGREED: opened()[1],
        State.FUNDING: fund(opened()[1], cny(1)).trade,
        State.FUNDED: trade,
        State.TOP_UP_DUE: final_settlement(terms, trade, evidence).trade,
        State.COMPLETED: settled().trade,
    }
    return terms, reached[state], evidence if reached[state].evidence else ()


def done(command: Command, case: Case) -> Trade:
    """The trade after a command; Conflict `trade_state` also for a funding of which nothing is accepted."""
    terms, trade, evidence = case
    if command is Command.FUND:
        funding = fund(trade, cny(1))
        if funding.accepted.minor == 0:
            raise Conflict("trade_state", "", state=trade.state.value, command=command.value)
        return funding.trade
    if command is Command.ADD_EVIDENCE:
        return add_evidence(terms, replace(trade, evidence={}), (), piece(weight_note()), now=THURSDAY)[0]
    if command is Command.FINAL_SETTLEMENT:
        return final_settlement(terms, trade, evidence).trade
    ready_terms, _ = deliverable()
    return release(ready_terms, replace(trade, evidence={"delivery_note": "evd_1"}), "delivery").trade


@pytest.mark.parametrize("command", Command)
@pytest.mark.parametrize("state", State)
def test_each_command_in_each_state_does_as_the_table_says(state: State, command: Command) -> None:
    case = standing(state)
    if command in TRANSITIONS[state]:
        assert done(command, case).state in TRANSITIONS[state][command]
        return

    refusal = refusal_of(done, command, case)

    assert (type(refusal), refusal.code) == (Conflict, "trade_state")
    assert refusal.facts == {"state": state.value, "command": command.value}


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    reached = {to for commands in TRANSITIONS.values() for states in commands.values() for to in states}

    assert set(TRANSITIONS) == set(State)
    assert reached | {State.AGREED} == set(State)


# Evidence


def test_evidence_is_added_by_kind_and_the_state_knows_its_id() -> None:
    terms, trade = opened()

    trade, evidence = evidenced(terms, trade, weight_note(), index_fixings())

    assert trade.evidence == {"weight_note": "evd_1", "index_fixings": "evd_2"}
    assert [one.kind.value for one in evidence] == ["weight_note", "index_fixings"]
    assert (evidence[0].recorded_by, evidence[0].recorded_at) == ("cli_test", THURSDAY)


@pytest.mark.parametrize(
    ("kind", "code", "document"),
    [
        (InvalidInput, "quantity_not_positive", weight_note(0, unit="kg")),
        (InvalidInput, "evidence_not_wanted", delivery_note()),
        (InvalidInput, "unit_mismatch", weight_note(unit="kg")),
        (InvalidInput, "currency_mismatch", index_fixings(currency="USD")),
        (Conflict, "trade_state", weight_note()),
    ],
)
def test_bad_evidence_is_refused_in_the_order_of_its_rules(kind: type[Refusal], code: str, document: Document) -> None:
    terms, _, evidence = ready()

    refusal = refusal_of(add_evidence, terms, settled().trade, evidence, piece(document), now=THURSDAY)

    assert (type(refusal), refusal.code) == (kind, code)


def test_evidence_given_twice_is_told_from_evidence_that_contradicts() -> None:
    terms, trade = opened()
    trade, evidence = evidenced(terms, trade, weight_note(498_320))

    twice = refusal_of(add_evidence, terms, trade, evidence, piece(weight_note(498_320), "evd_2"), now=THURSDAY)
    other = refusal_of(add_evidence, terms, trade, evidence, piece(weight_note(498_321), "evd_2"), now=THURSDAY)

    assert (twice.code, twice.facts) == ("evidence_twice", {"evidence_id": "evd_1"})
    assert (other.code, other.facts) == ("evidence_contradicts", {"evidence_id": "evd_1"})


def test_a_mismatch_names_what_was_expected() -> None:
    terms, trade = opened()

    unit = refusal_of(add_evidence, terms, trade, (), piece(weight_note(unit="kg")), now=THURSDAY)
    unwanted = refusal_of(add_evidence, terms, trade, (), piece(delivery_note()), now=THURSDAY)

    assert unit.facts == {"field": "document.unit", "expected": "t", "given": "kg"}
    assert unwanted.facts["wanted"] == ["index_fixings", "weight_note"]


# Final settlement


def test_steel_settles_as_the_worked_numbers_say() -> None:
    settlement = settled(498_320)

    assert (settlement.final_amount, settlement.refund, settlement.top_up) == (cny(181_537_976), cny(962_024), cny(0))
    assert settlement.shares == (
        ("carrier", cny(4_250_000)),
        ("platform", cny(544_613)),
        ("mill", cny(176_743_363)),
    )
    assert (settlement.trade.state, settlement.trade.held) == (State.COMPLETED, cny(0))
    assert (settlement.trade.final_minor, settlement.trade.released) == (181_537_976, ("delivery",))


def test_steel_within_tolerance_settles_on_the_agreed_weight() -> None:
    settlement = settled(498_900)

    assert (settlement.final_amount, settlement.refund) == (cny(182_150_000), cny(350_000))


def test_the_lines_of_a_settlement_end_in_the_refund_and_the_shares() -> None:
    lines = settled().lines

    assert [line.step for line in lines] == ["quantity", "unit_price", "amount", "difference", *["share"] * 3]
    assert (lines[3].rule, lines[3].result) == ("refund_to_buyer", {"refund_minor": 962_024})
    assert [line.result["minor"] for line in lines[4:]] == [4_250_000, 544_613, 176_743_363]
    assert lines[5].inputs == {"role": "platform", "bps": 30, "amount_minor": 181_537_976}


def test_a_final_amount_above_the_escrow_asks_for_the_difference_and_releases_nothing() -> None:
    settlement = settled(510_000)

    assert (settlement.final_amount, settlement.top_up) == (cny(185_793_000), cny(3_293_000))
    assert (settlement.refund, settlement.shares, settlement.lines[-1].rule) == (cny(0), (), "top_up_from_buyer")
    assert (settlement.trade.state, settlement.trade.outstanding) == (State.TOP_UP_DUE, cny(3_293_000))
    assert (settlement.trade.held, settlement.trade.released) == (cny(STEEL_DUE), ())


def test_once_topped_up_the_same_command_settles() -> None:
    terms, trade, evidence = ready(510_000)
    asked = final_settlement(terms, trade, evidence).trade

    part = fund(asked, cny(3_292_999)).trade
    settlement = final_settlement(terms, funded(terms, part), evidence)

    assert part.state is State.TOP_UP_DUE
    assert (settlement.final_amount, settlement.refund) == (cny(185_793_000), cny(0))
    assert settlement.trade.state is State.COMPLETED


def test_a_final_amount_equal_to_the_escrow_refunds_nothing() -> None:
    settlement = final_settlement(*ready(500_000, 363_500))

    assert (settlement.refund, settlement.top_up, settlement.trade.state) == (cny(0), cny(0), State.COMPLETED)


def test_refusals_of_a_final_settlement_come_in_the_order_of_their_rules() -> None:
    terms, trade = opened()
    paid = funded(terms, trade)
    noted, note = evidenced(terms, paid, weight_note())
    discounted, fixed = ready(498_320)[1:]

    refusals = [
        refusal_of(final_settlement, *opened(FIXED_PRICE, "fixed-price"), ()),
        refusal_of(final_settlement, terms, trade, ()),
        refusal_of(final_settlement, terms, paid, ()),
        refusal_of(final_settlement, terms, noted, note),
        refusal_of(final_settlement, replace(terms, premium_minor=-362_800), discounted, fixed),
        refusal_of(final_settlement, terms, *ready(10_000)[1:]),
    ]

    assert [refusal.code for refusal in refusals] == [
        "no_final_settlement",
        "trade_state",
        "evidence_missing",
        "evidence_missing",
        "final_price_not_positive",
        "split_exceeds_amount",
    ]
    assert refusals[2].facts == {"milestone": "delivery", "missing": ["weight_note", "index_fixings"]}
    assert refusals[3].facts["missing"] == ["index_fixings"]


# Release


def test_a_fixed_price_is_released_to_five_once_delivered() -> None:
    released = release(*deliverable(), "delivery")

    assert released.amount == eur(3_000_000)
    assert released.shares == (
        ("carrier", eur(40_000)),
        ("inspector", eur(15_000)),
        ("warehouse", eur(8_050)),
        ("platform", eur(15_000)),
        ("seller", eur(2_921_950)),
    )
    assert (released.trade.state, released.trade.released) == (State.COMPLETED, ("delivery",))
    assert (released.trade.released_minor, released.trade.held, released.trade.final_minor) == (3_000_000, eur(0), None)


def test_refusals_of_a_release_come_in_the_order_of_their_rules() -> None:
    terms, trade = opened(FIXED_PRICE, "fixed-price")
    paid = funded(terms, trade)
    greedy = replace(terms, waterfall=opened()[0].waterfall)

    refusals = [
        refusal_of(release, *opened(), "shipment"),
        refusal_of(release, *opened(), "delivery"),
        refusal_of(release, terms, trade, "delivery"),
        refusal_of(release, terms, paid, "delivery"),
        refusal_of(release, greedy, deliverable()[1], "delivery"),
    ]

    assert [refusal.code for refusal in refusals] == [
        "unknown_milestone",
        "needs_final_settlement",
        "trade_state",
        "evidence_missing",
        "split_exceeds_amount",
    ]
