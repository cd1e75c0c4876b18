"""The minute's sweep: whatever was missed is done by the next run, once."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from chalicelib.access import service as access
from chalicelib.access.domain import OPERATOR
from chalicelib.core.errors import Busy
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.holds import Terms
from chalicelib.ledger.service import deferred, holds, totals
from chalicelib.ledger.store import folding
from chalicelib.ledger.worker.sweep import sweep
from chalicelib.queues.worker import WorkerFailed
from tests.ledger.feeding import Books
from tests.support.calls import call
from tests.support.dynamodb_local import Tables, create_tables, delete_tables
from tests.support.events import schedule_event
from tests.support.faults import crash_points

NOTHING_DONE = {"holds_returned": 0, "tenants_folded": 0, "entries_folded": 0, "blocks_totalled": 0}


@pytest.fixture(scope="module")
def own_tables(dynamodb_endpoint: str) -> Iterator[Tables]:
    """This module's own: it looks at all tenants there are."""
    made = create_tables(dynamodb_endpoint, f"module-{uuid.uuid4().hex[:12]}")
    yield made
    delete_tables(made)


@pytest.fixture(autouse=True)
def _stage(own_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", own_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", own_tables.endpoint)
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")


def swept() -> dict[str, Any]:
    return dict(sweep(schedule_event(), None))


class Desk(Books):
    """A tenant with money that a hold reserves for a second, and a fee that nobody has folded yet."""

    def __init__(self) -> None:
        super().__init__()
        bank, self.payer, payee = self.open(), self.open(Kind.LIABILITY), self.open(Kind.LIABILITY)
        self.fees = self.open(Kind.INCOME, deferred=True)
        self.pay(bank, self.payer, 50)
        self.pay(bank, self.fees, 7)
        then = datetime.now(UTC) - timedelta(minutes=5)
        terms = Terms(self.payer, payee, Money(20, "CNY"), expires_at=then + timedelta(seconds=1))
        self.hold_id = self.placed(terms, then)
        self.number()

    def placed(self, terms: Terms, then: datetime) -> str:
        item = holds.place_hold(call(tenant=self.tenant, now=then), holds.PlaceHold(terms)).item
        self.told.append(item)
        holds.index(self.tenant, str(item.subject))
        return str(item.subject)

    def stands(self) -> tuple[int, int, int]:
        """What is held of the payer, what the fees come to, and of how many entries."""
        fees = self.account(self.fees)
        return self.account(self.payer).held, fees.own_balance, fees.version


def test_a_run_returns_what_has_expired_and_folds_what_is_behind() -> None:
    desk = Desk()
    before = desk.stands()

    done = swept()

    assert (before, desk.stands()) == ((20, 0, 0), (0, 7, 1))
    assert all(done[name] >= 1 for name in ("holds_returned", "tenants_folded", "entries_folded"))


def test_a_second_run_finds_nothing_to_do() -> None:
    desk = Desk()
    swept()

    assert swept() == NOTHING_DONE
    assert desk.stands() == (0, 7, 1)


def test_a_run_killed_at_any_write_is_made_good_by_the_next() -> None:
    for point in crash_points(only="dynamodb.TransactWriteItems"):
        desk = Desk()
        with point:
            swept()

        swept()

        assert desk.stands() == (0, 7, 1), point


def test_each_run_leaves_one_line_that_says_what_it_did(caplog: pytest.LogCaptureFixture) -> None:
    swept()
    caplog.clear()

    with caplog.at_level(logging.INFO, logger="quittance.ledger"):
        swept()

    assert [json.loads(record.message) for record in caplog.records] == [{"swept": NOTHING_DONE}]


def test_what_fails_is_told_without_values_and_fails_the_run_after_the_rest_is_done(
    caplog: pytest.LogCaptureFixture,
) -> None:
    swept()
    broken, sound = Desk(), Desk()
    fold_once = folding.fold_once

    def failing(tenant: str, known: Any) -> int | None:
        if tenant == broken.tenant:
            raise Busy("try_again", "no values in here", requested=41)
        return fold_once(tenant, known)

    with patch.object(folding, "fold_once", failing), pytest.raises(WorkerFailed):
        swept()
    alarms = [json.loads(record.message) for record in caplog.records if "not_folded" in record.message]
    swept()

    assert alarms == [{"alarm": "tenant_not_folded", "tenant": broken.tenant, "type": "Busy", "code": "try_again"}]
    assert broken.stands() == sound.stands() == (0, 7, 1)


def test_the_position_of_a_tenant_without_news_is_not_written() -> None:
    desk = Desk()
    swept()
    before = folding.load_position(desk.tenant)

    deferred.fold_behind()

    assert folding.load_position(desk.tenant) == before


def test_totals_that_are_behind_are_brought_on_for_every_tenant(monkeypatch: pytest.MonkeyPatch) -> None:
    tenant = access.create_tenant(call(tenant=OPERATOR), "a").item.data["tenant_id"]
    books = Books(tenant)
    for _ in range(totals.BLOCK + 1):
        books.open()
    books.number()

    assert swept()["blocks_totalled"] == 1
    assert swept()["blocks_totalled"] == 0
    assert totals.store.positions([tenant]) == {tenant: totals.BLOCK}


def test_a_tenant_that_cannot_be_totalled_is_told_and_does_not_stop_the_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    swept()
    tenant = access.create_tenant(call(tenant=OPERATOR), "b").item.data["tenant_id"]
    books = Books(tenant)
    for _ in range(totals.BLOCK):
        books.open()
    books.number()

    with patch.object(totals.store, "add_block", side_effect=Busy("try_again", "no")), pytest.raises(WorkerFailed):
        swept()
    alarms = [json.loads(record.message) for record in caplog.records if "not_totalled" in record.message]

    assert [(alarm["alarm"], alarm["tenant"]) for alarm in alarms] == [("tenant_not_totalled", tenant)]
    assert swept()["blocks_totalled"] == 1
