"""What there is of payouts in a marketplace of the tests: bank accounts of parties, and an example of each command."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from tests.e2e.bank import CURRENCY, DAY, Line, json_notification
from tests.e2e.command import Command
from tests.e2e.goods import owe
from tests.e2e.market import DUE, Market, delivered, money, party_body, trade_body, wait_for
from tests.e2e.web import JSON

DOUBTED = ("resolved", "undone")
NOT_PAID = {"outcome": "not_paid", "evidence": "a letter"}
DETAILS = {"account": "6222020200112233000", "bic": "BKCHCNBJ"}


def add_bank_account(market: Market, party: str, name: str) -> None:
    """Another bank account of a party, under a name."""
    path = f"/v1/parties/{market.ids[party]}/bank-accounts"
    market.ids[name] = market.web.made(path, {"bank_details": DETAILS})["bank_account_id"]


def prepare_payouts(market: Market) -> None:
    """What the commands can be done on, once each."""
    for name in ("account_default", "account_retired", "account_kept"):
        add_bank_account(market, "carrier", name)
    owe(market, "carrier", 600)
    for name in ("cancelled", "resent", "other", "resolved", "undone", "tried"):
        _sent(market, f"payout_{name}")
    for name in ("resolved", "undone"):
        _told(market, f"payout_{name}", "RJCT", "AM05")
    _told(market, "payout_tried", "RJCT", "AC04")
    wait_for("the bank's news", lambda: all(_state(market, f"payout_{name}") == "unknown" for name in DOUBTED))
    wait_for("a rejection", lambda: _state(market, "payout_tried") == "rejected")
    market.web.made(f"/v1/payouts/{market.ids['payout_undone']}/resolutions", NOT_PAID)
    _prepare_stopped(market)


def _prepare_stopped(market: Market) -> None:
    """A payout that is stopped: it waits for its day when the bank takes the money of its trade back."""
    ids, web = market.ids, market.web
    ids["late"] = web.made("/v1/parties", party_body("Late"))["party_id"]
    web.made(f"/v1/parties/{ids['late']}/accounts", {"currency": CURRENCY})
    schedule = {"mode": "at_once", "delay_days": 30}
    assert web.post(f"/v1/parties/{ids['late']}/payout-schedule", schedule).status == HTTPStatus.OK
    body = trade_body(ids)
    trade = web.made("/v1/trades", body | {"parties": body["parties"] | {"seller": ids["late"]}})
    path = f"/v1/trades/{trade['trade_id']}"
    market.pay_in("STOPPED", DUE, trade["reference"])
    wait_for("the funding", lambda: web.read(path)["trade"]["state"] == "funded")
    web.made(f"{path}/evidence", delivered())
    web.made(f"{path}/releases", {"milestone": "delivery"})
    wait_for("the payout", lambda: _payouts_to(market, "late"))
    _take_back(market, "STOPPED", DUE)
    [payout] = wait_for("the stop", lambda: [one for one in _payouts_to(market, "late") if one["state"] == "stopped"])
    ids["payout_stopped"] = payout["payout_id"]


def _take_back(market: Market, bank_reference: str, minor: int) -> None:
    """The bank takes a payment back."""
    message_id = f"{market.iban}-{bank_reference}-back"
    message = json.loads(json_notification(market.iban, message_id, Line(f"{bank_reference}-back", -minor)))
    message["entries"][0] |= {"reversal": True, "original_reference": bank_reference, "return_reason": "FOCR"}
    assert market.bank.tell(json.dumps(message).encode(), message_id, kind=JSON).status == HTTPStatus.ACCEPTED


def _payouts_to(market: Market, party: str) -> list[dict[str, Any]]:
    return [one for one in market.listed("/v1/payouts", "payouts") if one["party_id"] == market.ids[party]]


def list_as_overdue(market: Market, dynamodb: Any) -> None:
    """Put the market's payouts on the list of those that a bank is silent about, as time would."""
    for payout in market.listed("/v1/payouts", "payouts"):
        payout_id = payout["payout_id"]
        item = {
            "pk": {"S": f"{market.tenant_id}#{payout_id}"},
            "sk": {"S": "overdue"},
            "version": {"N": "1"},
            "doc": {"S": json.dumps({"payout_id": payout_id})},
            "list_key": {"S": f"{market.tenant_id}#payouts-overdue"},
            "list_sort": {"S": f"2026-03-02T09:00:00.000000Z#{payout_id}"},
        }
        dynamodb.put_item(TableName="quittance-local-records", Item=item)


def payout_commands(market: Market) -> dict[str, Command]:
    """One of each route."""
    return _of_bank_accounts(market.ids) | _of_payouts(market.ids)


def _of_payouts(ids: dict[str, str]) -> dict[str, Command]:
    route = "/v1/payouts/{payout_id}"
    body = {"party_id": ids["carrier"], "amount": money(5)}

    def empty(step: str, name: str) -> Command:
        paths = [f"/v1/payouts/{ids[f'payout_{one}']}/{step}" for one in (name, "other")]
        return Command(paths[0], {}, other_path=paths[1])

    return {
        "POST /v1/payouts": Command("/v1/payouts", body, body | {"remittance": "another"}),
        f"POST {route}/attempts": empty("attempts", "tried"),
        f"POST {route}/cancellation": empty("cancellation", "cancelled"),
        f"POST {route}/resume": empty("resume", "stopped"),
        f"POST {route}/resends": empty("resends", "resent"),
        f"POST {route}/resolutions": Command(
            f"/v1/payouts/{ids['payout_resolved']}/resolutions", NOT_PAID, NOT_PAID | {"evidence": "a call"}
        ),
        f"POST {route}/resolutions/reversal": empty("resolutions/reversal", "undone"),
    }


def _sent(market: Market, name: str) -> None:
    """A payout of the carrier's, under a name, once its file is written."""
    body = {"party_id": market.ids["carrier"], "amount": money(50)}
    market.ids[name] = market.web.made("/v1/payouts", body)["payout_id"]
    wait_for("the file", lambda: _state(market, name) == "sent")


def _told(market: Market, name: str, code: str, reason: str) -> None:
    """The bank's word on a payout."""
    message_id, payout_id = f"{market.iban}-{name}", market.ids[name]
    payment = {"end_to_end_id": payout_id, "status": code, "reason": reason}
    told = {"type": "status", "message_id": message_id, "created_at": f"{DAY}T09:00:00Z"}
    body = json.dumps({**told, "original_message_id": payout_id, "payments": [payment]}).encode()
    assert market.bank.tell(body, message_id, kind=JSON).status == HTTPStatus.ACCEPTED


def _state(market: Market, name: str) -> str:
    return str(market.web.read(f"/v1/payouts/{market.ids[name]}")["state"])


def _of_bank_accounts(ids: dict[str, str]) -> dict[str, Command]:
    route = "/v1/parties/{party_id}/bank-accounts"
    path = route.format(party_id=ids["carrier"])
    body: dict[str, Any] = {"bank_details": DETAILS}
    return {
        f"POST {route}": Command(path, body, body | {"default": True}),
        f"POST {route}/{{bank_account_id}}/default": Command(
            f"{path}/{ids['account_default']}/default", {}, other_path=f"{path}/{ids['account_kept']}/default"
        ),
        f"POST {route}/{{bank_account_id}}/retirement": Command(
            f"{path}/{ids['account_retired']}/retirement", {}, other_path=f"{path}/{ids['account_kept']}/retirement"
        ),
    }
