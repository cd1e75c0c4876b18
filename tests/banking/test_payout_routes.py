"""Payouts over HTTP: what goes in, what comes out, and what another tenant sees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app import app
from chalicelib.banking import paying, payout_changes
from chalicelib.banking.payout_states import Event
from chalicelib.banking.payout_status import News
from chalicelib.settlement.routes.payouts import router
from tests.banking.build import (
    BANK,
    IBAN,
    TENANT,
    Cloud,
    created,
    debited,
    default_account,
    opened_books,
    owed,
    returned,
)
from tests.banking.build import party as made_party
from tests.support.api import Api, signing, token_for
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables

CNY_5 = {"minor": 500, "currency": "CNY"}


@pytest.fixture
def api(tables: Tables, cloud: Cloud) -> Iterator[Api]:
    opened_books()
    with signing():
        yield Api(app, token_for(TENANT))


@pytest.fixture
def other(api: Api) -> Api:
    """Another tenant, with every scope."""
    return Api(app, token_for("ten_other"))


def doubted() -> str:
    """A payout whose bank says that it may be a duplicate."""
    payout_id = created(made_party())
    paying.send_payout(TENANT, payout_id, now=MONDAY)
    payout_changes.apply_payout_status(BANK, News(payout_id, Event.DOUBTED, "AM05"), now=MONDAY)
    return payout_id


def test_a_payout_is_read_and_listed(api: Api, other: Api) -> None:
    mill = made_party()
    payout_id = created(mill)
    payout_changes.settle_payout(debited(payout_id), now=MONDAY)
    payout_changes.return_payout(returned(payout_id, 480), now=MONDAY)

    reply = api.get(f"/v1/payouts/{payout_id}")

    attempt = {
        "attempt_id": payout_id,
        "state": "returned",
        "reason": "AC04",
        "amount_minor": 500,
        "bank_account_id": default_account(mill),
        "started_at": "2026-03-02T09:00:00.000000Z",
        "execute_on": "2026-03-02",
        "returned_minor": 480,
        "return_charges_minor": 20,
        "resends": 0,
        "debited_late": False,
    }
    assert reply.body == {
        "payout_id": payout_id,
        "party_id": mill,
        "source": "party",
        "bank_account_id": default_account(mill),
        "state": "returned",
        "amount_minor": 500,
        "currency": "CNY",
        "created_at": "2026-03-02T09:00:00.000000Z",
        "execute_on": "2026-03-02",
        "remittance": "QT-1",
        "subject": None,
        "reason": "AC04",
        "returned_minor": 480,
        "return_charges_minor": 20,
        "charges_borne_by": "party",
        "cancellation_requested_at": None,
        "overdue_since": None,
        "resolution": None,
        "attempts": [attempt],
    }
    assert api.get("/v1/payouts").body["payouts"] == [reply.body]
    assert other.get(f"/v1/payouts/{payout_id}").status == 404
    assert other.get("/v1/payouts").body["payouts"] == []


def test_a_payout_is_made_by_hand_once(api: Api, other: Api) -> None:
    mill = made_party()
    owed(mill)
    body = {"party_id": mill, "amount": CNY_5, "remittance": "QT-1"}

    reply = api.post("/v1/payouts", body, key="k")
    again = api.post("/v1/payouts", body, key="k")

    payout_id = reply.body["payout_id"]
    assert (reply.status, reply.body) == (
        201,
        {"payout_id": payout_id, "attempt_id": payout_id, "state": "created"},
    )
    assert (again.body, again.headers["idempotent-replayed"]) == (reply.body, "true")
    assert api.post("/v1/payouts", body | {"remittance": "QT-2"}, key="k").status == 422
    assert api.post("/v1/payouts", body, key="l").body["code"] == "insufficient_funds"
    assert other.post("/v1/payouts", body, key="k").body["code"] == "party_not_found"
    assert api.get(f"/v1/payouts/{payout_id}").body["remittance"] == "QT-1"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"party_id": None}, 400, "party_missing"),
        ({"party_id": None, "source": "lender"}, 400, "party_missing"),
        ({"source": "fee_income"}, 400, "payee_not_own"),
        ({"source": "interest_income"}, 409, "not_a_lender"),
        ({"source": "escrow"}, 400, "invalid_field"),
        ({"amount": {"minor": 0, "currency": "CNY"}}, 400, "amount_not_positive"),
        ({"amount": {"minor": 5, "currency": "EUR"}}, 404, "bank_account_not_linked"),
        ({"remittance": "line\tbreak"}, 400, "invalid_remittance"),
        ({"not_after": "2026-03-02"}, 400, "invalid_instant"),
        ({"not_after": "2020-01-01T00:00:00Z"}, 409, "not_after_passed"),
        ({"bank_account_id": "bac_none"}, 404, "payee_account_not_found"),
    ],
)
def test_a_payout_that_cannot_be_is_refused_with_its_code(
    api: Api, change: dict[str, Any], status: int, code: str
) -> None:
    mill = made_party()
    owed(mill)
    body = {name: value for name, value in ({"party_id": mill, "amount": CNY_5} | change).items() if value is not None}

    reply = api.post("/v1/payouts", body, key="k")

    assert (reply.status, reply.body["code"]) == (status, code)


def test_people_decide_take_back_and_try_again(api: Api) -> None:
    payout_id = doubted()
    path = f"/v1/payouts/{payout_id}"
    found = {"outcome": "not_paid", "evidence": "letter of 9 March"}

    assert api.post(f"{path}/resolutions", found, key="r").body["state"] == "rejected"
    assert api.post(f"{path}/resolutions", found | {"evidence": ""}, key="e").body["code"] == "invalid_field"
    read = api.get(path).body["resolution"]
    assert (read["outcome"], read["evidence"]) == ("not_paid", "letter of 9 March")
    assert api.post(f"{path}/resolutions/reversal", {}, key="u").body["state"] == "unknown"
    assert api.post(f"{path}/resends", {}, key="s").status == 201
    assert api.post(f"{path}/cancellation", {}, key="c").body["state"] == "unknown"
    assert api.get(path).body["cancellation_requested_at"]
    assert api.post(f"{path}/attempts", {}, key="a").body["code"] == "payout_attempt_alive"
    api.post(f"{path}/resolutions", found, key="again")
    tried = api.post(f"{path}/attempts", {}, key="a")

    assert (tried.status, tried.body["state"]) == (201, "created")
    assert [one["state"] for one in api.get(path).body["attempts"]] == ["rejected", "created"]
    assert api.get(path).body["attempts"][1]["attempt_id"] == tried.body["attempt_id"] != payout_id


def test_payouts_are_listed_by_what_they_are_for_and_when_overdue(api: Api, other: Api) -> None:
    payout_id = doubted()

    # The clock of the test is long past Monday: it shows as overdue before the schedule has listed it.
    assert api.get(f"/v1/payouts/{payout_id}").body["overdue_since"] == "2026-03-02T09:00:00.000000Z"
    assert api.get("/v1/payouts/overdue").body == {"payouts": [], "next_cursor": None}
    assert api.get("/v1/payouts?subject=trd_none").body["payouts"] == []
    assert other.get("/v1/payouts/overdue").status == 200


def test_own_income_is_paid_to_the_marketplaces_own_account(api: Api) -> None:
    api.post("/v1/parties/own/bank-accounts", {"bank_details": {"iban": IBAN}}, key="b")

    reply = api.post("/v1/payouts", {"source": "fee_income", "amount": CNY_5}, key="k")

    assert (reply.status, reply.body["code"], reply.body["available"]) == (409, "insufficient_funds", 0)


def test_only_a_stopped_payout_is_resumed(api: Api, other: Api) -> None:
    path = f"/v1/payouts/{created(made_party())}/resume"

    made, foreign = api.post(path, {}, key="r"), other.post(path, {}, key="r")

    assert (made.status, made.body["code"], made.body["state"]) == (409, "payout_state", "created")
    assert (foreign.status, foreign.body["code"]) == (404, "payout_not_found")
    assert api.post(path, {"reason": "x"}, key="s").status == 400


def test_each_route_has_its_scope() -> None:
    scopes = {(route.method, route.path): route.scope for route in router.routes}

    assert {scope for (method, _), scope in scopes.items() if method == "GET"} == {"banking:read"}
    assert {scope for (method, _), scope in scopes.items() if method == "POST"} == {"payouts:write"}
