"""Values at and beyond every edge, in commands that would else be done: an answer, never a fault; the books balance."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.command import Command
from tests.e2e.commands import commands, prepare, questions
from tests.e2e.document import Place, operations, put
from tests.e2e.market import DUE, Market, answered, money, transfer_body
from tests.e2e.problems import assert_problem
from tests.e2e.queues import dead, wait_until_drained
from tests.e2e.web import JSON, Reply, at_once
from tests.support.local_stack import LocalStack

LARGEST = 10**28 - 1
INTEGERS = [0, -1, 2**31, 2**63, -(2**63) - 1, 10**27, LARGEST, -LARGEST]
TEXTS = [
    "",
    " ",
    "x" * 10_000,
    "\U0001f4b0" * 100,
    "\u202eright to left",
    "a\u2028b\u0085c",
    "e\u0301",
    "\ufffd",
    "'; DROP TABLE accounts; --",
    "../../etc/passwd",
    "<script>alert(1)</script>&amp;",
    "=cmd|' /C calc'!A0",
    "a#b",
    "NaN",
    "null",
    "0",
    "CNY ",
    "cny",
    "XXX",
    "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59.999999Z",
    "0001-01-01T00:00:00+23:59",
    "2026-03-02",
]
WITHOUT_WORDS = (
    "POST /v1/trades/{trade_id}/final-settlement",
    "POST /v1/breaks/{break_id}/rematch",
    "POST /v1/exports/{export_id}/rerun",
    "POST /v1/holds/{hold_id}/void",
    "POST /v1/netting-windows/{net_id}/closing",
    "POST /v1/trades/{trade_id}/agreement",
    "POST /v1/trades/{trade_id}/retention-release",
)
"""Commands whose body says nothing."""
NAMES = [
    operation.name for operation in operations() if operation.schema is not None and operation.name not in WITHOUT_WORDS
]


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market], local_stack: LocalStack) -> Market:
    """A marketplace that every command can be done in."""
    made = new_market()
    prepare(made, local_stack.client("dynamodb"))
    return made


def leaves(value: Any, place: Place = ()) -> Iterator[tuple[Place, Any]]:
    """Every text and number of a body, and where it stands."""
    if isinstance(value, dict | list):
        for step, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(part, (*place, step))
    else:
        yield place, value


def send(market: Market, command: Command, body: Any) -> Reply:
    """The command with another body, sent again where others change the same things."""
    return answered(lambda: market.web.post(command.path, body))


def assert_answered(reply: Reply, what: object) -> None:
    """Done, or refused in the form of a problem; never a fault of ours."""
    if reply.status not in (200, 201, 202):
        assert_problem(reply, range(400, 500), "", what)


@pytest.mark.parametrize("name", NAMES)
def test_an_extreme_value_is_done_or_refused(name: str, market: Market) -> None:
    command = (commands(market) | questions(market))[name]
    assert command.kind == JSON
    values = [(place, other) for place, value in leaves(command.body) for other in extremes(value)]

    replies = at_once(lambda case: send(market, command, put(command.body, *case)), values)

    for case, reply in zip(values, replies, strict=True):
        assert_answered(reply, case)


def extremes(value: Any) -> list[Any]:
    """What stands at the edges of a value's kind."""
    return INTEGERS if isinstance(value, int) else TEXTS


@pytest.mark.parametrize("minor", [0, -1, -LARGEST])
@pytest.mark.parametrize("name", ["POST /v1/transfers", "POST /v1/credit-lines/{line_id}/drawdowns"])
def test_an_amount_that_moves_nothing_or_backwards_is_refused(name: str, minor: int, market: Market) -> None:
    command = commands(market)[name]

    reply = send(market, command, put(command.body, ("amount", "minor"), minor))

    assert_problem(reply, 400)


def test_an_entry_that_does_not_balance_is_refused(market: Market) -> None:
    body = commands(market)["POST /v1/entries"].body

    assert_problem(send_entry(market, put(body, ("postings", 0, "amount", "minor"), 8)), 400)
    assert_problem(send_entry(market, put(body, ("postings", 0, "amount", "currency"), "EUR")), 400)
    assert_problem(send_entry(market, {"postings": body["postings"][:1]}), 400)
    assert_problem(send_entry(market, {"postings": []}), 400)
    assert_problem(send_entry(market, {"postings": body["postings"] * 200}), range(400, 414))


def send_entry(market: Market, body: Any) -> Reply:
    """Post an entry."""
    return market.web.post("/v1/entries", body)


def test_an_account_with_a_floor_never_falls_below_it(market: Market) -> None:
    """Twenty payments at once out of an account that has enough for seven."""
    body = {"name": "vault", "kind": "asset", "currency": "CNY", "floor_minor": 0}
    vault = market.web.made("/v1/accounts", body)["account_id"]
    ids = market.ids
    market.web.made("/v1/transfers", transfer_body(ids | {"cash": vault}, 70))
    out = {"debit_account_id": ids["cash"], "credit_account_id": vault, "amount": money(10)}

    replies = at_once(lambda _: market.web.post("/v1/transfers", out), range(20), workers=8)

    statuses = sorted(reply.status for reply in replies)
    assert statuses.count(201) == 7, statuses
    assert set(statuses) <= {201, 409, 503}
    assert market.web.read(f"/v1/accounts/{vault}")["balance_minor"] == 0


def test_a_trade_is_never_funded_beyond_what_it_costs(market: Market) -> None:
    """Twelve drawdowns at once of a fifth each."""
    ids = market.ids
    path = f"/v1/credit-lines/{ids['line_id']}/drawdowns"
    trade = market.web.made("/v1/trades", commands(market)["POST /v1/trades"].body)["trade_id"]
    body = {"trade_id": trade, "amount": money(DUE // 5)}

    replies = at_once(lambda _: market.web.post(path, body), range(12), workers=8)

    done = sum(reply.status == 201 for reply in replies)
    assert {reply.status for reply in replies} <= {201, 409, 503}, replies
    state = market.web.read(f"/v1/trades/{trade}")["trade"]
    assert state["funded_minor"] == done * (DUE // 5) <= DUE
    assert market.balance("escrow", trade) == state["funded_minor"]


def test_the_books_balance_after_all_of_it(market: Market, local_stack: LocalStack) -> None:
    wait_until_drained(local_stack)

    assert market.is_balanced()
    assert dead(local_stack) == {}
    assert json.loads(market.web.get("/v1/breaks").body)["breaks"]
