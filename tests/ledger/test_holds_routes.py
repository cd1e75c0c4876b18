"""Holds over HTTP: answers, replays, refusals with their status, pages, and nothing across tenants."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import app
from chalicelib.core.instants import instant_text
from chalicelib.ledger.service.holds import index
from tests.support.api import Api, Reply, signing, token_for
from tests.support.dynamodb_local import Tables

CNY = "CNY"


@dataclass(frozen=True)
class Books:
    """One tenant's API, with a bank account, a payer that has 100 and a payee."""

    api: Api
    tenant: str
    bank: str
    payer: str
    payee: str

    def post(self, url: str, body: object, key: str | None = None) -> Reply:
        return self.api.post(url, body, key=key or str(uuid.uuid4()))

    def body(self, minor: int = 40, **changes: Any) -> dict[str, Any]:
        usual = {"debit_account_id": self.payer, "credit_account_id": self.payee, "amount": money(minor)}
        return usual | changes

    def hold(self, minor: int = 40, *, key: str | None = None, **changes: Any) -> Reply:
        """A hold, in its lists."""
        reply = self.post("/v1/holds", self.body(minor, **changes), key)
        if reply.status == 201:
            index(self.tenant, reply.body["hold_id"])
        return reply

    def amounts(self, account_id: str) -> tuple[int, int, int, int]:
        """Posted, held in, held out, available."""
        view = self.api.get(f"/v1/accounts/{account_id}").body
        return tuple(view[f"{name}_minor"] for name in ("posted", "held_in", "held_out", "available"))  # type: ignore[return-value]


def money(minor: int, currency: str = CNY) -> dict[str, Any]:
    return {"minor": minor, "currency": currency}


def books_of(tenant: str) -> Books:
    api = Api(app, token_for(tenant))

    def opened(kind: str, **limits: int) -> str:
        body = {"name": "any", "kind": kind, "currency": CNY, **limits}
        return str(api.post("/v1/accounts", body, key=str(uuid.uuid4())).body["account_id"])

    books = Books(api, tenant, opened("asset"), opened("liability", floor_minor=0), opened("liability"))
    transfer = {"debit_account_id": books.bank, "credit_account_id": books.payer, "amount": money(100)}
    books.post("/v1/transfers", transfer)
    return books


@pytest.fixture
def stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    with signing():
        yield


@pytest.fixture
def books(stage: None) -> Books:
    return books_of(f"ten_{uuid.uuid4().hex}")


def test_a_hold_is_placed_and_read(books: Books) -> None:
    expires_at = instant_text(datetime.now(UTC) + timedelta(hours=1))
    reply = books.hold(expires_at=expires_at, reference="INV 7", metadata={"order": "7"})

    view = books.api.get(f"/v1/holds/{reply.body['hold_id']}").body
    assert (reply.status, view) == (201, reply.body)
    assert view == {
        "hold_id": reply.body["hold_id"],
        "entry_id": reply.body["entry_id"],
        "status": "pending",
        "debit_account_id": books.payer,
        "credit_account_id": books.payee,
        "reserved": "debit",
        "currency": CNY,
        "amount_minor": 40,
        "captured_minor": 0,
        "remaining_minor": 40,
        "released_minor": 0,
        "placed_at": view["placed_at"],
        "expires_at": expires_at,
        "closed_at": None,
        "reference": "INV 7",
        "metadata": {"order": "7"},
    }
    assert (books.amounts(books.payer), books.amounts(books.payee)) == ((100, 0, 40, 60), (0, 40, 0, 0))


def test_a_repeated_placing_has_the_same_answer_though_the_hold_has_moved_on(books: Books) -> None:
    first = books.hold(key="k")
    books.post(f"/v1/holds/{first.body['hold_id']}/void", {})

    again = books.post("/v1/holds", books.body(), "k")
    other = books.post("/v1/holds", books.body(41), "k")

    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, first.body, "true")
    assert (other.status, other.code) == (422, "idempotency_key_reused")


def test_a_hold_is_captured_in_parts_and_voided(books: Books) -> None:
    hold_id = books.hold().body["hold_id"]
    part = {"amount": money(15), "close": False, "reference": "part 1", "metadata": {"a": "b"}}

    captured = books.post(f"/v1/holds/{hold_id}/captures", part)
    voided = books.post(f"/v1/holds/{hold_id}/void", {})

    entry = books.api.get(f"/v1/entries/{captured.body['entry_id']}").body
    told = ("hold_id", "status", "booked_minor", "captured_minor", "remaining_minor", "currency", "reference")
    assert [captured.body[name] for name in told] == [hold_id, "pending", 15, 15, 25, CNY, "part 1"]
    assert [voided.body[name] for name in told] == [hold_id, "voided", 0, 15, 0, CNY, None]
    assert (captured.status, voided.status) == (201, 201)
    assert (entry["kind"], entry["subject"], len(entry["postings"])) == ("hold.captured", hold_id, 2)
    assert books.amounts(books.payer) == (85, 0, 0, 85)


def test_money_of_the_credited_account_is_reserved_on_demand(books: Books) -> None:
    vault = books.post("/v1/accounts", {"name": "v", "kind": "asset", "currency": CNY, "floor_minor": 0})
    account_id = vault.body["account_id"]
    books.post("/v1/transfers", books.body(30, debit_account_id=account_id, credit_account_id=books.bank))
    terms = {"debit_account_id": books.bank, "credit_account_id": account_id, "reserved": "credit"}

    reply = books.hold(20, **terms)

    assert (reply.status, books.amounts(account_id)) == (201, (30, 0, 20, 10))


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"amount": {"minor": 1.5, "currency": CNY}}, 400, "float_not_allowed"),
        ({"amount": money(10**28)}, 400, "number_too_large"),
        ({"amount": money(10**27 + 1)}, 400, "amount_too_large"),
        ({"amount": money(1, "XXX")}, 400, "unknown_currency"),
        ({"reserved": "both"}, 400, "invalid_field"),
        ({"expires_at": "tomorrow"}, 400, "invalid_instant"),
        ({"more": 1}, 400, "invalid_field"),
        ({"amount": money(0)}, 400, "amount_not_positive"),
        ({"amount": money(-1)}, 400, "amount_not_positive"),
        ({"metadata": {"Key": "x"}}, 400, "invalid_metadata"),
        ({"metadata": {f"k{number}": "x" for number in range(21)}}, 400, "too_many_metadata"),
        ({"expires_at": "2020-01-01T00:00:00Z"}, 400, "invalid_expiry"),
        ({"debit_account_id": "hot_x"}, 400, "account_deferred"),
        ({"debit_account_id": "acc_none"}, 404, "account_not_found"),
        ({"amount": money(1, "EUR")}, 400, "currency_mismatch"),
        ({"reserved": "credit"}, 409, "hold_on_wrong_side"),
        ({"amount": money(101)}, 409, "insufficient_funds"),
    ],
)
def test_what_can_be_no_hold_is_refused_and_nothing_is_written(
    books: Books, changes: dict[str, Any], status: int, code: str
) -> None:
    reply = books.hold(key="k", **changes)

    assert (reply.status, reply.code) == (status, code)
    assert books.amounts(books.payer) == (100, 0, 0, 100)
    assert books.hold(key="k").status == 201


def test_refusals_of_captures_and_voids_have_their_status(books: Books) -> None:
    hold_id, none = books.hold().body["hold_id"], "hld_" + "0" * 26

    def refused(body: object, of: str = hold_id, what: str = "captures") -> tuple[int, str]:
        reply = books.post(f"/v1/holds/{of}/{what}", body)
        return reply.status, reply.code

    assert refused({}, of=none) == refused({}, of=none, what="void") == (404, "hold_not_found")
    assert refused({"amount": money(0), "close": False}) == (400, "amount_not_positive")
    assert refused({"amount": money(1, "EUR")}) == (400, "currency_mismatch")
    assert refused({"amount": money(41)}) == (409, "capture_exceeds_hold")
    assert refused({"amount": money(1), "occurred_at": "2999-01-01T00:00:00Z"}) == (400, "occurred_in_future")
    assert books.post(f"/v1/holds/{hold_id}/captures", {}).status == 201
    assert refused({}) == refused({}, what="void") == (409, "hold_captured")


def test_a_hold_whose_time_is_over_reads_as_expired_before_it_is_returned(books: Books) -> None:
    soon = instant_text(datetime.now(UTC) + timedelta(milliseconds=400))
    hold_id = books.hold(expires_at=soon).body["hold_id"]
    while datetime.now(UTC) < datetime.fromisoformat(soon):
        books.api.get(f"/v1/holds/{hold_id}")

    view = books.api.get(f"/v1/holds/{hold_id}").body
    capture = books.post(f"/v1/holds/{hold_id}/captures", {})

    assert (view["status"], view["remaining_minor"], view["released_minor"]) == ("expired", 0, 40)
    assert (capture.status, capture.code) == (409, "hold_expired")
    assert (books.amounts(books.payer), books.amounts(books.payee)) == ((100, 0, 0, 100), (0, 0, 0, 0))


def test_the_holds_of_an_account_are_listed_in_pages(books: Books) -> None:
    ids = {books.hold(1).body["hold_id"] for _ in range(3)}
    url = f"/v1/accounts/{books.payer}/holds?limit=2"

    first = books.api.get(url).body
    second = books.api.get(f"{url}&cursor={first['next_cursor']}").body

    assert [len(page["holds"]) for page in (first, second)] == [2, 1]
    assert {hold["hold_id"] for page in (first, second) for hold in page["holds"]} == ids
    assert second["next_cursor"] is None
    assert len(books.api.get(f"/v1/accounts/{books.payee}/holds?direction=in").body["holds"]) == 3
    assert books.api.get(f"/v1/accounts/{books.payer}/holds?status=closed").body["holds"] == []


def test_an_account_that_is_nobodys_has_no_list_of_holds(books: Books) -> None:
    reply = books.api.get("/v1/accounts/acc_none/holds")

    assert (reply.status, reply.code) == (404, "account_not_found")


def test_a_cursor_is_good_for_its_own_list_and_tenant(books: Books) -> None:
    for _ in range(2):
        books.hold(1)
    cursor = books.api.get(f"/v1/accounts/{books.payer}/holds?limit=1").body["next_cursor"]
    other = books_of(f"ten_{uuid.uuid4().hex}")

    replies = [
        books.api.get(f"/v1/accounts/{books.payer}/holds?direction=in&cursor={cursor}"),
        books.api.get(f"/v1/accounts/{books.payee}/holds?cursor={cursor}"),
        other.api.get(f"/v1/accounts/{books.payer}/holds?cursor={cursor}"),
    ]

    assert [(reply.status, reply.code) for reply in replies] == [(400, "invalid_cursor")] * 3


def test_unknown_choices_are_refused(books: Books) -> None:
    url = f"/v1/accounts/{books.payer}/holds"

    assert books.api.get(f"{url}?status=pending").code == "invalid_status"
    assert books.api.get(f"{url}?direction=up").code == "invalid_direction"


def test_a_hold_of_another_tenant_does_not_exist(books: Books) -> None:
    hold_id, other = books.hold().body["hold_id"], books_of(f"ten_{uuid.uuid4().hex}")

    replies = [
        other.api.get(f"/v1/holds/{hold_id}"),
        other.post(f"/v1/holds/{hold_id}/captures", {}),
        other.post("/v1/hold-groups/voids", {"hold_ids": [hold_id]}),
    ]

    assert [(reply.status, reply.code) for reply in replies] == [(404, "hold_not_found")] * 3
    assert other.api.get(f"/v1/accounts/{books.payer}/holds").code == "account_not_found"


def test_groups_are_placed_captured_and_voided(books: Books) -> None:
    placed = books.post("/v1/hold-groups", {"holds": [books.body(10), books.body(20), books.body(30)]}, "p")
    again = books.post("/v1/hold-groups", {"holds": [books.body(10), books.body(20), books.body(30)]}, "p")
    first, second, third = (hold["hold_id"] for hold in placed.body["holds"])
    captures = {"captures": [{"hold_id": first}, {"hold_id": second, "amount": money(5), "close": False}]}
    captured = books.post("/v1/hold-groups/captures", captures)
    voided = books.post("/v1/hold-groups/voids", {"hold_ids": [second, third]})

    steps = [(step["hold_id"], step["status"], step["booked_minor"]) for step in captured.body["holds"]]
    assert (placed.status, captured.status, voided.status) == (201, 201, 201)
    assert (again.body, again.headers["idempotent-replayed"]) == (placed.body, "true")
    assert steps == [(first, "captured", 10), (second, "pending", 5)]
    assert [step["status"] for step in voided.body["holds"]] == ["voided", "voided"]
    assert books.amounts(books.payer) == (85, 0, 0, 85)


def test_a_refused_group_writes_nothing_and_names_the_hold(books: Books) -> None:
    placed = books.post("/v1/hold-groups", {"holds": [books.body(60), books.body(60)]})
    empty = books.post("/v1/hold-groups/voids", {"hold_ids": []})

    assert (placed.status, placed.code, placed.body["index"]) == (409, "insufficient_funds", 1)
    assert (empty.status, empty.code) == (400, "too_few_holds")
    assert books.amounts(books.payer) == (100, 0, 0, 100)
