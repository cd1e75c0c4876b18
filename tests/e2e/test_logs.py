"""What the functions leave in their logs, and what must never be there. Tests before this one have filled them well."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.bank import XML, Bank, Line, notification
from tests.e2e.document import operations
from tests.e2e.ledger import exchange_body, hold_body, legs, open_ledger
from tests.e2e.market import Market, open_parties, party_body, wait_for
from tests.e2e.queues import wait_until_drained
from tests.support.local_stack import LocalStack

FUNCTIONS = (
    "api",
    "callbacks",
    "payouts",
    "exports",
    "relay",
    "project",
    "sequence",
    "sweep",
    "checkpoint",
    "prove",
    "operate",
)
SECRET_NAME = "Confidential Trading 4711"
SECRET_NOTE = "for the secret delivery 4712"
SECRET_ORDER = "secret order 4713"


def lines(stack: LocalStack, function: str) -> list[str]:
    """What a function has logged so far."""
    logs = stack.client("logs")
    try:
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/quittance-local-{function}")
        return [event["message"] for page in pages for event in page["events"]]
    except logs.exceptions.ResourceNotFoundException:
        return []


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market], register: Callable[[str], Bank]) -> Market:
    """A marketplace with a bank of its own."""
    return new_market(register("bank_logs"))


@pytest.fixture(scope="module")
def logged(market: Market, local_stack: LocalStack) -> list[str]:
    """All that was logged, after commands that carry what nobody should read, done and refused."""
    market.web.made("/v1/parties", party_body(SECRET_NAME))
    market.web.post("/v1/parties", party_body(SECRET_NAME) | {"roles": 1})
    _book_secretly(market)
    for number, body in enumerate((notification(market.iban, "LOG-1", Line("LOG-1", 1, note=SECRET_NOTE)), b"<secret")):
        assert market.bank.tell(body, f"LOG-{number}", kind=XML).status == 202
    wait_until_drained(local_stack)
    wait_for("the last line", lambda: any("POST /v1/parties" in line for line in lines(local_stack, "api")))
    return [line for function in FUNCTIONS for line in lines(local_stack, function)]


def _book_secretly(market: Market) -> None:
    """Commands of the ledger with words of the caller's own, one of them refused."""
    open_parties(market)
    open_ledger(market)
    ids, words = market.ids, {"reference": SECRET_ORDER, "metadata": {"order": SECRET_ORDER}}
    market.web.made("/v1/entries", {"postings": legs(ids, 3)} | words)
    market.web.made("/v1/holds", hold_body(ids) | words)
    market.web.made(f"/v1/fx-quotes/{ids['quote_id']}/exchanges", exchange_body(ids) | words)
    market.web.made(f"/v1/accounts/{ids['till']}/freeze", {"reason": SECRET_ORDER})
    assert market.web.post("/v1/entries", {"postings": legs(ids, 3)} | words).code == "account_frozen"


def requests(logged: list[str]) -> list[dict[str, Any]]:
    """The lines about requests."""
    return [json.loads(line[line.index("{") :]) for line in logged if '"route"' in line and '"answered"' in line]


def test_every_request_is_logged_by_its_route(logged: list[str]) -> None:
    known = {operation.name for operation in operations()}

    assert requests(logged)
    assert {told["route"] for told in requests(logged)} <= known


def test_no_secret_token_or_account_number_is_logged(
    logged: list[str], market: Market, local_stack: LocalStack
) -> None:
    keys = local_stack.client("secretsmanager").get_secret_value(SecretId="quittance-local-signing")["SecretString"]
    secrets = {
        "a client's secret": market.client_secret,
        "a token": market.web.token,
        "a token's signature": market.web.token.rpartition(".")[2],
        "the signing key": json.loads(keys)["keys"][0]["d"],
        "an account number": party_body("x")["bank_details"]["account"],
        "a name": SECRET_NAME,
        "what a payer wrote": SECRET_NOTE,
        "what a caller wrote": SECRET_ORDER,
    }
    text = "\n".join(logged)

    assert [what for what, secret in secrets.items() if secret in text] == []


def test_nothing_was_a_defect(logged: list[str]) -> None:
    """No test here brings AWS down, so nothing may have failed by itself."""
    assert [line for line in logged if '"defect"' in line] == []
