"""Two of everything in a marketplace of the tests."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.e2e.bank import CURRENCY, XML, Line, notification, statement
from tests.e2e.clearing import open_splits, open_windows
from tests.e2e.exporting import ask_for_exports
from tests.e2e.goods import publish_goods, template_body
from tests.e2e.ledger import open_ledger, place_holds
from tests.e2e.market import (
    DUE,
    LENT,
    Market,
    delivered,
    line_body,
    money,
    open_parties,
    sign,
    trade_body,
    transfer_body,
    wait_for,
)
from tests.e2e.payouts import add_bank_account, list_as_overdue
from tests.e2e.suspended import prepare_suspended, suspended


def fill(market: Market, functions: Any, dynamodb: Any) -> None:
    """Two of everything a list can hold. Afterwards nothing moves by itself.

    `dynamodb` is a client with the deployer's credentials."""
    open_parties(market)
    ids, web = market.ids, market.web
    ids |= {"party_id": ids["buyer"], "account_id": ids["capital"]}
    ids |= {"bank_id": market.bank.bank_id}
    for minor in (100, 200):
        ids["entry_id"] = web.made("/v1/transfers", transfer_body(ids, minor))["entry_id"]
    add_bank_account(market, "buyer", "bank_account_id")
    open_ledger(market)
    place_holds(market, "hold_id", "other_hold")
    ids["number"], ids["record_id"] = "1", suspended(market)[0]
    sign(functions, market, 1)
    _lend(market)
    _trade(market)
    _draw(market)
    prepare_suspended(market, dynamodb)
    list_as_overdue(market, dynamodb)
    _publish(market)
    open_windows(market, "first_net", "net_id")
    _split(market)
    _bank_tells(market)
    _reconcile(market)
    ask_for_exports(market, "other_export", "export_id")
    for name in ("cash", "capital", "till", "stake"):
        wait_for("a history", partial(_is_complete, market, ids[name]))
    sign(functions, market, 2)


def _is_complete(market: Market, account_id: str) -> bool:
    return bool(market.web.read(f"/v1/accounts/{account_id}/history")["complete"])


def _lend(market: Market) -> None:
    ids, web = market.ids, market.web
    lender = web.made("/v1/lenders", {"party_id": ids["lender"], "currency": CURRENCY})
    market.pay_in("LENT", LENT, lender["reference"])
    for _ in range(2):
        ids["line_id"] = web.made("/v1/credit-lines", line_body(ids))["line_id"]
    wait_for("the lender's money", lambda: market.balance("lender_undrawn", ids["lender"]) == LENT)


def _publish(market: Market) -> None:
    """Two templates of the marketplace's own: `template_id` is the second's, which no other marketplace has."""
    publish_goods(market)
    market.ids["template_id"] = f"{market.ids['goods']}-2"
    market.web.made("/v1/trade-templates", template_body(market.ids["template_id"]))


def _split(market: Market) -> None:
    """Two splits, the second with two divisions and a part that is kept."""
    open_splits(market, "first_split", "split_id")
    for minor in (10, 20):
        body = {"amount": money(minor), "shares": [{"kind": "remainder", "account_id": market.ids["stake"]}]}
        market.web.made(f"/v1/splits/{market.ids['split_id']}/divisions", body)


def _trade(market: Market) -> None:
    ids, web = market.ids, market.web
    first, second = (web.made("/v1/trades", trade_body(ids)) for _ in range(2))
    ids |= {"released_trade": first["trade_id"], "trade_id": second["trade_id"]}
    path = f"/v1/trades/{first['trade_id']}"
    market.pay_in("PAID", DUE, first["reference"])
    wait_for("the funding", lambda: web.read(path)["trade"]["state"] == "funded")
    web.made(f"{path}/evidence", delivered())
    web.made(f"{path}/releases", {"milestone": "delivery"})
    payouts = wait_for("two payouts", lambda: _sent(market))
    ids["payout_id"] = payouts[0]["payout_id"]
    for _ in range(2):  # of what was paid out already a refund is a claim
        ids["claim_id"] = web.made(f"{path}/refunds", {"amount": money(1), "from": "receivers"})["claims"][0]


def _draw(market: Market) -> None:
    """Two drawdowns on the credit line, into the escrow of a trade of their own."""
    trade = market.web.made("/v1/trades", trade_body(market.ids))
    for minor in (10, 20):
        body = {"trade_id": trade["trade_id"], "amount": money(minor)}
        market.web.made(f"/v1/credit-lines/{market.ids['line_id']}/drawdowns", body)


def _sent(market: Market) -> list[dict[str, Any]] | None:
    payouts = market.listed("/v1/payouts", "payouts")
    return payouts if len(payouts) == 2 and all(one["state"] == "sent" for one in payouts) else None


def _bank_tells(market: Market) -> None:
    """Two payments that nobody can place, two messages that nobody can read as theirs, two possible duplicates."""
    for number in (1, 2):
        market.pay_in(f"STRAY-{number}", number)
        message_id = f"{market.iban}-BAD-{number}"
        bad = notification(market.iban, message_id, Line(f"EUR-{number}", 100), currency="EUR")
        assert market.bank.tell(bad, message_id).status == 202
    wait_for("two receipts", lambda: len(market.listed("/v1/receipts/unmatched", "receipts")) == 2)
    market.ids["receipt_id"] = market.listed("/v1/receipts/unmatched", "receipts")[0]["receipt_id"]
    # The bank's unreadable messages, which nobody can say whose they are, are in there as well.
    wait_for("two in quarantine", lambda: len(market.listed("/v1/quarantine", "messages")) >= 2)
    market.doubt("DOUBT-1", "DOUBT-2")
    market.ids["duplicate_id"] = market.ids["DOUBT-2"]


def _reconcile(market: Market) -> None:
    """Two statements, each with a line the books do not know."""
    opening = 0
    for number in (1, 2):
        minor = number * 10
        content = statement(market.iban, f"S-{number}", Line(f"BREAK-{number}", minor), opening=opening, number=number)
        headers = {"Content-Type": XML, "Idempotency-Key": f"statement-{number}"}
        reply = market.web.send("POST", "/v1/statements", content, headers)
        assert reply.status == 201, reply
        opening += minor
        market.ids["statement_id"] = reply.json["statements"][0]["statement_id"]
        market.ids["file_id"] = reply.json["file_id"]
    market.ids["break_id"] = market.web.read("/v1/breaks")["breaks"][0]["break_id"]
    (reconciled,) = market.web.read("/v1/reconciliation")["accounts"]
    market.ids["reconciled_account_id"] = reconciled["bank_account_id"]
