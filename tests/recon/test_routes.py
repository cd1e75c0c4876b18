"""Reconciliation over HTTP: what goes in, what comes out, and what nobody else sees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from app import app
from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import BankAccount
from chalicelib.core.call import entry_id
from chalicelib.recon.formats import MOST_BYTES
from chalicelib.recon.routes import exports, reconciliation, statements
from chalicelib.recon.service.export_runs import Task, run_export
from chalicelib.storage.commit import commit
from tests.recon.build import BANK, FEES, IBAN, SUSPENSE, Line, Sheet, callback, camt, number, project
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


def test_a_month_is_reconciled_and_its_open_items_are_listed(api: Api, books: Tables) -> None:
    callback(1000, "R1")
    callback(20, "R9")
    uploaded(api, DAY)
    behind = api.get(f"/v1/reconciliation/{BANK}?month=2026-03")
    project(books)

    (found,) = api.get("/v1/reconciliation").body["accounts"]
    (same,) = api.get(f"/v1/reconciliation?iban={IBAN}&month=2026-03").body["accounts"]
    items = api.get(f"/v1/reconciliation/{BANK}/open-items?month=2026-03").body

    assert (behind.status, behind.body["complete"], behind.body["books_version"]) == (200, False, 0)
    assert found == same == api.get(f"/v1/reconciliation/{BANK}").body
    assert found == {
        "bank_account_id": BANK,
        "iban": IBAN,
        "currency": "CNY",
        "month": "2026-03",
        "books_version": 2,
        "complete": True,
        "statements": 1,
        "starts_on": "2026-03-02",
        "ends_on": "2026-03-02",
        "bank_opening_minor": 0,
        "bank_closing_minor": 707,
        "books_opening_minor": 0,
        "books_closing_minor": 1020,
        "lines": 3,
        "lines_minor": 707,
        "entries": 2,
        "entries_minor": 1020,
        "matched": 1,
        "matched_minor": 1000,
        "open_lines": roll(new=2, new_minor=-293),
        "open_entries": roll(new=1, new_minor=20),
        "brought_forward_minor": 0,
        "between_statements_minor": 0,
        "uncounted_minor": 0,
        "difference_minor": 0,
    }
    assert items["next_cursor"] is not None
    assert [(each["side"], each["amount_minor"], each["cleared_in"]) for each in items["items"]] == [
        ("ledger", 20, None),
        ("line", -300, None),
        ("line", 7, None),
    ]
    for item in items["items"]:
        shown = api.get(f"/v1/breaks/{item['break_id']}").body
        assert (shown["status"], shown["amount_minor"]) == ("open", item["amount_minor"])


def roll(*, new: int, new_minor: int) -> dict[str, int]:
    """Open items that are all of this month."""
    none = {"before": 0, "before_minor": 0, "cleared": 0, "cleared_minor": 0}
    return none | {"new": new, "new_minor": new_minor, "now": new, "now_minor": new_minor}


def test_a_months_lines_are_listed_page_by_page(api: Api) -> None:
    statement_id = uploaded(api, DAY)

    first = api.get(f"/v1/reconciliation/{BANK}/lines?month=2026-03&limit=2").body
    rest = api.get(f"/v1/reconciliation/{BANK}/lines?month=2026-03&limit=2&cursor={first['next_cursor']}").body

    assert [each["line"]["amount_minor"] for each in (*first["lines"], *rest["lines"])] == [1000, -300, 7]
    assert ({each["statement_id"] for each in first["lines"]}, rest["next_cursor"]) == ({statement_id}, None)


@pytest.mark.parametrize("path", ["", "/open-items", "/lines"])
def test_a_month_or_account_that_is_none_is_refused(api: Api, path: str) -> None:
    bad_month = api.get(f"/v1/reconciliation/{BANK}{path}?month=2026-13")
    no_account = api.get(f"/v1/reconciliation/acc_none{path}?month=2026-03")

    assert (bad_month.status, bad_month.code) == (400, "invalid_month")
    assert (no_account.status, no_account.code) == (404, "unknown_bank_account")


@pytest.mark.parametrize("path", ["open-items", "lines"])
def test_a_cursor_of_another_list_is_refused(api: Api, path: str) -> None:
    uploaded(api, DAY)
    (other_path,) = {"open-items", "lines"} - {path}
    cursor = api.get(f"/v1/reconciliation/{BANK}/{other_path}?month=2026-03&limit=1").body["next_cursor"]

    reply = api.get(f"/v1/reconciliation/{BANK}/{path}?month=2026-03&cursor={cursor}")

    assert (reply.status, reply.code) == (400, "invalid_cursor")


def test_an_export_is_asked_for_made_and_read(api: Api, books: Tables) -> None:
    callback(1000, "R1")
    number(books)
    body = {"kind": "journal", "from": "2026-03-01", "to": "2026-03-02"}

    asked = api.post("/v1/exports", body, key="e")
    again = api.post("/v1/exports", body, key="e")

    export_id = asked.body["export_id"]
    assert (asked.status, asked.body["state"], asked.body["download_url"]) == (202, "queued", None)
    assert (again.body, again.headers["idempotent-replayed"]) == (asked.body, "true")
    number(books)
    run_export(Task(TENANT, export_id, 1, entry_id(TENANT, "c:e")), now=datetime.now(UTC), is_over=lambda: False)
    shown = api.get(f"/v1/exports/{export_id}").body
    assert (shown["state"], shown["rows"], shown["file_name"]) == ("done", 1, "journal-2026-03-01-2026-03-02.beancount")
    assert shown["download_url"].startswith("http") and shown["expires_at"] > shown["finished_at"]
    (listed,) = api.get("/v1/exports").body["exports"]
    assert listed == shown | {"download_url": None}
    refused = api.post(f"/v1/exports/{export_id}/rerun", {}, key="r")
    assert (refused.status, refused.code) == (409, "export_running")


EXPORTS = [
    ({"kind": "journal", "from": "2026-03-02", "to": "2026-03-01"}, 400, "invalid_period"),
    ({"kind": "journal", "from": "2026-03-02", "to": "9999-03-01"}, 400, "period_in_future"),
    ({"kind": "diary", "from": "2026-03-02", "to": "2026-03-02"}, 400, "invalid_field"),
    ({"kind": "journal", "from": "2026-03-02"}, 400, "invalid_field"),
    ({"kind": "journal", "from": "yesterday", "to": "2026-03-02"}, 400, "invalid_field"),
]


@pytest.mark.parametrize(("body", "status", "code"), EXPORTS)
def test_an_export_of_nothing_is_refused(api: Api, body: dict[str, object], status: int, code: str) -> None:
    reply = api.post("/v1/exports", body, key="e")

    assert (reply.status, reply.code) == (status, code)
    assert api.get("/v1/exports").body["exports"] == []


def test_another_tenants_export_is_not_found(api: Api, other: Api) -> None:
    body = {"kind": "postings", "from": "2026-03-01", "to": "2026-03-02"}
    export_id = api.post("/v1/exports", body, key="e").body["export_id"]

    replies = [other.get(f"/v1/exports/{export_id}"), other.post(f"/v1/exports/{export_id}/rerun", {}, key="r")]

    assert {(reply.status, reply.code) for reply in replies} == {(404, "export_not_found")}


def test_reading_and_writing_need_their_scopes(api: Api) -> None:
    reader, writer = (Api(app, token_for(TENANT, f"recon:{what}")) for what in ("read", "write"))

    scopes = {
        (route.method, route.path): route.scope
        for part in (statements, reconciliation, exports)
        for route in part.router.routes
    }

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
