"""Final settlement and release: the escrow is let go once, in one commit, to whom it belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, KeyReused, NotFound
from chalicelib.credit.service import accrue_due
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.service import settling
from chalicelib.trades.domain.states import State
from tests.settlement.market import (
    DRAWN,
    DUE,
    PAID,
    Deal,
    Market,
    deliverable,
    facts_of,
    funded_by_credit,
    market,
    refusal,
    state_of,
    trial_balance,
)
from tests.support.dynamodb_local import Tables
from tests.support.faults import Asked, Result, fault, watching
from tests.trades.deals import STEEL
from tests.trades.papers import delivery_note

FINAL = 181_537_976
REFUND = DUE - FINAL
SHARES = {"carrier": 4_250_000, "platform": 544_613, "mill": 176_743_363}
OTHER_IBAN = "NL35MOCK0000000012"


def paid_and_weighed(place: Market, quantity_milli: int = 498_320, *fixings: int) -> Deal:
    """A deal the buyer has paid for by bank alone, with its documents."""
    deal = place.deal()
    place.pay(deal.reference, DUE)
    place.weighed(deal, quantity_milli, *fixings)
    return deal


# ---- final settlement ------------------------------------------------------------------------------------------------


def test_without_a_line_the_refund_is_the_buyers(tables: Tables) -> None:
    steel = market()
    deal = paid_and_weighed(steel)

    facts = facts_of(steel.settle(deal))

    assert steel.trade(deal).state is State.COMPLETED
    assert {role: steel.owed(role) for role in ("buyer", "mill", "carrier")} == {
        "buyer": REFUND,
        "mill": SHARES["mill"],
        "carrier": SHARES["carrier"],
    }
    assert (steel.escrow(deal), steel.balance(Purpose.FEE_INCOME)) == (0, SHARES["platform"])
    assert facts | {"entry_id": "", "lines": []} == {
        "entry_id": "",
        "trade_id": deal.trade_id,
        "lot": "",
        "state": "completed",
        "currency": "CNY",
        "final_amount_minor": FINAL,
        "top_up_minor": 0,
        "refund_minor": REFUND,
        "refund_to_interest_minor": 0,
        "refund_to_principal_minor": 0,
        "refund_to_buyer_minor": REFUND,
        "released_minor": FINAL,
        "upstream_minor": 0,
        "shares_minor": SHARES,
        "lines": [],
        "set_offs": [],
    }
    assert set(trial_balance(tables, steel.tenant).values()) == {0}


def test_within_the_tolerance_the_agreed_weight_is_paid_for(tables: Tables) -> None:
    steel = market()
    deal = paid_and_weighed(steel, 498_900)

    facts = facts_of(steel.settle(deal))

    assert (facts["final_amount_minor"], facts["refund_to_buyer_minor"]) == (182_150_000, 350_000)


def test_a_refund_larger_than_the_debt_repays_it_and_gives_the_buyer_the_rest(tables: Tables) -> None:
    steel = market()
    steel.lend()
    line, deal = steel.line(), steel.deal()
    steel.draw(line, deal, 500_000)
    steel.pay(deal.reference, DUE - 500_000)
    steel.weighed(deal)

    facts = facts_of(steel.settle(deal))

    assert (facts["refund_to_principal_minor"], facts["refund_to_interest_minor"]) == (500_000, 250)
    assert facts["refund_to_buyer_minor"] == steel.owed("buyer") == REFUND - 500_250
    assert steel.balance(Purpose.LOAN, line.line_id) == 0
    assert steel.credit_line(line).principal_minor == 0


def test_a_line_repaid_meanwhile_gets_nothing_and_the_buyer_all(tables: Tables) -> None:
    steel = market()
    deal, line = funded_by_credit(steel)
    steel.pay(line.reference, DRAWN)

    facts = facts_of(steel.settle(deal))

    assert facts["refund_to_buyer_minor"] == steel.owed("buyer") == REFUND
    assert (facts["refund_to_principal_minor"], facts["refund_to_interest_minor"]) == (0, 0)
    assert steel.balance(Purpose.LOAN, line.line_id) == steel.balance(Purpose.INTEREST_RECEIVABLE, line.line_id) == 0
    assert set(trial_balance(tables, steel.tenant).values()) == {0}


def test_a_settlement_by_a_clock_behind_the_accrual_is_no_refusal(tables: Tables) -> None:
    steel = market()
    deal, _ = funded_by_credit(steel)
    accrue_due(steel.call(days=4).now)

    assert facts_of(steel.settle(deal))["refund_to_interest_minor"] == 41_250
    assert steel.balance(Purpose.INTEREST_INCOME) == 41_250 + 13_597


def test_a_final_amount_above_the_escrow_asks_for_the_difference_and_moves_nothing(tables: Tables) -> None:
    steel = market()
    deal = paid_and_weighed(steel, 498_320, 370_000)
    balances = (steel.bank, steel.escrow(deal), steel.owed("mill"))

    facts = facts_of(steel.settle(deal))

    top_up = facts["top_up_minor"]
    assert top_up == facts["final_amount_minor"] - DUE > 0
    assert (facts["state"], facts["shares_minor"], facts["refund_minor"]) == ("top_up_due", {}, 0)
    assert (steel.bank, steel.escrow(deal), steel.owed("mill")) == balances
    assert steel.expected(deal.reference).status == "short"
    assert steel.trade(deal).outstanding.minor == top_up
    refused = refusal(lambda: steel.settle(deal))
    assert (refused.code, refused.facts["state"]) == ("trade_state", "top_up_due")


@pytest.mark.parametrize("by_line", [False, True], ids=["by bank", "by a line"])
def test_once_the_difference_is_there_a_new_key_settles_and_the_old_one_replays(tables: Tables, by_line: bool) -> None:
    steel = market()
    steel.lend()
    line, deal = steel.line(), paid_and_weighed(steel, 498_320, 370_000)
    first = steel.settle(deal, key="settle")
    top_up = facts_of(first)["top_up_minor"]
    if by_line:
        steel.draw(line, deal, top_up)
    else:
        steel.pay(deal.reference, top_up)

    done = steel.settle(deal)

    assert facts_of(done)["final_amount_minor"] == facts_of(first)["final_amount_minor"]
    assert (facts_of(done)["top_up_minor"], facts_of(done)["refund_minor"]) == (0, 0)
    assert (steel.trade(deal).state, steel.escrow(deal)) == (State.COMPLETED, 0)
    assert steel.expected(deal.reference).status == "met"
    again = steel.settle(deal, key="settle")
    assert (again.replayed, again.item) == (True, first.item)


IN_ORDER = [
    ("no_final_settlement", "fixed-price"),
    ("trade_state", "unfunded"),
    ("evidence_missing", "undocumented"),
    ("final_price_not_positive", "worthless"),
    ("split_exceeds_amount", "light"),
]


@pytest.mark.parametrize(("code", "which"), IN_ORDER, ids=[row[0] for row in IN_ORDER])
def test_a_settlement_is_refused_for_its_state_and_changes_nothing(tables: Tables, code: str, which: str) -> None:
    steel = market()
    premium = -1_000_000 if which == "worthless" else 0
    deal = steel.fixed_price_deal() if which == "fixed-price" else steel.deal(replace(STEEL, premium_minor=premium))
    if which not in {"fixed-price", "unfunded"}:
        steel.pay(deal.reference, DUE)
    if which in {"worthless", "light"}:
        steel.weighed(deal, 1 if which == "light" else 498_320)
    before = state_of(tables)

    refused = refusal(lambda: steel.settle(deal, key="settle"))

    assert (refused.code, type(refused)) == (code, Conflict)
    assert state_of(tables) == before


def test_what_is_no_trade_of_the_tenant_is_not_found(tables: Tables) -> None:
    steel, grain = market(), market("Grain Marketplace", iban=OTHER_IBAN)
    deal = paid_and_weighed(steel)

    elsewhere = [(steel, replace(deal, trade_id=other)) for other in ("trd_none", "", f"trd_{'0' * 26}")]
    for place, found in ((grain, deal), *elsewhere):
        for act in (partial(place.settle, found), partial(place.release, found)):
            refused = refusal(act)
            assert (type(refused), refused.code) == (NotFound, "trade_not_found")


def test_a_settlement_sent_again_is_answered_the_same_after_the_money_is_gone(tables: Tables) -> None:
    steel = market()
    deal, line = funded_by_credit(steel)
    first = steel.settle(deal, key="settle")
    steel.pay(line.reference, 5)
    before = state_of(tables)

    again = steel.settle(deal, key="settle")

    assert (again.replayed, again.item) == (True, first.item)
    assert state_of(tables) == before
    assert refusal(lambda: steel.settle(deal)).code == "trade_state"


def test_the_same_key_for_another_request_is_refused(tables: Tables) -> None:
    steel = market()
    deal = paid_and_weighed(steel)
    steel.settle(deal, key="settle")

    other = steel.call("settle", body="other")
    assert isinstance(refusal(lambda: settling.settle_finally(other, deal.trade_id)), KeyReused)
    assert isinstance(refusal(lambda: settling.release_milestone(other, deal.trade_id, "delivery")), KeyReused)


def test_a_line_that_a_read_has_overlooked_gets_its_refund(tables: Tables) -> None:
    """A batch read may find the trade after a drawdown and the record of its line before it."""
    steel = market()
    deal, line = funded_by_credit(steel)
    table = tables.name("records")

    def without_line(asked: Asked, send: Callable[[], Result]) -> Result:
        answered, error = send()
        found = answered[1]["Responses"]
        found[table] = [item for item in found[table] if item["sk"]["S"] != "credit-funding"]
        return answered, error

    with fault(without_line, only="dynamodb.BatchGetItem"):
        facts = facts_of(steel.settle(deal))

    assert (facts["refund_to_principal_minor"], facts["refund_to_interest_minor"]) == (920_774, 41_250)
    assert steel.balance(Purpose.LOAN, line.line_id) == DRAWN - 920_774
    assert (steel.escrow(deal), steel.owed("buyer")) == (0, 0)


def test_a_settlement_reads_twice_and_commits_once(tables: Tables) -> None:
    steel = market()
    deal, _ = funded_by_credit(steel)

    with watching() as calls:
        steel.settle(deal)

    assert calls.operations == ["dynamodb.BatchGetItem"] * 2 + ["dynamodb.TransactWriteItems"]


# ---- release ---------------------------------------------------------------------------------------------------------


def test_a_release_pays_five_receivers_by_the_waterfall(tables: Tables) -> None:
    steel = market()
    deal = deliverable(steel)

    facts = facts_of(steel.release(deal))

    shares = {"carrier": 40_000, "inspector": 15_000, "warehouse": 8_050, "platform": 15_000, "seller": 2_921_950}
    assert facts["shares_minor"] == shares
    assert sum(shares.values()) == facts["released_minor"] == 3_000_000
    assert {role: steel.owed(role) for role in shares if role != "platform"} | {
        "platform": steel.balance(Purpose.FEE_INCOME)
    } == shares
    assert (steel.escrow(deal), steel.trade(deal).state) == (0, State.COMPLETED)
    assert (facts["trade_id"], facts["milestone"], facts["state"]) == (deal.trade_id, "delivery", "completed")
    assert set(trial_balance(tables, steel.tenant).values()) == {0}


@pytest.mark.parametrize(
    ("code", "which", "kind"),
    [
        ("unknown_milestone", "unfunded", InvalidInput),
        ("needs_final_settlement", "steel", Conflict),
        ("trade_state", "unfunded", Conflict),
        ("evidence_missing", "undocumented", Conflict),
    ],
)
def test_a_release_is_refused_in_this_order(tables: Tables, code: str, which: str, kind: type) -> None:
    steel = market()
    deal = steel.deal() if which == "steel" else steel.fixed_price_deal()
    if which == "undocumented":
        steel.pay(deal.reference, steel.trade(deal).due_minor)
    milestone = "arrival" if code == "unknown_milestone" else "delivery"
    before = state_of(tables)

    refused = refusal(lambda: steel.release(deal, milestone=milestone))

    assert (refused.code, type(refused)) == (code, kind)
    assert state_of(tables) == before


def test_a_release_sent_again_is_answered_the_same_though_the_escrow_is_empty(tables: Tables) -> None:
    steel = market()
    deal = deliverable(steel)
    first = steel.release(deal, key="release")

    again = steel.release(deal, key="release")

    assert (again.replayed, again.item) == (True, first.item)
    assert refusal(lambda: steel.release(deal)).code == "trade_state"


def test_a_release_refused_for_want_of_evidence_leaves_its_key_free(tables: Tables) -> None:
    steel = market()
    deal = steel.fixed_price_deal()
    steel.pay(deal.reference, steel.trade(deal).due_minor)
    assert refusal(lambda: steel.release(deal, key="release")).code == "evidence_missing"
    steel.evidence(deal, delivery_note())

    assert not steel.release(deal, key="release").replayed


def test_a_release_is_one_read_and_one_commit_and_so_is_nothing_of_its_replay(tables: Tables) -> None:
    steel = market()
    deal = deliverable(steel)

    with watching() as first:
        steel.release(deal, key="release")
    with watching() as again:
        steel.release(deal, key="release")

    assert first.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert again.operations == ["dynamodb.BatchGetItem"]


def test_one_party_in_two_roles_is_credited_both_shares(tables: Tables) -> None:
    steel = market()
    steel.parties["carrier"] = steel.party("mill")
    deal = paid_and_weighed(steel)

    steel.settle(deal)

    assert steel.owed("mill") == SHARES["mill"] + SHARES["carrier"]
    assert PAID < DUE
