"""The ledger over HTTP: answers, replays, refusals, pages, and nothing across tenants."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from app import app
from tests.support.api import Api, Reply, signing, token_for
from tests.support.dynamodb_local import Tables
from tests.support.faults import conflicted, crash_points, fault, lost_points


@dataclass(frozen=True)
class Books:
    """One tenant's API, with a bank account and a wallet opened through it."""

    api: Api
    bank: str
    wallet: str

    def transfer(self, minor: object = 500, *, key: str | None = None, **changes: Any) -> Reply:
        """From the bank to the wallet."""
        return self.api.post("/v1/transfers", self.body(minor) | changes, key=key or str(uuid.uuid4()))

    def body(self, minor: object = 500) -> dict[str, Any]:
        return {
            "debit_account_id": self.bank,
            "credit_account_id": self.wallet,
            "amount": {"minor": minor, "currency": "CNY"},
        }

    def balance(self) -> int:
        return int(self.api.get(f"/v1/accounts/{self.wallet}").body["balance_minor"])


def opened(api: Api, name: str, kind: str, **limits: int) -> str:
    body = {"name": name, "kind": kind, "currency": "CNY", **limits}
    return str(api.post("/v1/accounts", body, key=str(uuid.uuid4())).body["account_id"])


def books_of(tenant: str) -> Books:
    api = Api(app, token_for(tenant))
    return Books(api, opened(api, "bank", "asset"), opened(api, "wallet", "liability", floor_minor=0))


@pytest.fixture
def stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    with signing():
        yield


@pytest.fixture
def steel(stage: None) -> Books:
    return books_of(f"ten_{uuid.uuid4().hex}")


@pytest.fixture
def grain(stage: None) -> Books:
    return books_of(f"ten_{uuid.uuid4().hex}")


def test_an_account_is_opened_and_read(steel: Books) -> None:
    reply = steel.api.get(f"/v1/accounts/{steel.wallet}")

    assert (reply.status, reply.body) == (
        200,
        {
            "account_id": steel.wallet,
            "name": "wallet",
            "kind": "liability",
            "currency": "CNY",
            "purpose": "general",
            "owner": None,
            "floor_minor": 0,
            "ceiling_minor": None,
            "status": "open",
            "labels": {},
            "closed_until": None,
            "deferred": False,
            "as_of": None,
            "balance_minor": 0,
            "posted_minor": 0,
            "held_in_minor": 0,
            "held_in_complete": True,
            "held_out_minor": 0,
            "available_minor": 0,
            "version": 0,
        },
    )


def test_a_replayed_opening_answers_the_same_though_the_account_has_moved(steel: Books) -> None:
    body = {"name": "mill", "kind": "liability", "currency": "CNY"}
    first = steel.api.post("/v1/accounts", body, key="open-mill")
    steel.transfer(credit_account_id=first.body["account_id"])

    again = steel.api.post("/v1/accounts", body, key="open-mill")

    assert (again.status, again.body) == (first.status, first.body)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"


def test_a_transfer_moves_both_balances_and_is_read_by_its_id(steel: Books) -> None:
    reply = steel.transfer(1500, reference="INV 7", occurred_at="2026-03-01T08:00:00+08:00")

    entry = steel.api.get(f"/v1/entries/{reply.body['entry_id']}").body
    assert (reply.status, entry) == (201, reply.body)
    assert (entry["kind"], entry["reference"], entry["occurred_at"]) == (
        "transfer.posted",
        "INV 7",
        "2026-03-01T00:00:00.000000Z",
    )
    assert entry["postings"] == [
        {"account_id": steel.bank, "side": "debit", "minor": 1500, "currency": "CNY"},
        {"account_id": steel.wallet, "side": "credit", "minor": 1500, "currency": "CNY"},
    ]
    assert steel.balance() == 1500


def test_a_repeated_transfer_has_the_same_answer_and_one_effect(steel: Books) -> None:
    first, again = steel.transfer(key="k"), steel.transfer(key="k")

    assert (first.status, first.body) == (again.status, again.body)
    assert (again.headers["idempotent-replayed"], steel.balance()) == ("true", 500)


def test_a_key_with_another_body_or_for_another_route_is_refused(steel: Books) -> None:
    steel.transfer(500, key="k")

    other_body = steel.transfer(501, key="k")
    other_route = steel.api.post("/v1/accounts", {"name": "x", "kind": "asset", "currency": "CNY"}, key="k")

    assert [(r.status, r.code) for r in (other_body, other_route)] == [(422, "idempotency_key_reused")] * 2
    assert steel.balance() == 500


def test_a_refused_transfer_leaves_its_key_free(steel: Books) -> None:
    back = {"debit_account_id": steel.wallet, "credit_account_id": steel.bank}
    refused = steel.transfer(1, key="k", **back)
    steel.transfer(1)

    assert (refused.status, refused.code) == (409, "insufficient_funds")
    assert (refused.body["requested"], refused.body["available"]) == (1, 0)
    assert steel.transfer(1, key="k", **back).status == 201


@pytest.mark.parametrize(
    ("changes", "status", "code", "field"),
    [
        ({"amount": {"minor": 0, "currency": "CNY"}}, 400, "amount_not_positive", "postings[0].amount"),
        ({"amount": {"minor": -5, "currency": "CNY"}}, 400, "amount_not_positive", "postings[0].amount"),
        ({"amount": {"minor": 1.5, "currency": "CNY"}}, 400, "float_not_allowed", "amount.minor"),
        ({"amount": {"minor": 10**28, "currency": "CNY"}}, 400, "number_too_large", "amount.minor"),
        ({"amount": {"minor": 5, "currency": "XYZ"}}, 400, "unknown_currency", "amount"),
        ({"amount": {"minor": 5, "currency": "EUR"}}, 400, "currency_mismatch", None),
        ({"debit_account_id": "acc_none"}, 404, "account_not_found", None),
        ({"debit_account_id": "a#b"}, 400, "invalid_field", "debit_account_id"),
        ({"debit_account_id": "钢"}, 400, "invalid_field", "debit_account_id"),
        ({"occurred_at": "2026-03-01T08:00:00"}, 400, "invalid_instant", "occurred_at"),
        ({"occurred_at": "9999-01-01T00:00:00Z"}, 400, "occurred_in_future", "occurred_at"),
        ({"occurred_at": "0001-01-01T00:00:00+14:00"}, 400, "invalid_instant", "occurred_at"),
        ({"reference": ""}, 400, "invalid_field", "reference"),
        ({"reference": "x" * 141}, 400, "invalid_field", "reference"),
        ({"memo": "x"}, 400, "invalid_field", "memo"),
    ],
)
def test_bad_transfers_are_refused_by_rule_and_field(
    steel: Books, changes: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    reply = steel.transfer(**changes) if "amount" not in changes else steel.transfer(5, **changes)

    assert (reply.status, reply.code, reply.body.get("field")) == (status, code, field)
    assert steel.balance() == 0


def test_an_entry_that_would_move_one_account_in_two_currencies_is_refused(steel: Books) -> None:
    legs = [
        {"account_id": account, "side": side, "amount": {"minor": 5, "currency": currency}}
        for currency in ("CNY", "EUR")
        for account, side in ((steel.bank, "debit"), (steel.wallet, "credit"))
    ]

    reply = steel.api.post("/v1/entries", {"postings": legs}, key="k")

    assert (reply.status, reply.code) == (400, "account_in_two_currencies")
    assert reply.body["field"] == "postings[2].account_id"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"currency": "DEM"}, "unknown_currency"),
        ({"kind": "bank"}, "invalid_field"),
        ({"floor_minor": 1}, "invalid_limits"),
        ({"floor_minor": "0"}, "invalid_field"),
        ({"name": ""}, "invalid_field"),
        ({"name": "a\u0000b"}, "invalid_text"),
        ({"name": "x" * 141}, "invalid_field"),
    ],
)
def test_bad_accounts_are_refused(steel: Books, changes: dict[str, Any], code: str) -> None:
    body = {"name": "x", "kind": "asset", "currency": "CNY"} | changes

    reply = steel.api.post("/v1/accounts", body, key="k")

    assert (reply.status, reply.code) == (400, code)


def test_another_tenants_account_and_entry_look_like_none_at_all(steel: Books, grain: Books) -> None:
    entry_id = steel.transfer().body["entry_id"]

    for theirs, none in (
        (f"/v1/accounts/{steel.wallet}", "/v1/accounts/acc_none"),
        (f"/v1/accounts/{steel.wallet}/history", "/v1/accounts/acc_none/history"),
        (f"/v1/entries/{entry_id}", "/v1/entries/ent_none"),
    ):
        hidden, missing = grain.api.get(theirs), grain.api.get(none)
        assert (hidden.status, hidden.code) == (missing.status, missing.code)
        assert hidden.status == 404
        assert set(hidden.body) == set(missing.body)
    posted = grain.transfer(credit_account_id=steel.wallet)
    assert (posted.status, posted.code, steel.balance()) == (404, "account_not_found", 500)


def test_one_key_in_two_tenants_is_two_commands(steel: Books, grain: Books) -> None:
    assert [books.transfer(key="same").status for books in (steel, grain)] == [201, 201]


def test_accounts_are_listed_page_by_page_and_a_cursor_is_good_for_its_tenant_only(steel: Books, grain: Books) -> None:
    first = steel.api.get("/v1/accounts?limit=1")
    cursor = first.body["next_cursor"]
    second = steel.api.get(f"/v1/accounts?limit=1&cursor={cursor}")
    foreign = grain.api.get(f"/v1/accounts?cursor={cursor}")

    listed = [account["account_id"] for page in (first, second) for account in page.body["accounts"]]
    assert sorted(listed) == sorted([steel.bank, steel.wallet])
    assert (foreign.status, foreign.code) == (400, "invalid_cursor")


def test_a_history_nobody_has_projected_yet_says_so(steel: Books) -> None:
    steel.transfer()

    assert steel.api.get(f"/v1/accounts/{steel.wallet}/history").body == {
        "lines": [],
        "complete": False,
        "next_cursor": None,
    }


def test_an_api_killed_at_any_call_has_one_effect_and_the_usual_answer_after_a_retry(steel: Books) -> None:
    for number, point in enumerate(crash_points(), 1):
        with point:
            steel.transfer(1, key=f"k{number}")

        assert steel.transfer(1, key=f"k{number}").status == 201
        assert steel.balance() == number, point


def test_an_answer_lost_at_any_call_is_answered_all_the_same(steel: Books) -> None:
    for number, point in enumerate(lost_points(), 1):
        with point:
            reply = steel.transfer(1, key=f"k{number}")

        assert (reply.status, steel.balance()) == (201, number), point


def test_contention_that_does_not_end_is_busy_and_leaves_the_key_free(steel: Books) -> None:
    with fault(conflicted, times=99):
        busy = steel.transfer(1, key="k")

    assert (busy.status, busy.code, busy.headers["retry-after"]) == (503, "try_again", "1")
    assert (steel.transfer(1, key="k").status, steel.balance()) == (201, 1)


def test_who_may_only_read_cannot_write(steel: Books) -> None:
    tenant = "ten_a"
    reader = replace(steel, api=Api(app, token_for(tenant, "ledger:read")))

    assert (reader.transfer().status, reader.transfer().body["scope"]) == (403, "ledger:write")
