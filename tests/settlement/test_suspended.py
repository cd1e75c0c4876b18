"""Records that fail: put off with growing delay, passed by all others, suspended in the end, and resumed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

import pytest

from chalicelib.core.errors import Defect, NotFound
from chalicelib.settlement.kinds import RECORD_RESUMED, RECORD_SUSPENDED
from chalicelib.settlement.service.due import list_suspended, resume_record
from chalicelib.settlement.worker import due as worker
from chalicelib.settlement.worker.due import do_due
from chalicelib.storage import due as due_list
from chalicelib.storage.commit import commit
from chalicelib.storage.due import MAX_ATTEMPTS, MAX_DELAY, due_in_turn
from chalicelib.storage.records import DUE_SHARDS, create, due_key
from chalicelib.storage.tables import Key, record_key
from chalicelib.trades.domain.states import State
from tests.settlement.goods import after, trading
from tests.settlement.market import kinds
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points

THURSDAY = 3
DAYS_LATER = timedelta(days=4)


def failing(tenant: str, count: int) -> list[Key]:
    """Records of which nobody knows what to do: they fail whenever they have their turn."""
    keys = [record_key(tenant, f"odd_{i}") for i in range(count)]
    for start in range(0, count, 90):
        commit([create(key, {}, exists="odd", due_at=MONDAY) for key in keys[start : start + 90]])
    return keys


def at(moment: datetime) -> Callable[[], datetime]:
    return lambda: moment


def due_ids(tenant: str, now: datetime) -> set[str]:
    return {each.key.pk.partition("#")[2] for each in due_in_turn(now) if each.tenant == tenant}


def fail_until_suspended(tenant: str) -> datetime:
    """Let a tenant's failing records have all their turns; when the last one was."""
    moment = after(THURSDAY)
    for _ in range(MAX_ATTEMPTS - 1):
        do_due(at(moment))
        moment += MAX_DELAY
    with pytest.raises(Defect):
        do_due(at(moment))
    return moment


def suspended(tenant: str) -> list[tuple[str, str, int]]:
    page = list_suspended(tenant, after=None, limit=100)
    return sorted((record.record_id, record.code, record.attempts) for record in page.values)


def test_records_that_always_fail_starve_no_other_of_any_tenant(tables: Tables) -> None:
    place, other = trading(), trading()
    keys = failing(place.tenant, 250 * DUE_SHARDS // 4)
    deals = [(place, place.delivered()), (other, other.delivered())]
    assert {due_key(key) for key in keys} == {f"due#{part}" for part in range(DUE_SHARDS)}

    answer = do_due(at(after(THURSDAY)))

    assert (answer["put_off"], answer["acts"]) == (len(keys), 4)
    assert {each.trade(deal).state for each, deal in deals} == {State.COMPLETED}
    assert do_due(at(after(THURSDAY)))["records"] == 0


def test_a_tenant_with_much_to_do_leaves_its_turn_to_the_others(
    tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    busy, quiet = trading(), trading()
    failing(busy.tenant, 300)
    deal = quiet.delivered()
    turns = iter(range(1_000))
    monkeypatch.setattr(worker.Deadline, "has_passed", lambda self: next(turns) >= 2)

    answer = do_due(at(after(THURSDAY)))

    assert (answer["records"], quiet.trade(deal).state) == (2, State.COMPLETED)


def test_a_record_that_fails_is_put_off_longer_each_time(tables: Tables) -> None:
    place = trading()
    failing(place.tenant, 1)
    moment = after(THURSDAY)
    delays = []
    for _ in range(MAX_ATTEMPTS - 1):
        assert do_due(at(moment))["put_off"] == 1
        minutes = next(n for n in range(1, 300) if due_ids(place.tenant, moment + timedelta(minutes=n)))
        delays.append(minutes)
        moment += timedelta(minutes=minutes)

    assert delays == [1, 2, 4, 8, 16, 32, 64, 128, 240, 240, 240]


def test_a_record_that_fails_too_often_is_suspended_with_an_alarm(
    tables: Tables, caplog: pytest.LogCaptureFixture
) -> None:
    place = trading()
    failing(place.tenant, 1)

    with caplog.at_level(logging.ERROR):
        moment = fail_until_suspended(place.tenant)

    assert suspended(place.tenant) == [("odd_0", "Defect", MAX_ATTEMPTS)]
    assert [line.message for line in caplog.records if "due_suspended" in line.message]
    assert due_ids(place.tenant, moment + DAYS_LATER) == set()
    assert kinds(tables, place.tenant).count(RECORD_SUSPENDED) == 1


def test_a_suspended_record_is_resumed_with_all_its_attempts(tables: Tables) -> None:
    place = trading()
    failing(place.tenant, 1)
    moment = fail_until_suspended(place.tenant)
    resuming = call("resume-1", tenant=place.tenant, now=moment)

    outcome = resume_record(resuming, "odd_0")
    again = resume_record(resuming, "odd_0")

    assert (outcome.replayed, again.replayed, suspended(place.tenant)) == (False, True, [])
    assert due_ids(place.tenant, moment) == {"odd_0"}
    assert do_due(at(moment + timedelta(minutes=1)))["put_off"] == 1
    assert kinds(tables, place.tenant).count(RECORD_RESUMED) == 1
    with pytest.raises(NotFound) as refusal:
        resume_record(call("resume-2", tenant=place.tenant, now=moment), "odd_0")
    assert refusal.value.code == "suspended_record_not_found"


def test_a_suspended_record_of_another_tenant_is_not_found(tables: Tables) -> None:
    place, other = trading(), trading()
    failing(place.tenant, 1)
    moment = fail_until_suspended(place.tenant)

    with pytest.raises(NotFound):
        resume_record(call("resume-1", tenant=other.tenant, now=moment), "odd_0")

    assert (suspended(other.tenant), len(suspended(place.tenant))) == ([], 1)


def test_a_trade_is_taken_up_again_by_its_own_next_command(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    place = trading()
    deal = place.delivered()

    def fail(tenant: str, trade_id: str, ask: object) -> int:
        raise Defect("out of order")

    with monkeypatch.context() as patch:
        patch.setitem(worker._KINDS, "trd", fail)
        fail_until_suspended(place.tenant)
    assert suspended(place.tenant) == [(deal.trade_id, "Defect", MAX_ATTEMPTS)]

    place.dispute(deal, 100)
    place.resolve(deal, role="buyer", kept=100)

    assert suspended(place.tenant) == []
    assert do_due(at(after(THURSDAY)))["acts"] == 2
    assert place.trade(deal).state is State.COMPLETED


def test_a_record_that_has_changed_is_counted_anew(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    place = trading()
    deal = place.delivered()
    monkeypatch.setattr(due_list, "MAX_ATTEMPTS", 2)

    def fail(tenant: str, trade_id: str, ask: object) -> int:
        raise Defect("out of order")

    monkeypatch.setitem(worker._KINDS, "trd", fail)
    assert do_due(at(after(THURSDAY)))["put_off"] == 1
    place.dispute(deal, 100)
    place.resolve(deal, role="buyer", kept=100)

    assert do_due(at(after(THURSDAY + 1))) == {"records": 1, "acts": 0, "put_off": 1}


def test_a_run_that_is_killed_at_any_call_suspends_once(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(due_list, "MAX_ATTEMPTS", 1)
    for point in crash_points():
        place = trading()
        failing(place.tenant, 1)
        with point, suppress(Defect):
            do_due(at(after(THURSDAY)))

        if due_ids(place.tenant, after(THURSDAY)):
            with pytest.raises(Defect):
                do_due(at(after(THURSDAY)))

        assert suspended(place.tenant) == [("odd_0", "Defect", 1)], point
        assert kinds(tables, place.tenant).count(RECORD_SUSPENDED) == 1, point
