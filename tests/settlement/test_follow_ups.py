"""Everything that follows from the journal by a message has a second way: where the message was lost, or the stream
gave its record up, it is found and asked for again, however many entries wait."""

from __future__ import annotations

import ast
from datetime import timedelta

import pytest

from app import ROUTERS
from chalicelib.banking.paying import CreatePayout, create_payout
from chalicelib.banking.payout_runs import set_schedule
from chalicelib.banking.payout_schedules import Mode, new_schedule
from chalicelib.ledger.service.feed import number
from chalicelib.recon.service.export_runs import Task, fail_export
from chalicelib.recon.service.exports import RequestExport, request_export, rerun_export
from chalicelib.settlement.service import identity
from chalicelib.settlement.service.undone import find_undone
from chalicelib.settlement.worker import bank_messages
from chalicelib.settlement.worker.follow_ups import FOLLOW_UPS, undone
from chalicelib.settlement.worker.unpaid import ask_again
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Plan, once
from infra.paths import ROOT
from tests.recon.build import Line, Sheet
from tests.settlement.desk import Desk, moved
from tests.settlement.goods import Trading
from tests.settlement.market import THURSDAY, journal_of
from tests.settlement.stopping import released_of_payment, taken_by_bank
from tests.settlement.test_identity_of_lines import aside, upload
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.events import queue_event
from tests.support.faults import crash_points

LATER = MONDAY + timedelta(days=10)

SECOND_WAYS = {
    ("relay", "ask_for_all"): "chalicelib/settlement/worker/unpaid.py: find_undone",
    ("sequence", "feed.number"): "chalicelib/ledger/service/proving_nightly.py: number_lost",
    ("sequence", "holds.index"): "chalicelib/ledger/service/proving_holds.py: holds.index",
    ("sequence", "deferred.fold"): "chalicelib/ledger/worker/sweep.py: deferred.fold_behind",
    ("sequence", "totals.follow_numbered"): "chalicelib/ledger/worker/sweep.py: totals.follow_behind",
    ("project", "projection.project"): "chalicelib/ledger/service/proving_histories.py: refill",
    ("project", "projection.note_account"): "chalicelib/ledger/service/proving_nightly.py: discrepancies.note",
}
"""What each stream's follower does, and where that is done for a record that its stream has given up."""


def consumers() -> set[tuple[str, str]]:
    """Every stream's handler in the code with each function of another module that it calls."""
    found = set()
    for path in (ROOT / "chalicelib").rglob("worker/*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef) and ".stream(" in "".join(map(ast.unparse, node.decorator_list)):
                calls = [ast.unparse(one.func) for one in ast.walk(node) if isinstance(one, ast.Call)][1:]
                found |= {(node.name, name) for name in calls if name.split(".")[0] not in OF_PYTHON}
    return found


OF_PYTHON = {"from_wire", "dict", "is_hold_id", "_is_folded", "worker"}


def test_each_follower_of_a_stream_has_a_second_way() -> None:
    assert consumers() == set(SECOND_WAYS)
    for way in SECOND_WAYS.values():
        path, name = way.split(": ")
        assert f"{name}(" in (ROOT / path).read_text(), way


def test_everything_that_follows_by_a_message_is_looked_for_or_has_a_command() -> None:
    routes = {f"{route.method} {route.path}" for router in ROUTERS for route in router.routes}

    assert [one.name for one in FOLLOW_UPS if (one.is_done is None) != (one.again in routes)] == []
    assert len({one.name for one in FOLLOW_UPS}) == len(FOLLOW_UPS)


def left(place: Trading | Desk, tables: Tables) -> set[str]:
    """What should have followed from the entries of a tenant and has not."""
    tenant = place.tenant if isinstance(place, Trading) else place.place.tenant
    return {one.name for item in journal_of(tables, tenant) for one in undone(item)}


# ---- each thing that follows -----------------------------------------------------------------------------------------


def test_payouts_are_left_until_each_is_made(place: Trading, session_tables: Tables) -> None:
    outcome = place.release(place.signed())
    assert left(place, session_tables) == {"payouts"}

    place.pay_out(outcome)

    assert left(place, session_tables) == set()


def test_a_stop_is_left_until_no_payout_is_still_to_be_made(place: Trading, session_tables: Tables) -> None:
    delayed = new_schedule(Mode.AT_ONCE, delay_days=30, weekday=None, minimums={}, now=MONDAY)
    set_schedule(place.call(), place.party("seller"), delayed)
    deal, outcome = released_of_payment(place)
    place.pay_out(outcome, days=THURSDAY)
    assert left(place, session_tables) == set()

    taken_by_bank(place, deal)

    assert left(place, session_tables) == {"stop"}
    place.pay_out(outcome, days=THURSDAY)
    assert left(place, session_tables) == set()


def test_a_file_is_asked_for_by_what_is_due(place: Trading, session_tables: Tables) -> None:
    place.owe("seller", 500)

    create_payout(place.call(), CreatePayout(place.party("seller"), place.money(500)))

    assert left(place, session_tables) == set()


def test_an_export_is_left_until_its_run_begins(place: Trading, session_tables: Tables) -> None:
    asked = request_export(place.call(), RequestExport("journal", MONDAY.date(), MONDAY.date())).item
    assert left(place, session_tables) == {"export"}

    fail_export(Task(place.tenant, asked.data["export_id"], 1, asked.entry_id), "export_fault", now=MONDAY)

    assert left(place, session_tables) == set()
    rerun_export(place.call(), asked.data["export_id"])
    assert left(place, session_tables) == {"export"}


def doubt(desk: Desk) -> None:
    """Two movements without a reference, of which the second may be the first told again."""
    for again in range(2):
        desk.tell(desk.report(moved(5, "x", remittance=[str(again)]) | {"bank_reference": ""}))


def swept(desk: Desk) -> int:
    """The schedule's run with all that it asks of the callbacks' queue done: how many entries it asked for."""
    number(journal_of(desk.tables, desk.place.tenant))
    asked = ask_again(lambda: LATER)["entries"]
    for message in desk.callbacks.taken():
        answer = bank_messages.callbacks(queue_event((message["entry_id"], message)), None)
        assert answer["batchItemFailures"] == []
    return asked


@pytest.mark.parametrize(("lines", "bank", "status"), [(2, 10, "confirmed"), (1, 5, "dismissed")])
def test_what_a_statement_decides_is_done_though_its_record_was_given_up(
    desk: Desk, lines: int, bank: int, status: str
) -> None:
    doubt(desk)
    upload(desk, Sheet(lines=[Line(5)] * lines))
    assert left(desk, desk.tables) == {"decision"}

    assert swept(desk) == 1

    assert (desk.place.bank, len(aside(desk, status)), aside(desk)) == (bank, 1, [])
    assert (swept(desk), left(desk, desk.tables)) == (0, set())


def test_what_a_person_confirms_is_booked_though_its_record_was_given_up(desk: Desk) -> None:
    doubt(desk)
    identity.confirm(desk.place.call(), aside(desk)[0].duplicate_id, "two of them")
    assert left(desk, desk.tables) == {"decision"}

    assert swept(desk) == 1

    assert (desk.place.bank, swept(desk)) == (10, 0)


# ---- however many wait -----------------------------------------------------------------------------------------------


def entries(place: Trading, count: int) -> list[JournalItem]:
    """So many entries in the feed of a tenant of their own that say nothing."""
    items = [once(call, lambda _, call=call: Plan(journal_item(call, "said.nothing"))).item
             for call in (place.call(f"entry-{i}") for i in range(count))]  # fmt: skip
    number(items)
    return items


def test_all_that_wait_are_found_and_stay_until_they_are_done(place: Trading) -> None:
    items = entries(place, 250)
    ids = [item.entry_id for item in items]
    done = set(ids[10:230])

    def found(is_done: set[str]) -> list[str]:
        return [item.entry_id for item in find_undone(place.tenant, lambda it: it.entry_id in is_done, now=LATER)
                if item.entry_id in ids]  # fmt: skip

    assert sorted(found(set())) == sorted(ids)
    assert sorted(found(set())) == sorted(ids)
    assert sorted(found(done)) == sorted(set(ids) - done)
    assert sorted(found(set())) == sorted(set(ids) - done)


def test_new_entries_are_found_behind_any_number_that_wait(place: Trading) -> None:
    entries(place, 130)
    list(find_undone(place.tenant, lambda _: False, now=LATER))
    new = once(place.call("new"), lambda _: Plan(journal_item(place.call("new"), "said.nothing"))).item
    number([new])

    assert [item.entry_id for item in find_undone(place.tenant, lambda _: False, now=LATER)][-1] == new.entry_id


def test_one_that_cannot_be_looked_at_holds_up_no_other(place: Trading) -> None:
    broken = once(place.call("gone"), lambda _: Plan(journal_item(place.call("gone"), "trade.unfunded"))).item

    assert [one.name for one in undone(broken)] == ["stop"]


def test_a_run_killed_at_any_call_leaves_nothing_out(place: Trading) -> None:
    ids = {item.entry_id for item in entries(place, 3)}
    for point in crash_points():
        with point:
            list(find_undone(place.tenant, lambda _: False, now=LATER))

        assert ids <= {item.entry_id for item in find_undone(place.tenant, lambda _: False, now=LATER)}, point
