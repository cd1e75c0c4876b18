"""Checkpoints and proofs over HTTP, and the two functions behind them, as Lambda enters them."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app import app
from chalicelib.access import service as access
from chalicelib.access.domain import OPERATOR
from chalicelib.ledger.service import feed
from chalicelib.ledger.verify import main, verify
from chalicelib.ledger.worker import prove as proving_worker
from chalicelib.ledger.worker.checkpoint import checkpoint
from chalicelib.ledger.worker.prove import prove
from chalicelib.queues.worker import WorkerFailed
from tests.ledger import vaults
from tests.ledger.followed import Followed
from tests.ledger.vaults import Ledger, Vault
from tests.support.api import Api, signing, token_for
from tests.support.calls import call
from tests.support.dynamodb_local import Tables
from tests.support.events import schedule_event


@pytest.fixture
def vault(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    vaults.use(session_tables, monkeypatch)
    with vaults.opened(monkeypatch) as opened, signing():
        yield opened


@pytest.fixture
def ledger(vault: Vault) -> Ledger:
    """A tenant with two checkpoints: over five entries, then over two."""
    ledger = Ledger()
    for entries in (3, 2):
        ledger.grow(entries)
        ledger.checkpoint()
    return ledger


@pytest.fixture
def api(ledger: Ledger) -> Api:
    return Api(app, token_for(ledger.tenant))


@pytest.fixture
def other(ledger: Ledger) -> Api:
    """A client of another tenant."""
    return Api(app, token_for(f"ten_{uuid.uuid4().hex}"))


@pytest.fixture
def alone(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    """Tables with one tenant in them, whose creation has a number."""
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    with vaults.opened(monkeypatch) as opened:
        created = access.create_tenant(call(tenant=OPERATOR), "a").item
        feed.number([created])
        yield opened


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(record.message) for record in caplog.records if record.name == "quittance.ledger"]


def test_a_proof_is_a_file_that_the_verifier_takes(api: Api, ledger: Ledger, tmp_path: Any) -> None:
    (tmp_path / "key.pem").write_text(api.get("/v1/checkpoints/key").body)
    reply = api.get(f"/v1/entries/{ledger.told[-1].entry_id}/proof")
    (tmp_path / "proof.json").write_text(json.dumps(reply.body))

    assert reply.status == 200
    assert main([str(tmp_path / "proof.json"), "--key", str(tmp_path / "key.pem")]) == 0
    proved = verify(json.dumps(reply.body).encode(), public_key_pem=(tmp_path / "key.pem").read_text())
    assert (proved.number, proved.checkpoint.number) == (7, 2)


def test_a_proof_keeps_what_the_entry_says_letter_for_letter(api: Api, ledger: Ledger) -> None:
    document = api.get(f"/v1/entries/{ledger.told[2].entry_id}/proof").body["entry"]

    assert document["entry_id"] == ledger.told[2].entry_id
    assert [leg["amount_minor"] for leg in document["postings"]] == [500, -500]
    assert "key" not in document


def test_before_a_checkpoint_covers_it_an_entry_has_no_proof(api: Api, ledger: Ledger) -> None:
    item = ledger.pay(ledger.bank, ledger.party, 1)
    first = api.get(f"/v1/entries/{item.entry_id}/proof")
    ledger.number()
    second = api.get(f"/v1/entries/{item.entry_id}/proof")

    assert [(r.status, r.code, r.body["number"]) for r in (first, second)] == [
        (409, "not_yet_checkpointed", None),
        (409, "not_yet_checkpointed", 8),
    ]


def test_another_tenant_sees_neither_entries_nor_checkpoints(other: Api, ledger: Ledger) -> None:
    assert other.get(f"/v1/entries/{ledger.told[0].entry_id}/proof").code == "entry_not_found"
    assert other.get("/v1/checkpoints/1").code == "checkpoint_not_found"
    assert other.get("/v1/checkpoints").body == {"checkpoints": [], "next_cursor": None}


def test_checkpoints_are_listed_newest_first_in_pages(api: Api) -> None:
    first = api.get("/v1/checkpoints?limit=1").body
    second = api.get(f"/v1/checkpoints?limit=1&cursor={first['next_cursor']}").body

    assert [(c["number"], c["first"], c["last"]) for c in first["checkpoints"] + second["checkpoints"]] == [
        (2, 6, 7),
        (1, 1, 5),
    ]


def test_a_cursor_of_another_tenant_is_refused(api: Api, other: Api) -> None:
    cursor = api.get("/v1/checkpoints?limit=1").body["next_cursor"]

    assert other.get(f"/v1/checkpoints?cursor={cursor}").code == "invalid_cursor"


def test_a_checkpoint_is_told_as_it_was_signed(api: Api, ledger: Ledger) -> None:
    body = api.get("/v1/checkpoints/2").body

    assert body["checkpoint"].encode() == ledger.file(2).signed
    assert len(body["digests"]) == 2


@pytest.mark.parametrize("number", ["0", "3", "x", "-1", "1.0", "9" * 20])
def test_a_checkpoint_that_was_not_made_is_not_found(number: str, api: Api) -> None:
    reply = api.get(f"/v1/checkpoints/{number}")

    assert (reply.status, reply.body["code"]) in {(404, "checkpoint_not_found"), (400, "invalid_id")}


def test_the_key_is_told_to_anybody(ledger: Ledger) -> None:
    reply = Api(app).get("/v1/checkpoints/key")

    assert (reply.status, reply.headers["content-type"]) == (200, "application/x-pem-file")
    assert reply.body.startswith("-----BEGIN PUBLIC KEY-----\n")


def test_a_key_is_told_by_the_name_that_a_checkpoint_has_for_it(
    api: Api, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = api.get("/v1/checkpoints/key").body
    vaults.change_key(monkeypatch)
    named = api.get("/v1/checkpoints?limit=1").body["checkpoints"][0]["key_id"]

    assert api.get(f"/v1/checkpoints/key?key_id={named}").body == before != api.get("/v1/checkpoints/key").body
    unknown = api.get(f"/v1/checkpoints/key?key_id={'0' * 64}")
    assert (unknown.status, unknown.code) == (404, "checkpoint_key_not_found")


@pytest.mark.parametrize("path", ["/v1/entries/ent_1/proof", "/v1/checkpoints", "/v1/checkpoints/1"])
def test_without_a_token_or_its_scope_nothing_is_told(path: str, ledger: Ledger) -> None:
    assert Api(app).get(path).code == "token_missing"
    assert Api(app, token_for(ledger.tenant, "recon:read")).get(path).code == "scope_missing"


def test_the_checkpoint_function_signs_what_was_numbered(alone: Vault) -> None:
    assert checkpoint(schedule_event(), None) == {"checkpoints": 1, "entries": 1}
    assert checkpoint(schedule_event(), None) == {"checkpoints": 0, "entries": 0}


def test_a_checkpoint_run_that_failed_for_a_tenant_says_for_whom_and_fails(
    alone: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    alone.put(OPERATOR, 1, b"{}")

    with pytest.raises(WorkerFailed):
        checkpoint(schedule_event(), None)

    assert told(caplog) == [{"alarm": "no_checkpoint", "tenant": OPERATOR, "type": "Malformed"}]


def test_the_nightly_proof_logs_a_line_for_each_tenant(alone: Vault, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    checkpoint(schedule_event(), None)

    answer = prove(schedule_event(), None)

    lines = {line["proved"]: line for line in told(caplog)}
    assert answer == {"tenants": 2, "entries": 1}
    assert lines[OPERATOR]["entries"] == lines[OPERATOR]["checkpoints"] == 1
    assert {line["differences"] for line in lines.values()} == {0}


def test_the_nightly_proof_names_what_differs_and_fails(
    alone: Vault, tables: Tables, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(proving_worker.clock, "now", lambda: datetime.now(UTC) + timedelta(days=3))
    books = Followed(tenant=OPERATOR)
    books.paid(books.bank, books.party, 500)
    tables.client.update_item(
        TableName=tables.name("accounts"),
        Key={"pk": {"S": f"{OPERATOR}#{books.party}"}},
        UpdateExpression="SET balance = balance + :more",
        ExpressionAttributeValues={":more": {"N": "1"}},
    )

    with pytest.raises(WorkerFailed):
        prove(schedule_event(), None)

    [first, *_] = [line for line in told(caplog) if "alarm" in line]
    facts = {"account": -499, "journal": -500}
    expected = {"alarm": "books_differ", "tenant": OPERATOR, "kind": "balance_differs", "subject": books.party}
    assert first == expected | {"facts": facts}
