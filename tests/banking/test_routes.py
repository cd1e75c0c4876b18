"""Banking over HTTP: what goes in, what comes out, and what nobody else sees."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from app import app
from chalicelib.banking.callbacks import MOST_BYTES
from chalicelib.banking.payee_accounts import open_details
from chalicelib.banking.quarantine import quarantine
from chalicelib.banking.routes import router
from tests.banking.build import BANK, IBAN, MILL_IBAN, NAME, TENANT, Cloud, party, signed
from tests.support.api import Api, Reply, signing, token_for
from tests.support.calls import MONDAY

XML = "application/xml"
BODY = b'<?xml version="1.0" encoding="ISO-8859-1"?><Document>\xe9\xff</Document>'
MILL = {"name": "Mill Ltd", "roles": ["seller"], "bank_details": {"iban": MILL_IBAN}}


@pytest.fixture
def api(books: Cloud) -> Iterator[Api]:
    with signing():
        yield Api(app, token_for(TENANT))


@pytest.fixture
def other(api: Api) -> Api:
    """Another tenant, with every scope."""
    return Api(app, token_for("ten_other"))


def callback(body: bytes = BODY, *, kind: str = XML, signature: str | None = None, bank_id: str = BANK) -> Reply:
    mark = signed(body, issued_at=datetime.now(UTC)) if signature is None else signature
    headers = {"x_jws_signature": mark} if mark else {}
    return Api(app).post(f"/v1/banks/{bank_id}/callbacks", body, kind=kind, **headers)


def test_a_party_is_registered_read_and_listed_masked(api: Api, other: Api) -> None:
    reply = api.post("/v1/parties", MILL, key="k")

    assert reply.status == 201
    assert {name: value for name, value in reply.body.items() if name not in {"party_id", "created_at"}} == {
        "name": "Mill Ltd",
        "roles": ["seller"],
        "bank_account": "****0012",
    }
    assert api.get(f"/v1/parties/{reply.body['party_id']}").body == reply.body
    assert api.get("/v1/parties").body == {"parties": [reply.body], "next_cursor": None}
    assert other.get(f"/v1/parties/{reply.body['party_id']}").status == 404
    assert other.get("/v1/parties").body["parties"] == []


def test_a_repeated_registration_answers_the_same_and_says_so(api: Api) -> None:
    first = api.post("/v1/parties", MILL, key="k")

    again = api.post("/v1/parties", MILL, key="k")

    assert (again.status, again.body) == (first.status, first.body)
    assert again.headers["idempotent-replayed"] == "true"
    assert api.post("/v1/parties", MILL | {"name": "Other"}, key="k").status == 422
    assert len(api.get("/v1/parties").body["parties"]) == 1


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"name": ""}, "invalid_name", "name"),
        ({"name": 7}, "invalid_field", "name"),
        ({"roles": ["Bad Role"]}, "invalid_role", "roles[0]"),
        ({"unknown": 1}, "invalid_field", "unknown"),
        ({"bank_details": {}}, "invalid_bank_details", "bank_details"),
        ({"bank_details": {"iban": "NL00MOCK0000000012"}}, "invalid_iban", "bank_details.iban"),
        ({"bank_details": {"iban": MILL_IBAN, "pin": "1"}}, "invalid_field", "bank_details.pin"),
        ({"bank_details": {"iban": MILL_IBAN, "holder": ""}}, "invalid_holder", "bank_details.holder"),
    ],
)
def test_a_party_that_breaks_a_rule_is_refused_with_its_field(
    api: Api, change: dict[str, object], code: str, field: str
) -> None:
    reply = api.post("/v1/parties", MILL | change, key="k")

    assert (reply.status, reply.code, reply.body["field"]) == (400, code, field)
    assert MILL_IBAN not in json.dumps(reply.body)


def test_a_partys_account_is_opened_once(api: Api, other: Api) -> None:
    party_id = api.post("/v1/parties", MILL, key="k").body["party_id"]

    reply = api.post(f"/v1/parties/{party_id}/accounts", {"currency": "CNY"}, key="a")

    assert reply.status == 201
    assert (reply.body["party_id"], reply.body["currency"]) == (party_id, "CNY")
    assert api.get(f"/v1/accounts/{reply.body['account_id']}").body["purpose"] == "party"
    assert api.post(f"/v1/parties/{party_id}/accounts", {"currency": "CNY"}, key="b").code == "account_exists"
    assert api.post(f"/v1/parties/{party_id}/accounts", {"currency": "cny"}, key="c").status == 400
    assert other.post(f"/v1/parties/{party_id}/accounts", {"currency": "CNY"}, key="d").status == 404


def test_quarantine_names_a_message_only_to_whom_it_belongs(api: Api) -> None:
    keep = partial(quarantine, bank_id=BANK, blob="callbacks/x", reason="malformed_xml", now=MONDAY)
    keep(message_id="MB-1", tenant=TENANT, facts={"line": 3})
    keep(message_id="MB-2")

    first = api.get("/v1/quarantine?limit=1")
    second = api.get(f"/v1/quarantine?limit=1&cursor={first.body['next_cursor']}")

    assert [message["message_id"] for message in first.body["messages"]] == ["MB-1"]
    assert [message["message_id"] for message in second.body["messages"]] == [None]
    assert first.body["messages"][0]["facts"] == {"line": 3}
    assert second.body["messages"][0]["reason"] == "malformed_xml"


@pytest.mark.parametrize("kind", ["application/xml", "text/xml; charset=ISO-8859-1", "application/octet-stream"])
def test_a_callback_is_taken_byte_for_byte(api: Api, books: Cloud, kind: str) -> None:
    reply = callback(kind=kind)

    assert (reply.status, reply.body) == (202, {"message_id": "MB-C054-1", "status": "accepted"})
    (message,) = books.taken()
    assert books.read(message["blob"]) == BODY


def test_a_callback_may_be_json(api: Api, books: Cloud) -> None:
    body = '{"type": "notification", "name": "é"}'.encode()

    assert callback(body, kind="application/json").status == 202
    assert books.read(books.taken()[0]["blob"]) == body


def test_a_callback_repeated_is_answered_the_same_and_queued_once(api: Api, books: Cloud) -> None:
    assert [callback().status, callback().status] == [202, 202]
    assert len(books.taken()) == 1


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"signature": ""}, 401, "signature_missing"),
        ({"signature": "a..b"}, 401, "signature_invalid"),
        ({"signature": signed(BODY, issued_at=MONDAY - timedelta(days=9999))}, 401, "signature_expired"),
        ({"signature": signed(BODY[:-1], issued_at=MONDAY)}, 401, "signature_invalid"),
        ({"bank_id": "bank_other"}, 404, "bank_not_found"),
        ({"kind": "text/csv"}, 400, "unsupported_media_type"),
        ({"body": b"x" * (MOST_BYTES + 1)}, 413, "body_too_large"),
    ],
)
def test_a_callback_that_breaks_a_rule_is_refused(
    api: Api, books: Cloud, changes: dict[str, object], status: int, code: str
) -> None:
    reply = callback(**changes)  # type: ignore[arg-type]

    assert (reply.status, reply.code) == (status, code)
    assert (books.files(), books.taken()) == ([], [])


def test_a_message_id_used_for_another_body_is_refused(api: Api, books: Cloud) -> None:
    callback()

    reply = callback(b"<Document>other</Document>")

    assert (reply.status, reply.code) == (401, "message_id_reused")
    assert len(books.files()) == len(books.taken()) == 1


def test_each_route_has_its_scope() -> None:
    assert {(route.method, route.path): route.scope for route in router.routes} == {
        ("POST", "/v1/parties"): "parties:write",
        ("GET", "/v1/parties"): "parties:read",
        ("GET", "/v1/parties/{party_id}"): "parties:read",
        ("POST", "/v1/parties/{party_id}/accounts"): "parties:write",
        ("GET", "/v1/quarantine"): "banking:read",
        ("POST", "/v1/banks/{bank_id}/callbacks"): None,
    }


def test_bank_accounts_are_added_made_the_default_and_retired(api: Api, other: Api) -> None:
    mill = party()
    path = f"/v1/parties/{mill}/bank-accounts"

    added = api.post(path, {"bank_details": {"iban": IBAN}}, key="k")
    again = api.post(path, {"bank_details": {"iban": IBAN}}, key="k")

    assert (added.status, added.body["bank_account"], added.body["default"]) == (201, "****0011", False)
    assert (again.body, again.headers["idempotent-replayed"]) == (added.body, "true")
    new = f"{path}/{added.body['bank_account_id']}"
    assert api.post(f"{new}/default", {}, key="d").body["default"] is True
    first = next(one for one in api.get(path).body["bank_accounts"] if not one["default"])
    assert api.post(f"{path}/{first['bank_account_id']}/retirement", {}, key="r").body["retired_at"]
    assert api.post(f"{new}/retirement", {}, key="s").body["code"] == "payee_account_default"
    assert other.get(path).body["code"] == "party_not_found"
    assert IBAN not in str(api.get(path).body)


def test_the_marketplaces_own_bank_account_has_its_name_unless_told(api: Api) -> None:
    added = api.post("/v1/parties/own/bank-accounts", {"bank_details": {"iban": IBAN}}, key="k")

    assert (added.status, added.body["party_id"], added.body["default"]) == (201, "own", True)
    assert open_details(TENANT, added.body["bank_account_id"]).holder == NAME
