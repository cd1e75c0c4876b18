"""Holds whose time is over: reads leave them out, the sweep returns them, and a command that needs the money does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from chalicelib.core.errors import Busy, Defect, NotFound
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.domain import credit, debit
from chalicelib.ledger.expiring import MOST_AT_ONCE, return_expired
from chalicelib.ledger.holds import Status
from chalicelib.ledger.service import holds
from chalicelib.ledger.service.account_life import close
from chalicelib.ledger.service.accounts import get_account
from chalicelib.ledger.service.batches import post_batch
from chalicelib.ledger.service.entries import PostEntry
from chalicelib.ledger.service.hold_groups import place_group
from chalicelib.ledger.service.holds import (
    PlaceHold,
    Standing,
    Swept,
    expire_due,
    index,
    list_holds,
    place_hold,
    standing,
    void_hold,
)
from chalicelib.ledger.service.transfers import transfer_up_to
from chalicelib.ledger.store import holds as stored
from chalicelib.storage.commit import Failed, commit
from chalicelib.storage.tables import record_key
from tests.ledger.holding import SECOND, Desk, code_of, new_desk, refusal_of, yuan
from tests.support.dynamodb_local import Tables
from tests.support.faults import conflicted, crash_points, fault, watching


@pytest.fixture(autouse=True)
def stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that sweeps takes tables of its own (`tables`, before its desk): what will expire is one list of all
    tenants'."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


@pytest.fixture
def desk() -> Desk:
    return new_desk(100)


def standing_of(desk: Desk, account_id: str, *, seconds: int = 0) -> Standing:
    now = desk.now + timedelta(seconds=seconds)
    return standing(desk.tenant, get_account(desk.tenant, account_id), now=now)


def listed(desk: Desk, account_id: str, direction: Any = "out", *, is_open: bool = True, **page: Any) -> list[str]:
    found = list_holds(desk.tenant, account_id, direction, is_open=is_open, **{"after": None, "limit": 100} | page)
    return [hold.hold.hold_id for hold in found.values]


def test_the_sweep_returns_what_is_due_and_nothing_else(tables: Tables, desk: Desk) -> None:
    first, second, forever = desk.hold(10, seconds=1), desk.hold(20, seconds=2), desk.hold(40)

    swept = expire_due(desk.now + SECOND)

    assert swept == Swept(1, ())
    assert [desk.state(hold_id).status.value for hold_id in (first, second, forever)] == [
        "expired",
        "pending",
        "pending",
    ]
    assert (desk.held(), desk.posted()) == (60, 100)


def test_a_repeated_sweep_finds_nothing(tables: Tables, desk: Desk) -> None:
    desk.hold(10, seconds=1)

    assert [expire_due(desk.now + SECOND).returned for _ in range(3)] == [1, 0, 0]
    assert desk.held() == 0


def test_sweeps_at_once_return_each_hold_once(tables: Tables, desk: Desk) -> None:
    for _ in range(6):
        desk.hold(5, seconds=1)

    with ThreadPoolExecutor(4) as pool:
        swept = list(pool.map(lambda _: expire_due(desk.now + SECOND), range(4)))

    assert sum(run.returned for run in swept) == 6
    assert {type(failure.error) for run in swept for failure in run.failures} <= {Busy}
    assert desk.held() == 0


def test_a_sweep_killed_at_any_call_is_finished_by_the_next(tables: Tables, desk: Desk) -> None:
    for point in crash_points():
        hold_id = desk.hold(5, seconds=1)
        with point:
            expire_due(desk.now + SECOND)

        expire_due(desk.now + SECOND)

        assert (desk.state(hold_id).status, desk.held()) == (Status.EXPIRED, 0), point
        assert listed(desk, desk.payer) == [], point


@pytest.mark.parametrize("error", [Defect("impossible"), ValueError("unreadable")], ids=lambda e: type(e).__name__)
def test_one_hold_that_fails_does_not_keep_the_others(
    tables: Tables, desk: Desk, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    bad, good = desk.hold(5, seconds=1), desk.hold(7, seconds=2)
    genuine = stored.load_hold

    def load(tenant: str, hold_id: str) -> Any:
        if hold_id == bad:
            raise error
        return genuine(tenant, hold_id)

    with monkeypatch.context() as patched:
        patched.setattr(stored, "load_hold", load)
        swept = expire_due(desk.now + 2 * SECOND)

    assert (swept.returned, [failure.hold_id for failure in swept.failures]) == (1, [bad])
    assert desk.state(good).status is Status.EXPIRED


def test_holds_that_fail_at_the_head_of_their_list_do_not_keep_those_behind_them(
    tables: Tables, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [desk.hold(1, seconds=1 + number) for number in range(12)]
    bad, genuine = set(ids[:8]), stored.load_hold

    def load(tenant: str, hold_id: str) -> Any:
        if hold_id in bad:
            raise Defect("impossible")
        return genuine(tenant, hold_id)

    monkeypatch.setattr(stored, "DUE_LISTS", 1)
    monkeypatch.setattr(stored, "_due_list", lambda part: "due/holds/all")
    for hold_id in ids:  # as if they were all in one part
        record = record_key(desk.tenant, hold_id, "due")
        tables.client.update_item(
            TableName=tables.name("records"),
            Key={"pk": {"S": record.pk}, "sk": {"S": record.sort}},
            UpdateExpression="SET list_key = :list",
            ExpressionAttributeValues={":list": {"S": "due/holds/all"}},
        )
    monkeypatch.setattr(holds, "DUE_PAGE", 3)
    with monkeypatch.context() as patched:
        patched.setattr(stored, "load_hold", load)
        swept = expire_due(desk.now + 60 * SECOND)

    assert ({failure.hold_id for failure in swept.failures}, swept.returned) == (bad, 4)
    assert expire_due(desk.now + 60 * SECOND) == Swept(0, ())
    monkeypatch.setattr(holds, "MOST_DUE", 5)
    assert [expire_due(desk.now + 120 * SECOND).returned for _ in range(3)] == [5, 3, 0]


def test_holds_that_failed_are_put_off_and_fill_no_run(
    tables: Tables, desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [desk.hold(1, seconds=1 + number) for number in range(6)]
    bad, genuine = set(ids[:5]), stored.load_hold

    def load(tenant: str, hold_id: str) -> Any:
        if hold_id in bad:
            raise Defect("impossible")
        return genuine(tenant, hold_id)

    monkeypatch.setattr(holds, "MOST_DUE", 5)
    monkeypatch.setattr(stored, "load_hold", load)
    runs = [expire_due(desk.now + 60 * SECOND) for _ in range(2)]

    assert sum(run.returned for run in runs) == 1
    assert {failure.hold_id for run in runs for failure in run.failures} == bad
    assert expire_due(desk.now + 60 * SECOND) == Swept(0, ())


def test_the_sweep_corrects_a_list_that_still_has_a_closed_hold(tables: Tables, desk: Desk) -> None:
    hold_id = desk.hold(5, seconds=1)
    void_hold(desk.call(), hold_id)

    assert expire_due(desk.now + SECOND) == Swept(0, ())
    assert all(not stored.due_holds(part, desk.now + SECOND, limit=9).values for part in range(stored.DUE_LISTS))
    assert desk.state(hold_id).status is Status.VOIDED


def test_a_sweep_that_races_a_capture_leaves_one_of_the_two(tables: Tables, desk: Desk) -> None:
    for _ in range(5):
        hold_id = desk.hold(4, seconds=1)
        with ThreadPoolExecutor(2) as pool:
            capture = pool.submit(lambda hold_id=hold_id: code_of(lambda: desk.capture(hold_id)))
            sweep = pool.submit(expire_due, desk.now + SECOND)

        state = desk.state(hold_id)
        assert (state.status, capture.result()) in {
            (Status.CAPTURED, "done"),
            (Status.EXPIRED, "hold_expired"),
            (Status.EXPIRED, "try_again"),
        }
        assert sweep.result().returned == (state.status is Status.EXPIRED)
        assert desk.held() == 0


def test_a_command_short_of_funds_first_returns_what_has_expired(desk: Desk) -> None:
    old = desk.hold(60, seconds=1)

    desk.pay(desk.payer, desk.payee, 100, later=SECOND)

    assert (desk.posted(), desk.held(), desk.state(old).status) == (0, 0, Status.EXPIRED)


def test_a_placing_a_group_and_a_batch_short_of_funds_do_so_too(desk: Desk) -> None:
    desk.hold(60, seconds=1)
    placed = place_hold(desk.call(later=SECOND), PlaceHold(desk.terms(90, seconds=2)))
    index(desk.tenant, str(placed.item.subject))
    group = place_group(desk.call(later=2 * SECOND), [PlaceHold(desk.terms(80, seconds=3))])
    index(desk.tenant, str(group.parts[0].subject))
    legs = (debit(desk.payer, yuan(100)), credit(desk.payee, yuan(100)))
    post_batch(desk.call(later=3 * SECOND), [Keyed("k", PostEntry("entry.posted", legs))])

    assert (desk.posted(), desk.held()) == (0, 0)


def test_an_account_is_closed_over_a_hold_that_has_expired_and_not_over_another(desk: Desk) -> None:
    expired, alive = desk.account(), desk.account()
    for account_id in (expired, alive):
        desk.hold(5, seconds=1, debit_account_id=account_id)
    desk.hold(5, seconds=9, debit_account_id=alive)

    told = [code_of(partial(close, desk.call(later=SECOND), account_id)) for account_id in (expired, alive)]

    assert told == ["done", "held_not_zero"]
    assert (get_account(desk.tenant, expired).status, desk.held(alive)) == ("closed", 5)


def test_a_transfer_of_what_is_there_first_returns_what_has_expired(desk: Desk) -> None:
    desk.hold(60, seconds=1)
    desk.hold(10)
    legs = (debit(desk.payer, yuan(95)), credit(desk.payee, yuan(95)))

    before = transfer_up_to(desk.call(), PostEntry("transfer.posted", legs))
    after = transfer_up_to(desk.call(later=SECOND), PostEntry("transfer.posted", legs))

    assert [abs(outcome.item.legs[0].amount) for outcome in (before, after)] == [30, 60]
    assert (desk.posted(), desk.held()) == (10, 10)


def test_funds_that_are_short_all_the_same_are_told_as_they_are_after_it(desk: Desk) -> None:
    desk.hold(60, seconds=1)
    desk.hold(30)

    refusal = refusal_of(lambda: desk.pay(desk.payer, desk.payee, 71, later=SECOND))

    assert refusal.facts == {"account_id": desk.payer, "requested": 71, "available": 70}
    assert desk.held() == 30


def test_it_costs_nothing_while_there_is_money_enough_and_one_look_when_there_is_not(desk: Desk) -> None:
    with watching() as enough:
        desk.pay(desk.payer, desk.payee, 10)
    with watching() as short:
        code_of(lambda: desk.pay(desk.payer, desk.payee, 91))

    assert enough.operations == ["dynamodb.TransactWriteItems"]
    assert short.operations == ["dynamodb.TransactWriteItems", "dynamodb.Query"]


def test_at_most_twenty_holds_are_returned_for_one_command(desk: Desk) -> None:
    for _ in range(MOST_AT_ONCE + 2):
        desk.hold(2, seconds=1)

    desk.pay(desk.payer, desk.payee, 56 + 2 * MOST_AT_ONCE, later=SECOND)

    assert (desk.posted(), desk.held()) == (4, 4)


def test_a_hold_is_returned_once_whoever_asks(desk: Desk) -> None:
    hold_id, now = desk.hold(10, seconds=1), desk.now + SECOND

    first = return_expired(desk.tenant, hold_id, now=now, actor="sweep")
    again = return_expired(desk.tenant, hold_id, now=now + SECOND, actor="cli_test")

    assert (first.replayed, again.replayed, again.item) == (False, True, first.item)
    assert (first.item.key, first.item.kind, first.item.legs) == (f"w:hold-expired:{hold_id}", "hold.expired", ())
    assert desk.held() == 0


def test_a_process_killed_while_it_returns_a_hold_leaves_one_effect_after_a_retry(desk: Desk) -> None:
    for point in crash_points():
        hold_id = desk.hold(5, seconds=1)
        with point:
            return_expired(desk.tenant, hold_id, now=desk.now + SECOND, actor="sweep")

        return_expired(desk.tenant, hold_id, now=desk.now + SECOND, actor="sweep")

        assert (desk.held(), desk.state(hold_id).status) == (0, Status.EXPIRED), point


def test_a_balance_leaves_out_what_has_expired_and_was_not_returned_yet(desk: Desk) -> None:
    desk.hold(10, seconds=1)
    desk.hold(20)

    assert standing_of(desk, desk.payer) == Standing(30, 0, complete=True)
    assert standing_of(desk, desk.payer, seconds=1) == Standing(20, 0, complete=True)
    assert standing_of(desk, desk.payee) == Standing(0, 30, complete=True)
    assert standing_of(desk, desk.payee, seconds=1) == Standing(0, 20, complete=True)


def test_a_balance_without_holds_asks_once_for_promises(desk: Desk) -> None:
    account = get_account(desk.tenant, desk.payer)

    with watching() as calls:
        standing(desk.tenant, account, now=desk.now)

    assert calls.operations == ["dynamodb.Query"]


def test_promises_beyond_what_is_counted_are_told_to_be_incomplete(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "PAGE", 2)
    monkeypatch.setattr(holds, "MOST_PAGES", 2)
    for _ in range(5):
        desk.hold(3)

    assert standing_of(desk, desk.payee) == Standing(0, 12, complete=False)


def test_open_holds_are_listed_by_their_expiry_and_closed_ones_by_their_end(desk: Desk) -> None:
    forever, later, soon = desk.hold(1), desk.hold(1, seconds=9), desk.hold(1, seconds=5)
    first, last = desk.hold(1), desk.hold(1)
    for seconds, hold_id in enumerate((first, last)):
        void_hold(desk.call(later=seconds * SECOND), hold_id)
        index(desk.tenant, hold_id)

    for account_id, direction in ((desk.payer, "out"), (desk.payee, "in")):
        assert listed(desk, account_id, direction) == [soon, later, forever]
        assert listed(desk, account_id, direction, is_open=False) == [last, first]
    assert listed(desk, desk.payee) == listed(desk, desk.payer, "in") == []


def test_a_list_goes_on_after_its_page(desk: Desk) -> None:
    wanted = [desk.hold(1, seconds=seconds) for seconds in (1, 2, 3)]

    page = list_holds(desk.tenant, desk.payer, "out", is_open=True, after=None, limit=2)

    assert [hold.hold.hold_id for hold in page.values] == wanted[:2]
    assert listed(desk, desk.payer, after=page.last_key) == wanted[2:]


def test_a_closed_hold_leaves_the_list_of_open_ones_before_the_list_knows(desk: Desk) -> None:
    hold_id = desk.hold(1)
    void_hold(desk.call(), hold_id)

    assert listed(desk, desk.payer) == []


def test_an_old_state_never_moves_a_hold_back_in_its_lists(desk: Desk) -> None:
    hold_id = desk.hold(5, indexed=False)
    fresh = stored.load_hold(desk.tenant, hold_id)
    index(desk.tenant, hold_id)
    open_again = stored.load_hold(desk.tenant, hold_id)
    desk.capture(hold_id)
    index(desk.tenant, hold_id)

    for old in (fresh, open_again):
        with pytest.raises(Failed):
            commit(stored.list_writes(old))
        index(desk.tenant, hold_id)

    assert (listed(desk, desk.payer), listed(desk, desk.payer, is_open=False)) == ([], [hold_id])


def test_a_hold_killed_on_its_way_into_its_lists_gets_there_with_the_next_try(desk: Desk) -> None:
    for point in crash_points():
        hold_id = desk.hold(1, indexed=False)
        with point:
            index(desk.tenant, hold_id)

        index(desk.tenant, hold_id)

        assert hold_id in listed(desk, desk.payer), point
        assert hold_id in listed(desk, desk.payee, "in"), point


def test_a_capture_and_the_first_indexing_at_once_agree(desk: Desk) -> None:
    for _ in range(5):
        hold_id = desk.hold(4, indexed=False)
        with ThreadPoolExecutor(2) as pool:
            indexed = pool.submit(index, desk.tenant, hold_id)
            captured = pool.submit(lambda hold_id=hold_id: code_of(lambda: desk.capture(hold_id)))

        assert (indexed.result(), captured.result()) == (None, "done")
        index(desk.tenant, hold_id)
        assert hold_id in listed(desk, desk.payer, is_open=False)


def test_a_hold_that_nobody_placed_is_in_no_list() -> None:
    with pytest.raises(NotFound):
        index("ten_none", "hld_" + "0" * 26)


def test_contention_is_outlasted(desk: Desk) -> None:
    hold_id = desk.hold(5, seconds=1, indexed=False)

    with fault(conflicted, times=2, only="dynamodb.TransactWriteItems"):
        index(desk.tenant, hold_id)

    assert record_key(desk.tenant, hold_id).sort == "state"
    assert listed(desk, desk.payer) == [hold_id]
