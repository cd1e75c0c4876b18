"""Every command of a trade over HTTP: what it takes and answers, the same when it is sent again, and a clear no."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import pytest

from app import app
from chalicelib.settlement.routes import dividing, trades
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import Fault
from chalicelib.trades.domain.terms import Lot
from chalicelib.trades.routes import life
from tests.settlement.goods import DEPOSIT, FEE, FREIGHT, GOODS, PRICE, RETAINED, SELLERS, WEIGHED, Trading
from tests.settlement.market import Deal
from tests.support.api import Api, Reply, signing, token_for
from tests.trades.papers import delivery_note, weight_note

SHARES = {"carrier": FREIGHT, "platform": FEE, "seller": SELLERS}
NOTHING = dict.fromkeys(
    (
        "upstream_minor",
        "refund_minor",
        "refund_to_interest_minor",
        "refund_to_principal_minor",
        "refund_to_buyer_minor",
    ),
    0,
)


@dataclass
class Desk:
    """A marketplace behind the API."""

    place: Trading
    api: Api

    def post(self, deal: Deal, path: str, body: dict[str, Any], *, key: str = "") -> Reply:
        return self.api.post(f"/v1/trades/{deal.trade_id}/{path}", body, key=key or path)

    def twice(self, deal: Deal, path: str, body: dict[str, Any], *, status: int = 200) -> dict[str, Any]:
        """The answer, which is the same and marked as such when the request is sent again."""
        first, again = (self.post(deal, path, body) for _ in range(2))
        assert (first.status, again.status, again.body) == (status, status, first.body), first.body
        assert again.headers["idempotent-replayed"] == "true"
        answer: dict[str, Any] = first.body
        assert answer.get("trade_id", deal.trade_id) == deal.trade_id
        return answer

    def money(self, minor: int, currency: str = "CNY") -> dict[str, Any]:
        return {"minor": minor, "currency": currency}


@pytest.fixture
def desk(place: Trading) -> Iterator[Desk]:
    with signing():
        yield Desk(place, Api(app, token_for(place.tenant)))


def deal_body(place: Trading, **changes: Any) -> dict[str, Any]:
    """The body that opens the tests' own deal."""
    place.publish(GOODS)
    roles = ("buyer", "seller", "carrier", "surveyor")
    return {
        "template_id": GOODS.id,
        "currency": "CNY",
        "quantity_milli": 10_000,
        "unit_price_minor": 100_000,
        "parties": {role: place.party(role) for role in roles},
        "fixed_shares": {"carrier": FREIGHT},
    } | changes


def test_a_whole_deal_is_opened_with_all_it_can_say(desk: Desk) -> None:
    lots = [{"name": "A1", "quantity_milli": 4_000}, {"name": "B2", "quantity_milli": 6_000, "unit_price_minor": 1}]
    body = deal_body(desk.place, lots=lots, draft=True, template_version=1, floor_minor=1, cap_minor=200_000)

    reply = desk.api.post("/v1/trades", body, key="once")

    assert (reply.status, reply.body["state"], reply.body["due_minor"]) == (201, "draft", 400_006)
    assert reply.body["deposit_minor"] == 80_001
    deal = Deal(reply.body["trade_id"], reply.body["reference"], {})
    assert desk.twice(deal, "agreement", {})["state"] == "agreed"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"window": {"first": "2026-02-30", "last": "2026-03-01"}}, "invalid_date", "window.first"),
        ({"window": {"first": "2026-03-01"}}, "invalid_field", "window.last"),
        ({"window": {"first": "2026-03-01", "last": "2026-03-02"}}, "window_not_wanted", "window"),
        ({"rate": {"numerator": 0, "denominator": 1}}, "invalid_rate", None),
        ({"rate": {"numerator": 1, "denominator": 1}}, "rate_without_price_currency", "rate"),
        ({"price_currency": "USD"}, "price_currency_not_allowed", "price_currency"),
        ({"price_currency": "usd"}, "invalid_field", "price_currency"),
        ({"lots": [{"name": "", "quantity_milli": 1}]}, "invalid_field", "lots[0].name"),
        ({"lots": [{"name": "A/1", "quantity_milli": 10_000}]}, "lot_name_invalid", "lots[0].name"),
        ({"lots": [{"name": "A1", "quantity_milli": 9_999}]}, "lots_do_not_add_up", "lots"),
        ({"lots": [{"name": str(i), "quantity_milli": 1} for i in range(51)]}, "invalid_field", "lots"),
        ({"cap_minor": 0}, "price_bounds_cross", "cap_minor"),
        ({"top_up_line_id": "lin#1"}, "invalid_field", "top_up_line_id"),
        ({"draft": "yes"}, "invalid_field", "draft"),
    ],
)
def test_a_deal_that_makes_no_sense_is_refused_by_field(
    desk: Desk, changes: dict[str, Any], code: str, field: str | None
) -> None:
    reply = desk.api.post("/v1/trades", deal_body(desk.place, **changes), key="once")

    assert (reply.status, reply.code, reply.body.get("field")) == (400, code, field)


def test_a_trade_is_funded_from_the_buyers_account(desk: Desk) -> None:
    deal = desk.place.under()
    desk.place.owe("buyer", PRICE)

    answer = desk.twice(deal, "fundings", {"amount": desk.money(DEPOSIT)}, status=201)

    assert (answer["funded_minor"], answer["trade_state"]) == (DEPOSIT, "deposited")
    assert (answer["outstanding_minor"], answer["entry_id"][:4]) == (PRICE - DEPOSIT, "ent_")


def test_a_milestone_is_signed_and_released(desk: Desk) -> None:
    deal = desk.place.delivered()
    body = {"milestone": "delivery", "role": "buyer", "party_id": desk.place.party("buyer")}

    signed = desk.twice(deal, "signatures", body, status=201)
    answer = desk.twice(deal, "releases", {"milestone": "delivery"})

    assert (signed["signed"], signed["state"], signed["milestone"]) == (["buyer"], "performing", "delivery")
    assert answer | {"entry_id": ""} == {
        "entry_id": "",
        "trade_id": deal.trade_id,
        "milestone": "delivery",
        "lot": "",
        "state": "completed",
        "currency": "CNY",
        "released_minor": PRICE,
        "shares_minor": SHARES,
        "lines": [],
        **NOTHING,
        "set_offs": [],
    }


def test_a_difference_is_asked_for_over_http(desk: Desk) -> None:
    deal = desk.place.paid(WEIGHED)
    desk.place.told_of(deal, weight_note(11_000, unit="unit"))
    desk.place.sign(deal)

    answer = desk.twice(deal, "final-settlement", {})

    assert (answer["state"], answer["top_up_minor"], answer["shares_minor"]) == ("top_up_due", PRICE // 10, {})
    assert (answer["currency"], answer["final_amount_minor"], answer["lot"]) == ("CNY", PRICE * 11 // 10, "")
    assert [line["step"] for line in answer["lines"]][-1] == "difference"


def test_each_lot_has_its_own_command(desk: Desk) -> None:
    by_lot = replace(GOODS, id="by-lot", milestones=(replace(GOODS.milestones[0], per_lot=True, signers=()),))
    deal = desk.place.paid(by_lot, lots=(Lot("A1", 4_000), Lot("B2", 6_000)))
    desk.place.told_of(deal, delivery_note("B2"))

    answer = desk.twice(deal, "releases", {"milestone": "delivery", "lot": "B2"})

    assert (answer["lot"], answer["released_minor"], answer["state"]) == ("B2", PRICE * 6 // 10, "releasing")
    for lot, code in (("", "lot_missing"), ("C3", "unknown_lot"), ("B2", "milestone_done"), ("A1", "evidence_missing")):
        assert desk.post(deal, "releases", {"milestone": "delivery", "lot": lot}, key=lot or "none").code == code


def test_a_dispute_is_opened_and_decided(desk: Desk) -> None:
    deal = desk.place.signed()
    body = {"role": "buyer", "party_id": desk.place.party("buyer"), "amount": desk.money(300_000), "reason": "wet"}

    opened = desk.twice(deal, "disputes", body, status=201)
    decision = {"role": "surveyor", "party_id": desk.place.party("surveyor"), "division": {"buyer": 300_000}}
    answer = desk.twice(deal, "dispute-resolution", decision)

    assert opened["dispute_id"].startswith("dsp_")
    assert (opened["disputed_minor"], opened["of_retention"], opened["state"]) == (300_000, False, "disputed")
    assert (answer["refund_to_buyer_minor"], answer["state"], answer["released_minor"]) == (300_000, "performing", 0)


def test_a_refund_comes_from_the_escrow_or_from_those_who_were_paid(desk: Desk) -> None:
    deal = desk.place.signed()

    held = desk.twice(deal, "refunds", {"amount": desk.money(100_000)})
    desk.place.release(deal)
    paid = desk.post(deal, "refunds", {"amount": desk.money(90_000), "from": "receivers"}, key="two").body

    assert (held["state"], held["refund_to_buyer_minor"], held["taken_back_minor"]) == ("performing", 100_000, {})
    assert (paid["state"], paid["refund_minor"]) == ("completed", 90_000)
    assert sum(paid["taken_back_minor"].values()) == 90_000
    assert desk.place.owed("buyer") == 190_000


def test_a_cancellation_leaves_a_claim_that_is_settled(desk: Desk) -> None:
    deal = desk.place.paid()
    desk.place.owe("seller", DEPOSIT)

    answer = desk.twice(deal, "cancellation", {"fault": "seller"})
    claim = desk.twice(deal, "claim-settlements", {"amount": desk.money(DEPOSIT)}, status=201)

    assert (answer["state"], answer["refund_minor"], answer["lines"][0]["rule"]) == ("cancelled", PRICE, "cancel")
    assert (claim["settled_minor"], claim["claim_minor"], claim["state"]) == (DEPOSIT, 0, "cancelled")


def test_a_retention_is_not_released_before_its_day(desk: Desk) -> None:
    deal = desk.place.signed(RETAINED)

    released = desk.twice(deal, "releases", {"milestone": "delivery"})
    reply = desk.post(deal, "retention-release", {})

    assert (released["released_minor"], released["state"]) == (PRICE - 50_000, "retained")
    assert (reply.status, reply.code) == (409, "retention_not_due")
    assert desk.place.escrow(deal) == 50_000


def test_a_retention_is_released_once_its_day_has_come(desk: Desk) -> None:
    deal = desk.place.signed(RETAINED)
    desk.place.release(deal)
    long_ago = replace(desk.place.trade(deal), retained_until=date(2026, 3, 2))
    desk.place.put(long_ago)

    answer = desk.twice(deal, "retention-release", {})

    assert (answer["shares_minor"], answer["state"]) == ({"seller": 50_000}, "completed")


def test_trades_are_linked_back_to_back(desk: Desk) -> None:
    upstream, downstream = desk.place.between("factory", "farm"), desk.place.between("pharmacy", "factory")

    answer = desk.twice(upstream, "back-to-back", {"downstream_trade_id": downstream.trade_id}, status=201)

    assert answer == {"upstream_trade_id": upstream.trade_id, "downstream_trade_id": downstream.trade_id}
    assert desk.place.trade(downstream).funds == upstream.trade_id


REFUSED: list[tuple[str, dict[str, Any], int, str]] = [
    ("agreement", {}, 409, "trade_state"),
    ("agreement", {"yes": True}, 400, "invalid_field"),
    ("fundings", {}, 400, "invalid_field"),
    ("fundings", {"amount": {"minor": 0, "currency": "CNY"}}, 400, "amount_not_positive"),
    ("fundings", {"amount": {"minor": PRICE + 1, "currency": "CNY"}}, 409, "more_than_outstanding"),
    ("fundings", {"amount": {"minor": 1, "currency": "CNY"}}, 409, "insufficient_funds"),
    ("signatures", {"milestone": "delivery", "role": "buyer", "party_id": "pty_1"}, 400, "signer_without_role"),
    ("signatures", {"milestone": "arrival", "role": "buyer", "party_id": "pty_1"}, 400, "unknown_milestone"),
    ("signatures", {"milestone": "", "role": "buyer", "party_id": "pty_1"}, 400, "invalid_field"),
    ("releases", {"milestone": "delivery", "lot": "A1"}, 400, "lot_not_wanted"),
    ("releases", {"milestone": "delivery"}, 409, "trade_state"),
    ("final-settlement", {}, 409, "no_final_settlement"),
    ("retention-release", {}, 409, "trade_state"),
    ("disputes", {"role": "buyer", "party_id": "pty_1", "reason": "x"}, 400, "invalid_field"),
    ("dispute-resolution", {"role": "surveyor", "division": {"buyer": "1"}}, 400, "invalid_field"),
    ("dispute-resolution", {"role": "buyer", "division": {"buyer": 1}}, 400, "arbiter_required"),
    ("refunds", {"amount": {"minor": 1, "currency": "EUR"}}, 400, "currency_mismatch"),
    ("refunds", {"amount": {"minor": 1, "currency": "CNY"}, "from": "bank"}, 400, "invalid_field"),
    ("refunds", {"amount": {"minor": 1, "currency": "CNY"}, "from": "receivers"}, 409, "trade_state"),
    ("cancellation", {}, 400, "invalid_field"),
    ("cancellation", {"fault": "nobody"}, 400, "invalid_field"),
    ("claim-settlements", {"amount": {"minor": 1, "currency": "CNY"}}, 409, "trade_state"),
    ("back-to-back", {"downstream_trade_id": "pty_1"}, 404, "trade_not_found"),
    ("back-to-back", {"downstream_trade_id": "trd#1"}, 400, "invalid_field"),
]


@pytest.mark.parametrize(
    ("path", "body", "status", "code"), REFUSED, ids=[f"{row[0]}-{i}-{row[3]}" for i, row in enumerate(REFUSED)]
)
def test_what_is_wrong_is_refused_with_the_status_of_its_kind(
    desk: Desk, path: str, body: dict[str, Any], status: int, code: str
) -> None:
    deal = desk.place.under()

    reply = desk.post(deal, path, body)

    assert (reply.status, reply.code) == (status, code)
    assert desk.place.trade(deal).state is State.AGREED


def test_every_route_writes_under_a_key_and_needs_the_scope_of_trades() -> None:
    routes = [*trades.router.routes, *dividing.router.routes, *life.router.routes]
    assert {(route.method, route.scope, route.writes) for route in routes} == {
        ("POST", "trades:write", True),
        ("GET", "trades:read", False),
    }
    assert {fault.value for fault in Fault} == {"none", "buyer", "seller"}
