"""The clock: the real one everywhere, moved by the sandbox on the local stage alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chalicelib import sandbox
from chalicelib.storage.commit import write_item
from chalicelib.storage.tables import RecordItem
from chalicelib.web import clock
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching

SECOND = timedelta(seconds=5)


def moved_by(seconds: int) -> None:
    write_item(RecordItem, RecordItem(pk="sandbox#clock", sk="state", version=1, doc=str(seconds)).serialize())


def test_the_local_stage_sees_the_sandboxs_time_and_tokens_do_not(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUITTANCE_STAGE", "local")
    before = clock.now()
    moved_by(86_400)

    assert abs(before - datetime.now(UTC)) < SECOND
    assert abs(clock.now() - datetime.now(UTC) - timedelta(days=1)) < SECOND
    assert abs(clock.wall_clock() - datetime.now(UTC)) < SECOND
    assert sandbox.offset_seconds() == 86_400


@pytest.mark.parametrize("stage", ["dev", "prod", ""])
def test_no_other_stage_asks_the_sandbox(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    monkeypatch.setenv("QUITTANCE_STAGE", stage)

    with watching() as calls:
        assert abs(clock.now() - datetime.now(UTC)) < SECOND

    assert calls.operations == []


def test_a_package_without_the_sandbox_uses_the_real_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_STAGE", "local")
    monkeypatch.setattr(clock, "sandbox", None)

    assert abs(clock.now() - datetime.now(UTC)) < SECOND
