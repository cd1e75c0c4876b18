"""Reconciliation over HTTP: what goes in, what comes out, and what nobody else sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import app
from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import BankAccount
from chalicelib.recon.formats import MOST_BYTES
from chalicelib.recon.routes import router
from chalicelib.storage.commit import commit
from tests.recon.beancheck import problems
from tests.recon.build import BANK, FEES, IBAN, SUSPENSE, Line, Sheet, callback, camt, project
from tests.support.api import Api, Reply, signing, token_for
from tests.support.calls import TENANT
from tests.support.dynamodb_local import Tables

XML = "application/xml"
DAY = Sheet(lines=[Line(1000, "R1", "RF18", "deposit"), Line(-300, "R2"), Line(7)])


@pytest.fixture
def api(books: Tables) -> Iterator[Api]:
    with signing():
        yield Api(app, token_for(TENANT))


@pytest.fixture
def other(api: Api) -> Api:
    """Another tenant, with every scope."""
    return Api(app, token_for("ten_other"))


def upload(api: Api, *sheets: Sheet, key: str = "k") -> Reply:
    return api.post("/v1/statements", camt(*sheets), key=key, kind=XML)


def uploaded(api: Api, *sheets: Sheet) -> str:
    """The id of the first statement of an upload."""
    return str(upload(api, *sheets).body["statements"][0]["statement_id"])


def open_breaks(api: Api) -> list[dict[str, Any]]:
    return list(api.get("/v1/breaks").body["breaks"])


def test_an_upload_is_answered_with_each_statements_figures(api: Api) -> None:
    callback(1000, "R1")

    reply = upload(api, DAY, DAY.next())

    first, second = reply.body["statements"]
    assert reply.status == 201
    assert reply.body["file_id"].startswith("stf_")
    assert {name: value for name, value in first.items() if name != "statement_id"} == {
        "bank_statement_id": "S-1",
        "iban": IBAN,
        "currency": "CNY",
        "sequence": 1,
        "status": "loaded",
        "proof": "proved",
        "reason": "",
        "continuity": "first",
        "lines": 3,
        "matched": 1,
        "breaks": 2,
    }
    assert (second["continuity"], second["lines"]) == ("chained", 0)


def test_an_upload_again_answers_the_same_and_says_so(api: Api) -> None:
    first = upload(api, DAY)

    again = upload(api, DAY)

    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, first.body, "true")
    assert "idempotent-replayed" not in first.headers
    assert (upload(api, DAY.next()).status, upload(api, DAY.next()).code) == (422, "idempotency_key_reused")


def test_an_upload_names_its_type_and_its_key_and_is_not_too_large(api: Api) -> None:
    replies = [
        api.post("/v1/statements", camt(DAY), key="k", kind="application/json"),
        api.post("/v1/statements", camt(DAY), kind=XML),
        api.post("/v1/statements", b" " * (MOST_BYTES + 1), key="k", kind=XML),
        api.post("/v1/statements", b"<Document>", key="k", kind="text/xml; charset=utf-8"),
        upload(api, replace(DAY, iban="NL35MOCK0000000012")),
    ]

    assert [(reply.status, reply.code) for reply in replies] == [
        (400, "unsupported_media_type"),
        (400, "idempotency_key_missing"),
        (413, "body_too_large"),
        (400, "malformed_xml"),
        (404, "unknown_bank_account"),
    ]


def test_a_refused_file_is_listed_with_its_reason(api: Api, other: Api) -> None:
    upload(api, replace(DAY, iban="NL35MOCK0000000012"))

    (file,) = api.get("/v1/statement-files").body["files"]

    assert (file["status"], file["reason"]) == ("quarantined", "unknown_bank_account")
    assert file["facts"] == {"iban": "NL35MOCK0000000012", "currency": "CNY"}
    assert (file["uploaded_by"], file["statement_ids"]) == ("cli_test", [])
    assert other.get("/v1/statement-files").body == {"files": [], "next_cursor": None}


def test_a_statement_is_read_with_its_lines_page_by_page(api: Api, other: Api) -> None:
    entry_id = callback(1000, "R1").item.entry_id
    statement_id = uploaded(api, DAY)

    page = api.get(f"/v1/statements/{statement_id}?limit=2").body
    rest = api.get(f"/v1/statements/{statement_id}?limit=2&cursor={page['next_cursor']}").body

    first, second = page["lines"]
    (third,) = rest["lines"]
    assert (page["statement"]["opening_minor"], page["statement"]["closing_minor"]) == (0, 707)
    assert (page["statement"]["continuity"], page["statement"]["open_breaks"]) == ("first", 2)
    assert (first["amount_minor"], first["reference"], first["description"]) == (1000, "RF18", "deposit")
    assert first["match"] == {
        "entry_id": entry_id,
        "rule": "bank_reference_and_amount",
        "why": {"bank_reference": "R1", "amount_minor": 1000},
    }
    assert (first["break"], second["match"], second["break"]["reason"]) == (None, None, "no_entry")
    assert (third["break"]["reason"], rest["next_cursor"]) == ("no_bank_reference", None)
    assert other.get(f"/v1/statements/{statement_id}").code == "statement_not_found"


def test_a_cursor_is_good_for_its_own_list_only(api: Api, other: Api) -> None:
    statement_id = uploaded(api, DAY, DAY.next())
    cursor = api.get("/v1/statements?limit=1").body["next_cursor"]

    assert api.get(f"/v1/statements?limit=1&cursor={cursor}").body["statements"][0]["sequence"] == 1
    for asked in (
        api.get(f"/v1/statements/{statement_id}?cursor={cursor}"),
        other.get(f"/v1/statements?cursor={cursor}"),
    ):
        assert (asked.status, asked.code) == (400, "invalid_cursor")


def test_statements_are_listed_with_those_in_quarantine(api: Api) -> None:
    upload(api, DAY, replace(DAY.next(Line(5)), closing=1))

    broken, first = api.get("/v1/statements").body["statements"]

    assert (first["status"], first["continuity"], first["jump_minor"]) == ("loaded", "first", 0)
    assert (broken["status"], broken["reason"], broken["continuity"]) == ("quarantined", "does_not_foot", None)
    assert broken["difference_minor"] == 711


def test_a_break_is_resolved_and_the_same_call_again_answers_the_same(api: Api, other: Api) -> None:
    uploaded(api, DAY)
    found = next(each for each in open_breaks(api) if each["amount_minor"] == -300)
    path, body = f"/v1/breaks/{found['break_id']}/resolutions", {"account_id": FEES, "comment": "bank charge"}

    reply, again = (api.post(path, body, key="r") for _ in range(2))

    assert (reply.status, reply.body["status"], reply.body["age_days"]) == (201, "resolved", 0)
    assert reply.body["resolution"]["entry_id"].startswith("ent_")
    assert (reply.body["resolution"]["account_id"], reply.body["resolution"]["comment"]) == (FEES, "bank charge")
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, reply.body, "true")
    assert api.get(f"/v1/breaks/{found['break_id']}").body == reply.body
    assert [each["break_id"] for each in api.get("/v1/breaks?status=resolved").body["breaks"]] == [found["break_id"]]
    assert (other.post(path, body, key="r").status, other.get(f"/v1/breaks/{found['break_id']}").status) == (404, 404)


def test_a_break_is_matched_again(api: Api) -> None:
    uploaded(api, Sheet(lines=[Line(500, "R1")]))
    (found,) = open_breaks(api)
    path = f"/v1/breaks/{found['break_id']}/rematch"

    stays = api.post(path, {}, key="1")
    entry_id = callback(500, "R1").item.entry_id
    goes = api.post(path, {}, key="2")

    assert (stays.status, stays.body["status"], stays.body["resolution"]) == (200, "open", None)
    assert (goes.body["status"], goes.body["resolution"]["kind"]) == ("resolved", "matched")
    assert (goes.body["resolution"]["entry_id"], goes.body["resolution"]["account_id"]) == (entry_id, None)
    assert api.post(path, {}, key="1").body == stays.body


BODIES = [
    ({}, 400, "invalid_field"),
    ({"account_id": FEES}, 400, "invalid_field"),
    ({"account_id": FEES, "comment": ""}, 400, "invalid_field"),
    ({"account_id": FEES, "comment": " "}, 400, "comment_missing"),
    ({"account_id": FEES, "comment": "x" * 501}, 400, "invalid_field"),
    ({"account_id": 5, "comment": "x"}, 400, "invalid_field"),
    ({"account_id": "a#b", "comment": "x"}, 400, "invalid_field"),
    ({"account_id": FEES, "comment": "x", "amount": 5}, 400, "invalid_field"),
    ({"account_id": BANK, "comment": "x"}, 400, "account_is_the_bank"),
    ({"account_id": "acc_none", "comment": "x"}, 404, "account_not_found"),
]


@pytest.mark.parametrize(("body", "status", "code"), BODIES)
def test_a_resolution_that_is_none_is_refused(api: Api, body: dict[str, object], status: int, code: str) -> None:
    uploaded(api, Sheet(lines=[Line(500, "R1")]))
    (found,) = open_breaks(api)

    reply = api.post(f"/v1/breaks/{found['break_id']}/resolutions", body, key="r")

    assert (reply.status, reply.code) == (status, code)
    assert len(open_breaks(api)) == 1


def test_breaks_are_asked_for_by_status(api: Api) -> None:
    assert (api.get("/v1/breaks?status=closed").status, api.get("/v1/breaks?status=closed").code) == (
        400,
        "invalid_status",
    )
    assert api.get("/v1/breaks?status=open").body == {"breaks": [], "next_cursor": None}


def test_the_reconciliation_names_every_open_item(api: Api, books: Tables) -> None:
    callback(1000, "R1")
    callback(20, "R9")
    uploaded(api, DAY)
    behind = api.get("/v1/reconciliation")
    project(books)

    (found,) = api.get("/v1/reconciliation").body["accounts"]
    (same,) = api.get(f"/v1/reconciliation?iban={IBAN}").body["accounts"]

    assert (behind.status, behind.code, behind.headers["retry-after"]) == (503, "history_behind", "1")
    shown = {name: value for name, value in found.items() if name != "open_breaks"}
    assert shown == {
        "bank_account_id": BANK,
        "iban": IBAN,
        "currency": "CNY",
        "statements": 1,
        "starts_on": "2026-03-02",
        "ends_on": "2026-03-02",
        "brought_forward_minor": 0,
        "lines": 3,
        "lines_minor": 707,
        "matched": 1,
        "matched_minor": 1000,
        "between_statements_minor": 0,
        "closing_minor": 707,
        "line_breaks": 2,
        "line_breaks_minor": -293,
        "ledger_breaks": 1,
        "ledger_breaks_minor": 20,
        "entries_before_minor": 0,
        "entries_after_minor": 0,
        "ledger_balance_minor": 1020,
        "difference_minor": 0,
    }
    assert sorted((each["side"], each["amount_minor"]) for each in found["open_breaks"]) == [
        ("ledger", 20),
        ("line", -300),
        ("line", 7),
    ]
    assert shown == {name: value for name, value in same.items() if name != "open_breaks"}
    for shown_break in found["open_breaks"]:
        assert api.get(f"/v1/breaks/{shown_break['break_id']}").body == shown_break


def test_the_exports_are_text_of_their_kind(api: Api, books: Tables, tmp_path: Path) -> None:
    callback(1000, "R1")
    uploaded(api, DAY)
    project(books)

    replies = [
        api.get(f"/v1/exports/{name}") for name in ("reconciliation.csv", "statement-matches.csv", "journal.beancount")
    ]

    assert [(reply.status, reply.headers["content-type"]) for reply in replies] == [
        (200, "text/csv; charset=utf-8"),
        (200, "text/csv; charset=utf-8"),
        (200, "text/plain; charset=utf-8"),
    ]
    assert replies[0].body.count("\r\n") == 2 and replies[1].body.count("\r\n") == 4
    assert problems(replies[2].body, tmp_path) == []


def test_reading_and_writing_need_their_scopes(api: Api) -> None:
    reader, writer = (Api(app, token_for(TENANT, f"recon:{what}")) for what in ("read", "write"))

    scopes = {(route.method, route.path): route.scope for route in router.routes}

    assert {scope for (method, _), scope in scopes.items() if method == "POST"} == {"recon:write"}
    assert {scope for (method, _), scope in scopes.items() if method == "GET"} == {"recon:read"}
    assert (upload(reader, DAY).status, upload(writer, DAY).status) == (403, 201)
    assert (writer.get("/v1/breaks").status, reader.get("/v1/breaks").status) == (403, 200)


def test_a_break_resolved_into_suspense_is_a_receipt_that_waits(api: Api) -> None:
    commit((banking_store.create_link(BankAccount("bank_test", IBAN, TENANT, "CNY")),))
    uploaded(api, Sheet(lines=[Line(500, "R9")]))
    [found] = api.get("/v1/breaks").body["breaks"]
    body = {"account_id": SUSPENSE, "comment": "nobody knows"}

    assert api.post(f"/v1/breaks/{found['break_id']}/resolutions", body, key="r").status == 201

    [receipt] = api.get("/v1/receipts/unmatched").body["receipts"]
    assert (receipt["unallocated_minor"], receipt["reason"]) == (500, "resolved_into_suspense")
    entry = api.get(f"/v1/receipts/{receipt['receipt_id']}").body["entry_id"]
    assert api.get("/v1/breaks?status=resolved").body["breaks"][0]["resolution"]["entry_id"] == entry


def test_a_line_shows_who_paid_with_the_account_masked(api: Api) -> None:
    statement_id = uploaded(api, DAY)

    line = api.get(f"/v1/statements/{statement_id}").body["lines"][0]

    assert {"counterparty_name", "counterparty_account"} <= set(line)
