"""Netting windows over HTTP: what a marketplace sends and gets, the same when it is sent again, and a clear no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import app
from chalicelib.settlement.domain.netting import MOST_AT_ONCE
from chalicelib.settlement.routes.netting import router
from tests.settlement.clearing import Owed, books, new_market
from tests.settlement.market import Market
from tests.support.api import Api, Reply, signing, token_for
from tests.support.dynamodb_local import Tables

WINDOWS = "/v1/netting-windows"
REPLAYED = "idempotent-replayed"
OWED: list[Owed] = [("a", "b", 500), ("b", "a", 200), ("b", "c", 90), ("c", "b", 90)]


@dataclass
class Desk:
    """A marketplace behind the API."""

    place: Market
    api: Api

    def window(self, **changes: Any) -> dict[str, Any]:
        """The body of a window that closes tomorrow."""
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        usual = {"template_id": "netted", "currency": "CNY", "mode": "bilateral", "closes_at": tomorrow}
        return usual | changes

    def opened(self, **changes: Any) -> str:
        """The address of a new window."""
        reply = self.api.post(WINDOWS, self.window(**changes), key=f"open {changes}")
        assert reply.status == 201, reply.body
        return f"{WINDOWS}/{reply.body['net_id']}"

    def obligation(self, reference: str, owed: Owed, **changes: Any) -> dict[str, Any]:
        payer, payee, minor = owed
        return {
            "reference": reference,
            "payer_party_id": self.place.party(payer),
            "payee_party_id": self.place.party(payee),
            "amount": {"minor": minor, "currency": "CNY"},
        } | changes

    def some(self, **changes: Any) -> dict[str, Any]:
        """The body that adds four obligations."""
        return {"obligations": [self.obligation(f"s-{i}", owed) | changes for i, owed in enumerate(OWED)]}


@pytest.fixture
def desk(session_tables: Tables) -> Iterator[Desk]:
    with books(session_tables), signing():
        place = new_market()
        yield Desk(place, Api(app, token_for(place.tenant)))


def twice(desk: Desk, url: str, body: dict[str, Any]) -> Reply:
    """The answer, which is the same and marked as such when the request is sent again."""
    first, again = (desk.api.post(url, body, key="once") for _ in range(2))
    assert (again.status, again.body) == (first.status, first.body)
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    return first


def test_a_window_is_opened(desk: Desk) -> None:
    reply = twice(desk, WINDOWS, desk.window())

    assert reply.status == 201
    assert (reply.body["state"], reply.body["mode"], reply.body["template_version"]) == ("open", "bilateral", 1)
    assert reply.body["net_id"].startswith("net_")


def test_obligations_are_added_and_an_open_window_counts_them(desk: Desk) -> None:
    window = desk.opened()

    reply = twice(desk, f"{window}/obligations", desk.some(details={"kwh": "31.2"}))

    assert (reply.status, reply.body["added"], reply.body["added_minor"]) == (201, 4, 880)
    seen = desk.api.get(window).body
    assert (seen["window"]["state"], seen["obligations"], seen["window"]["total_minor"]) == ("open", 4, None)
    assert (seen["positions"], seen["pairs"], seen["settlements"]) == ([], [], [])


def test_a_window_that_is_closed_shows_what_two_owed_each_other_and_the_trade_that_is_left(desk: Desk) -> None:
    window = desk.opened()
    desk.api.post(f"{window}/obligations", desk.some(), key="add")

    reply = twice(desk, f"{window}/closing", {})

    a, b, c = (desk.place.party(name) for name in "abc")
    assert (reply.status, reply.body["state"]) == (200, "summing")
    seen = desk.api.get(window).body
    assert (seen["window"]["state"], seen["window"]["total_minor"], seen["obligations"]) == ("closed", 880, 4)
    assert [(one["party_id"], one["net_minor"]) for one in seen["positions"]] == [(a, -300), (b, 300), (c, 0)]
    assert [tuple(one.values()) for one in seen["pairs"]] == [(a, b, 2, 500, 200, 300), (b, c, 2, 90, 90, 0)]
    [settlement] = seen["settlements"]
    assert tuple(settlement.values())[:3] == (a, b, 300)
    trade = desk.api.get(f"/v1/trades/{settlement['trade_id']}")
    assert (trade.status, settlement["refused"]) == (200, None)


def test_an_obligation_is_followed_to_its_trade(desk: Desk) -> None:
    window = desk.opened()
    desk.api.post(f"{window}/obligations", desk.some(details={"kwh": "31.2"}), key="add")
    before = desk.api.get(f"{window}/obligations/s-1").body
    desk.api.post(f"{window}/closing", {}, key="close")

    paid, even = (desk.api.get(f"{window}/obligations/{reference}").body for reference in ("s-1", "s-2"))

    assert (before["state"], before["positions"], before["settlements"]) == ("open", [], [])
    assert (paid["obligation"]["minor"], paid["obligation"]["details"]) == (200, {"kwh": "31.2"})
    assert paid["settlements"] == desk.api.get(window).body["settlements"]
    assert [one["net_minor"] for one in paid["positions"]] == [300, -300]
    assert (even["state"], even["settlements"]) == ("closed", [])


def test_among_all_an_obligation_is_followed_to_the_payments_of_its_two(desk: Desk) -> None:
    window = desk.opened(mode="multilateral")
    ring: list[Owed] = [("a", "b", 50), ("b", "c", 30), ("c", "a", 10), ("d", "c", 5)]
    body = {"obligations": [desk.obligation(f"s-{i}", owed) for i, owed in enumerate(ring)]}
    desk.api.post(f"{window}/obligations", body, key="add")
    desk.api.post(f"{window}/closing", {}, key="close")

    traced = desk.api.get(f"{window}/obligations/s-3").body

    ends = {desk.place.party("d"), desk.place.party("c")}
    assert all(ends & {one["payer_party_id"], one["payee_party_id"]} for one in traced["settlements"])
    assert len(traced["settlements"]) == 2
    assert [one["net_minor"] for one in traced["positions"]] == [-5, 25]


def test_obligations_and_windows_are_listed_in_pages(desk: Desk) -> None:
    window = desk.opened()
    desk.api.post(f"{window}/obligations", desk.some(), key="add")

    first = desk.api.get(f"{window}/obligations?limit=3").body
    rest = desk.api.get(f"{window}/obligations?limit=3&cursor={first['next_cursor']}").body
    listed = desk.api.get(WINDOWS).body

    assert [one["reference"] for one in (*first["obligations"], *rest["obligations"])] == ["s-0", "s-1", "s-2", "s-3"]
    assert (rest["next_cursor"], [one["state"] for one in listed["windows"]]) == (None, ["open"])


def test_a_cursor_of_another_window_is_refused(desk: Desk) -> None:
    first, second = desk.opened(), desk.opened(mode="multilateral")
    desk.api.post(f"{first}/obligations", desk.some(), key="add")
    cursor = desk.api.get(f"{first}/obligations?limit=1").body["next_cursor"]

    assert desk.api.get(f"{second}/obligations?limit=1&cursor={cursor}").code == "invalid_cursor"


BODIES: list[tuple[str, int, str, dict[str, Any]]] = [
    ("an instant", 400, "invalid_instant", {"closes_at": "tomorrow"}),
    ("no instant", 400, "invalid_field", {"closes_at": 5}),
    ("a mode", 400, "invalid_field", {"mode": "gross"}),
    ("the past", 400, "closes_at_passed", {"closes_at": "2026-01-01T00:00:00Z"}),
    ("the far future", 400, "closes_at_too_far", {"closes_at": "2126-01-01T00:00:00Z"}),
    ("the end of time", 400, "closes_at_too_far", {"closes_at": "9999-12-31T23:59:59Z"}),
    ("an unknown template", 404, "template_not_found", {"template_id": "nothing"}),
    ("a price that floats", 400, "price_not_agreed", {"template_id": "steel"}),
    ("a buyer", 400, "role_is_netted", {"parties": {"payer": "pty_x"}}),
    ("an unknown share", 400, "unknown_share", {"fixed_shares": {"payee": 5}}),
    ("an unknown field", 400, "invalid_field", {"closes": "2026-01-01T00:00:00Z"}),
    ("a currency", 400, "currency_not_allowed", {"currency": "JPY"}),
]


@pytest.mark.parametrize(("status", "code", "changes"), [one[1:] for one in BODIES], ids=[one[0] for one in BODIES])
def test_a_window_with_a_wrong_body_is_refused(desk: Desk, status: int, code: str, changes: dict[str, Any]) -> None:
    reply = desk.api.post(WINDOWS, desk.window(**changes), key="bad")

    assert (reply.status, reply.code) == (status, code)
    assert desk.api.get(WINDOWS).body["windows"] == []


ADDITIONS: list[tuple[str, int, str, str | None, dict[str, Any]]] = [
    ("nothing", 400, "amount_not_positive", "obligations[0].amount.minor", {"amount": {"minor": 0, "currency": "CNY"}}),
    ("less", 400, "amount_not_positive", "obligations[0].amount.minor", {"amount": {"minor": -5, "currency": "CNY"}}),
    ("a float", 400, "float_not_allowed", None, {"amount": {"minor": 1.5, "currency": "CNY"}}),
    ("another currency", 400, "currency_mismatch", None, {"amount": {"minor": 5, "currency": "EUR"}}),
    ("no currency", 400, "unknown_currency", None, {"amount": {"minor": 5, "currency": "XXX"}}),
    ("too much", 400, "amount_too_large", None, {"amount": {"minor": 10**15 + 1, "currency": "CNY"}}),
    ("one reference", 400, "reference_twice", "obligations[1].reference", {"reference": "s-0"}),
    ("a long reference", 400, "invalid_field", None, {"reference": "s" * 65}),
    ("a reference with a slash", 400, "invalid_field", None, {"reference": "s/1"}),
    ("itself", 400, "payer_is_payee", None, {"payer_party_id": "pty_x", "payee_party_id": "pty_x"}),
    ("a stranger", 409, "party_account_missing", "obligations[0].payer_party_id", {"payer_party_id": "pty_x"}),
    ("details that are numbers", 400, "invalid_field", None, {"details": {"kwh": 5}}),
    ("details with a wrong key", 400, "invalid_details", "obligations[0].details", {"details": {"KWH!": "5"}}),
]


@pytest.mark.parametrize(
    ("status", "code", "field", "changes"), [one[1:] for one in ADDITIONS], ids=[one[0] for one in ADDITIONS]
)
def test_an_obligation_with_a_wrong_body_is_refused_and_none_is_added(
    desk: Desk, status: int, code: str, field: str | None, changes: dict[str, Any]
) -> None:
    window = desk.opened()

    reply = desk.api.post(f"{window}/obligations", desk.some(**changes), key="bad")

    assert (reply.status, reply.code) == (status, code)
    assert field is None or reply.body["field"] == field
    assert desk.api.get(window).body["obligations"] == 0


@pytest.mark.parametrize(
    ("count", "status", "code"), [(0, 400, "too_few_obligations"), (MOST_AT_ONCE + 1, 413, "too_many_obligations")]
)
def test_a_call_has_one_to_ninety_obligations(desk: Desk, count: int, status: int, code: str) -> None:
    body = {"obligations": [desk.obligation(f"s-{i}", ("a", "b", 5)) for i in range(count)]}

    reply = desk.api.post(f"{desk.opened()}/obligations", body, key="bad")

    assert (reply.status, reply.code) == (status, code)


def test_ninety_obligations_with_all_the_details_they_may_have_are_one_call(desk: Desk) -> None:
    details = {f"k{i}": "x" * 480 for i in range(4)}
    body = {"obligations": [desk.obligation(f"s-{i}", ("a", "b", 5), details=details) for i in range(MOST_AT_ONCE)]}
    window = desk.opened()

    assert desk.api.post(f"{window}/obligations", body, key="all").status == 201
    desk.api.post(f"{window}/closing", {}, key="close")

    assert desk.api.get(window).body["window"]["total_minor"] == 5 * MOST_AT_ONCE


def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    window, nothing = desk.opened(), f"{WINDOWS}/net_01jx0000000000000000000000"

    replies = [
        desk.api.get(nothing),
        desk.api.get(f"{nothing}/obligations"),
        desk.api.get(f"{nothing}/obligations/s-1"),
        desk.api.post(f"{nothing}/obligations", desk.some(), key="k"),
        desk.api.post(f"{nothing}/closing", {}, key="k"),
        desk.api.get(f"{window}/obligations/s-1"),
    ]

    assert [reply.status for reply in replies] == [404] * 6
    assert [reply.code for reply in replies] == [*["netting_window_not_found"] * 5, "obligation_not_found"]


def test_a_window_that_is_closing_is_not_closed_again(desk: Desk) -> None:
    window = desk.opened()
    desk.api.post(f"{window}/closing", {}, key="close")

    again, late = (
        desk.api.post(f"{window}/closing", {}, key="again"),
        desk.api.post(f"{window}/obligations", desk.some(), key="late"),
    )

    assert (again.status, again.code, again.body["state"]) == (409, "window_state", "closed")
    assert (late.status, late.code) == (409, "window_closed")


def test_reading_needs_the_scope_of_reading_and_the_rest_that_of_writing() -> None:
    scopes = {(route.method, route.scope, route.writes) for route in router.routes}

    assert scopes == {("GET", "trades:read", False), ("POST", "trades:write", True)}
