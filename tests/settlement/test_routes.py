"""Settlement over HTTP: what a marketplace sends and gets, the same when it is sent again, and a clear no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app import app
from chalicelib.settlement.routes import dividing, lending, trades
from chalicelib.trades.domain.checking import MOST_ROLES
from tests.settlement.market import DUE, PAID, Market, deliverable, funded_by_credit, market, state_of
from tests.support.api import Api, Reply, signing, token_for
from tests.support.dynamodb_local import Tables

REPLAYED = "idempotent-replayed"
REFUNDED = ("refund_minor", "refund_to_interest_minor", "refund_to_principal_minor", "refund_to_buyer_minor")


@dataclass
class Shop:
    """A marketplace behind the API."""

    place: Market
    api: Api

    def steel(self, **changes: Any) -> dict[str, Any]:
        """The body that opens the deal of the worked numbers."""
        roles = ("buyer", "mill", "carrier")
        return {
            "template_id": "steel",
            "currency": "CNY",
            "quantity_milli": 500_000,
            "unit_price_minor": 365_000,
            "premium_minor": 1_500,
            "parties": {role: self.place.party(role) for role in roles},
            "fixed_shares": {"carrier": 4_250_000},
        } | changes

    def line(self, **changes: Any) -> dict[str, Any]:
        """The body that opens a line of 2,000,000.00 at 6 %."""
        return {
            "lender_party_id": self.place.party("lender"),
            "borrower_party_id": self.place.party("buyer"),
            "limit": {"minor": 200_000_000, "currency": "CNY"},
            "rate_bps": 600,
        } | changes


@pytest.fixture
def shop(tables: Tables) -> Iterator[Shop]:
    place = market()
    with signing():
        yield Shop(place, Api(app, token_for(place.tenant)))


def twice(shop: Shop, url: str, body: dict[str, Any]) -> Reply:
    """The answer, which is the same and marked as such when the request is sent again."""
    first, again = (shop.api.post(url, body, key="once") for _ in range(2))
    assert (again.status, again.body) == (first.status, first.body)
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    other = shop.api.post(url, body | {"unheard_of": 1}, key="once")
    assert (other.status, other.code) == (400, "invalid_field")
    return first


def test_a_trade_is_opened(shop: Shop) -> None:
    reply = twice(shop, "/v1/trades", shop.steel())

    assert reply.status == 201
    assert (reply.body["state"], reply.body["due_minor"]) == ("agreed", DUE)
    assert reply.body["trade_id"].startswith("trd_")
    assert shop.place.expected(reply.body["reference"]).expected_minor == DUE
    assert set(reply.body) == {
        "trade_id",
        "template_id",
        "template_version",
        "state",
        "currency",
        "due_minor",
        "deposit_minor",
        "reference",
        "escrow_account_id",
    }


def test_a_lender_is_made(shop: Shop) -> None:
    reply = twice(shop, "/v1/lenders", {"party_id": shop.place.party("lender"), "currency": "CNY"})

    assert (reply.status, set(reply.body)) == (201, {"party_id", "currency", "reference"})


def test_a_credit_line_is_opened(shop: Shop) -> None:
    shop.place.lender()

    reply = twice(shop, "/v1/credit-lines", shop.line(repayment_order=["principal", "interest"]))

    assert (reply.status, reply.body["day_count"], reply.body["limit_minor"]) == (201, "ACT/360", 200_000_000)
    assert reply.body["repayment_order"] == ["principal", "interest"]


def test_a_drawdown_answers_what_the_trade_still_asks_for(shop: Shop) -> None:
    shop.place.lend()
    line, deal = shop.place.line(), shop.place.deal()
    body = {"trade_id": deal.trade_id, "amount": {"minor": PAID, "currency": "CNY"}}

    reply = twice(shop, f"/v1/credit-lines/{line.line_id}/drawdowns", body)

    assert (reply.status, reply.body["trade_state"], reply.body["outstanding_minor"]) == (201, "deposited", DUE - PAID)
    assert (reply.body["drawn_minor"], reply.body["line_id"]) == (PAID, line.line_id)
    assert reply.body["entry_id"].startswith("ent_")


def test_a_settlement_answers_every_figure_and_how_it_came_about(shop: Shop) -> None:
    deal, line = funded_by_credit(shop.place)

    reply = twice(shop, f"/v1/trades/{deal.trade_id}/final-settlement", {})

    assert (reply.status, reply.body["state"], reply.body["refund_minor"]) == (200, "completed", 962_024)
    assert reply.body["shares_minor"] == {"carrier": 4_250_000, "platform": 544_613, "mill": 176_743_363}
    assert [step["step"] for step in reply.body["lines"]][:3] == ["quantity", "unit_price", "amount"]
    assert reply.body["refund_to_interest_minor"] + reply.body["refund_to_principal_minor"] == 962_024
    assert shop.place.credit_line(line).principal_minor == 82_500_000 - reply.body["refund_to_principal_minor"]


def test_a_release_answers_the_shares(shop: Shop) -> None:
    deal = deliverable(shop.place)

    reply = twice(shop, f"/v1/trades/{deal.trade_id}/releases", {"milestone": "delivery"})

    assert reply.status == 200
    assert reply.body | {"entry_id": "", "shares_minor": {}} == {
        "entry_id": "",
        "trade_id": deal.trade_id,
        "milestone": "delivery",
        "state": "completed",
        "released_minor": 3_000_000,
        "currency": "CNY",
        "shares_minor": {},
        "lot": "",
        "lines": [],
        "set_offs": [],
        **dict.fromkeys(REFUNDED, 0),
        "upstream_minor": 0,
    }
    assert sum(reply.body["shares_minor"].values()) == 3_000_000


def test_the_same_key_with_another_body_is_unprocessable(shop: Shop) -> None:
    shop.api.post("/v1/trades", shop.steel(), key="once")

    reply = shop.api.post("/v1/trades", shop.steel(premium_minor=0), key="once")

    assert (reply.status, reply.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"parties": {"buyer": "pty#a"}}, "invalid_field", "parties[...]"),
        ({"parties": {f"role{i}": f"pty_{i}" for i in range(MOST_ROLES + 1)}}, "invalid_field", "parties"),
        ({"fixed_shares": {f"role{i}": i for i in range(MOST_ROLES + 1)}}, "invalid_field", "fixed_shares"),
        ({"fixed_shares": {"carrier": 1.5}}, "float_not_allowed", "fixed_shares.carrier"),
        ({"currency": "cny"}, "invalid_field", "currency"),
        ({"quantity_milli": "1"}, "invalid_field", "quantity_milli"),
        ({"quantity_milli": 10**28}, "number_too_large", "quantity_milli"),
        ({"quantity_milli": 0}, "quantity_not_positive", "quantity_milli"),
        ({"currency": "JPY"}, "currency_not_allowed", "currency"),
        ({"parties": {}}, "party_missing", "parties"),
    ],
)
def test_a_deal_that_makes_no_sense_is_refused_by_field(
    shop: Shop, tables: Tables, changes: dict[str, Any], code: str, field: str
) -> None:
    body = shop.steel(**changes)
    before = state_of(tables)

    reply = shop.api.post("/v1/trades", body, key="once")

    assert (reply.status, reply.code, reply.body["field"]) == (400, code, field)
    assert state_of(tables) == before


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"limit": {"minor": 1, "currency": "XXZ"}}, "unknown_currency"),
        ({"limit": {"minor": 0, "currency": "CNY"}}, "limit_not_positive"),
        ({"rate_bps": -1}, "invalid_rate"),
        ({"backdating_days": -1}, "invalid_backdating_days"),
        ({"bounced_owed_from": "never"}, "invalid_field"),
        ({"day_count": "ACT/364"}, "invalid_field"),
        ({"repayment_order": ["interest"]}, "invalid_repayment_order"),
        ({"repayment_order": ["interest", "fees"]}, "invalid_field"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(shop: Shop, changes: dict[str, Any], code: str) -> None:
    reply = shop.api.post("/v1/credit-lines", shop.line(**changes), key="once")

    assert (reply.status, reply.code) == (400, code)


def test_refusals_have_the_status_of_their_kind(shop: Shop) -> None:
    deal = shop.place.deal()
    nothing, draw = f"trd_{'0' * 26}", {"trade_id": deal.trade_id, "amount": {"minor": 1, "currency": "CNY"}}

    for url, body, status, code in (
        (f"/v1/trades/{nothing}/final-settlement", {}, 404, "trade_not_found"),
        (f"/v1/trades/{deal.trade_id}/final-settlement", {}, 409, "trade_state"),
        (f"/v1/trades/{deal.trade_id}/releases", {"milestone": "arrival"}, 400, "unknown_milestone"),
        (f"/v1/trades/{deal.trade_id}/releases", {"milestone": "delivery"}, 409, "needs_final_settlement"),
        ("/v1/credit-lines/lin_none/drawdowns", draw, 404, "credit_line_not_found"),
        ("/v1/credit-lines/lin_none/drawdowns", draw | {"trade_id": "pty_x"}, 404, "trade_not_found"),
        ("/v1/lenders", {"party_id": "pty_none", "currency": "CNY"}, 404, "party_not_found"),
        ("/v1/trades", shop.steel(currency="EUR"), 409, "currency_not_banked"),
    ):
        reply = shop.api.post(url, body, key="once")
        assert (reply.status, reply.code) == (status, code), url


def test_another_marketplace_finds_nothing_of_it(shop: Shop, tables: Tables) -> None:
    deal, line = funded_by_credit(shop.place)
    grain = market("Grain Marketplace", iban="NL35MOCK0000000012")
    stranger = Api(app, token_for(grain.tenant))
    draw = {"trade_id": deal.trade_id, "amount": {"minor": 1, "currency": "CNY"}}
    before = state_of(tables)

    replies = [
        stranger.post(f"/v1/trades/{deal.trade_id}/final-settlement", {}, key="1"),
        stranger.post(f"/v1/trades/{deal.trade_id}/releases", {"milestone": "delivery"}, key="2"),
        stranger.post(f"/v1/credit-lines/{line.line_id}/drawdowns", draw, key="3"),
        stranger.post("/v1/credit-lines", shop.line(), key="4"),
        stranger.post("/v1/lenders", {"party_id": line.lender, "currency": "CNY"}, key="5"),
        stranger.post("/v1/trades", shop.steel(), key="6"),
    ]

    assert [reply.status for reply in replies] == [404] * 6
    assert state_of(tables) == before


def test_every_route_writes_under_a_key_and_a_scope_of_writing() -> None:
    routes = [*trades.router.routes, *dividing.router.routes, *lending.router.routes]
    assert {(route.method, route.writes) for route in routes} == {("POST", True), ("GET", False)}
    assert {route.scope for route in routes if route.writes} == {"trades:write", "credit:write"}
