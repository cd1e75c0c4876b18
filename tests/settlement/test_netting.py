"""Netting windows in the books: what is added once, how a window closes, and the trades that settle it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.call import entry_id
from chalicelib.core.errors import Conflict, Defect
from chalicelib.ledger.domain import Purpose
from chalicelib.ledger.store.entries import find_entry
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.domain.nets import Mode
from chalicelib.settlement.domain.netting import MOST_AT_ONCE, Stage
from chalicelib.settlement.service import netting, netting_windows
from chalicelib.settlement.store import netting as store
from chalicelib.storage.commit import commit
from chalicelib.storage.due import due_in_turn
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.tables import account_key, physical_name
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.store import Published, publish_template
from chalicelib.trades.templates import find_template
from tests.settlement.clearing import CLOSES_AT, LATER, Clearing, Owed, books, clearing, new_market, window
from tests.settlement.market import refusal
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching

SOME: list[Owed] = [("a", "b", 500), ("b", "a", 200), ("c", "a", 70), ("b", "c", 90), ("c", "b", 90), ("a", "b", 1)]
"""Between two: a pays b 301, c pays a 70, b and c are even. Among all: a pays b 231, c pays b 70."""


@pytest.fixture(autouse=True)
def stored(session_tables: Tables) -> Iterator[None]:
    with books(session_tables):
        yield


def trades(place: Clearing) -> list[Trade]:
    return list(trades_store.list_trades(place.tenant, after=None, limit=100).values)


def state(place: Clearing) -> Stage:
    return place.whole().window.stage


def test_obligations_between_two_become_one_trade_of_the_difference() -> None:
    place = clearing()
    place.add(SOME)

    whole = place.finish()

    assert place.paid() == {("a", "b"): 301, ("c", "a"): 70}
    assert (whole.window.stage, whole.window.obligations, whole.window.total_minor) == (Stage.CLOSED, 6, 951)
    assert sorted(trade.due_minor for trade in trades(place)) == [70, 301]


def test_obligations_among_all_become_fewer_trades() -> None:
    place = clearing(Mode.MULTILATERAL)
    place.add(SOME)

    place.finish()

    assert place.paid() == {("a", "b"): 231, ("c", "b"): 70}
    assert sorted(trade.due_minor for trade in trades(place)) == [70, 231]


def test_a_window_without_obligations_closes_without_a_trade() -> None:
    place = clearing()

    place.finish()

    assert (state(place), trades(place)) == (Stage.CLOSED, [])


def test_a_trade_of_a_window_asks_for_the_amount_and_is_funded_like_any_other() -> None:
    place = clearing()
    place.add([("a", "b", 500)])
    place.finish()
    [trade] = trades(place)
    terms = trades_store.take_terms(records_of(place, trade), place.tenant, trade.trade_id)

    place.place.pay(terms.reference, 500)

    assert (terms.parties["payer"], terms.parties["payee"]) == (place.place.party("a"), place.place.party("b"))
    assert place.place.balance(Purpose.ESCROW, trade.trade_id) == 500
    assert place.place.expected(terms.reference).received_minor == 500


def records_of(place: Clearing, trade: Trade) -> Found:
    return fetch((trades_store.terms_key(place.tenant, trade.trade_id),))


def test_the_same_call_adds_once_and_gets_the_same_answer() -> None:
    place = clearing()

    first, again = (place.add(SOME, key="k") for _ in range(2))

    assert (first.replayed, again.replayed, again.item.data) == (False, True, first.item.data)
    assert place.whole().passed == 6


def test_a_reference_is_in_a_window_once_and_the_call_names_the_first_that_is_there() -> None:
    place = clearing()
    place.add(SOME[:2], first=4)
    before = place.whole()

    refused = refusal(lambda: place.add(SOME))

    assert (refused.code, refused.facts["index"], refused.facts["reference"]) == ("obligation_twice", 3, "ses-0004")
    assert place.whole() == before


def test_a_reference_may_be_in_two_windows() -> None:
    first = clearing()
    second = clearing(place=first.place)
    first.add(SOME)
    second.add(SOME)

    assert (first.whole().passed, second.whole().passed) == (6, 6)


def test_a_party_that_could_not_be_paid_is_refused_with_its_place() -> None:
    place = clearing()
    place.place.parties["x"] = "pty_unknown"

    refused = refusal(lambda: place.add([("a", "b", 1), ("a", "x", 1)]))

    assert isinstance(refused, Conflict)
    facts = {"party_id": "pty_unknown", "index": 1, "field": "obligations[1].payee_party_id", "currency": "CNY"}
    assert (refused.code, refused.facts) == ("party_account_missing", facts)
    assert place.whole().roster.parties == ()


@pytest.mark.parametrize("net_id", ["net_01jx0000000000000000000000", "trd_01jx0000000000000000000000", "x"])
def test_a_window_that_is_not_there_is_not_found(net_id: str) -> None:
    place = clearing()
    place.net_id = net_id

    acts = (
        lambda: place.add(SOME),
        place.close,
        place.whole,
        lambda: netting.advance(place.tenant, net_id, now=LATER),
        lambda: netting_windows.list_obligations(place.tenant, net_id, after=None, limit=5),
        lambda: netting_windows.get_obligation(place.tenant, net_id, "s-1"),
    )

    assert {refusal(act).code for act in acts} == {"netting_window_not_found"}


def test_another_tenants_window_is_not_found() -> None:
    place, other = clearing(), clearing()
    place.net_id = other.net_id

    assert refusal(lambda: place.add(SOME)).code == "netting_window_not_found"


def test_a_window_closes_by_hand_before_its_time_and_takes_nothing_more() -> None:
    place = clearing()
    place.add(SOME)

    first, again = (place.close(key="k") for _ in range(2))

    assert (first.item.data["state"], again.replayed) == ("summing", True)
    assert refusal(lambda: place.add(SOME, first=10)).code == "window_closed"
    assert refusal(place.close).code == "window_state"
    assert place.finish(now=MONDAY).window.closed_at == MONDAY
    assert place.paid() == {("a", "b"): 301, ("c", "a"): 70}


def test_a_window_is_due_when_it_should_close_and_no_more_once_it_has_closed() -> None:
    place = clearing()
    place.add(SOME)
    key = store.window_key(place.tenant, place.net_id)

    def is_due(days: int) -> bool:
        return key in {each.key for each in due_in_turn(CLOSES_AT + timedelta(days=days))}

    assert (is_due(-1), is_due(0)) == (False, True)
    assert not netting.advance(place.tenant, place.net_id, now=MONDAY)
    place.finish()
    assert not is_due(400)


def test_a_window_closed_by_hand_is_due_at_once() -> None:
    place = clearing()
    place.close()

    assert store.window_key(place.tenant, place.net_id) in {each.key for each in due_in_turn(MONDAY)}


def test_an_obligation_after_the_time_is_refused_although_nobody_has_closed_the_window() -> None:
    place = clearing()

    assert refusal(lambda: place.add(SOME, now=CLOSES_AT)).code == "window_closed"


def test_closing_goes_on_in_steps_of_which_each_call_does_some(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netting, "SUMMED_AT_ONCE", 2)
    monkeypatch.setattr(netting, "OPENED_AT_ONCE", 1)
    monkeypatch.setattr(netting, "MOST_STEPS", 1)
    place = clearing()
    place.add(SOME)
    stages = []

    for _ in range(20):
        more = netting.advance(place.tenant, place.net_id, now=LATER)
        stages.append((state(place).value, place.whole().window.tried))
        if not more:
            break

    settled = [("settling", 0), ("settling", 1), ("settling", 2)]
    assert stages == [*[("summing", 0)] * 4, *settled, ("closed", 2)]
    assert place.paid() == {("a", "b"): 301, ("c", "a"): 70}


def carried() -> Clearing:
    """A window under a template with fixed shares of 30 in all."""
    where = new_market()
    roles = ("carrier", "inspector", "warehouse")
    parties = {role: where.party(role) for role in roles}
    return clearing(place=where, template_id="fixed-price", parties=parties, fixed_shares=dict.fromkeys(roles, 10))


def test_a_payment_that_can_have_no_trade_is_named_and_the_others_do_not_wait() -> None:
    place = carried()
    place.add([("a", "b", 500), ("a", "c", 20), ("b", "c", 40)])

    whole = place.finish()

    assert whole.window.stage is Stage.SETTLING
    assert whole.window.refused == {"1": "split_exceeds_amount"}
    told = find_entry(place.tenant, entry_id(place.tenant, f"w:net:{place.net_id}:refused:0"))
    assert told is not None
    assert (told.kind, told.data["refused"]) == ("netting_window.settlements_refused", {"1": "split_exceeds_amount"})
    assert sorted(trade.due_minor for trade in trades(place)) == [40, 500]
    still_due = {each.key for each in due_in_turn(LATER + timedelta(days=9))}
    assert store.window_key(place.tenant, place.net_id) not in still_due


def test_closing_once_more_opens_the_trade_that_was_refused(session_tables: Tables) -> None:
    place = clearing()
    place.add(SOME)
    key = account_key(place.tenant, party_account_id(place.tenant, place.place.party("c"), "CNY"))
    where = {"TableName": physical_name(key.model), "Key": key.wire()}
    account = session_tables.client.get_item(**where)["Item"]
    session_tables.client.delete_item(**where)
    stuck = place.finish()
    session_tables.client.put_item(TableName=physical_name(key.model), Item=account)

    place.close(now=LATER)
    whole = place.finish()

    assert (stuck.window.stage, stuck.window.refused) == (Stage.SETTLING, {"1": "party_account_missing"})
    assert (whole.window.stage, whole.window.refused) == (Stage.CLOSED, {})
    assert sorted(trade.due_minor for trade in trades(place)) == [70, 301]


def test_a_window_whose_obligations_cannot_all_be_seen_yet_is_summed_anew(
    session_tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(netting, "MOST_STEPS", 1)
    place = clearing()
    place.add(SOME)
    key = store.obligation_key(place.tenant, place.net_id, "ses-0003")
    where = {"TableName": physical_name(key.model), "Key": key.wire()}
    hidden = session_tables.client.get_item(**where)["Item"]
    session_tables.client.delete_item(**where)
    place.close(now=LATER)

    netting.advance(place.tenant, place.net_id, now=LATER)
    netting.advance(place.tenant, place.net_id, now=LATER)
    restarts = place.whole().window.restarts
    session_tables.client.put_item(TableName=physical_name(key.model), Item=hidden)

    assert restarts == 2
    assert place.finish().window.obligations == 6
    assert place.paid() == {("a", "b"): 301, ("c", "a"): 70}


def test_an_obligation_that_is_lost_stops_the_closing(session_tables: Tables) -> None:
    place = clearing()
    place.add(SOME)
    key = store.obligation_key(place.tenant, place.net_id, "ses-0003")
    session_tables.client.delete_item(TableName=physical_name(key.model), Key=key.wire())

    with pytest.raises(Defect, match="6 obligations passed its gates, 5 are there"):
        place.finish()

    assert trades(place) == []


def test_obligations_are_listed_by_reference_in_pages_with_their_details() -> None:
    place = clearing()
    place.add(SOME)

    first = netting_windows.list_obligations(place.tenant, place.net_id, after=None, limit=4)
    rest = netting_windows.list_obligations(place.tenant, place.net_id, after=first.last_key, limit=4)

    references = [added.obligation.reference for added in (*first.values, *rest.values)]
    assert references == [f"ses-000{number}" for number in range(1, 7)]
    assert (first.values[0].added_by, first.values[0].added_at, rest.last_key) == ("cli_test", MONDAY, None)


def test_windows_are_listed_the_newest_first() -> None:
    first = clearing()
    second = clearing(place=first.place)

    listed = netting_windows.list_netting_windows(first.tenant, after=None, limit=10).values

    assert {one.net_id for one in listed} == {first.net_id, second.net_id}
    assert [one.net_id for one in listed] == sorted((one.net_id for one in listed), reverse=True)


OPENING: list[tuple[str, dict[str, Any]]] = [
    ("template_not_found", {"template_id": "nothing", "closes_at": MONDAY}),
    ("closes_at_passed", {"closes_at": MONDAY, "parties": {"payer": "pty_x"}}),
    ("role_is_netted", {"parties": {"payer": "pty_x"}}),
    ("unknown_role", {"parties": {"pilot": "pty_x"}}),
    ("currency_not_banked", {"currency": "EUR"}),
]


@pytest.mark.parametrize(("code", "changes"), OPENING, ids=[code for code, _ in OPENING])
def test_a_window_that_cannot_be_is_not_opened(code: str, changes: dict[str, Any]) -> None:
    place = new_market()
    asked = window(place, **changes)

    assert refusal(lambda: netting_windows.open_netting_window(place.call(), asked)).code == code
    assert netting_windows.list_netting_windows(place.tenant, after=None, limit=5).values == ()


def test_a_party_of_another_role_must_be_there_and_have_its_account() -> None:
    place = new_market()
    parties = {"carrier": "pty_x", "inspector": place.party("i"), "warehouse": place.party("w")}
    shares = dict.fromkeys(parties, 1)
    asked = window(place, template_id="fixed-price", parties=parties, fixed_shares=shares)

    assert refusal(lambda: netting_windows.open_netting_window(place.call(), asked)).code == "party_not_found"


def test_a_window_keeps_the_version_of_its_template_that_it_was_opened_under() -> None:
    where = new_market()
    own = replace(find_template("netted"), id="own", title="First")
    commit(publish_template(where.tenant, Published(own, "cli_test", MONDAY), None))
    place = clearing(place=where, template_id="own")
    first = trades_store.take_newest(fetch((trades_store.template_key(where.tenant, "own"),)), where.tenant, "own")
    later = replace(own, version=2, title="Second")
    commit(publish_template(where.tenant, Published(later, "cli_test", MONDAY), first))
    place.add([("a", "b", 5)])

    place.finish()

    [trade] = trades(place)
    terms = trades_store.take_terms(records_of(place, trade), place.tenant, trade.trade_id)
    assert (terms.template.version, terms.template.title) == (1, "First")


def test_ninety_obligations_of_parties_that_are_known_are_one_read_and_one_commit() -> None:
    place = clearing()
    ninety: list[Owed] = [("a", "b", 1 + number) for number in range(MOST_AT_ONCE)]
    place.add(ninety)

    with watching() as calls:
        place.add(ninety, first=1 + MOST_AT_ONCE)

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert place.whole().passed == 2 * MOST_AT_ONCE
