"""Two marketplaces in one deployment: neither can see, use or guess at what is the other's.

What is another's is answered exactly as what is nowhere: status, code and members of the problem are the same but for
the id that was asked for.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.bank import CURRENCY
from tests.e2e.clearing import obligations_body, shares, split_body, window_body
from tests.e2e.document import Operation, operations
from tests.e2e.goods import goods_body, preview_body
from tests.e2e.ledger import batch_body, exchange_body, hold_body
from tests.e2e.ledger_commands import MARCH
from tests.e2e.market import Market, delivered, line_body, money, trade_body, transfer_body
from tests.e2e.problems import assert_problem, sent
from tests.e2e.snapshot import difference, snapshot
from tests.e2e.web import Reply
from tests.support.local_stack import LocalStack

SHARED = {"bank_id", "number"}
"""Ids that are no tenant's. Checkpoints are counted by each for itself."""
OWN = [operation for operation in operations() if set(operation.ids) - SHARED]
PAGED = [operation for operation in operations() if operation.is_paged]
READS = [operation for operation in operations() if operation.method == "GET" and operation.scope]

BODIES = {
    "POST /v1/accounts/{account_id}/closed-period": {"closed_until": MARCH},
    "POST /v1/entries/{entry_id}/reversals": {},
    "POST /v1/fx-quotes/{quote_id}/exchanges": exchange_body(dict.fromkeys(("till", "euros"), "x1")),
    "POST /v1/holds/{hold_id}/captures": {},
    "POST /v1/netting-windows/{net_id}/obligations": obligations_body({"buyer": "x1", "seller": "x2"}, "O-1"),
    "POST /v1/parties/{party_id}/accounts": {"currency": CURRENCY},
    "POST /v1/payouts/{payout_id}/attempts": {},
    "POST /v1/parties/{party_id}/payout-schedule": {"mode": "at_once"},
    "POST /v1/splits/{split_id}/divisions": {"shares": shares({"stake": "x1"}, 1)},
    "POST /v1/trade-templates/{template_id}/preview": preview_body({"goods": "", "buyer": "x1", "seller": "x2"}),
    "POST /v1/trades/{trade_id}/evidence": delivered(),
    "POST /v1/trades/{trade_id}/refunds": {"amount": money(1)},
}
"""Where the schema's sample would be refused before anything is looked up."""


@pytest.fixture(scope="module", autouse=True)
def nothing_is_written(local_stack: LocalStack, alpha: Market, beta: Market) -> Iterator[None]:
    """What holds for this module as a whole."""
    before = snapshot(local_stack)
    yield
    assert difference(before, snapshot(local_stack)) == {}


def nowhere(real: str) -> str:
    """An id of the same make that nobody has: another last letter, and it is random."""
    return real[:-1] + ("0" if real[-1] != "0" else "1")


def told(reply: Reply, *ids: str) -> tuple[int, str, set[str]]:
    """What an answer tells, its ids aside."""
    text = reply.body.decode()
    for one in ids:
        text = text.replace(one, "ID")
    headers = {name for name in reply.headers if not name.startswith("x-amz")}
    return reply.status, text, headers


@pytest.mark.parametrize("operation", OWN, ids=lambda operation: operation.name)
def test_an_id_of_another_market_looks_like_one_of_nobody(operation: Operation, alpha: Market, beta: Market) -> None:
    name = operation.ids[-1]
    made_up = nowhere(alpha.ids[name])
    asked = [Market(**{**vars(beta), "ids": beta.ids | {name: one}}) for one in (alpha.ids[name], made_up)]

    foreign, missing = (sent(beta.web, operation, market, BODIES.get(operation.name)) for market in asked)

    assert_problem(foreign, 404)
    assert told(foreign, alpha.ids[name]) == told(missing, made_up)


def entry_body(ids: dict[str, str]) -> dict[str, Any]:
    """Two legs, from capital to cash."""
    legs = (("cash", "debit"), ("capital", "credit"))
    return {"postings": [{"account_id": ids[name], "side": side, "amount": money(1)} for name, side in legs]}


OBLIGATIONS = "/v1/netting-windows/{net_id}/obligations"
FOREIGN: list[tuple[str, str, Callable[[dict[str, str]], dict[str, Any]]]] = [
    ("cash", "/v1/transfers", transfer_body),
    ("capital", "/v1/transfers", transfer_body),
    ("cash", "/v1/entries", entry_body),
    ("till", "/v1/entries/batch", lambda ids: batch_body(ids, "foreign")),
    ("capital", "/v1/holds", hold_body),
    ("capital", "/v1/hold-groups", lambda ids: {"holds": [hold_body(ids)]}),
    ("hold_id", "/v1/hold-groups/captures", lambda ids: {"captures": [{"hold_id": ids["hold_id"]}]}),
    ("hold_id", "/v1/hold-groups/voids", lambda ids: {"hold_ids": [ids["hold_id"]]}),
    ("till", "/v1/fx-quotes/{quote_id}/exchanges", exchange_body),
    ("euros", "/v1/fx-quotes/{quote_id}/exchanges", exchange_body),
    ("buyer", "/v1/trades", trade_body),
    ("seller", "/v1/trades", trade_body),
    ("carrier", "/v1/trades", trade_body),
    ("goods", "/v1/trades", goods_body),
    ("buyer", "/v1/trades", goods_body),
    ("line_id", "/v1/trades", lambda ids: goods_body(ids, top_up_line_id=ids["line_id"])),
    (
        "trade_id",
        "/v1/trades/{released_trade}/back-to-back",
        lambda ids: {"downstream_trade_id": ids["trade_id"]},
    ),
    ("goods", "/v1/netting-windows", lambda ids: window_body(ids) | {"template_id": ids["goods"]}),
    ("buyer", OBLIGATIONS, lambda ids: obligations_body(ids, "O-7")),
    ("seller", OBLIGATIONS, lambda ids: obligations_body(ids, "O-7")),
    ("capital", "/v1/splits", split_body),
    ("stake", "/v1/splits", lambda ids: split_body(ids, paid=1)),
    ("stake", "/v1/splits/{split_id}/divisions", lambda ids: {"shares": shares(ids, 1)}),
    ("buyer", "/v1/lenders", lambda ids: {"party_id": ids["buyer"], "currency": CURRENCY}),
    ("lender", "/v1/credit-lines", line_body),
    ("buyer", "/v1/credit-lines", line_body),
    (
        "trade_id",
        "/v1/credit-lines/{line_id}/drawdowns",
        lambda ids: {"trade_id": ids["trade_id"], "amount": money(1)},
    ),
    (
        "account_id",
        "/v1/breaks/{break_id}/resolutions",
        lambda ids: {"account_id": ids["account_id"], "comment": "mine now"},
    ),
]
"""Commands whose body names something: which id, the path, the body made of a market's ids."""


@pytest.mark.parametrize(("name", "path", "body"), FOREIGN, ids=[f"{name} in {path}" for name, path, _ in FOREIGN])
def test_a_command_on_something_of_another_market_is_refused_as_on_nothing(
    name: str, path: str, body: Callable[[dict[str, str]], dict[str, Any]], alpha: Market, beta: Market
) -> None:
    made_up = nowhere(alpha.ids[name])

    foreign, missing = (
        beta.web.post(path.format(**beta.ids), body(beta.ids | {name: one})) for one in (alpha.ids[name], made_up)
    )

    # A party of an obligation is looked for by its account alone.
    assert_problem(foreign, 409 if path == OBLIGATIONS else 404)
    assert told(foreign, alpha.ids[name]) == told(missing, made_up)


@pytest.mark.parametrize("operation", PAGED, ids=lambda operation: operation.name)
def test_a_cursor_of_another_market_is_refused(operation: Operation, alpha: Market, beta: Market) -> None:
    foreign = cursor_of(alpha, operation)

    reply = beta.web.get(f"{operation.at(beta.ids)}?cursor={foreign}")

    assert_problem(reply, 400, "invalid_cursor")


@pytest.mark.parametrize("operation", PAGED, ids=lambda operation: operation.name)
def test_a_cursor_forged_to_point_into_another_market_is_refused(
    operation: Operation, alpha: Market, beta: Market
) -> None:
    """The tag of one's own list, the place of another's."""
    own, foreign = (decoded(cursor_of(market, operation)) for market in (beta, alpha))

    reply = beta.web.get(f"{operation.at(beta.ids)}?cursor={encoded(own | {'k': foreign['k']})}")

    assert_problem(reply, 400, "invalid_cursor")


@pytest.mark.parametrize("operation", READS, ids=lambda operation: operation.name)
def test_no_answer_names_anything_of_another_market(operation: Operation, alpha: Market, beta: Market) -> None:
    others = {one for name, one in alpha.ids.items() if name not in SHARED} | {alpha.tenant_id, alpha.client_id}

    reply = beta.web.get(operation.at(beta.ids) + ("?limit=100" if operation.is_paged else ""))

    assert reply.status == 200
    assert not {one for one in others | {alpha.iban} if one in reply.body.decode()}


def cursor_of(market: Market, operation: Operation) -> str:
    """A cursor of a market's own list."""
    return str(market.web.read(f"{operation.at(market.ids)}?limit=1")["next_cursor"])


def decoded(cursor: str) -> dict[str, Any]:
    """What a cursor says."""
    return dict(json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))))


def encoded(content: dict[str, Any]) -> str:
    """A cursor that says this."""
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
