"""What a netting window takes and in which order it refuses, as pure rules."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, InvalidInput, Refusal, TooLarge
from chalicelib.core.money import Money
from chalicelib.settlement.domain.nets import Mode, Transfer
from chalicelib.settlement.domain.netting import (
    MOST_AT_ONCE,
    MOST_MINOR,
    MOST_PARTIES,
    Obligation,
    OpenWindow,
    Roster,
    Stage,
    Window,
    check_obligations,
    close_window,
    open_window,
    settling,
    take_obligations,
    trade_of,
    trade_serial,
)
from chalicelib.trades.templates import find_template
from tests.settlement.market import refusal
from tests.support.calls import MONDAY

NET_ID = "net_01jx0000000000000000000000"
TUESDAY = MONDAY + timedelta(days=1)
CARRIED = {"carrier": "pty_c", "inspector": "pty_i", "warehouse": "pty_w"}
AMOUNTS = {"carrier": 10, "inspector": 10, "warehouse": 10}


def asked(**changes: Any) -> OpenWindow:
    return OpenWindow(
        **{
            "template_id": "fixed-price",
            "currency": "CNY",
            "mode": Mode.BILATERAL,
            "closes_at": TUESDAY,
            "parties": CARRIED,
            "fixed_shares": AMOUNTS,
        }
        | changes
    )


def opened(template_id: str = "fixed-price", **changes: Any) -> Window:
    return open_window(find_template(template_id), asked(template_id=template_id, **changes), NET_ID, now=MONDAY)


def owed(reference: str = "s-1", **changes: Any) -> Obligation:
    usual = {"payer": "pty_a", "payee": "pty_b", "amount": Money(500, "CNY"), "details": {}}
    return Obligation(reference=reference, **usual | changes)


LATE = {"closes_at": MONDAY}
FAR = {"closes_at": MONDAY + timedelta(days=367)}
STEEL = {"template_id": "steel", "parties": CARRIED | {"buyer": "pty_a"}}
BUYER = {"parties": {"buyer": "pty_a"}, "currency": "JPY"}

OPENING = [
    ("closes_at_passed", STEEL | LATE),
    ("closes_at_too_far", STEEL | FAR),
    ("price_not_agreed", STEEL),
    ("role_is_netted", BUYER),
    ("currency_not_allowed", {"currency": "JPY", "parties": {}}),
    ("unknown_role", {"parties": {"pilot": "pty_p"}, "fixed_shares": {}}),
    ("party_missing", {"parties": {}, "fixed_shares": {}}),
    ("share_amount_missing", {"fixed_shares": {}}),
]


@pytest.mark.parametrize(("code", "changes"), OPENING, ids=[code for code, _ in OPENING])
def test_a_window_is_refused_by_the_first_rule_it_breaks(code: str, changes: dict[str, Any]) -> None:
    refused = refusal(lambda: opened(**changes))

    assert isinstance(refused, InvalidInput)
    assert refused.code == code


def test_fixed_shares_that_no_obligation_could_bear_are_refused() -> None:
    refused = refusal(lambda: opened(fixed_shares=AMOUNTS | {"carrier": MOST_MINOR}))

    assert (type(refused), refused.code) == (Conflict, "split_exceeds_amount")


def test_a_window_remembers_the_version_and_the_roles_of_its_template() -> None:
    window = opened()

    assert (window.template_id, window.template_version) == ("fixed-price", 1)
    assert (window.buyer_role, window.seller_role) == ("buyer", "seller")
    assert (window.stage, window.takes_at(MONDAY), window.takes_at(TUESDAY)) == (Stage.OPEN, True, False)


GOOD = owed()
ADDING = [
    ("too_few_obligations", InvalidInput, [], None),
    ("too_many_obligations", TooLarge, [owed(amount=Money(0, "CNY"))] * (MOST_AT_ONCE + 1), None),
    ("amount_not_positive", InvalidInput, [GOOD, owed(amount=Money(0, "CNY"), payee="pty_a")], 1),
    ("amount_too_large", InvalidInput, [owed(amount=Money(MOST_MINOR + 1, "CNY"), payee="pty_a")], 0),
    ("payer_is_payee", InvalidInput, [GOOD, owed(payee="pty_a")], 1),
    ("reference_twice", InvalidInput, [GOOD, owed("s-2"), owed(details={"Bad": "x"})], 2),
    ("invalid_details", InvalidInput, [GOOD, owed("s-2", details={"Bad": "x"})], 1),
]


@pytest.mark.parametrize(("code", "kind", "obligations", "index"), ADDING, ids=[code for code, *_ in ADDING])
def test_obligations_are_refused_by_the_first_rule_they_break(
    code: str, kind: type[Refusal], obligations: list[Obligation], index: int | None
) -> None:
    refused = refusal(lambda: check_obligations(obligations))

    assert (type(refused), refused.code, refused.facts.get("index")) == (kind, code, index)


def test_obligations_of_more_parties_than_a_window_nets_are_refused() -> None:
    many = [owed(f"s-{i}", payee=f"pty_{i}") for i in range(MOST_PARTIES)]

    check_obligations(many[1:])
    refused = refusal(lambda: check_obligations(many))

    assert (refused.code, refused.facts["maximum"]) == ("too_many_parties", MOST_PARTIES)


def shut() -> Window:
    return close_window(opened(), now=MONDAY)


FULL = Roster(tuple(f"pty_{i}" for i in range(MOST_PARTIES)))
TAKING: list[tuple[str, Callable[[], Window], Roster, Obligation, int | None]] = [
    ("currency_mismatch", shut, FULL, owed(amount=Money(5, "EUR"), payee="pty_c"), 0),
    ("party_has_another_role", shut, FULL, owed(payee="pty_c"), 0),
    ("window_closed", shut, FULL, owed(), None),
    ("too_many_parties", opened, FULL, owed(), None),
]


@pytest.mark.parametrize(("code", "window", "roster", "one", "index"), TAKING, ids=[code for code, *_ in TAKING])
def test_a_window_refuses_an_obligation_by_the_first_rule_it_breaks(
    code: str, window: Callable[[], Window], roster: Roster, one: Obligation, index: int | None
) -> None:
    refused = refusal(lambda: take_obligations(window(), roster, [one], now=MONDAY))

    assert (refused.code, refused.facts.get("index")) == (code, index)


def test_a_window_takes_nothing_once_its_time_has_come_even_where_nobody_has_closed_it() -> None:
    refused = refusal(lambda: take_obligations(opened(), Roster(), [owed()], now=TUESDAY))

    assert refused.code == "window_closed"


def test_parties_come_to_the_roster_in_the_order_in_which_they_are_met() -> None:
    roster = take_obligations(opened(), Roster(("pty_b",)), [owed(), owed("s-2", payer="pty_d")], now=MONDAY)

    assert roster == Roster(("pty_b", "pty_a", "pty_d"))
    assert (roster.place("pty_d"), roster.place("pty_x")) == (2, None)


@pytest.mark.parametrize("stage", [Stage.SUMMING, Stage.SETTLING, Stage.CLOSED])
def test_a_window_is_closed_once(stage: Stage) -> None:
    refused = refusal(lambda: close_window(replace(shut(), stage=stage), now=MONDAY))

    assert (type(refused), refused.code, refused.facts["state"]) == (Conflict, "window_state", stage.value)


def settled(transfers: int) -> Window:
    return replace(shut(), stage=Stage.SETTLING, transfers=transfers)


def test_every_payment_is_tried_once_in_a_pass() -> None:
    window = settled(5)

    first = window.after_trying(window.untried(3), {})
    second = first.after_trying(first.untried(3), {})

    assert (window.untried(3), first.untried(3), second.untried(3)) == ((0, 1, 2), (3, 4), ())
    assert (first.is_tried, second.is_tried) == (False, True)
    assert [first.has_trade(place) for place in range(5)] == [True, True, True, False, False]


def test_closing_once_more_tries_only_what_was_refused() -> None:
    window = settled(5).after_trying((0, 1, 2, 3, 4), {1: "party_account_missing", 3: "split_exceeds_amount"})

    again = close_window(window, now=TUESDAY)
    after = again.after_trying(again.untried(9), {3: "split_exceeds_amount"})

    assert (again.untried(9), again.closed_at) == ((1, 3), MONDAY)
    assert (after.is_tried, after.refused) == (True, {"3": "split_exceeds_amount"})
    assert [after.has_trade(place) for place in range(5)] == [True, True, True, False, True]


@given(transfers=st.integers(0, 25), most=st.integers(1, 7), bad=st.sets(st.integers(0, 24)))
def test_passes_end_and_leave_a_trade_or_a_code_for_each_payment(transfers: int, most: int, bad: set[int]) -> None:
    window, tried = settled(transfers), []
    for _ in range(transfers + 1):
        if window.is_tried:
            break
        places = window.untried(most)
        tried += places
        window = window.after_trying(places, {place: "no" for place in places if place in bad})

    assert tried == list(range(transfers))
    assert {place for place in range(transfers) if not window.has_trade(place)} == bad & set(range(transfers))
    assert set(window.refused) == {str(place) for place in bad & set(range(transfers))}


def test_a_payment_becomes_one_unit_at_its_amount() -> None:
    trade = trade_of(opened(), payer="pty_a", payee="pty_b", minor=777)

    assert (trade.quantity_milli, trade.unit_price_minor, trade.currency) == (1000, 777, "CNY")
    assert trade.parties == CARRIED | {"buyer": "pty_a", "seller": "pty_b"}
    assert trade.fixed_shares == AMOUNTS


def test_a_payment_has_one_trade_id_and_no_other_payment_has_it() -> None:
    window = shut()

    ids = [trade_serial(window, payer=a, payee=b) for a, b in (("x", "y"), ("x", "y"), ("y", "x"), ("x", "z"))]

    assert ids[0] == ids[1]
    assert len(set(ids)) == 3


def test_an_obligation_is_followed_to_the_payment_between_its_two_or_to_those_of_either() -> None:
    transfers = (Transfer(0, 1, 5), Transfer(2, 1, 5), Transfer(3, 0, 5), Transfer(2, 3, 5))

    assert settling(Mode.BILATERAL, transfers, 1, 0) == (0,)
    assert settling(Mode.BILATERAL, transfers, 2, 0) == ()
    assert settling(Mode.MULTILATERAL, transfers, 1, 0) == (0, 1, 2)
