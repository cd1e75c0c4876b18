"""Splits over HTTP: answers, replays, refusals with their status, pages, scopes, and nothing across tenants."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from app import app
from chalicelib.splits.domain.waterfall import MOST_SHARES
from chalicelib.splits.service.distributing import pay_due
from tests.splits.desk import ENTROPY, FUNDS, Desk
from tests.support.api import Api, Reply, signing, token_for
from tests.support.calls import MONDAY

KEPT = {"kind": "remainder", "kept": True}


@dataclass(frozen=True)
class Counter:
    """A tenant's API beside its books, with three accounts that can be paid."""

    desk: Desk
    api: Api
    mill: str
    carrier: str
    bank: str

    def post(self, url: str, body: object, key: str | None = None) -> Reply:
        return self.api.post(url, body, key=key or str(uuid.uuid4()))

    def body(self, minor: int = 1_000, **changes: Any) -> dict[str, Any]:
        """A tenth for the carrier, a fifth kept, the rest for the mill."""
        shares = [share(self.carrier, "bps", bps=1_000), {"kind": "bps", "bps": 2_000, "kept": True}]
        usual = {"source_account_id": self.desk.source, "amount": money(minor)}
        return usual | {"shares": [*shares, share(self.mill, "remainder")]} | changes

    def opened(self, **changes: Any) -> str:
        reply = self.post("/v1/splits", self.body(**changes))
        assert reply.status == 201, reply.body
        return str(reply.body["split"]["split_id"])


def money(minor: int, currency: str = "CNY") -> dict[str, Any]:
    return {"minor": minor, "currency": currency}


def share(account_id: str, kind: str, **terms: Any) -> dict[str, Any]:
    return {"account_id": account_id, "kind": kind, **terms}


def shown(**minors: int) -> list[dict[str, Any]]:
    return [{"account_id": account_id, "minor": minor} for account_id, minor in minors.items()]


@pytest.fixture
def counter(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counter]:
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    with signing():
        yield Counter(desk, Api(app, token_for(desk.tenant)), *desk.receivers(3))


def test_a_preview_shows_each_step_and_books_nothing(counter: Counter) -> None:
    inner = [share("b", "capped", minor=10), share("c", "remainder")]
    growers = {"kind": "bps", "bps": 6_000, "name": "growers", "shares": inner}
    body = {
        "amount": money(100),
        "shares": [share("a", "bps", bps=2_000), {"kind": "bps", "bps": 2_000, "kept": True}, growers],
        "fees": [{"account_id": "x", "minor": 3}, {"account_id": "y", "bps": 100, "borne_by": "c"}],
    }

    reply = counter.api.post("/v1/splits/preview", body)

    assert (reply.status, reply.body) == (
        200,
        {
            "currency": "CNY",
            "amount_minor": 100,
            "on_top_minor": 3,
            "kept_minor": 20,
            "shares": shown(a=20, b=10, c=49),
            "fees": shown(x=3, y=1),
            "lines": [
                {"share": "a", "kind": "bps", "whole_minor": 100, "minor": 20},
                {"share": "kept", "kind": "bps", "whole_minor": 100, "minor": 20},
                {"share": "growers", "kind": "bps", "whole_minor": 100, "minor": 60},
                {"share": "b", "kind": "capped", "whole_minor": 60, "minor": 10},
                {"share": "c", "kind": "remainder", "whole_minor": 60, "minor": 50},
            ],
        },
    )
    assert counter.desk.balances(counter.desk.source) == [FUNDS]


def test_a_split_is_made_read_and_listed(counter: Counter) -> None:
    fees = [
        {"account_id": counter.bank, "minor": 5},
        {"account_id": counter.bank, "minor": 2, "borne_by": counter.mill},
    ]

    reply = counter.post("/v1/splits", counter.body(fees=fees, reference="INV 7"))

    split_id = reply.body["split"]["split_id"]
    view = counter.api.get(f"/v1/splits/{split_id}").body
    assert (reply.status, reply.body) == (
        201,
        {
            "entry_id": reply.body["entry_id"],
            "division": 1,
            "kept_minor": 200,
            "shares": shown(**{counter.carrier: 100, counter.mill: 698}),
            "fees": shown(**{counter.bank: 7}),
            "split": view,
        },
    )
    assert view == {
        "split_id": split_id,
        "state": "open",
        "source_account_id": counter.desk.source,
        "clearing_account_id": view["clearing_account_id"],
        "currency": "CNY",
        "amount_minor": 1_000,
        "on_top_minor": 5,
        "fees_minor": 2,
        "held_minor": 200,
        "planned_minor": 0,
        "paid_minor": 798,
        "refunded_minor": 0,
        "returned_minor": 0,
        "receivers": 2,
        "divisions": 1,
        "paid_divisions": 1,
        "reference": "INV 7",
        "opened_at": view["opened_at"],
    }
    assert counter.api.get("/v1/splits").body == {"splits": [view], "next_cursor": None}
    assert counter.api.get(f"/v1/accounts/{view['clearing_account_id']}").body["posted_minor"] == 200


def test_without_shares_all_is_held_and_a_minimal_body_will_do(counter: Counter) -> None:
    reply = counter.post("/v1/splits", {"source_account_id": counter.desk.source, "amount": money(10)})

    assert (reply.status, reply.body["division"], reply.body["kept_minor"]) == (201, None, 10)
    assert (reply.body["shares"], reply.body["split"]["state"]) == ([], "open")


def test_what_is_held_is_divided_paid_by_pages_refunded_and_returned(counter: Counter) -> None:
    split_id = counter.opened()
    path = f"/v1/splits/{split_id}"
    page = [{"account_id": counter.mill, "minor": 30}, {"account_id": "acc_none", "minor": 1}]

    divided = counter.post(f"{path}/divisions", {"shares": [share(counter.bank, "bps", bps=5_000), KEPT]})
    added = counter.post(f"{path}/receivers", {"receivers": page})
    pay_due(counter.desk.tenant, split_id, now=MONDAY, entropy=ENTROPY)
    refunded = counter.post(f"{path}/refunds", {"amount": money(10), "division": 2})
    returned = counter.post(f"{path}/return", {})

    assert (divided.status, divided.body["division"], divided.body["kept_minor"]) == (201, 2, 100)
    assert divided.body["shares"] == shown(**{counter.bank: 100})
    assert (added.status, added.body["added"], added.body["added_minor"]) == (202, 2, 31)
    assert (added.body["first_division"], added.body["last_division"], added.body["split"]["state"]) == (
        3,
        3,
        "distributing",
    )
    assert (refunded.status, refunded.body["given_back"]) == (201, shown(**{counter.bank: 10}))
    assert (returned.status, returned.body["minor"], returned.body["split"]["state"]) == (201, 70, "closed")
    assert counter.desk.adds_up(split_id)


def test_divisions_are_listed_with_what_came_back_and_who_could_not_be_paid(counter: Counter) -> None:
    split_id = counter.opened()
    path = f"/v1/splits/{split_id}/divisions"
    receivers = [{"account_id": counter.bank, "minor": 2}, {"account_id": "acc_none", "minor": 1}]
    counter.post(f"/v1/splits/{split_id}/refunds", {"amount": money(70), "account_ids": [counter.mill]})
    counter.post(f"/v1/splits/{split_id}/receivers", {"receivers": receivers})
    waiting = counter.api.get(path).body["divisions"][1]
    pay_due(counter.desk.tenant, split_id, now=MONDAY, entropy=ENTROPY)

    first = counter.api.get(f"{path}?limit=1").body
    second = counter.api.get(f"{path}?limit=9&cursor={first['next_cursor']}").body

    assert first["divisions"] == [
        {"division": 1, "paid": True, "receivers": [got(counter.carrier, 100), got(counter.mill, 700, 70)]}
    ]
    assert (waiting["paid"], waiting["receivers"]) == (False, [got(counter.bank, 2), got("acc_none", 1)])
    assert second["divisions"] == [
        {
            "division": 2,
            "paid": True,
            "receivers": [got(counter.bank, 2), got("acc_none", 1, refused="account_not_found")],
        }
    ]
    assert counter.api.get(f"{path}?limit=1&cursor=x").code == "invalid_cursor"


def got(account_id: str, minor: int, back: int = 0, *, refused: str | None = None) -> dict[str, Any]:
    return {"account_id": account_id, "minor": minor, "back_minor": back, "refused": refused}


def test_a_repeated_request_has_the_same_answer_though_the_split_has_moved_on(counter: Counter) -> None:
    first = counter.post("/v1/splits", counter.body(), "k")
    counter.post(f"/v1/splits/{first.body['split']['split_id']}/return", {})

    again = counter.post("/v1/splits", counter.body(), "k")
    other = counter.post("/v1/splits", counter.body(1_001), "k")

    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, first.body, "true")
    assert (other.status, other.code) == (422, "idempotency_key_reused")


def deep(levels: int) -> dict[str, Any]:
    return share("a", "remainder") if levels == 1 else {"kind": "remainder", "shares": [deep(levels - 1)]}


@pytest.mark.parametrize(
    ("code", "field", "shares"),
    [
        ("share_invalid", "shares[0]", [{"kind": "remainder"}]),
        ("share_invalid", "shares[1]", [share("a", "bps"), share("kept", "remainder")]),
        ("share_invalid", "shares[0]", [share("a", "remainder", kept=True)]),
        ("share_invalid", "shares[0]", [share("a", "remainder", shares=[share("b", "remainder")])]),
        (
            "share_invalid",
            "shares[0].shares[1]",
            [{"kind": "remainder", "shares": [share("b", "bps"), KEPT | {"bps": 1}]}],
        ),
        ("tiers_invalid", "shares[0]", [share("a", "tiered", tiers=[{"bps": 1, "up_to_minor": 5}])]),
        ("invalid_field", "shares[0].shares[0].shares[0].shares", [deep(4)]),
        ("invalid_field", "shares[0].kind", [share("a", "percent")]),
        ("split_too_long", None, [share("a", "remainder")] * (MOST_SHARES + 1)),
        ("split_role_twice", None, [share("a", "remainder"), share("a", "bps")]),
        ("split_two_remainders", None, [share("a", "remainder"), KEPT]),
        ("split_over_whole", None, [share("a", "bps", bps=10_000), share("b", "bps", bps=1), KEPT]),
        ("split_leaves_rest", None, [share("a", "fixed", minor=1)]),
    ],
)
def test_shares_that_do_not_add_up_are_bad_requests(
    counter: Counter, code: str, field: str | None, shares: list[dict[str, Any]]
) -> None:
    replies = [
        counter.api.post("/v1/splits/preview", {"amount": money(5), "shares": shares}),
        counter.post("/v1/splits", counter.body(shares=shares)),
        counter.post(f"/v1/splits/{counter.opened()}/divisions", {"shares": shares}),
    ]

    assert [(reply.status, reply.code, reply.body.get("field")) for reply in replies] == [(400, code, field)] * 3


def test_three_levels_of_shares_are_allowed(counter: Counter) -> None:
    reply = counter.api.post("/v1/splits/preview", {"amount": money(5), "shares": [deep(3)]})

    assert (reply.status, reply.body["shares"]) == (200, shown(a=5))


@pytest.mark.parametrize(
    ("status", "code", "field", "changes"),
    [
        (400, "amount_not_positive", "amount.minor", {"amount": money(0)}),
        (400, "unknown_currency", "amount", {"amount": money(1, "XXX")}),
        (400, "fee_invalid", "fees[0]", {"fees": [{"account_id": "x", "bps": -1}]}),
        (400, "fee_bearer_unknown", "fees[0].borne_by", {"fees": [{"account_id": "x", "minor": 1, "borne_by": "y"}]}),
        (400, "too_many_fees", "fees", {"fees": [{"account_id": "x"}] * 6}),
        (400, "invalid_field", "reference", {"reference": ""}),
        (400, "invalid_field", "source_account_id", {"source_account_id": "a#b"}),
        (400, "currency_mismatch", None, {"amount": money(1_000, "EUR")}),
        (404, "account_not_found", None, {"source_account_id": "acc_none"}),
        (409, "insufficient_funds", None, {"amount": money(FUNDS + 1)}),
        (409, "split_exceeds_amount", None, {"shares": [share("a", "fixed", minor=1_001), KEPT]}),
    ],
)
def test_a_split_that_cannot_be_made_says_why(
    counter: Counter, status: int, code: str, field: str | None, changes: dict[str, Any]
) -> None:
    reply = counter.post("/v1/splits", counter.body(**changes))

    assert (reply.status, reply.code, reply.body.get("field")) == (status, code, field)


@pytest.mark.parametrize(
    ("status", "code", "route", "body"),
    [
        (409, "fee_exceeds_share", "", None),
        (409, "division_exceeds_held", "divisions", {"amount": money(201), "shares": [KEPT]}),
        (409, "division_pays_nobody", "divisions", {"shares": [KEPT]}),
        (400, "split_empty", "divisions", {"shares": []}),
        (400, "invalid_field", "receivers", {"receivers": []}),
        (400, "invalid_field", "receivers", {"receivers": [{"account_id": "a", "minor": 1}] * 2_001}),
        (400, "receiver_twice", "receivers", {"receivers": [{"account_id": "a", "minor": 1}] * 2}),
        (409, "division_exceeds_held", "receivers", {"receivers": [{"account_id": "a", "minor": 201}]}),
        (409, "refund_exceeds_received", "refunds", {"amount": money(801)}),
        (404, "division_not_found", "refunds", {"amount": money(1), "division": 2}),
        (404, "division_not_found", "refunds", {"amount": money(1), "division": -1}),
        (400, "receiver_unknown", "refunds", {"amount": money(1), "account_ids": ["a"]}),
        (409, "return_exceeds_held", "return", {"amount": money(201)}),
        (400, "currency_mismatch", "return", {"amount": money(1, "EUR")}),
    ],
)
def test_a_step_that_cannot_be_done_says_why(
    counter: Counter, status: int, code: str, route: str, body: dict[str, Any] | None
) -> None:
    fee = {"account_id": counter.bank, "minor": 101, "borne_by": counter.carrier}
    url, given = f"/v1/splits/{counter.opened()}/{route}", body
    if body is None:
        url, given = "/v1/splits", counter.body(fees=[fee])

    reply = counter.post(url, given)

    assert (reply.status, reply.code) == (status, code)


def test_two_thousand_receivers_fit_into_one_page(counter: Counter) -> None:
    split_id = counter.opened(amount=money(100_000))
    receivers = [{"account_id": f"acc_{number:026d}", "minor": 10} for number in range(2_000)]

    reply = counter.post(f"/v1/splits/{split_id}/receivers", {"receivers": receivers})

    assert (reply.status, reply.body["first_division"], reply.body["last_division"]) == (202, 2, 26)
    assert reply.body["split"]["planned_minor"] == 20_000


def test_who_may_read_may_not_write_and_the_other_way_round(counter: Counter) -> None:
    split_id = counter.opened()
    reader, writer = (Api(app, token_for(counter.desk.tenant, f"splits:{scope}")) for scope in ("read", "write"))

    replies = [
        reader.post("/v1/splits", counter.body(), key="r"),
        reader.post(f"/v1/splits/{split_id}/return", {}, key="r"),
        writer.get(f"/v1/splits/{split_id}"),
    ]

    assert [(reply.status, reply.code) for reply in replies] == [(403, "scope_missing")] * 3
    assert reader.get(f"/v1/splits/{split_id}").status == 200
    assert writer.post("/v1/splits", counter.body(), key="w").status == 201


def test_another_tenant_sees_nothing_of_a_split(counter: Counter) -> None:
    split_id = counter.opened()
    other = Api(app, token_for(f"ten_{uuid.uuid4().hex}"))

    replies = [
        other.get(f"/v1/splits/{split_id}"),
        other.get(f"/v1/splits/{split_id}/divisions"),
        other.post(f"/v1/splits/{split_id}/return", {}, key="o"),
        other.post(f"/v1/splits/{split_id}/refunds", {"amount": money(1)}, key="p"),
    ]

    assert [(reply.status, reply.code) for reply in replies] == [(404, "split_not_found")] * 4
    assert other.get("/v1/splits").body == {"splits": [], "next_cursor": None}
