"""Trades back to back: what the seller downstream is paid funds the trade in which it buys, in the same commit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.core.errors import NotFound
from chalicelib.settlement.kinds import FUNDED_BY_TRADE
from chalicelib.settlement.service.payouts import payouts_due
from chalicelib.trades.domain.states import State
from tests.settlement.goods import FREIGHT, PRICE, RETAINED, SELLERS, Trading
from tests.settlement.market import Deal, facts_of, kinds, refusal
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching

COST = 600_000


def chain(place: Trading, *, cost: int = COST, **changes: object) -> tuple[Deal, Deal]:
    """The factory buys of the farm (upstream) what it sells to the pharmacy (downstream), linked and delivered."""
    upstream = place.between("factory", "farm", unit_price_minor=cost // 10)
    downstream = place.between("pharmacy", "factory", **changes)  # type: ignore[arg-type]
    place.link(upstream, downstream)
    place.pay(downstream.reference, PRICE)
    place.told_and_signed(downstream)
    return upstream, downstream


def test_a_release_funds_the_upstream_trade_and_gives_the_seller_the_rest(place: Trading) -> None:
    upstream, downstream = chain(place)

    outcome = place.release(downstream)

    facts = facts_of(outcome)
    assert (facts["shares_minor"]["seller"], facts["upstream_minor"]) == (SELLERS, COST)
    assert place.trade(upstream).state is State.FUNDED
    assert (place.escrow(upstream), place.escrow(downstream)) == (COST, 0)
    assert place.all_owed() == {"factory": SELLERS - COST, "carrier": FREIGHT}
    assert place.adds_up(upstream, downstream)
    expected = place.expected(upstream.reference)
    assert (expected.expected_minor, expected.received_minor) == (0, 0)


def test_the_upstream_trade_is_told_in_the_same_commit(place: Trading, session_tables: Tables) -> None:
    _, downstream = chain(place)

    with watching() as calls:
        place.release(downstream)

    assert calls.operations == ["dynamodb.BatchGetItem"] * 2 + ["dynamodb.TransactWriteItems"]
    assert kinds(session_tables, place.tenant).count(FUNDED_BY_TRADE) == 1


def test_what_goes_upstream_is_not_paid_out(place: Trading) -> None:
    _, downstream = chain(place)

    outcome = place.release(downstream)

    due = {one.party_id: one.amount.minor for one in payouts_due(place.tenant, outcome.item.entry_id)}
    assert due == {place.party("carrier"): FREIGHT, place.party("factory"): SELLERS - COST}


def test_a_share_that_does_not_reach_funds_a_part(place: Trading) -> None:
    upstream, downstream = chain(place, cost=1_200_000)

    facts = facts_of(place.release(downstream))

    assert facts["upstream_minor"] == SELLERS
    trade = place.trade(upstream)
    assert (trade.state, trade.outstanding.minor) == (State.DEPOSITED, 1_200_000 - SELLERS)
    assert (place.owed("factory"), place.adds_up(upstream)) == (0, True)


def test_an_upstream_trade_that_is_paid_for_or_over_takes_nothing(place: Trading) -> None:
    for over in (lambda deal: place.pay(deal.reference, COST), place.cancel):
        upstream, downstream = chain(place)
        over(upstream)
        before = place.owed("factory")

        facts = facts_of(place.release(downstream))

        assert facts["upstream_minor"] == 0
        assert place.owed("factory") == before + SELLERS


def test_three_trades_in_a_row_pay_each_other(place: Trading) -> None:
    """Farm to factory, factory to pharmacy, pharmacy to person: the person's money goes all the way."""
    first = place.between("factory", "farm", unit_price_minor=50_000)
    second = place.between("pharmacy", "factory", unit_price_minor=80_000)
    third = place.between("person", "pharmacy")
    place.link(first, second)
    place.link(second, third)
    place.pay(third.reference, PRICE)
    for deal in (third, second, first):
        place.told_and_signed(deal)
        place.release(deal)

    assert [place.trade(deal).state for deal in (first, second, third)] == [State.COMPLETED] * 3
    assert place.all_owed("farm", "factory", "pharmacy", "person") == {
        "farm": 500_000 - 5_000 - FREIGHT,
        "factory": 800_000 - 8_000 - FREIGHT - 500_000,
        "pharmacy": SELLERS - 800_000,
    }
    assert place.adds_up(first, second, third)


def test_retention_and_decisions_go_upstream_too(place: Trading) -> None:
    upstream = place.between("factory", "farm", unit_price_minor=95_000)
    downstream = place.between("pharmacy", "factory", RETAINED)
    place.link(upstream, downstream)
    place.pay(downstream.reference, PRICE)
    place.told_and_signed(downstream)
    place.release(downstream)
    assert place.trade(upstream).outstanding.minor == 950_000 - (SELLERS + 500 - 50_000)

    facts = facts_of(place.release_retained(downstream, days=40))

    assert (facts["upstream_minor"], place.owed("factory")) == (50_000, 0)


def test_what_a_seller_gets_by_the_default_of_its_buyer_is_its_own(place: Trading) -> None:
    upstream, downstream = chain(place)

    facts = facts_of(place.cancel(downstream))

    assert (facts["upstream_minor"], place.escrow(upstream)) == (0, 0)


def linked_once(place: Trading) -> tuple[Deal, Deal]:
    upstream, downstream = place.between("factory", "farm"), place.between("pharmacy", "factory")
    place.link(upstream, place.between("pharmacy", "factory"))
    place.link(place.between("factory", "farm"), downstream)
    return upstream, downstream


def of_another_buyer(place: Trading) -> tuple[Deal, Deal]:
    return place.between("pharmacy", "farm"), place.between("pharmacy", "factory")


def ended_upstream(place: Trading) -> tuple[Deal, Deal]:
    upstream, downstream = linked_once(place)
    place.cancel(upstream)
    return upstream, downstream


def ended_downstream(place: Trading) -> tuple[Deal, Deal]:
    upstream, downstream = linked_once(place)
    place.cancel(downstream)
    return upstream, downstream


def upstream_linked(place: Trading) -> tuple[Deal, Deal]:
    upstream, _ = linked_once(place)
    return upstream, place.between("pharmacy", "factory")


LINKS: list[tuple[str, Callable[[Trading], tuple[Deal, Deal]]]] = [
    ("link_party_differs", of_another_buyer),
    ("trade_state", ended_upstream),
    ("trade_state", ended_downstream),
    ("downstream_linked", linked_once),
    ("upstream_linked", upstream_linked),
]


@pytest.mark.parametrize(("code", "made"), LINKS, ids=[row[1].__name__ for row in LINKS])
def test_a_link_is_refused_in_this_order(
    place: Trading, code: str, made: Callable[[Trading], tuple[Deal, Deal]]
) -> None:
    upstream, downstream = made(place)

    assert refusal(lambda: place.link(upstream, downstream)).code == code


def test_a_trade_is_not_linked_to_itself_nor_to_a_strangers(place: Trading) -> None:
    deal = place.between("factory", "farm")
    nothing = replace(deal, trade_id=f"trd_{'0' * 26}")

    assert refusal(lambda: place.link(deal, deal)).code == "link_party_differs"
    for upstream, downstream in ((deal, nothing), (nothing, deal)):
        refused = refusal(lambda up=upstream, down=downstream: place.link(up, down))
        assert (type(refused), refused.code) == (NotFound, "trade_not_found")


def test_a_link_sent_again_is_answered_the_same(place: Trading) -> None:
    upstream, downstream = place.between("factory", "farm"), place.between("pharmacy", "factory")

    first, again = (place.link(upstream, downstream, key="link") for _ in range(2))

    assert (again.replayed, again.item) == (True, first.item)
    assert place.trade(downstream).funds == upstream.trade_id
