"""Foreign exchange over HTTP: answers, replays, bad input by rule and field."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import app
from tests.support.api import Api, Reply, signing, token_for
from tests.support.dynamodb_local import Tables

HOUR = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
TERMS: dict[str, Any] = {
    "sell_currency": "EUR",
    "buy_currency": "JPY",
    "rate": {"numerator": 163_75, "denominator": 100},
    "market_rate": {"numerator": 164, "denominator": 1},
    "valid_until": HOUR,
}


@dataclass(frozen=True)
class Desk:
    """One tenant's API with a party's account in euros and one in yen."""

    api: Api
    euros: str
    yen: str

    def post(self, path: str, body: dict[str, Any], key: str | None = None) -> Reply:
        return self.api.post(path, body, key=key or str(uuid.uuid4()))

    def quote(self, **changes: Any) -> Reply:
        return self.post("/v1/fx-quotes", TERMS | changes)

    def exchange(self, quote_id: str, key: str | None = None, **changes: Any) -> Reply:
        body = {
            "from_account_id": self.euros,
            "to_account_id": self.yen,
            "sell": {"minor": 100_10, "currency": "EUR"},
        }
        return self.post(f"/v1/fx-quotes/{quote_id}/exchanges", body | changes, key)


@pytest.fixture
def desk(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    with signing():
        api = Api(app, token_for(f"ten_{uuid.uuid4().hex}"))
        yield Desk(api, *(opened(api, currency) for currency in ("EUR", "JPY")))


def opened(api: Api, currency: str) -> str:
    body = {"name": currency, "kind": "liability", "currency": currency}
    return str(api.post("/v1/accounts", body, key=str(uuid.uuid4())).body["account_id"])


def test_money_is_exchanged_under_a_quote_and_the_positions_tell_of_it(desk: Desk) -> None:
    accounts = {currency: desk.post("/v1/fx-accounts", {"currency": currency}).body for currency in ("EUR", "JPY")}
    quote_id = desk.quote().body["quote_id"]

    reply = desk.exchange(quote_id, reference="order 7", metadata={"desk": "asia"})

    sides = [(leg["account_id"], leg["side"], leg["minor"]) for leg in reply.body["postings"]]
    assert (reply.status, reply.body["quote_id"]) == (201, quote_id)
    assert [reply.body[name] for name in ("sold", "bought", "market", "result_minor")] == [
        {"minor": 100_10, "currency": "EUR"},
        {"minor": 16_391, "currency": "JPY"},  # 16,391.375
        {"minor": 16_416, "currency": "JPY"},  # 16,416.4
        25,
    ]
    assert sides == [
        (desk.euros, "debit", 100_10),
        (accounts["EUR"]["position_account_id"], "credit", 100_10),
        (desk.yen, "credit", 16_391),
        (accounts["JPY"]["position_account_id"], "debit", 16_416),
        (accounts["JPY"]["result_account_id"], "credit", 25),
    ]
    assert (reply.body["reference"], reply.body["metadata"]) == ("order 7", {"desk": "asia"})
    positions = desk.api.get("/v1/fx-positions").body["positions"]
    assert [(line["currency"], line["position_minor"], line["result_minor"]) for line in positions] == [
        ("EUR", 100_10, 0),
        ("JPY", -16_416, 25),
    ]
    assert desk.api.get(f"/v1/entries/{reply.body['entry_id']}").body["kind"] == "fx.exchanged"


def test_a_quote_is_read_as_it_was_made_and_tells_when_it_was_used(desk: Desk) -> None:
    made = desk.quote(single_use=True)
    for currency in ("EUR", "JPY"):
        desk.post("/v1/fx-accounts", {"currency": currency})
    path = f"/v1/fx-quotes/{made.body['quote_id']}"
    before = desk.api.get(path)

    used_by = desk.exchange(made.body["quote_id"]).body["entry_id"]
    refused = desk.exchange(made.body["quote_id"])

    assert (made.status, before.body) == (201, made.body)
    assert desk.api.get(path).body == made.body | {"used_by": used_by}
    assert (refused.status, refused.code, refused.body["entry_id"]) == (409, "quote_used", used_by)


def test_a_repeated_request_has_the_same_answer(desk: Desk) -> None:
    for currency in ("EUR", "JPY"):
        desk.post("/v1/fx-accounts", {"currency": currency})
    quote_id = desk.quote().body["quote_id"]

    first, again = (desk.exchange(quote_id, "k", sell=None, buy={"minor": 5, "currency": "JPY"}) for _ in range(2))

    assert (first.status, first.body) == (again.status, again.body)
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"rate": {"numerator": 0, "denominator": 1}}, "invalid_rate", "rate"),
        ({"rate": {"numerator": 1, "denominator": 10**18 + 1}}, "invalid_rate", "rate"),
        ({"rate": {"numerator": 1.5, "denominator": 1}}, "float_not_allowed", "rate.numerator"),
        ({"rate": {"numerator": 1}}, "invalid_field", "rate.denominator"),
        ({"market_rate": {"numerator": 1, "denominator": 0}}, "invalid_rate", "market_rate"),
        ({"sell_currency": "DEM"}, "unknown_currency", None),
        ({"sell_currency": "euro"}, "invalid_field", "sell_currency"),
        ({"buy_currency": "EUR"}, "same_currency", "buy_currency"),
        ({"valid_until": "2026-03-01T00:00:00Z"}, "invalid_validity", "valid_until"),
        ({"valid_until": "9999-12-31T00:00:00Z"}, "invalid_validity", "valid_until"),
        ({"valid_until": "tomorrow"}, "invalid_instant", "valid_until"),
        ({"spread": 1}, "invalid_field", "spread"),
    ],
)
def test_a_bad_quote_is_refused(desk: Desk, changes: dict[str, Any], code: str, field: str | None) -> None:
    reply = desk.quote(**changes)

    assert (reply.status, reply.code, reply.body.get("field")) == (400, code, field)


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"sell": None}, 400, "sell_or_buy", "sell"),
        ({"buy": {"minor": 1, "currency": "JPY"}}, 400, "sell_or_buy", "sell"),
        ({"sell": {"minor": 0, "currency": "EUR"}}, 400, "amount_not_positive", "sell"),
        ({"sell": {"minor": -1, "currency": "EUR"}}, 400, "amount_not_positive", "sell"),
        ({"sell": {"minor": 1, "currency": "JPY"}}, 400, "currency_mismatch", "sell"),
        ({"sell": {"minor": 10**28, "currency": "EUR"}}, 400, "number_too_large", "sell.minor"),
        ({"sell": {"minor": 1, "currency": "DEM"}}, 400, "unknown_currency", "sell"),
        ({"from_account_id": "a#b"}, 400, "invalid_field", "from_account_id"),
        ({"metadata": {"Desk": "x"}}, 400, "invalid_metadata", "metadata"),
        ({"occurred_at": "9999-01-01T00:00:00Z"}, 400, "occurred_in_future", "occurred_at"),
        ({"occurred_at": "yesterday"}, 400, "invalid_instant", "occurred_at"),
        ({"reference": ""}, 400, "invalid_field", "reference"),
        ({}, 409, "fx_account_missing", None),
    ],
)
def test_a_bad_exchange_is_refused(
    desk: Desk, changes: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    quote_id = desk.quote().body["quote_id"]

    reply = desk.exchange(quote_id, **changes)

    assert (reply.status, reply.code, reply.body.get("field")) == (status, code, field)


def test_what_is_no_quote_is_not_found(desk: Desk) -> None:
    replies = [desk.exchange("fxq_none"), desk.api.get("/v1/fx-quotes/fxq_none"), desk.api.get("/v1/fx-quotes/fx")]

    assert [(reply.status, reply.code) for reply in replies] == [(404, "quote_not_found")] * 3


def test_the_accounts_of_a_currency_are_opened_once(desk: Desk) -> None:
    first, again = (desk.post("/v1/fx-accounts", {"currency": "EUR"}) for _ in range(2))
    unknown = desk.post("/v1/fx-accounts", {"currency": "XXX"})

    assert (first.status, again.status, again.code) == (201, 409, "fx_accounts_exist")
    assert again.body["position_account_id"] == first.body["position_account_id"]
    assert (unknown.status, unknown.code) == (400, "unknown_currency")
