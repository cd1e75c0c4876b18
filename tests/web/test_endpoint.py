"""The decorator of every route: who may ask, what may be sent, what a call carries, and how everything is answered."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from chalicelib.security.tokens import Principal, mint_token
from tests.support.api import Api, Reply, token_for
from tests.web.probe import SECRET

THING = {"amount": {"minor": 5, "currency": "CNY"}}


def made(api: Api, url: str = "/v1/things/thg_1", body: object = THING, key: str = "k") -> Reply:
    return api.post(url, body, key=key)


def test_a_call_carries_tenant_client_and_key(api: Api) -> None:
    reply = made(api)

    assert reply.status == 201
    assert {name: reply.body[name] for name in ("tenant", "actor", "key", "thing_id")} == {
        "tenant": "ten_a",
        "actor": "cli_test",
        "key": "c:k",
        "thing_id": "thg_1",
    }
    assert reply.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(api: Api, scheme: str) -> None:
    asked = Api(api.app, headers={"Authorization": f"{scheme} {api.token}"})

    assert asked.get("/v1/things/thg_1").status == 200


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        (None, "token_missing"),
        ("", "token_missing"),
        ("Bearer", "token_missing"),
        ("Bearer ", "token_missing"),
        ("Basic YTpi", "token_missing"),
        ("Bearer x", "token_invalid"),
        ("Bearer a.b.c", "token_invalid"),
        ("Bearer \u00e9.\u00e9.\u00e9", "token_invalid"),
    ],
)
def test_who_shows_no_token_of_ours_is_not_let_in(api: Api, authorization: str | None, code: str) -> None:
    headers = {} if authorization is None else {"authorization": authorization}

    reply = Api(api.app, headers=headers).get("/v1/things/thg_1")

    assert (reply.status, reply.code, reply.headers["www-authenticate"]) == (401, code, "Bearer")


def test_an_expired_token_is_told_so(api: Api) -> None:
    then = datetime.now(UTC) - timedelta(minutes=16)
    expired = mint_token(Principal("ten_a", "cli_test", frozenset({"ledger:read"})), now=then)

    reply = replace(api, token=expired).get("/v1/things/thg_1")

    assert (reply.status, reply.code) == (401, "token_expired")


def test_a_missing_scope_is_forbidden_and_named(api: Api) -> None:
    reply = made(replace(api, token=token_for("ten_a", "ledger:read")))

    assert (reply.status, reply.code, reply.body["scope"]) == (403, "scope_missing", "ledger:write")


def test_nothing_of_a_request_is_judged_before_who_asks(api: Api) -> None:
    nobody = Api(api.app)

    assert nobody.post("/v1/things/a%23b?x=1", b"\xff", kind="text/plain").status == 401


@pytest.mark.parametrize(
    "thing_id",
    ["ten_b%23x", "a%00b", "%00", "a%2Fb", "%2E%2E", "a%20b", "%E9%92%A2", "%C3%A9", "a%0A", "-a", "x" * 65, "a%25b"],
)
def test_an_id_that_could_not_be_ours_is_refused_before_it_enters_a_key(api: Api, thing_id: str) -> None:
    for reply in (api.get(f"/v1/things/{thing_id}"), made(api, f"/v1/things/{thing_id}")):
        assert (reply.status, reply.code, reply.body["field"]) == (400, "invalid_id", "thing_id")


def test_an_unknown_or_repeated_parameter_is_refused_by_name(api: Api) -> None:
    unknown = api.get("/v1/things/thg_1?limits=5")
    twice = api.get("/v1/things/thg_1?limit=5&limit=6")

    assert (unknown.status, unknown.code, unknown.body["field"]) == (400, "unknown_parameter", "limits")
    assert (twice.status, twice.code, twice.body["field"]) == (400, "duplicate_parameter", "limit")
    assert api.get("/v1/things/thg_1?limit=5").body["query"] == {"limit": "5"}


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_key_missing"),
        ("", "idempotency_key_missing"),
        ("k" * 129, "idempotency_key_invalid"),
        ("a\tb", "idempotency_key_invalid"),
        ("\u94a2", "idempotency_key_invalid"),
    ],
)
def test_a_route_that_writes_needs_a_key(api: Api, key: str | None, code: str) -> None:
    reply = api.post("/v1/things/thg_1", THING, key=key)

    assert (reply.status, reply.code, reply.body["field"]) == (400, code, "Idempotency-Key")


def test_the_same_request_has_the_same_mark_however_it_is_spelt(api: Api) -> None:
    spelt = b'{ "amount": {"currency": "C\\u004eY",  "minor": 5} }'

    assert made(api, body=spelt).body["fingerprint"] == made(api, key="other").body["fingerprint"]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/v1/things/thg_2", THING),
        ("/v1/things/thg_1?mode=a", THING),
        ("/v1/things/thg_1", THING | {"note": "x"}),
    ],
)
def test_another_thing_parameter_or_body_has_another_mark(api: Api, url: str, body: object) -> None:
    assert made(api, url, body).body["fingerprint"] != made(api).body["fingerprint"]


@pytest.mark.parametrize("kind", ["text/plain", "application/xml", "", "application/json-patch+json"])
def test_a_type_the_route_does_not_take_is_refused(api: Api, kind: str) -> None:
    reply = api.post("/v1/things/thg_1", THING, key="k", kind=kind)

    assert (reply.status, reply.code) == (400, "unsupported_media_type")


def test_a_types_parameters_and_case_do_not_matter(api: Api) -> None:
    assert api.post("/v1/things/thg_1", THING, key="k", kind="Application/JSON; charset=utf-8").status == 201


def test_a_body_over_its_routes_limit_is_too_large_even_where_nothing_parses_it(api: Api) -> None:
    fits = api.post("/v1/xml", b"<a>\xff</a>", kind="application/xml")
    over = api.post("/v1/xml", b"<a>\xff\xff</a>", kind="application/xml")
    huge = made(api, body=THING | {"note": "x" * 65_536})

    assert (fits.status, fits.body["raw"], fits.headers["x-taken"]) == (202, b"<a>\xff</a>".hex(), "1")
    assert (over.status, over.code, over.body["maximum"]) == (413, "body_too_large", 8)
    assert (huge.status, huge.code, huge.body["maximum"]) == (413, "body_too_large", 65_536)


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "text/csv"])
def test_text_of_any_type_goes_out_as_text_whoever_asks(api: Api, accept: str | None) -> None:
    reply = api.get("/v1/csv", **({} if accept is None else {"accept": accept}))

    assert (reply.status, reply.headers["content-type"], reply.body) == (200, "text/csv; charset=utf-8", "päyee\n")


def test_bytes_go_out_as_bytes(api: Api) -> None:
    assert api.get("/v1/zip", accept="application/zip").body == b"PK\xff"


def test_large_integers_go_out_digit_for_digit(api: Api) -> None:
    assert api.get("/v1/things/thg_1").body["big"] == 10**27


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("InvalidInput", 400),
        ("Unauthenticated", 401),
        ("Forbidden", 403),
        ("NotFound", 404),
        ("Conflict", 409),
        ("TooLarge", 413),
        ("KeyReused", 422),
        ("Busy", 503),
    ],
)
def test_each_kind_of_refusal_has_its_status(api: Api, kind: str, status: int) -> None:
    reply = api.get(f"/v1/refused/{kind}")

    assert reply.headers["content-type"] == "application/problem+json"
    assert (reply.status, reply.body) == (
        status,
        {
            "type": "urn:quittance:problem:some_code",
            "title": "a sentence",
            "status": status,
            "code": "some_code",
            "fact": 1,
        },
    )


def test_busy_says_when_to_ask_again(api: Api) -> None:
    assert api.get("/v1/refused/Busy").headers["retry-after"] == "1"


def test_a_refusal_of_a_narrower_kind_is_answered_as_its_kind_and_its_facts_pass_for_nothing_else(api: Api) -> None:
    reply = api.get("/v1/refused/Deep")

    assert (reply.status, reply.body["status"], reply.code, reply.body["title"]) == (409, 409, "deep", "deep")


@pytest.mark.parametrize("kind", ["defect", "tenant", "call"])
def test_a_fault_of_ours_tells_nothing_and_is_alarmed_without_its_text(
    api: Api, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    with caplog.at_level(logging.ERROR):
        reply = api.get(f"/v1/failed/{kind}")

    [record] = caplog.records
    told = json.loads(record.getMessage())
    assert (reply.status, reply.code) == (500, "internal_error")
    assert (told["alarm"], told["type"], told["route"]) == ("defect", "Defect", "GET /v1/failed/{kind}")
    assert SECRET not in caplog.text + json.dumps(reply.body)


def test_an_outage_of_aws_is_busy(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        reply = api.get("/v1/failed/outage")

    assert (reply.status, reply.code) == (503, "try_again")
    assert [json.loads(record.getMessage())["alarm"] for record in caplog.records] == ["outage"]
    assert SECRET not in caplog.text + json.dumps(reply.body)


def test_each_request_leaves_one_line_without_what_was_asked_for(api: Api, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        api.get("/v1/things/thg_secret?limit=7")

    [record] = caplog.records
    told = json.loads(record.getMessage())
    assert set(told) == {"route", "answered", "ms"}
    assert "thg_secret" not in record.getMessage()
