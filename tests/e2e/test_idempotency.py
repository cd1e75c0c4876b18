"""Commands over HTTP: the same key does a thing once and answers the same for ever; a refusal leaves the key free."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from chalicelib.ledger.domain import Purpose, movement_key, purpose_account_id
from tests.e2e.bank import CURRENCY, XML, Line, statement
from tests.e2e.document import operations
from tests.e2e.market import (
    DUE,
    LENT,
    Market,
    delivered,
    line_body,
    money,
    open_parties,
    party_body,
    trade_body,
    transfer_body,
    wait_for,
)
from tests.e2e.problems import assert_problem
from tests.e2e.snapshot import difference, items, snapshot
from tests.e2e.web import JSON, Reply, at_once
from tests.support.local_stack import LocalStack

PARALLEL = 16


PAYOUTS = {"POST /v1/trades/{trade_id}/releases": 2, "POST /v1/trades/{trade_id}/final-settlement": 3}
"""How many parties are then paid by worker."""


@dataclass(frozen=True)
class Command:
    """A command: where, with what; and another one, in its place or in its body, that may not share its key."""

    path: str
    body: Any
    other_body: Any = None
    other_path: str = ""
    kind: str = JSON

    def send(self, market: Market, key: str) -> Reply:
        """Send it under a key."""
        return self._send(market, key, self.path, self.body)

    def send_other(self, market: Market, key: str) -> Reply:
        """Send the other one under a key."""
        other_body = self.body if self.other_body is None else self.other_body
        return self._send(market, key, self.other_path or self.path, other_body)

    def _send(self, market: Market, key: str, path: str, body: Any) -> Reply:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return market.web.send("POST", path, content, {"Content-Type": self.kind, "Idempotency-Key": key})


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market]) -> Market:
    """A marketplace that every command can be done in: once each, for they use up what they need."""
    market = new_market()
    open_parties(market)
    ids, web = market.ids, market.web
    lender = web.made("/v1/lenders", {"party_id": ids["lender"], "currency": CURRENCY})
    market.pay_in("LENT", LENT, lender["reference"])
    ids["line_id"] = web.made("/v1/credit-lines", line_body(ids))["line_id"]
    for name in ("drawn", "released", "proved", "noted"):
        ids[name] = web.made("/v1/trades", trade_body(ids))["trade_id"]
    wait_for("the lender's money", lambda: market.balance("lender_undrawn", ids["lender"]) == LENT)
    _fund(market, "released")
    _weigh(market)
    for number in (1, 2):
        ids[f"break_{number}"] = _break(market, number)
    return market


def commands(market: Market) -> dict[str, Command]:
    """One of each route that writes."""
    ids = market.ids
    account = {"name": "till", "kind": "asset", "currency": CURRENCY}
    legs = [
        {"account_id": ids["cash"], "side": "debit", "amount": money(7)},
        {"account_id": ids["capital"], "side": "credit", "amount": money(7)},
    ]
    resolution = {"account_id": ids["capital"], "comment": "the bank's interest"}
    return {
        "POST /v1/accounts": Command("/v1/accounts", account, account | {"name": "chest"}),
        "POST /v1/transfers": Command("/v1/transfers", transfer_body(ids, 5), transfer_body(ids, 6)),
        "POST /v1/entries": Command("/v1/entries", {"postings": legs}, {"postings": legs, "reference": "x"}),
        "POST /v1/parties": Command("/v1/parties", party_body("One"), party_body("Two")),
        "POST /v1/parties/{party_id}/accounts": Command(
            f"/v1/parties/{ids['buyer']}/accounts", {"currency": "EUR"}, {"currency": "USD"}
        ),
        "POST /v1/lenders": Command(
            "/v1/lenders",
            {"party_id": ids["seller"], "currency": CURRENCY},
            {"party_id": ids["carrier"], "currency": CURRENCY},
        ),
        "POST /v1/credit-lines": Command("/v1/credit-lines", line_body(ids), line_body(ids) | {"rate_bps": 601}),
        "POST /v1/credit-lines/{line_id}/drawdowns": Command(
            f"/v1/credit-lines/{ids['line_id']}/drawdowns",
            {"trade_id": ids["drawn"], "amount": money(10)},
            {"trade_id": ids["drawn"], "amount": money(11)},
        ),
        "POST /v1/trades": Command("/v1/trades", trade_body(ids), trade_body(ids) | {"unit_price_minor": 10_001}),
        "POST /v1/trades/{trade_id}/evidence": Command(
            f"/v1/trades/{ids['proved']}/evidence", delivered("D-8"), delivered("D-9")
        ),
        "POST /v1/trades/{trade_id}/releases": Command(
            f"/v1/trades/{ids['released']}/releases", {"milestone": "delivery"}, {"milestone": "another"}
        ),
        "POST /v1/trades/{trade_id}/final-settlement": Command(
            f"/v1/trades/{ids['weighed']}/final-settlement",
            {},
            other_path=f"/v1/trades/{ids['drawn']}/final-settlement",
        ),
        "POST /v1/statements": Command(
            "/v1/statements",
            statement(market.iban, "S-8", opening=30, number=3),
            statement(market.iban, "S-9", opening=30, number=4),
            kind=XML,
        ),
        "POST /v1/breaks/{break_id}/resolutions": Command(
            f"/v1/breaks/{ids['break_1']}/resolutions", resolution, resolution | {"comment": "something else"}
        ),
        "POST /v1/breaks/{break_id}/rematch": Command(
            f"/v1/breaks/{ids['break_2']}/rematch", {}, other_path=f"/v1/breaks/{ids['break_1']}/rematch"
        ),
    }


def _fund(market: Market, name: str, minor: int = DUE) -> None:
    """Pay a trade and prove its delivery."""
    path = f"/v1/trades/{market.ids[name]}"
    trade = market.web.read(path)
    market.pay_in(f"PAID-{name}", minor, trade["terms"]["reference"])
    wait_for("the funding", lambda: market.web.read(path)["trade"]["state"] == "funded")
    market.web.made(f"{path}/evidence", delivered())


def _weigh(market: Market) -> None:
    """A steel trade that final settlement can settle."""
    ids, web = market.ids, market.web
    parties = {"buyer": ids["buyer"], "mill": ids["seller"], "carrier": ids["carrier"]}
    body = trade_body(ids) | {"template_id": "steel", "parties": parties, "fixed_shares": {"carrier": 100}}
    trade = web.made("/v1/trades", body)
    ids["weighed"] = trade["trade_id"]
    path = f"/v1/trades/{trade['trade_id']}"
    market.pay_in("PAID-weighed", trade["due_minor"], trade["reference"])
    wait_for("the funding", lambda: web.read(path)["trade"]["state"] == "funded")
    note = {"type": "weight_note", "unit": "t", "quantity_milli": 10_000, "document_reference": "W"}
    web.made(f"{path}/evidence", {"document": note | {"issued_at": "2026-03-02T08:00:00Z"}})
    fixings = [{"date": "2026-03-02", "minor": 9_000}]
    index = {"type": "index_fixings", "index": "SMM rebar", "currency": CURRENCY, "fixings": fixings}
    web.made(f"{path}/evidence", {"document": index})


def _break(market: Market, number: int) -> str:
    content = statement(
        market.iban, f"S-{number}", Line(f"BREAK-{number}", number * 10), opening=(number - 1) * 10, number=number
    )
    headers = {"Content-Type": XML, "Idempotency-Key": f"s-{number}"}
    reply = market.web.send("POST", "/v1/statements", content, headers)
    assert reply.status == 201, reply
    newest = market.web.read(f"/v1/statements/{reply.json['statements'][0]['statement_id']}")
    return str(newest["lines"][0]["break"]["break_id"])


def test_there_is_an_example_of_every_command(market: Market) -> None:
    assert set(commands(market)) == {operation.name for operation in operations() if operation.writes}


@pytest.mark.parametrize("name", [operation.name for operation in operations() if operation.writes])
def test_a_command_said_again_gives_the_same_answer_and_changes_nothing(
    name: str, market: Market, local_stack: LocalStack
) -> None:
    command, key = commands(market)[name], str(uuid.uuid4())

    first = command.send(market, key)
    workers_are_done(market, name)
    before = snapshot(local_stack, but="history")
    again = [command.send(market, key) for _ in range(2)]
    other = command.send_other(market, key)

    assert first.status in (200, 201), first
    assert not first.replayed
    for reply in again:
        assert (reply.status, reply.json, reply.replayed) == (first.status, first.json, True)
    assert_problem(other, 422, "idempotency_key_reused")
    assert difference(before, snapshot(local_stack, but="history")) == {}


def workers_are_done(market: Market, name: str) -> None:
    """Wait for the payouts that a command makes."""
    if name in PAYOUTS:
        trade = commands(market)[name].path.split("/")[3]
        paid = partial(payouts_of, market, trade)
        wait_for("payouts", lambda: len(paid()) == PAYOUTS[name] and all(one["state"] == "sent" for one in paid()))


def payouts_of(market: Market, trade: str) -> list[dict[str, Any]]:
    """The payouts that a trade has led to."""
    return [one for one in market.listed("/v1/payouts", "payouts") if one["subject"] == trade]


@pytest.mark.parametrize("name", ["a transfer", "a trade", "a drawdown", "a document", "a statement"])
def test_sixteen_at_once_under_one_key_have_one_effect(name: str, market: Market, local_stack: LocalStack) -> None:
    ids = market.ids
    command = {
        "a transfer": Command("/v1/transfers", transfer_body(ids, 16)),
        "a trade": Command("/v1/trades", trade_body(ids)),
        "a drawdown": Command(
            f"/v1/credit-lines/{ids['line_id']}/drawdowns", {"trade_id": ids["drawn"], "amount": money(16)}
        ),
        "a document": Command(f"/v1/trades/{ids['noted']}/evidence", delivered("D-16")),
        "a statement": Command("/v1/statements", statement(market.iban, "S-16", opening=30, number=16), kind=XML),
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
