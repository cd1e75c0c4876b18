"""Claims over HTTP: what the lists and commands take and answer, the same when sent again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app import app
from chalicelib.settlement.domain.claims import Claim
from tests.settlement.claims import OWED, claimed
from tests.settlement.goods import Trading
from tests.support.api import Api, signing, token_for


@dataclass
class Desk:
    """A marketplace behind the API."""

    place: Trading
    api: Api

    def twice(self, claim: Claim, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The answer, which is the same and marked as such when the request is sent again."""
        first, again = (self.api.post(f"/v1/claims/{claim.claim_id}/{path}", body, key=path) for _ in range(2))
        assert (first.status, again.status, again.body) == (201, 201, first.body), first.body
        assert again.headers["idempotent-replayed"] == "true"
        answer: dict[str, Any] = first.body
        return answer


@pytest.fixture
def desk(place: Trading) -> Iterator[Desk]:
    with signing():
        yield Desk(place, Api(app, token_for(place.tenant)))


def money(minor: int) -> dict[str, Any]:
    return {"minor": minor, "currency": "CNY"}


def test_a_claim_shows_who_owes_whom_how_much_and_why(desk: Desk) -> None:
    place = desk.place
    claim = claimed(place, trade_id="trd_1")

    reply = desk.api.get(f"/v1/claims/{claim.claim_id}")

    assert reply.body == {
        "claim_id": claim.claim_id,
        "status": "open",
        "debtor_party_id": place.party("seller"),
        "creditor_party_id": place.party("buyer"),
        "trade_id": "trd_1",
        "currency": "CNY",
        "amount_minor": OWED,
        "settled_minor": 0,
        "set_off_minor": 0,
        "waived_minor": 0,
        "open_minor": OWED,
        "reason": "refund_not_covered",
        "due_on": "2026-03-09",
        "opened_by": claim.opened_by,
        "opened_at": "2026-03-02T09:00:00.000000Z",
    }


def test_a_claim_is_settled_waived_and_both_are_undone(desk: Desk) -> None:
    claim = claimed(desk.place)
    desk.place.owe("seller", 400)

    settled = desk.twice(claim, "settlements", {"amount": money(OWED), "up_to": True})
    waived = desk.twice(claim, "waivers", {"amount": money(600), "reason": "as agreed"})

    assert (settled["minor"], settled["open_minor"], settled["status"]) == (400, 600, "open")
    assert (waived["minor"], waived["open_minor"], waived["status"]) == (600, 0, "waived")
    undone = desk.twice(claim, "reversals", {"entry_id": waived["entry_id"], "reason": "in error"})
    assert (undone["minor"], undone["waived_minor"], undone["open_minor"]) == (600, 0, 600)


def test_claims_are_listed_in_pages_by_what_is_asked(desk: Desk) -> None:
    claims = [claimed(desk.place, trade_id=f"trd_{number}") for number in range(3)]

    first = desk.api.get("/v1/claims?limit=2").body
    rest = desk.api.get(f"/v1/claims?limit=2&cursor={first['next_cursor']}").body

    listed = [claim["claim_id"] for claim in (*first["claims"], *rest["claims"])]
    assert sorted(listed) == sorted(claim.claim_id for claim in claims)
    mine = desk.api.get(f"/v1/claims?debtor={desk.place.party('seller')}&trade=trd_1").body
    assert [claim["claim_id"] for claim in mine["claims"]] == [claims[1].claim_id]
    assert desk.api.get("/v1/claims?status=ended").body == {"claims": [], "next_cursor": None}


@pytest.mark.parametrize(
    ("query", "code"), [("status=lost", "invalid_status"), ("debtor=a%23b", "invalid_id"), ("trade=%20", "invalid_id")]
)
def test_a_list_that_makes_no_sense_is_refused(desk: Desk, query: str, code: str) -> None:
    reply = desk.api.get(f"/v1/claims?{query}")

    assert (reply.status, reply.code) == (400, code)


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("settlements", {"amount": money(1), "up_to": 1}, "up_to"),
        ("waivers", {"amount": money(1)}, "reason"),
        ("waivers", {"amount": money(1), "reason": ""}, "reason"),
        ("reversals", {"entry_id": "a#b", "reason": "x"}, "entry_id"),
    ],
)
def test_a_body_that_makes_no_sense_is_refused_by_field(
    desk: Desk, path: str, body: dict[str, Any], field: str
) -> None:
    reply = desk.api.post(f"/v1/claims/{claimed(desk.place).claim_id}/{path}", body, key="once")

    assert (reply.status, reply.code, reply.body["field"]) == (400, "invalid_field", field)
