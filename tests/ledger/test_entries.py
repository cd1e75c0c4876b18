"""Entries, batches, transfers up to an amount and reversals over HTTP: answers, replays, and every bad input."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import app
from chalicelib.core.call import entry_id
from chalicelib.ledger.domain import Kind
from tests.ledger.books import Books, new_books
from tests.support.api import Api, Reply, signing, token_for
from tests.support.dynamodb_local import Tables


@dataclass(frozen=True)
class Desk:
    """One tenant's API, with a bank account, a party with 100 in it, and another."""

    books: Books
    api: Api
    bank: str
    party: str
    other: str

    def post(self, url: str, body: object, key: str | None = None) -> Reply:
        return self.api.post(url, body, key=key or str(uuid.uuid4()))

    def legs(self, minor: object = 5) -> list[dict[str, Any]]:
        """From the bank to the other."""
        return [leg(self.bank, "debit", minor), leg(self.other, "credit", minor)]

    def state(self) -> list[Any]:
        return [self.books.account(account_id) for account_id in (self.bank, self.party, self.other)]


def leg(account_id: str, side: str, minor: object, currency: str = "CNY") -> dict[str, Any]:
    return {"account_id": account_id, "side": side, "amount": {"minor": minor, "currency": currency}}


@pytest.fixture
def desk(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    books = new_books(session_tables, monkeypatch)
    with signing():
        api = Api(app, token_for(books.tenant))
        yield Desk(books, api, books.opened(Kind.ASSET), books.opened(funds=100, floor=0), books.opened())


def test_an_entry_is_answered_with_its_metadata_and_read_with_it(desk: Desk) -> None:
    body = {"postings": desk.legs(), "metadata": {"invoice": "№ 7"}, "reference": "INV 7"}

    posted = desk.post("/v1/entries", body, key="k")
    again = desk.post("/v1/entries", body, key="k")

    read = desk.api.get(f"/v1/entries/{posted.body['entry_id']}")
    assert (posted.status, posted.body["metadata"], posted.body["data"]) == (201, {"invoice": "№ 7"}, {})
    assert posted.body == again.body == read.body
    assert again.headers["idempotent-replayed"] == "true"


def test_an_entry_is_booked_only_if_its_conditions_are_met(desk: Desk) -> None:
    asked = {"account_id": desk.party, "at_least_minor": 101}

    refused = desk.post("/v1/entries", {"postings": desk.legs(), "conditions": [asked]})
    booked = desk.post("/v1/entries", {"postings": desk.legs(), "conditions": [asked | {"at_least_minor": 100}]})

    assert (refused.status, refused.code, booked.status) == (409, "condition_not_met", 201)
    facts = {"account_id": desk.party, "rule": "at_least", "wanted_minor": 101, "actual_minor": 100}
    assert refused.body.items() >= facts.items()


def test_a_transfer_moves_what_is_there(desk: Desk) -> None:
    body = {
        "debit_account_id": desk.party,
        "credit_account_id": desk.other,
        "amount": {"minor": 150, "currency": "CNY"},
    }

    moved = desk.post("/v1/transfers", body | {"up_to": True, "metadata": {"run": "1"}}, key="k")
    again = desk.post("/v1/transfers", body | {"up_to": True, "metadata": {"run": "1"}}, key="k")
    none = desk.post("/v1/transfers", body | {"up_to": True})

    assert (moved.status, moved.body["data"], moved.body["metadata"]) == (201, {"wanted_minor": 150}, {"run": "1"})
    assert [posting["minor"] for posting in moved.body["postings"]] == [100, 100]
    assert again.body == moved.body
    assert (none.status, none.code, none.body["available"]) == (409, "nothing_to_move", 0)


def batch(*entries: dict[str, Any]) -> dict[str, Any]:
    return {"entries": [{"idempotency_key": str(uuid.uuid4()), **entry} for entry in entries]}


def test_a_batch_is_answered_with_its_entries_and_again_from_the_journal(desk: Desk) -> None:
    body = batch({"postings": desk.legs(5), "reference": "one"}, {"postings": desk.legs(6), "metadata": {"a": "b"}})

    posted, again = desk.post("/v1/entries/batch", body, key="k"), desk.post("/v1/entries/batch", body, key="k")

    assert (posted.status, again.status, again.headers["idempotent-replayed"]) == (201, 201, "true")
    assert posted.body == again.body
    assert posted.body["entries"] == [
        desk.api.get(f"/v1/entries/{entry['entry_id']}").body for entry in posted.body["entries"]
    ]
    assert [entry["entry_id"] for entry in posted.body["entries"]] == [
        entry_id(desk.books.tenant, f"c:{entry['idempotency_key']}") for entry in body["entries"]
    ]
    assert desk.books.balances(desk.other) == [11]


def test_a_batch_of_ninety_entries_with_long_texts_is_taken(desk: Desk) -> None:
    entries = [{"postings": desk.legs(1), "reference": "r" * 140, "metadata": {"m": "x" * 500}} for _ in range(90)]

    reply = desk.post("/v1/entries/batch", batch(*entries))

    assert (reply.status, desk.books.balances(desk.other)) == (201, [90])


def test_a_batch_with_one_bad_entry_names_its_place_and_books_none(desk: Desk) -> None:
    good = {"postings": desk.legs()}
    before = desk.state()
    for bad, status, code, field in (
        ({"postings": [leg(desk.party, "debit", 101), leg(desk.other, "credit", 101)]}, 409, "insufficient_funds", ""),
        ({"postings": [*desk.legs()[:1], leg("acc_none", "credit", 5)]}, 404, "account_not_found", ""),
        ({"postings": desk.legs(0)}, 400, "amount_not_positive", ".postings[0].amount"),
        ({"postings": desk.legs(), "occurred_at": "monday"}, 400, "invalid_instant", ".occurred_at"),
        ({"postings": desk.legs(), "metadata": {"A": "b"}}, 400, "invalid_metadata", ".metadata"),
    ):
        body = batch(good, bad, good)

        reply = desk.post("/v1/entries/batch", body, key="k")

        assert (reply.status, reply.code, reply.body["index"], reply.body["field"]) == (
            status,
            code,
            1,
            f"entries[1]{field}",
        )
        for key in ("k", *(entry["idempotency_key"] for entry in body["entries"])):
            assert desk.api.get(f"/v1/entries/{entry_id(desk.books.tenant, f'c:{key}')}").status == 404
    assert desk.state() == before


def test_a_batch_tells_of_keys_and_size(desk: Desk) -> None:
    desk.post("/v1/entries", {"postings": desk.legs()}, key="used")
    told = [
        desk.post("/v1/entries/batch", {"entries": []}),
        desk.post("/v1/entries/batch", batch(*[{"postings": desk.legs()}] * 98)),
        desk.post("/v1/entries/batch", batch(*[{"postings": desk.legs(), "idempotency_key": "same"}] * 2)),
        desk.post(
            "/v1/entries/batch", batch({"postings": desk.legs()}, {"postings": desk.legs(), "idempotency_key": "used"})
        ),
        desk.post("/v1/entries/batch", {"entries": [{"postings": desk.legs()}]}),
        desk.post("/v1/entries/batch", b" " * (256 * 1024 + 1)),
    ]

    assert [(reply.status, reply.code, reply.body.get("index")) for reply in told] == [
        (400, "too_few_entries", None),
        (413, "batch_too_large", None),
        (400, "duplicate_key_in_batch", 1),
        (422, "idempotency_key_reused", 1),
        (400, "invalid_field", None),
        (413, "body_too_large", None),
    ]
    assert (told[1].body["items"], told[1].body["maximum"]) == (101, 100)
    assert desk.books.balances(desk.other) == [5]


def test_an_entry_is_taken_back_in_parts_and_says_what_is_left(desk: Desk) -> None:
    entry = desk.post("/v1/entries", {"postings": desk.legs(10)}).body["entry_id"]
    url = f"/v1/entries/{entry}/reversals"
    part = {"postings": [leg(desk.bank, "credit", 4), leg(desk.other, "debit", 4)], "reason": "goods came back"}

    first, again = desk.post(url, part, key="k"), desk.post(url, part, key="k")
    half = desk.api.get(url).body
    rest = desk.post(url, {})
    none = desk.post(url, {})

    assert (first.status, first.body["kind"], first.body["subject"], first.body["data"]) == (
        201,
        "entry.reversed",
        entry,
        {"reason": "goods came back"},
    )
    assert again.body == first.body
    assert half == {
        "entry_id": entry,
        "reversible": True,
        "reversal_ids": [first.body["entry_id"]],
        "remaining": [
            {"account_id": desk.bank, "side": "debit", "minor": 6, "currency": "CNY"},
            {"account_id": desk.other, "side": "credit", "minor": 6, "currency": "CNY"},
        ],
    }
    assert (rest.status, none.status, none.code) == (201, 409, "entry_fully_reversed")
    assert desk.books.balances(desk.bank, desk.other) == [0, 0]


def test_a_reversal_of_one_entry_is_another_request_than_that_of_another(desk: Desk) -> None:
    one, two = (desk.post("/v1/entries", {"postings": desk.legs(10)}).body["entry_id"] for _ in range(2))
    desk.post(f"/v1/entries/{one}/reversals", {}, key="k")

    reply = desk.post(f"/v1/entries/{two}/reversals", {}, key="k")

    assert (reply.status, reply.code) == (422, "idempotency_key_reused")


@pytest.mark.parametrize("url", ["/v1/entries/ent_none/reversals", "/v1/entries/batch_/reversals"])
def test_what_is_no_entry_has_no_reversals(desk: Desk, url: str) -> None:
    assert [(reply.status, reply.code) for reply in (desk.post(url, {}), desk.api.get(url))] == [
        (404, "entry_not_found")
    ] * 2


MOST = {"minor": 10**27 + 1, "currency": "CNY"}


def bad_entries(desk: Desk) -> dict[str, tuple[dict[str, Any], int, str, str | None]]:
    """What is sent, and the status, code and field it is answered with."""
    good, one = {"postings": desk.legs()}, desk.legs()[0]
    soon = (datetime.now(UTC) + timedelta(seconds=90)).isoformat()
    frozen, closed, shut, euro = (desk.books.opened(**more) for more in ({}, {}, {}, {"currency": "EUR"}))
    desk.books.altered(frozen, status="frozen")
    desk.books.altered(closed, status="closed")
    desk.books.altered(shut, closed_until="2999-01-01T00:00:00.000000Z")

    def to(account_id: str) -> dict[str, Any]:
        return {"postings": [one, leg(account_id, "credit", 5)]}

    def asking(**asked: object) -> dict[str, Any]:
        return good | {"conditions": [{"account_id": desk.party, **asked}]}

    return {
        "no postings": ({"postings": []}, 400, "too_few_postings", "postings"),
        "one posting": ({"postings": [one]}, 400, "too_few_postings", "postings"),
        "91 postings": ({"postings": [one] * 91}, 400, "too_many_postings", "postings"),
        "unbalanced": ({"postings": [one, leg(desk.other, "credit", 4)]}, 400, "unbalanced", "postings"),
        "mixed currencies": ({"postings": [one, leg(desk.other, "credit", 5, "EUR")]}, 400, "unbalanced", "postings"),
        "both sides": (
            {"postings": [one, leg(desk.bank, "credit", 5)]},
            400,
            "account_on_both_sides",
            "postings[1].account_id",
        ),
        "two currencies of one account": (
            {"postings": [one, leg(desk.bank, "debit", 5, "EUR"), leg(desk.other, "credit", 5)]},
            400,
            "account_in_two_currencies",
            "postings[1].account_id",
        ),
        "zero": ({"postings": desk.legs(0)}, 400, "amount_not_positive", "postings[0].amount"),
        "negative": ({"postings": desk.legs(-5)}, 400, "amount_not_positive", "postings[0].amount"),
        "29 digits": ({"postings": desk.legs(10**28)}, 400, "number_too_large", "postings[0].amount.minor"),
        "beyond the limit": (
            {"postings": [one, {**one, "amount": MOST}]},
            400,
            "amount_too_large",
            "postings[1].amount",
        ),
        "float": ({"postings": desk.legs(1.5)}, 400, "float_not_allowed", "postings[0].amount.minor"),
        "no such currency": (
            {"postings": [one, leg(desk.other, "credit", 5, "XXX")]},
            400,
            "unknown_currency",
            "postings[1].amount",
        ),
        "an id with a line break": (to("acc_1\n"), 400, "invalid_field", "postings[1].account_id"),
        "unknown account": (to("acc_none"), 404, "account_not_found", None),
        "unknown deferred account": (to("hot_none"), 404, "account_not_found", None),
        "frozen": (to(frozen), 409, "account_frozen", None),
        "closed": (to(closed), 409, "account_closed", None),
        "closed period": (to(shut), 409, "period_closed", None),
        "other currency": (to(euro), 400, "currency_mismatch", None),
        "out of funds": (
            {"postings": [leg(desk.party, "debit", 101), leg(desk.other, "credit", 101)]},
            409,
            "insufficient_funds",
            None,
        ),
        "future": (good | {"occurred_at": soon}, 400, "occurred_in_future", "occurred_at"),
        "no instant": (good | {"occurred_at": "yesterday"}, 400, "invalid_instant", "occurred_at"),
        "too much metadata": (
            good | {"metadata": {f"k{i}": "x" for i in range(21)}},
            400,
            "too_many_metadata",
            "metadata",
        ),
        "metadata's key": (good | {"metadata": {"K": "x"}}, 400, "invalid_metadata", "metadata"),
        "metadata's value": (good | {"metadata": {"k": "a\tb"}}, 400, "invalid_metadata", "metadata.k"),
        "metadata's size": (
            good | {"metadata": {f"k{i}": "x" * 500 for i in range(5)}},
            400,
            "metadata_too_large",
            "metadata",
        ),
        "metadata of numbers": (good | {"metadata": {"k": 5}}, 400, "invalid_field", "metadata[...]"),
        "eleven conditions": (
            good | {"conditions": [{"account_id": desk.party, "at_least_minor": 0}] * 11},
            400,
            "too_many_conditions",
            "conditions",
        ),
        "a condition of nothing": (asking(), 400, "invalid_condition", "conditions[0]"),
        "a condition of two": (asking(at_least_minor=1, at_most_minor=2), 400, "invalid_condition", "conditions[0]"),
        "a condition beyond the limit": (asking(exactly_minor=10**27 + 1), 400, "amount_too_large", "conditions[0]"),
        "a condition on a deferred account": (
            good | {"conditions": [{"account_id": "hot_1", "at_least_minor": 0}]},
            400,
            "account_deferred",
            "conditions[0].account_id",
        ),
        "a condition on no account": (
            good | {"conditions": [{"account_id": "acc_none", "at_least_minor": 0}]},
            404,
            "account_not_found",
            None,
        ),
        "a condition that is not met": (asking(at_most_minor=99), 409, "condition_not_met", None),
    }


def test_every_bad_entry_has_its_code_and_writes_nothing_alone_or_in_a_batch(desk: Desk) -> None:
    cases = bad_entries(desk)
    before = desk.state()
    for what, (body, status, code, field) in cases.items():
        alone = desk.post("/v1/entries", body, key=what)
        together = desk.post("/v1/entries/batch", batch({"postings": desk.legs()}, body), key=f"{what} in a batch")

        assert (alone.status, alone.code, alone.body.get("field")) == (status, code, field), what
        assert (together.status, together.code) == (status, code), what
        assert together.body["field"] == ("entries[1]" if field is None else f"entries[1].{field}"), what
        for key in (what, f"{what} in a batch"):
            assert desk.api.get(f"/v1/entries/{entry_id(desk.books.tenant, f'c:{key}')}").status == 404, what
    assert desk.state() == before
