"""Commands over HTTP: the same key does a thing once and answers the same for ever; a refusal leaves the key free."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from chalicelib.ledger.domain import Purpose, movement_key, purpose_account_id
from tests.e2e.bank import CURRENCY, XML, statement
from tests.e2e.clearing import obligations_body, split_body
from tests.e2e.command import Command
from tests.e2e.commands import commands, prepare
from tests.e2e.document import operations
from tests.e2e.exporting import wait_until_made
from tests.e2e.goods import are_sent
from tests.e2e.ledger import batch_body, exchange_body, hold_body, legs, wait_until_listed
from tests.e2e.market import (
    DUE,
    Market,
    delivered,
    money,
    party_body,
    trade_body,
    transfer_body,
    wait_for,
)
from tests.e2e.problems import assert_problem
from tests.e2e.queues import wait_until_drained
from tests.e2e.snapshot import Snapshot, difference, items, snapshot
from tests.e2e.trade_commands import PAYOUTS
from tests.e2e.web import Reply, at_once
from tests.support.local_stack import LocalStack

PARALLEL = 16


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market], local_stack: LocalStack) -> Market:
    """A marketplace that every command can be done in once."""
    made = new_market()
    prepare(made, local_stack.client("dynamodb"))
    return made


def test_there_is_an_example_of_every_command(market: Market) -> None:
    assert set(commands(market)) == {operation.name for operation in operations() if operation.writes}


@pytest.mark.parametrize("name", [operation.name for operation in operations() if operation.writes])
def test_a_command_said_again_gives_the_same_answer_and_changes_nothing(
    name: str, market: Market, local_stack: LocalStack
) -> None:
    command, key = commands(market)[name], str(uuid.uuid4())

    first = command.send(market, key)
    workers_are_done(market, name, first)
    before = settled(local_stack) if "/v1/payouts" in name else snapshot(local_stack, but="history")
    again = [command.send(market, key) for _ in range(2)]
    other = command.send_other(market, key)

    assert first.status in (200, 201, 202), first
    assert not first.replayed
    for reply in again:
        assert (reply.status, reply.json, reply.replayed) == (first.status, first.json, True)
    assert_problem(other, 422, "idempotency_key_reused")
    assert difference(before, snapshot(local_stack, but="history")) == {}


def settled(stack: LocalStack) -> Snapshot:
    """What is stored once the workers of payouts have written their files, and nothing changes any more."""
    taken = [snapshot(stack, but="history")]

    def is_still() -> bool:
        taken.append(snapshot(stack, but="history"))
        return taken[-1] == taken[-2]

    wait_until_drained(stack)
    wait_for("a still stack", is_still)
    return taken[-1]


def workers_are_done(market: Market, name: str, first: Reply) -> None:
    """Wait for the payouts or the export that a command makes, and for the lists of the holds that it is a step of."""
    wait_until_listed(
        market, *(one["hold_id"] for one in (first.json, *first.json.get("holds", ())) if "hold_id" in one)
    )
    if name.endswith("/claims/{claim_id}/settlements"):
        wait_for("the payout", partial(are_sent, market, market.ids["owing"], 2))
    if "export_id" in first.json:
        wait_until_made(market, first.json["export_id"])
    if name in PAYOUTS:
        trade = commands(market)[name].path.split("/")[3]
        wait_for("payouts", partial(are_sent, market, trade, PAYOUTS[name]))


AT_ONCE = (
    "a transfer",
    "a batch",
    "a hold",
    "an exchange",
    "a trade",
    "a drawdown",
    "a document",
    "a statement",
    "a split",
    "obligations",
)


@pytest.mark.parametrize("name", AT_ONCE)
def test_sixteen_at_once_under_one_key_have_one_effect(name: str, market: Market, local_stack: LocalStack) -> None:
    ids = market.ids
    command = {
        "a transfer": Command("/v1/transfers", transfer_body(ids, 16)),
        "a batch": Command("/v1/entries/batch", {"entries": batch_body(ids, "sixteen")["entries"][:1]}),
        "a hold": Command("/v1/holds", hold_body(ids, 16)),
        "an exchange": Command(f"/v1/fx-quotes/{ids['quote_id']}/exchanges", exchange_body(ids, 1600)),
        "a trade": Command("/v1/trades", trade_body(ids)),
        "a drawdown": Command(
            f"/v1/credit-lines/{ids['line_id']}/drawdowns", {"trade_id": ids["drawn"], "amount": money(16)}
        ),
        "a document": Command(f"/v1/trades/{ids['noted']}/evidence", delivered("D-16")),
        "a statement": Command("/v1/statements", statement(market.iban, "S-16", opening=30, number=16), kind=XML),
        "a split": Command("/v1/splits", split_body(ids, 16, 7)),
        "obligations": Command(
            f"/v1/netting-windows/{ids['net_open']}/obligations", obligations_body(ids, "O-16", "O-17")
        ),
    }[name]
    key = str(uuid.uuid4())
    before = snapshot(local_stack)

    replies = at_once(lambda _: command.send(market, key), range(PARALLEL), workers=PARALLEL)

    done = [reply for reply in replies if reply.status == 201]
    assert {reply.status for reply in replies} <= {201, 503}, {reply.status for reply in replies}
    assert done
    assert len({reply.body for reply in done}) == 1
    assert sum(not reply.replayed for reply in done) <= 1
    again = command.send(market, key)
    assert (again.status, again.body, again.replayed) == (201, done[0].body, True)
    assert len([item for item in items(local_stack, "journal") if item["key"] == {"S": f"c:{key}"}]) == 1
    assert market.is_balanced()
    written = difference(before, snapshot(local_stack, but="history"))
    assert sum(one == "new" and where.startswith("journal") for where, one in written.items()) <= 2, written


def cash(market: Market) -> int:
    """What is in the till."""
    return int(market.web.read(f"/v1/accounts/{market.ids['cash']}")["balance_minor"])


def test_sixteen_transfers_at_once_under_keys_of_their_own_are_sixteen(market: Market) -> None:
    before = cash(market)

    replies = at_once(lambda _: market.web.post("/v1/transfers", transfer_body(market.ids, 3)), range(PARALLEL))

    assert [reply.status for reply in replies] == [201] * PARALLEL
    assert cash(market) == before + 3 * PARALLEL


REFUSED_FIRST: dict[str, Callable[[Market], tuple[str, Any, Any, int]]] = {
    "a field too many": lambda m: ("/v1/transfers", transfer_body(m.ids) | {"x1": 1}, transfer_body(m.ids), 400),
    "an unknown account": lambda m: (
        "/v1/transfers",
        transfer_body(m.ids) | {"debit_account_id": "acc_none"},
        transfer_body(m.ids),
        404,
    ),
    "another currency": lambda m: (
        "/v1/transfers",
        transfer_body(m.ids) | {"amount": {"minor": 1, "currency": "EUR"}},
        transfer_body(m.ids),
        400,
    ),
    "a batch with one bad entry": lambda m: (
        "/v1/entries/batch",
        {
            "entries": [
                *batch_body(m.ids, "free")["entries"],
                {"idempotency_key": "bad", "postings": legs(m.ids, 1)[:1]},
            ]
        },
        batch_body(m.ids, "free"),
        400,
    ),
    "a reversal of what is in no leg": lambda m: (
        f"/v1/entries/{m.ids['kept']}/reversals",
        {"postings": legs(m.ids, 1)},
        {"reason": "a mistake"},
        400,
    ),
    "an unknown party": lambda m: (
        "/v1/trades",
        trade_body(m.ids | {"carrier": "pty_none"}),
        trade_body(m.ids),
        404,
    ),
    "more than is asked for": lambda m: (
        f"/v1/credit-lines/{m.ids['line_id']}/drawdowns",
        {"trade_id": m.ids["noted"], "amount": money(DUE + 1)},
        {"trade_id": m.ids["noted"], "amount": money(1)},
        409,
    ),
}
"""Path, a body that is refused, one that is not, and the status of the refusal."""


@pytest.mark.parametrize("name", REFUSED_FIRST)
def test_a_refused_command_leaves_its_key_free(name: str, market: Market, local_stack: LocalStack) -> None:
    path, bad, good, status = REFUSED_FIRST[name](market)
    key = str(uuid.uuid4())
    before = snapshot(local_stack, but="history")

    refused = market.web.post(path, bad, key=key)

    assert_problem(refused, status)
    assert difference(before, snapshot(local_stack, but="history")) == {}
    done = market.web.post(path, good, key=key)
    assert (done.status, done.replayed) == (201, False), done


def test_a_key_belongs_to_its_tenant(market: Market, new_market: Callable[..., Market]) -> None:
    other, key = new_market(), str(uuid.uuid4())
    body = party_body("Both")

    first, second = (one.web.post("/v1/parties", body, key=key) for one in (market, other))

    assert (first.status, second.status) == (201, 201)
    assert not second.replayed
    assert first.json["party_id"] != second.json["party_id"]


@pytest.mark.parametrize("key", ["#", "a#b", "../x", "c:", "w:movement", "x" * 128, '{"a": 1}', "%00", "~"])
def test_any_printable_key_will_do(key: str, market: Market) -> None:
    first, second = (market.web.post("/v1/transfers", transfer_body(market.ids), key=key) for _ in range(2))

    assert (first.status, second.status) == (201, 201)
    assert (first.replayed, second.replayed) == (False, True)
    assert first.body == second.body


def test_keys_that_differ_in_case_are_two(market: Market) -> None:
    first, second = (market.web.post("/v1/transfers", transfer_body(market.ids), key=key) for key in ("case", "CASE"))

    assert first.json["entry_id"] != second.json["entry_id"]


def test_one_key_on_two_routes_is_refused(market: Market) -> None:
    key = str(uuid.uuid4())
    assert market.web.post("/v1/parties", party_body("One"), key=key).status == 201

    assert_problem(market.web.post("/v1/transfers", transfer_body(market.ids), key=key), 422, "idempotency_key_reused")


def test_the_order_of_a_bodys_fields_makes_no_other_request(market: Market) -> None:
    body, key = transfer_body(market.ids), str(uuid.uuid4())
    first = market.web.post("/v1/transfers", body, key=key)

    again = market.web.post("/v1/transfers", json.dumps(dict(reversed(body.items())), indent=2).encode(), key=key)

    assert (again.status, again.body, again.replayed) == (201, first.body, True)


def test_a_callers_key_never_meets_a_workers(market: Market) -> None:
    """Whoever knows how a movement's key is made cannot use it up before the bank tells of the movement."""
    account = purpose_account_id(market.tenant_id, Purpose.BANK, CURRENCY, market.iban)
    for key in (f"w:{movement_key(account, 'RACE')}", movement_key(account, "RACE")):
        assert market.web.post("/v1/transfers", transfer_body(market.ids), key=key).status == 201
    before = market.bank_balance()

    market.pay_in("RACE", 77)

    wait_for("the payment", lambda: market.bank_balance() == before + 77)
