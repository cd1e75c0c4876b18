"""Receipts over HTTP, and reversals as a bank's message tells of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app import app
from chalicelib.settlement.routes.receipts import router
from tests.settlement.desk import Desk, moved
from tests.settlement.market import DUE, Deal
from tests.support.api import Api, Reply, signing, token_for

PAYER = {"counterparty": {"name": "Li Steel Ltd", "iban": "NL91ABNA0417164300"}}


@pytest.fixture
def api(desk: Desk) -> Iterator[Api]:
    with signing():
        yield Api(app, token_for(desk.place.tenant))


def allocate(api: Api, receipt_id: str, body: dict[str, Any], key: str = "k") -> Reply:
    return api.post(f"/v1/receipts/{receipt_id}/allocations", body, key=key)


def one_waiting(api: Api) -> dict[str, Any]:
    [receipt] = api.get("/v1/receipts/unmatched").body["receipts"]
    return dict(receipt)


def test_a_receipt_is_read_with_who_paid_and_allocated_once_per_key(api: Api, desk: Desk) -> None:
    deal = desk.place.deal()
    assert desk.tell(desk.report(moved(DUE, valued_on="2026-03-03", **PAYER))) == []
    receipt = one_waiting(api)
    body = {"to": "trade", "id": deal.trade_id}

    replies = [allocate(api, receipt["receipt_id"], body) for _ in range(2)]

    assert [reply.status for reply in replies] == [201, 201]
    assert replies[0].body == replies[1].body
    assert replies[1].headers["idempotent-replayed"] == "true"
    shown = api.get(f"/v1/receipts/{receipt['receipt_id']}").body
    assert (shown["counterparty_name"], shown["counterparty_account"]) == ("Li Steel Ltd", "****4300")
    assert (shown["booked_on"], shown["value_on"]) == ("2026-03-02", "2026-03-03")
    assert (shown["unallocated_minor"], shown["disposition"]) == (0, "matched")
    assert [part["target_id"] for part in shown["allocations"]] == [deal.trade_id]
    assert api.get("/v1/receipts/unmatched").body["receipts"] == []
    assert [one["receipt_id"] for one in api.get("/v1/receipts").body["receipts"]] == [receipt["receipt_id"]]


def test_an_allocation_is_undone(api: Api, desk: Desk) -> None:
    desk.tell(desk.report(moved(7)))
    receipt = one_waiting(api)
    allocate(api, receipt["receipt_id"], {"to": "party", "id": desk.place.party("mill")})
    path = f"/v1/receipts/{receipt['receipt_id']}/reversals"

    reply = api.post(path, {"allocation": 1, "reason": "another one's"}, key="u")

    assert (reply.status, reply.body["unallocated_minor"]) == (201, 7)
    assert one_waiting(api)["reason"] == "allocation_undone"


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"to": "nobody", "id": "x"}, 400, "invalid_field"),
        ({"to": "party"}, 400, "invalid_field"),
        ({"to": "trade", "id": "trd_none"}, 404, "trade_not_found"),
        ({"to": "receipt", "id": "rcp_none"}, 404, "receipt_not_found"),
        ({"to": "account", "id": "acc_none", "amount": {"minor": 8, "currency": "CNY"}}, 409, "receipt_exceeded"),
        ({"to": "account", "id": "acc_none", "amount": {"minor": 1, "currency": "EUR"}}, 400, "currency_mismatch"),
        ({"to": "account", "id": "acc_none", "value_on": "the 3rd"}, 400, "invalid_field"),
    ],
)
def test_an_allocation_that_makes_no_sense_is_refused(
    api: Api, desk: Desk, body: dict[str, Any], status: int, code: str
) -> None:
    desk.tell(desk.report(moved(7)))

    reply = allocate(api, one_waiting(api)["receipt_id"], body)

    assert (reply.status, reply.code) == (status, code)
    assert one_waiting(api)["unallocated_minor"] == 7


def test_another_tenant_sees_and_moves_nothing(api: Api, desk: Desk) -> None:
    desk.tell(desk.report(moved(7)))
    receipt_id = one_waiting(api)["receipt_id"]
    stranger = Api(app, token_for("ten_other"))

    assert stranger.get(f"/v1/receipts/{receipt_id}").code == "receipt_not_found"
    assert allocate(stranger, receipt_id, {"to": "party", "id": "pty_x"}).code == "receipt_not_found"
    assert stranger.get("/v1/receipts").body["receipts"] == []


def test_reading_and_moving_need_their_scopes() -> None:
    scopes = {(route.method, route.scope) for route in router.routes}

    assert scopes == {("GET", "banking:read"), ("POST", "banking:write")}


# ---- by a bank's message ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "named",
    [
        {"original_reference": "MB-1", "bank_reference": "MB-2"},
        {"bank_reference": "MB-1"},
        {"bank_reference": "MB-2", "uetr": "7a562c67-ca16-48ba-b074-65581be6f001"},
        {"bank_reference": "MB-2", "end_to_end_id": "ORDER-1"},
    ],
)
@pytest.mark.parametrize("first", ["payment", "reversal"])
def test_a_message_takes_a_payment_back_whichever_comes_first(
    api: Api, desk: Desk, named: dict[str, Any], first: str
) -> None:
    deal = desk.place.deal()
    told = {"uetr": "7a562c67-ca16-48ba-b074-65581be6f001", "end_to_end_id": "ORDER-1"}
    payment = moved(DUE, "MB-1", reference=deal.reference, **told)
    back = moved(-DUE, reversal=True, return_reason="FOCR", **named)
    messages = (payment, back) if first == "payment" else (back, payment)

    assert [desk.tell(desk.report(message)) for message in messages] == [[], []]

    assert nothing_is_left(desk, deal)
    assert api.get("/v1/receipts/unmatched").body["receipts"] == []


def nothing_is_left(desk: Desk, deal: Deal) -> bool:
    place = desk.place
    return (place.bank, place.escrow(deal), place.suspense, place.trade(deal).funded_minor) == (0, 0, 0, 0)
