"""A release reserves what its payouts will pay: they take that and nothing else, and a refund lowers it before it takes
anything else; what cannot be paid is visible and is tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.banking import paying
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reserved_payouts import cancel_payout
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.claims import Claim, Reason
from chalicelib.settlement.service import claims
from chalicelib.settlement.service.payouts import follow_payout, follow_reserved, payouts_due, resume_payout
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.template import Ending, Fault, Milestone
from tests.settlement.claims import claim_ids
from tests.settlement.goods import DEPOSIT, FEE, FREIGHT, PRICE, SELLERS, WEIGHED, Trading, trading
from tests.settlement.market import THURSDAY, Deal, differences_of, facts_of, picture, refusal, trial_balance
from tests.settlement.stopping import released_of_payment, stopped, taken_by_bank
from tests.settlement.test_races import at_once, codes, done
from tests.support.calls import call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points
from tests.trades.papers import weight_note

ROUNDS = 3


def released(place: Trading) -> tuple[Deal, Outcome]:
    """A deal whose money was let go a moment ago: no payout is made yet."""
    deal = place.signed()
    return deal, place.release(deal)


def standing(place: Trading, role: str) -> tuple[int, int, int]:
    """What a party is owed, what of it is reserved, and what is available."""
    account = place.account_of(role)
    return account.own_balance, account.held, account.available


def payouts_of(place: Trading, outcome: Outcome) -> dict[str, Payout]:
    """The payouts that were made of an entry's reservations, by role."""
    roles = {party_id: role for role, party_id in place.parties.items()}
    mine = (one for one in paying.list_payouts(place.tenant, after=None, limit=50).values)
    return {roles[one.party_id]: one for one in mine if one.entry_id == outcome.item.entry_id}


def in_transit(place: Trading) -> int:
    return place.balance(Purpose.PAYOUTS_IN_TRANSIT)


def open_claims(place: Trading) -> list[Claim]:
    return [claims.get_claim(place.tenant, claim_id) for claim_id in claim_ids(place)]


def sound(place: Trading, tables: Tables) -> bool:
    """Whether the books balance, and all that stands on every account is what the journal comes to."""
    return (trial_balance(tables, place.tenant), differences_of(tables, place.tenant)) == ({"CNY": 0}, [])


# ---- reserving -------------------------------------------------------------------------------------------------------


def test_what_is_released_is_reserved_and_nobody_else_can_spend_it(place: Trading, session_tables: Tables) -> None:
    released(place)

    assert standing(place, "seller") == (SELLERS, SELLERS, 0)
    assert standing(place, "carrier") == (FREIGHT, FREIGHT, 0)
    assert refusal(lambda: place.take_from("seller", 1)).code == "insufficient_funds"
    assert sound(place, session_tables)


def test_a_payout_takes_what_its_release_has_reserved(place: Trading, session_tables: Tables) -> None:
    _, outcome = released(place)

    made = place.pay_out(outcome)

    assert sorted(one.amount_minor for one in made) == [FREIGHT, SELLERS]
    assert {one.state for one in made} == {State.CREATED}
    assert (standing(place, "seller"), in_transit(place)) == ((0, 0, 0), SELLERS + FREIGHT)
    assert sound(place, session_tables)


def test_other_money_of_a_party_is_never_taken_by_a_payout(place: Trading, session_tables: Tables) -> None:
    """Released 1,000,000, at once refunded 100,000 from the receivers: 900,000 are paid, less the fee."""
    deal, outcome = released(place)
    refunded = place.take_back(deal, 100_000)
    place.owe("seller", 5_000_000)

    place.pay_out(outcome)
    place.pay_out(refunded)

    made = {role: (one.state, one.amount_minor, one.reserved_minor) for role, one in payouts_of(place, outcome).items()}
    assert made == {
        "seller": (State.CREATED, SELLERS - 94_000, SELLERS),
        "carrier": (State.CREATED, FREIGHT - 5_000, FREIGHT),
    }
    assert in_transit(place) == PRICE - FEE - 99_000 + 100_000
    assert (standing(place, "seller"), standing(place, "buyer")) == ((5_000_000, 0, 5_000_000), (0, 0, 0))
    assert claim_ids(place) == []
    assert sound(place, session_tables)


def test_a_payout_of_which_a_refund_left_nothing_is_cancelled(place: Trading, session_tables: Tables) -> None:
    deal, outcome = released(place)

    place.take_back(deal, PRICE)

    place.pay_out(outcome)
    assert place.all_owed() == {"buyer": PRICE}
    assert {(one.state, one.amount_minor) for one in place.pay_out(outcome)} == {(State.CANCELLED, 0)}
    assert sound(place, session_tables)


def test_later_releases_are_lowered_before_earlier_ones(place: Trading) -> None:
    deal = place.signed()
    place.dispute(deal, 300_000)
    place.release(deal)
    second = place.resolve(deal, seller=300_000)

    place.take_back(deal, 100_000)

    assert payouts_of(place, second)["seller"].amount_minor < 300_000


# ---- refunds after payouts -------------------------------------------------------------------------------------------


def test_a_refund_after_the_payout_is_a_claim_and_no_refusal(place: Trading, session_tables: Tables) -> None:
    deal, outcome = released(place)
    place.pay_out(outcome)
    place.owe("seller", 4_000)

    facts = facts_of(place.take_back(deal, 100_000))

    assert facts["taken_back_minor"] == {"platform": 1_000, "seller": 4_000}
    assert (facts["claimed_minor"], facts["refund_to_buyer_minor"]) == ({"carrier": 5_000, "seller": 90_000}, 5_000)
    owed = {(one.debtor, one.creditor, one.open_minor, one.trade_id) for one in open_claims(place)}
    assert owed == {
        (place.party("carrier"), place.party("buyer"), 5_000, deal.trade_id),
        (place.party("seller"), place.party("buyer"), 90_000, deal.trade_id),
    }
    assert place.all_owed() == {"buyer": 5_000}
    assert sound(place, session_tables)


def test_a_refund_of_which_nothing_is_there_is_claimed_whole(place: Trading, session_tables: Tables) -> None:
    deal, outcome = released(place)
    place.pay_out(outcome)

    facts = facts_of(place.take_back(deal, 5))

    assert sum(facts["claimed_minor"].values()) == 5 - facts["taken_back_minor"].get("platform", 0)
    assert sound(place, session_tables)


def test_what_was_claimed_for_a_refund_is_refunded_once(place: Trading) -> None:
    deal, outcome = released(place)
    place.pay_out(outcome)
    place.take_back(deal, PRICE)

    assert refusal(lambda: place.take_back(deal, 1)).code == "refund_exceeds_received"


def test_a_claim_for_a_refund_is_paid_by_what_comes_later(place: Trading, session_tables: Tables) -> None:
    deal, outcome = released(place)
    place.pay_out(outcome)
    place.take_back(deal, 100_000)
    place.owe("seller", 100_000)
    [claim] = (one for one in open_claims(place) if one.debtor == place.party("seller"))

    paid = claims.settle_claim(place.call(), claim.claim_id, place.money(94_000))

    assert standing(place, "buyer") == (95_000, 95_000, 0)
    assert sorted(one.amount_minor for one in place.pay_out(paid)) == [94_000]
    assert sound(place, session_tables)


def test_a_settlement_that_is_not_paid_out_yet_is_undone_out_of_its_payout(
    place: Trading, session_tables: Tables
) -> None:
    deal, outcome = released(place)
    place.pay_out(outcome)
    place.take_back(deal, 100_000)
    place.owe("seller", 100_000)
    [claim] = (one for one in open_claims(place) if one.debtor == place.party("seller"))
    paid = claims.settle_claim(place.call(), claim.claim_id, place.money(94_000))

    claims.undo_claim_part(place.call(), claim.claim_id, paid.item.entry_id, "in error")

    assert (standing(place, "seller"), standing(place, "buyer")) == ((100_000, 0, 100_000), (1_000, 1_000, 0))
    assert [one.state for one in place.pay_out(paid)] == [State.CANCELLED]
    assert sound(place, session_tables)


def test_a_refund_can_be_advanced_out_of_what_the_marketplace_has_earned(
    place: Trading, session_tables: Tables
) -> None:
    deal, outcome = released(place)
    place.pay_out(outcome)

    facts = facts_of(place.take_back(deal, 9_000, advance=True))

    assert (facts["refund_to_buyer_minor"], facts["advanced_minor"]) == (9_000, 8_910)
    assert {one.creditor for one in open_claims(place)} == {None}
    assert (place.balance(Purpose.CLAIMS), place.owed("buyer"), place.fees) == (8_910, 9_000, FEE - 90)
    assert sound(place, session_tables)


def test_nothing_is_advanced_out_of_money_of_others(place: Trading) -> None:
    deal, outcome = released(place)
    place.pay_out(outcome)
    place.take_back(deal, 9_000, advance=True)

    refused = refusal(lambda: place.take_back(deal, 9_000, advance=True))

    assert (refused.code, refused.facts["requested"]) == ("own_funds_insufficient", 8_910)
    assert refused.facts["available"] == FEE - 90 - 90 - 8_910


def test_advances_at_one_moment_never_pass_what_was_earned(place: Trading, session_tables: Tables) -> None:
    deals = [released(place) for _ in range(8)]
    for _, outcome in deals:
        place.pay_out(outcome)

    results = at_once(*(partial(place.take_back, deal, 20_000, advance=True) for deal, _ in deals))

    assert place.balance(Purpose.CLAIMS) <= place.fees
    assert set(codes(results)) <= {"own_funds_insufficient"}
    assert (len(done(results)) > 0, sound(place, session_tables)) == (True, True)


# ---- more than was paid ----------------------------------------------------------------------------------------------


STARTED = replace(
    WEIGHED,
    id="test-started",
    milestones=(
        Milestone("start", needs=(), bps=9_000, ends_in=Ending.RELEASE, signers=("buyer",)),
        replace(WEIGHED.milestones[0], after=("start",)),
    ),
)
"""90 % are released at the start; what the goods weigh in the end may be less."""


def overpaid(place: Trading) -> tuple[Deal, Claim]:
    """A deal of which 400,000 too much were released and paid out: half of the goods were there. It is over."""
    deal = place.paid(STARTED)
    place.sign(deal, "start")
    place.pay_out(place.release(deal, milestone="start"))
    place.told_of(deal, weight_note(5_000, unit="unit"))
    place.sign(deal)
    place.pay_out(place.settle(deal, days=0))
    [claim] = open_claims(place)
    return deal, claim


def test_what_was_released_too_much_is_a_claim_of_its_own_and_stands_with_the_trade(place: Trading) -> None:
    deal, claim = overpaid(place)

    assert (claim.reason, claim.open_minor, claim.trade_id) == (Reason.OVERPAID, 400_000, deal.trade_id)
    assert (claim.debtor, claim.creditor) == (place.party("seller"), place.party("buyer"))
    assert place.trade(deal).claim_minor == 400_000


def test_a_claim_that_is_paid_and_a_refund_never_give_a_buyer_more_than_it_paid(
    place: Trading, session_tables: Tables
) -> None:
    deal, claim = overpaid(place)
    place.owe("seller", PRICE)

    claims.settle_claim(place.call(), claim.claim_id, place.money(300_000))
    refused = refusal(lambda: place.take_back(deal, 600_001))
    place.take_back(deal, 600_000)

    assert (refused.code, refused.facts["left"]) == ("refund_exceeds_paid", 600_000)
    trade = place.trade(deal)
    assert (trade.claim_minor, trade.claims_paid_minor, trade.given_back_minor) == (0, 300_000, 600_000)
    withdrawn = claims.get_claim(place.tenant, claim.claim_id)
    assert (withdrawn.amount_minor, withdrawn.open_minor, withdrawn.status) == (300_000, 0, "settled")
    assert refusal(lambda: place.claim(deal, 1)).code == "claim_exceeded"
    assert sound(place, session_tables)


def test_a_refund_lowers_the_claim_it_makes_good(place: Trading) -> None:
    deal, claim = overpaid(place)
    place.owe("seller", PRICE)

    place.take_back(deal, 700_000)

    left = claims.get_claim(place.tenant, claim.claim_id)
    assert (left.open_minor, place.trade(deal).claim_minor) == (200_000, 200_000)
    place.take_back(deal, 200_000)
    assert claims.get_claim(place.tenant, claim.claim_id).status == "withdrawn"


@pytest.mark.parametrize("by_trade", [True, False], ids=["of the trade", "of the claim"])
def test_a_trades_own_claim_is_settled_and_that_undone_in_both_places(place: Trading, by_trade: bool) -> None:
    deal, claim = overpaid(place)
    place.owe("seller", 400_000)

    if by_trade:
        paid = place.claim(deal, 400_000)
    else:
        paid = claims.settle_claim(place.call(), claim.claim_id, place.money(400_000))

    ended = claims.get_claim(place.tenant, claim.claim_id)
    assert (ended.settled_minor, place.trade(deal).claim_minor, place.trade(deal).claims_paid_minor) == (
        400_000,
        0,
        400_000,
    )
    claims.undo_claim_part(place.call(), claim.claim_id, paid.item.entry_id, "in error")
    again = claims.get_claim(place.tenant, claim.claim_id)
    assert (again.open_minor, place.trade(deal).claim_minor, place.trade(deal).claims_paid_minor) == (
        400_000,
        400_000,
        0,
    )
    assert standing(place, "seller") == (400_000, 0, 400_000)


def test_a_waiver_of_a_trades_claim_is_undone_only_while_the_buyer_has_not_got_it_otherwise(place: Trading) -> None:
    deal, claim = overpaid(place)
    place.owe("seller", PRICE)
    waived = claims.waive_claim(place.call(), claim.claim_id, place.money(400_000), "as agreed")
    assert (place.trade(deal).claim_minor, place.trade(deal).claims_paid_minor) == (0, 0)

    place.take_back(deal, 800_000)

    refused = refusal(lambda: claims.undo_claim_part(place.call(), claim.claim_id, waived.item.entry_id, "x"))
    assert (refused.code, refused.facts["left"]) == ("claim_exceeds_paid", 100_000)


def test_a_deposit_owed_once_more_is_not_limited_by_what_was_paid(place: Trading) -> None:
    deal = place.paid()
    place.cancel(deal, Fault.SELLER)
    place.owe("seller", DEPOSIT)

    [claim] = open_claims(place)
    claims.settle_claim(place.call(), claim.claim_id, place.money(DEPOSIT))

    assert (claim.reason, place.trade(deal).claim_minor) == (Reason.DEPOSIT_DOUBLED, 0)
    assert place.owed("buyer") == PRICE + DEPOSIT


# ---- what cannot be paid now -----------------------------------------------------------------------------------------


def test_what_cannot_be_paid_is_visible_with_its_reason_and_is_tried_again(
    place: Trading, session_tables: Tables
) -> None:
    _, outcome = released(place)
    place.freeze("seller")

    place.pay_out(outcome)

    waiting = payouts_of(place, outcome)["seller"]
    assert (waiting.state, waiting.reason, waiting.amount_minor) == (State.RESERVED, "account_frozen", SELLERS)
    assert waiting.due_at is not None
    place.unfreeze("seller")
    paid = follow_payout(place.tenant, waiting.payout_id, now=waiting.due_at)
    assert (paid.state, paid.amount_minor, paid.reason) == (State.CREATED, SELLERS, "")
    assert sound(place, session_tables)


def test_a_payout_that_waits_is_left_alone_until_it_is_due(place: Trading, session_tables: Tables) -> None:
    _, outcome = released(place)
    place.freeze("seller")
    place.pay_out(outcome)
    before = picture(session_tables, place.tenant)

    place.pay_out(outcome)

    assert picture(session_tables, place.tenant) == before


def test_many_failures_in_a_row_kill_no_payout(place: Trading) -> None:
    _, outcome = released(place)
    place.freeze("seller")
    for days in range(12):
        place.pay_out(outcome, days=days)
    place.unfreeze("seller")

    assert place.pay_out(outcome, days=13)
    assert payouts_of(place, outcome)["seller"].state is State.CREATED


# ---- stopped ---------------------------------------------------------------------------------------------------------


def test_a_stopped_payout_can_be_given_up_and_its_money_is_free(place: Trading, session_tables: Tables) -> None:
    _, outcome, _ = stopped(place)
    seller = payouts_of(place, outcome)["seller"]

    cancel_payout(place.call(), seller.payout_id)

    assert standing(place, "seller") == (SELLERS, 0, SELLERS)
    assert payouts_of(place, outcome)["seller"].state is State.CANCELLED
    assert refusal(lambda: cancel_payout(place.call(), seller.payout_id)).code == "payout_state"
    assert sound(place, session_tables)


def test_a_refund_lowers_stopped_payouts_too(place: Trading, session_tables: Tables) -> None:
    deal, _, _ = stopped(place)
    [claim] = open_claims(place)
    place.owe("buyer", 100_000)
    claims.settle_claim(place.call(), claim.claim_id, place.money(100_000))

    place.take_back(deal, 100_000)

    assert standing(place, "seller") == (SELLERS - 94_000, SELLERS - 94_000, 0)
    assert sound(place, session_tables)


# ---- races -----------------------------------------------------------------------------------------------------------


def test_a_refund_against_its_payouts_pays_or_claims_every_unit_once(place: Trading, session_tables: Tables) -> None:
    for number in range(ROUNDS):
        deal, outcome = released(place)
        [seller, carrier] = sorted(payouts_due(place.tenant, outcome.item.entry_id), key=lambda due: -due.amount.minor)
        follow = [partial(follow_reserved, due, now=call().now) for due in (seller, carrier) for _ in range(8)]
        refunds = [partial(place.take_back, deal, 10_000, key=f"{number}-{i}") for i in range(16)]

        results = at_once(*(_as_outcome(act) for act in follow), *refunds)

        assert codes(results) == []
        made = payouts_of(place, outcome)
        paid = sum(one.amount_minor for one in made.values())
        claimed = sum(one.open_minor for one in open_claims(place) if one.trade_id == deal.trade_id)
        assert paid - claimed == PRICE - FEE - 16 * 9_900
        assert sum(one.back_minor for one in place.trade(deal).got.values()) == 160_000
        assert {one.state for one in made.values()} == {State.CREATED}
    assert standing(place, "seller") == standing(place, "carrier") == (0, 0, 0)
    assert sound(place, session_tables)


def _as_outcome(act: Callable[[], Payout]) -> Callable[[], Outcome]:
    """A payout's step as `at_once` takes commands."""

    def run() -> Outcome:
        payout = act()
        return Outcome(journal_item(call(), payout.state.value), replayed=True)

    return run


# ---- crashes ---------------------------------------------------------------------------------------------------------

Act = Callable[[], object]


def paid(place: Trading) -> Act:
    _, outcome = released(place)
    return partial(place.pay_out, outcome)


def put_off(place: Trading) -> Act:
    _, outcome = released(place)
    place.freeze("seller")
    return partial(place.pay_out, outcome)


def lowered_then_paid(place: Trading) -> Act:
    deal, outcome = released(place)
    place.take_back(deal, 100_000)
    return partial(place.pay_out, outcome)


def taken_back(place: Trading) -> Act:
    deal, _ = released(place)
    return partial(place.take_back, deal, 100_000, key="act")


def taken_back_after_the_payout(place: Trading) -> Act:
    deal, outcome = released(place)
    place.pay_out(outcome)
    return partial(place.take_back, deal, 100_000, key="act")


def advanced(place: Trading) -> Act:
    deal, outcome = released(place)
    place.pay_out(outcome)
    return partial(place.take_back, deal, 9_000, key="act", advance=True)


def given_up(place: Trading) -> Act:
    _, _, payouts = stopped(place)
    payout_id = payouts[0].payout_id
    here = place.call("act")
    return lambda: cancel_payout(here, payout_id)


def resumed(place: Trading) -> Act:
    _, _, payouts = stopped(place)
    here = place.call("act", days=THURSDAY)
    return lambda: resume_payout(here, payouts[0].payout_id)


def stopped_by_worker(place: Trading) -> Act:
    deal, outcome = released_of_payment(place)
    taken_by_bank(place, deal)
    return partial(place.pay_out, outcome, days=THURSDAY)


COMMANDS = (
    resumed,
    stopped_by_worker,
    paid,
    put_off,
    lowered_then_paid,
    taken_back,
    taken_back_after_the_payout,
    advanced,
    given_up,
)


@pytest.mark.parametrize("prepared", COMMANDS, ids=lambda command: command.__name__)
def test_a_process_killed_at_any_commit_leaves_one_effect_after_a_retry(
    place: Trading, session_tables: Tables, prepared: Callable[[Trading], Act]
) -> None:
    prepared(place)()
    wanted = picture(session_tables, place.tenant)
    for point in crash_points(only="dynamodb.TransactWriteItems"):
        other = trading()
        act = prepared(other)
        with point:
            act()

        act()

        assert picture(session_tables, other.tenant) == wanted, point
        assert sound(other, session_tables), point


@pytest.mark.parametrize("prepared", [paid, taken_back], ids=lambda command: command.__name__)
def test_a_lost_answer_is_absorbed_and_counted_once(
    place: Trading, session_tables: Tables, prepared: Callable[[Trading], Act]
) -> None:
    prepared(place)()
    wanted = picture(session_tables, place.tenant)
    for point in lost_points(only="dynamodb.TransactWriteItems"):
        other = trading()
        act = prepared(other)
        with point:
            act()

        assert picture(session_tables, other.tenant) == wanted, point
        assert sound(other, session_tables), point
