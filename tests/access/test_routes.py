"""The token endpoint, as RFC 6749 has it, and what it refuses."""

from __future__ import annotations

import base64
from urllib.parse import quote_plus, urlencode

import pytest

from app import app
from tests.access.conftest import SECRET, Known
from tests.support.api import Api, Reply
from tests.support.faults import fault, never_sent, watching

FORM = "application/x-www-form-urlencoded"
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture(scope="module")
def api() -> Api:
    return Api(app)


def asked(api: Api, form: dict[str, str] | bytes, **headers: str) -> Reply:
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    return api.post("/v1/oauth/token", body, kind=FORM, **headers)


def basic(client_id: str, secret: str) -> str:
    """RFC 6749, section 2.3.1: both are form-encoded before they go into the header."""
    return f"Basic {base64.b64encode(f'{quote_plus(client_id)}:{quote_plus(secret)}'.encode()).decode()}"


def test_a_client_gets_its_token_by_basic_authentication(api: Api, known: Known) -> None:
    reply = asked(api, GRANT, authorization=basic(known.client_id, SECRET))

    assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
    assert {name: reply.body[name] for name in ("token_type", "expires_in", "scope")} == {
        "token_type": "Bearer",
        "expires_in": 900,
        "scope": "ledger:read ledger:write",
    }


def test_a_client_gets_its_token_by_the_form(api: Api, known: Known) -> None:
    form = GRANT | {"client_id": known.client_id, "client_secret": SECRET, "scope": "ledger:read"}

    assert asked(api, form).body["scope"] == "ledger:read"


@pytest.mark.parametrize(
    "header",
    [
        "Basic",
        "Basic !!!",
        "Basic é",
        f"Basic {base64.b64encode(b'no colon').decode()}",
        f"Basic {base64.b64encode(bytes([255, 58, 255])).decode()}",
        basic("cli_none", "x"),
        basic("a#b", "x"),
        basic("", ""),
        basic("x" * 3000, "x"),
        "Bearer abc",
    ],
)
def test_who_is_not_known_gets_none(api: Api, known: Known, header: str) -> None:
    reply = asked(api, GRANT, authorization=header)

    assert (reply.status, reply.code, reply.body["error"]) == (401, "client_unknown", "invalid_client")


def test_an_id_that_could_not_be_ours_is_not_looked_up(api: Api, known: Known) -> None:
    with watching() as calls:
        asked(api, GRANT, authorization=basic("tenant#x", "x"))

    assert calls.operations == []


@pytest.mark.parametrize(
    ("form", "code", "error"),
    [
        (b"", "unsupported_grant_type", "unsupported_grant_type"),
        (b"grant_type", "malformed_form", "invalid_request"),
        (b"&".join([b"a=1"] * 9), "malformed_form", "invalid_request"),
        (b"grant_type=client_credentials&grant_type=client_credentials", "duplicate_key", "invalid_request"),
        (b"grant_type=password", "unsupported_grant_type", "unsupported_grant_type"),
        (b"scope=x", "unsupported_grant_type", "unsupported_grant_type"),
    ],
)
def test_a_form_that_is_none_is_refused(api: Api, form: bytes, code: str, error: str) -> None:
    reply = asked(api, form)

    assert (reply.status, reply.code, reply.body["error"]) == (400, code, error)


def test_a_scope_the_client_lacks_is_refused_as_the_standard_says(api: Api, known: Known) -> None:
    reply = asked(api, GRANT | {"scope": "trades:write"}, authorization=basic(known.client_id, SECRET))

    assert (reply.status, reply.body["error"]) == (400, "invalid_scope")


def test_a_form_over_four_kilobytes_is_too_large(api: Api) -> None:
    assert asked(api, b"a=" + b"x" * 4095).status == 413


def test_json_is_no_form(api: Api) -> None:
    assert api.post("/v1/oauth/token", GRANT).code == "unsupported_media_type"


def test_a_store_out_of_reach_is_busy(api: Api, known: Known) -> None:
    with fault(never_sent, times=99):
        reply = asked(api, GRANT, authorization=basic(known.client_id, SECRET))

    assert (reply.status, reply.code) == (503, "try_again")
