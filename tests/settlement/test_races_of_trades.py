"""Commands of one trade at one instant, up to 32 of them: exactly one outcome, and the money adds up."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from chalicelib.core.errors import Refusal
from chalicelib.settlement.service.movements import book_movement
from chalicelib.settlement.worker.due import do_trade
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.states import State
from tests.settlement.goods import FEE, FREIGHT, PRICE, SELLERS, Trading, after
from tests.settlement.market import Deal, kinds, trial_balance
from tests.settlement.test_races import at_once, codes, done
from tests.support.dynamodb_local import Tables

MANY = 32
ROUNDS = 3
THURSDAY = 3


def whole(place: Trading, tables: Tables, *deals: Deal) -> bool:
    """Whether the books balance and every escrow holds what its trade says."""
    return trial_balance(tables, place.tenant) == {"CNY": 0} and place.adds_up(*deals)


def test_of_many_releases_one_lets_the_money_go(place: Trading, session_tables: Tables) -> None:
    deal = place.signed()

    results = at_once(*[partial(place.release, deal)] * MANY)

    assert (len(done(results)), codes(results)) == (1, ["trade_state"] * (MANY - 1))
    assert (place.all_owed(), place.fees) == ({"carrier": FREIGHT, "seller": SELLERS}, FEE)
    assert whole(place, session_tables, deal)


def test_many_refunds_never_come_to_more_than_is_held(place: Trading, session_tables: Tables) -> None:
    deal = place.paid()

    results = at_once(*[partial(place.refund, deal, PRICE // 20)] * MANY)

    assert len(done(results)) == 20
    assert set(codes(results)) <= {"trade_state", "refund_exceeds_escrow"}
    assert (place.all_owed(), place.escrow(deal)) == ({"buyer": PRICE}, 0)
    assert whole(place, session_tables, deal)


def test_a_release_against_a_refund_of_all_of_it(place: Trading, session_tables: Tables) -> None:
    for _ in range(ROUNDS):
        before = place.owed("buyer")
        deal = place.signed()

        results = at_once(partial(place.release, deal), partial(place.refund, deal, PRICE))

        assert len(done(results)) == 1
        assert set(codes(results)) <= {"trade_state", "refund_exceeds_escrow"}
        released = place.trade(deal).state is State.COMPLETED
        assert place.owed("buyer") == before + (0 if released else PRICE)
        assert whole(place, session_tables, deal)


def test_a_signature_against_a_dispute(place: Trading, session_tables: Tables) -> None:
    for _ in range(ROUNDS):
        deal = place.delivered()

        signed, disputed, released = at_once(
            partial(place.sign, deal), partial(place.dispute, deal, PRICE), partial(place.release, deal)
        )

        assert isinstance(signed, Outcome)
        if isinstance(released, Refusal):
            assert released.code in {"signatures_missing", "amount_disputed"}
            assert (place.trade(deal).state, place.escrow(deal)) == (State.DISPUTED, PRICE)
        else:
            assert isinstance(disputed, Refusal)
            assert (disputed.code, place.trade(deal).state, place.escrow(deal)) == ("trade_state", State.COMPLETED, 0)
        assert whole(place, session_tables, deal)


def test_an_expiry_against_the_last_payment(place: Trading, session_tables: Tables) -> None:
    for _ in range(ROUNDS):
        deal = place.under()
        place.pay(deal.reference, 200_000)
        movement = place.movement(PRICE - 200_000, deal.reference)
        back = place.owed("buyer")

        expired, paid = at_once(
            partial(place.expire, deal, days=5), partial(book_movement, place.told(movement), movement)
        )

        assert isinstance(paid, Outcome)
        if isinstance(expired, Outcome):
            # The deposit is forfeited, and what came too late goes back.
            assert (place.trade(deal).state, place.escrow(deal)) == (State.EXPIRED, 0)
            assert place.owed("buyer") == back + PRICE - 200_000
        else:
            assert (expired.code, place.trade(deal).state, place.escrow(deal)) == ("not_due", State.FUNDED, PRICE)
        assert whole(place, session_tables, deal)


def test_many_fundings_from_one_account_never_overdraw_it(place: Trading, session_tables: Tables) -> None:
    deal = place.under()
    place.owe("buyer", 300_000)

    results = at_once(*[partial(place.fund, deal, 50_000)] * MANY)

    assert (len(done(results)), set(codes(results))) == (6, {"insufficient_funds"})
    assert (place.owed("buyer"), place.escrow(deal)) == (0, 300_000)
    assert whole(place, session_tables, deal)


def test_what_is_taken_back_at_once_is_taken_from_nobody_twice(place: Trading, session_tables: Tables) -> None:
    deal = place.signed()
    place.release(deal)

    results = at_once(*[partial(place.take_back, deal, PRICE // 8)] * 16)

    assert (len(done(results)), set(codes(results))) == (8, {"refund_exceeds_received"})
    assert (place.all_owed(), place.fees) == ({"buyer": PRICE}, 0)
    assert whole(place, session_tables, deal)


def test_one_dispute_is_decided_once(place: Trading, session_tables: Tables) -> None:
    deal = place.signed()
    place.dispute(deal, 300_000)
    decisions: list[Callable[[], Outcome]] = [
        partial(place.resolve, deal, buyer=300_000),
        partial(place.resolve, deal, seller=300_000),
    ]

    results = at_once(*decisions * 8)

    assert (len(done(results)), set(codes(results))) == (1, {"trade_state"})
    assert place.owed("buyer") + place.owed("seller") == 300_000
    assert whole(place, session_tables, deal)


def test_time_against_the_parties_own_hands(place: Trading, session_tables: Tables) -> None:
    """The buyer signs and the marketplace releases at the very instant that time does so."""
    for _ in range(ROUNDS):
        deal = place.delivered()

        def time(deal: Deal = deal) -> Outcome:
            do_trade(place.tenant, deal.trade_id, lambda: after(THURSDAY))
            return Outcome(place.trade(deal), replayed=False)  # type: ignore[arg-type]

        at_once(time, partial(place.sign, deal), partial(place.release, deal))
        # Once the buyer has signed, time waits for somebody to release.
        if place.trade(deal).state is not State.COMPLETED:
            place.release(deal)

        assert (place.trade(deal).state, place.escrow(deal)) == (State.COMPLETED, 0)
        assert whole(place, session_tables, deal)
    assert kinds(session_tables, place.tenant).count("trade.released") == ROUNDS


def test_a_downstream_release_against_a_payment_for_the_upstream_trade(place: Trading, session_tables: Tables) -> None:
    for _ in range(ROUNDS):
        upstream, downstream = place.between("factory", "farm"), place.between("pharmacy", "factory")
        place.link(upstream, downstream)
        place.pay(downstream.reference, PRICE)
        place.told_and_signed(downstream)
        movement = place.movement(PRICE, upstream.reference)
        before = place.owed("factory")

        results = at_once(partial(place.release, downstream), partial(book_movement, place.told(movement), movement))

        assert len(done(results)) == 2
        assert (place.trade(upstream).state, place.escrow(upstream)) == (State.FUNDED, PRICE)
        # Whichever came first: what the upstream trade did not need is the factory's.
        assert place.owed("factory") == before + SELLERS
        assert whole(place, session_tables, upstream, downstream)


def test_two_links_of_one_upstream_trade_leave_it_one(place: Trading, session_tables: Tables) -> None:
    upstream = place.between("factory", "farm")
    others = [place.between("pharmacy", "factory") for _ in range(4)]

    results = at_once(*(partial(place.link, upstream, other) for other in others))

    assert (len(done(results)), codes(results)) == (1, ["upstream_linked"] * 3)
    assert sum(place.trade(other).funds == upstream.trade_id for other in others) == 1
