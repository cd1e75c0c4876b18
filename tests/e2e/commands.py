"""One example of each command, each of which can be done once in the marketplace made for it."""

from __future__ import annotations

from typing import Any

from tests.e2e.bank import CURRENCY, XML, Line, statement
from tests.e2e.clearing import clearing_commands, clearing_questions, prepare_clearing
from tests.e2e.command import Command
from tests.e2e.exporting import export_commands, prepare_exports
from tests.e2e.ledger import prepare_ledger
from tests.e2e.ledger_commands import ledger_commands
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
from tests.e2e.payouts import payout_commands, prepare_payouts
from tests.e2e.receipts import prepare_receipts, receipt_commands
from tests.e2e.suspended import prepare_suspended, suspended_commands
from tests.e2e.trade_commands import prepare_trades, trade_commands, trade_questions


def prepare(market: Market, dynamodb: Any) -> None:
    """Make a new marketplace one that every command can be done in: once each, for they use up what they need.
    `dynamodb` is a client with the deployer's credentials."""
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
    _correct(market)
    market.doubt("doubt_1", "doubt_2", "doubt_3")
    web.made(f"/v1/possible-duplicates/{ids['doubt_3']}/dismiss", {"comment": "told twice"})
    prepare_ledger(market)
    prepare_clearing(market)
    prepare_payouts(market)
    prepare_receipts(market)
    prepare_trades(market, dynamodb)
    prepare_suspended(market, dynamodb)
    prepare_exports(market, dynamodb)


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
        **ledger_commands(market),
        **clearing_commands(market),
        **trade_commands(market),
        **payout_commands(market),
        **receipt_commands(market),
        **suspended_commands(market),
        **export_commands(market),
        "POST /v1/accounts": Command("/v1/accounts", account, account | {"name": "chest"}),
        "POST /v1/transfers": Command("/v1/transfers", transfer_body(ids, 5), transfer_body(ids, 6)),
        "POST /v1/entries": Command("/v1/entries", {"postings": legs}, {"postings": legs, "reference": "x"}),
        "POST /v1/parties": Command("/v1/parties", party_body("One"), party_body("Two")),
        "POST /v1/parties/{party_id}/accounts": Command(
            f"/v1/parties/{ids['buyer']}/accounts", {"currency": "EUR"}, {"currency": "USD"}
        ),
        "POST /v1/parties/{party_id}/payout-schedule": Command(
            f"/v1/parties/{ids['lender']}/payout-schedule",
            {"mode": "at_once"},
            {"mode": "by_hand"},
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
        **_decisions(ids),
        "POST /v1/statements/{statement_id}/corrections": Command(
            f"/v1/statements/{ids['corrected']}/corrections",
            {"file_id": ids["correction"], "comment": "sent anew"},
            {"file_id": ids["correction"], "comment": "another comment"},
        ),
        "POST /v1/breaks/{break_id}/rematch": Command(
            f"/v1/breaks/{ids['break_2']}/rematch", {}, other_path=f"/v1/breaks/{ids['break_1']}/rematch"
        ),
    }


def questions(market: Market) -> dict[str, Command]:
    """One of each route that takes a body and writes nothing."""
    return trade_questions(market) | clearing_questions(market)


def _decisions(ids: dict[str, str]) -> dict[str, Command]:
    """The commands that decide on a possible duplicate."""
    decision, other = {"comment": "asked the payer"}, {"comment": "asked the bank"}
    named = {"confirm": "doubt_1", "dismiss": "doubt_2", "reopen": "doubt_3"}
    return {
        f"POST /v1/possible-duplicates/{{duplicate_id}}/{act}": Command(
            f"/v1/possible-duplicates/{ids[name]}/{act}", decision, other
        )
        for act, name in named.items()
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


def _correct(market: Market) -> None:
    """A statement, and a file with another version of it, which is refused and kept."""
    headers = {"Content-Type": XML}
    versions = [statement(market.iban, "S-7", Line("RIGHT", minor), opening=90, number=7) for minor in (5, 6)]
    first, refused = (
        market.web.send("POST", "/v1/statements", content, headers | {"Idempotency-Key": f"v-{number}"})
        for number, content in enumerate(versions)
    )
    assert (first.status, refused.status, refused.json["code"]) == (201, 409, "statement_differs")
    market.ids["corrected"] = first.json["statements"][0]["statement_id"]
    files = market.listed("/v1/statement-files", "files")
    market.ids["correction"] = next(file["file_id"] for file in files if file["reason"] == "statement_differs")


def _break(market: Market, number: int) -> str:
    content = statement(
        market.iban, f"S-{number}", Line(f"BREAK-{number}", number * 10), opening=(number - 1) * 10, number=number
    )
    headers = {"Content-Type": XML, "Idempotency-Key": f"s-{number}"}
    reply = market.web.send("POST", "/v1/statements", content, headers)
    assert reply.status == 201, reply
    newest = market.web.read(f"/v1/statements/{reply.json['statements'][0]['statement_id']}")
    return str(newest["lines"][0]["break"]["break_id"])
