"""A busy day at a marketplace, as a list of things to do and of what must stand in the books in the evening.

Trades are paid by bank and by credit, released and paid out, several at a time, by callers who try again until they
are answered, as real ones do.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from tests.e2e.bank import CURRENCY, Line, notification
from tests.e2e.market import (
    CARRIER_SHARE,
    DUE,
    LENT,
    Market,
    delivered,
    line_body,
    money,
    open_parties,
    trade_body,
    wait_for,
)
from tests.e2e.queues import redrive, wait_until_drained
from tests.e2e.web import JSON, Reply, at_once
from tests.support.local_stack import LocalStack

TRADES = 3
STRAYS = 6
PAID = 95_000
DRAWN = DUE - PAID
FEE = DUE * 50 // 10_000
SELLER_SHARE = DUE - FEE - CARRIER_SHARE
STRAY_SUM = sum(range(1, STRAYS + 1))
TRIES = 60
PATIENCE_SECONDS = 10
PAUSE_SECONDS = 0.25


def prepare(market: Market) -> Market:
    """In the morning all is calm: parties, a lender with money, a credit line. Gives the market back as callers who do
    not wait for ever speak to it."""
    open_parties(market)
    ids = market.ids
    lender = market.web.made("/v1/lenders", {"party_id": ids["lender"], "currency": CURRENCY})
    market.pay_in("LENT", LENT, lender["reference"])
    ids["line_id"] = market.web.made("/v1/credit-lines", line_body(ids))["line_id"]
    wait_for("the lender's money", lambda: market.balance("lender_undrawn", ids["lender"]) == LENT)
    web, bank = (replace(one, timeout=PATIENCE_SECONDS) for one in (market.web, market.bank.web))
    return replace(market, web=web, bank=replace(market.bank, web=bank))


def persist(send: Callable[[], Reply]) -> Reply:
    """Send the same thing until it is answered with something else than a fault. Bounded. The fault may be the
    gateway's, or 503: what AWS does is never told as a fault of ours."""
    for _ in range(TRIES):
        try:
            reply = send()
        except (OSError, HTTPException):  # cut off, or no answer in time
            reply = None
        if reply is not None and reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
            return reply
        assert reply is None or b"internal_error" not in reply.body, reply
        time.sleep(PAUSE_SECONDS)
    raise AssertionError(f"no answer in {TRIES} tries: {reply}")


def command(market: Market, path: str, body: Any) -> Any:
    """A command under one key, until it is done."""
    headers = {"Content-Type": JSON, "Idempotency-Key": str(uuid.uuid4())}
    content = json.dumps(body).encode()
    reply = persist(lambda: market.web.send("POST", path, content, headers))
    assert reply.status in (HTTPStatus.OK, HTTPStatus.CREATED), (path, reply)
    return reply.json


def pay(market: Market, bank_reference: str, minor: int, reference: str = "") -> None:
    """The bank tells of money until it is told that it may forget it."""
    message_id = f"{market.iban}-{bank_reference}"
    body = notification(market.iban, message_id, Line(bank_reference, minor, reference))
    reply = persist(lambda: market.bank.tell(body, message_id))
    assert reply.status == HTTPStatus.ACCEPTED, reply


def trade(market: Market, number: str) -> str:
    """One trade from the deal to the release. Its id."""
    opened = command(market, "/v1/trades", trade_body(market.ids))
    path = f"/v1/trades/{opened['trade_id']}"
    pay(market, f"PAID-{number}", PAID, opened["reference"])
    draw = {"trade_id": opened["trade_id"], "amount": money(DRAWN)}
    command(market, f"/v1/credit-lines/{market.ids['line_id']}/drawdowns", draw)
    wait_for("the funding", lambda: persist(lambda: market.web.get(path)).json["trade"]["state"] == "funded")
    command(market, f"{path}/evidence", delivered(f"D-{number}"))
    command(market, f"{path}/releases", {"milestone": "delivery"})
    return str(opened["trade_id"])


def live_through(market: Market, day: int = 1) -> list[str]:
    """All of the day, four things at a time. The trades' ids. Days of one market have different numbers."""
    work: list[Callable[[], str]] = [partial(trade, market, f"{day}-{number}") for number in range(TRADES)]
    work += [partial(stray, market, f"{day}-{number}", number) for number in range(1, STRAYS + 1)]
    return [found for found in at_once(lambda task: task(), work) if found]


def stray(market: Market, name: str, minor: int) -> str:
    """Money comes in that nobody can place."""
    pay(market, f"STRAY-{name}", minor)
    return ""


def assert_evening(market: Market, stack: LocalStack, trades: list[str], *, days: int = 1) -> None:
    """The books as they must be after days of such trades, each thing there once.

    A message that failed every time lies in the dead-letter queue, not lost: until all is done, an operator sends
    those round again.
    """
    count, strays = len(trades), days * STRAY_SUM
    assert count == days * TRADES
    payouts = wait_for("two payouts of each trade", lambda: redrive(stack) == 0 and all_sent(market, count))
    wait_until_drained(stack)
    assert sorted(one["amount_minor"] for one in payouts) == sorted([CARRIER_SHARE, SELLER_SHARE] * count)
    assert {one["subject"] for one in payouts} == set(trades)
    ids = market.ids
    assert {
        "bank": market.bank_balance(),
        "suspense": market.balance("suspense"),
        "undrawn": market.balance("lender_undrawn", ids["lender"]),
        "drawn": market.balance("lender_drawn", ids["lender"]),
        "loan": market.balance("loan", ids["line_id"]),
        "fee": market.balance("fee_income"),
        "in transit": market.balance("payouts_in_transit"),
        "seller": market.balance("party", ids["seller"]),
        "carrier": market.balance("party", ids["carrier"]),
    } == {
        "bank": LENT + count * PAID + strays,
        "suspense": strays,
        "undrawn": LENT - count * DRAWN,
        "drawn": count * DRAWN,
        "loan": count * DRAWN,
        "fee": count * FEE,
        "in transit": count * (SELLER_SHARE + CARRIER_SHARE),
        "seller": 0,
        "carrier": 0,
    }
    assert market.is_balanced()
    assert len(market.listed("/v1/receipts/unmatched", "receipts")) == days * STRAYS
    assert len(market.listed("/v1/trades", "trades")) == count
    assert market.listed("/v1/quarantine", "messages") == []


def all_sent(market: Market, trades: int) -> list[dict[str, Any]] | None:
    """The payouts, once they are as many as they should be and all are on their way."""
    payouts = market.listed("/v1/payouts", "payouts")
    return payouts if len(payouts) >= 2 * trades and all(one["state"] == "sent" for one in payouts) else None
