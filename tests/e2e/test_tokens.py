"""Who may ask: on every route a token that is not wholly ours is 401, one without the scope 403, and neither writes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest

from chalicelib.access.domain import SCOPES
from tests.e2e.document import Operation, operations
from tests.e2e.market import Market
from tests.e2e.problems import assert_problem, sent
from tests.e2e.snapshot import difference, snapshot
from tests.e2e.tokens import Key, claims, forged, signed
from tests.e2e.web import FORM, Web, at_once
from tests.support.local_stack import LocalStack

PROTECTED = [operation for operation in operations() if operation.scope]


@pytest.fixture(scope="module")
def signing_key(local_stack: LocalStack) -> Key:
    """The platform's own key, as an operator could read it."""
    value = local_stack.client("secretsmanager").get_secret_value(SecretId="quittance-local-signing")["SecretString"]
    return dict(json.loads(value)["keys"][0])


@pytest.fixture(scope="module", autouse=True)
def nothing_is_written(local_stack: LocalStack, alpha: Market, beta: Market) -> Iterator[None]:
    """What holds for this module as a whole."""
    before = snapshot(local_stack)
    yield
    assert difference(before, snapshot(local_stack)) == {}


def test_a_token_signed_by_the_platform_is_taken(alpha: Market, signing_key: Key) -> None:
    genuine = alpha.web.with_token(signed(claims(alpha), signing_key))

    assert genuine.get("/v1/accounts").status == 200


@pytest.mark.parametrize("operation", PROTECTED, ids=lambda operation: operation.name)
def test_without_a_token_nothing_is_told(operation: Operation, open_web: Web, alpha: Market) -> None:
    reply = sent(open_web, operation, alpha)

    assert_problem(reply, 401, "token_missing")
    assert reply.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("operation", PROTECTED, ids=lambda operation: operation.name)
def test_every_forged_token_is_refused(operation: Operation, open_web: Web, alpha: Market, signing_key: Key) -> None:
    tokens = forged(alpha, signing_key)

    replies = at_once(lambda token: sent(open_web.with_token(token), operation, alpha), tokens.values())

    for wrong, reply in zip(tokens, replies, strict=True):
        code = "token_expired" if wrong == "expired" else "token_invalid"
        assert_problem(reply, 401, code, wrong)


@pytest.mark.parametrize("scheme", ["Basic {}", "bearer", "Bearer", "Token {}", "{}", "Bearer  {}", "Bearer {} x"])
def test_another_scheme_is_no_token(scheme: str, open_web: Web, alpha: Market) -> None:
    header = {"Authorization": scheme.format(alpha.web.token)}

    reply = open_web.send("GET", "/v1/accounts", headers=header)

    assert reply.status == 401
    assert reply.code in {"token_missing", "token_invalid"}


@pytest.mark.parametrize("operation", PROTECTED, ids=lambda operation: operation.name)
def test_all_scopes_but_the_one_are_not_enough(operation: Operation, alpha: Market, signing_key: Key) -> None:
    others = " ".join(scope for scope in SCOPES if scope != operation.scope)
    token = signed(claims(alpha, scope=others), signing_key)

    reply = sent(alpha.web.with_token(token), operation, alpha)

    assert_problem(reply, 403, "scope_missing")
    assert reply.json["scope"] == operation.scope


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        (b"", 400, "unsupported_grant_type"),
        (b"nonsense", 400, "invalid_request"),
        (b"grant_type=password", 400, "unsupported_grant_type"),
        (b"grant_type=client_credentials", 401, "invalid_client"),
        (b"grant_type=client_credentials&client_id=cli_no&client_secret=no", 401, "invalid_client"),
        (b"grant_type=client_credentials&client_id=%00&client_secret=", 401, "invalid_client"),
        (b"grant_type=client_credentials&client_id={client}&client_secret=wrong", 401, "invalid_client"),
        (b"grant_type=client_credentials&client_id={client}", 401, "invalid_client"),
        (b"grant_type=client_credentials&client_id={client}&client_secret={secret}&scope=all", 400, "invalid_scope"),
        (b"grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
        (b"&".join(b"a%d=1" % i for i in range(50)), 400, "invalid_request"),
    ],
)
def test_no_token_for_a_wrong_form(form: bytes, status: int, error: str, open_web: Web, alpha: Market) -> None:
    body = form.replace(b"{client}", alpha.client_id.encode()).replace(b"{secret}", alpha.client_secret.encode())

    reply = open_web.send("POST", "/v1/oauth/token", body, {"Content-Type": FORM})

    assert_problem(reply, status)
    assert reply.json["error"] == error
    assert "access_token" not in reply.json


def test_a_client_of_one_market_gets_tokens_of_that_market_alone(alpha: Market, beta: Market) -> None:
    form = partial(alpha.web.logged_in, alpha.client_id)

    with pytest.raises(AssertionError, match="client_unknown"):
        form(beta.client_secret)
