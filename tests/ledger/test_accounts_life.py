"""An account frozen, closed, labelled, its books closed up to an instant: what that stops, and who may not do it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from itertools import chain

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, InvalidInput, NotFound, Refusal
from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.ledger.account_life import CLOSABLE, FREEZABLE, PERIOD_CLOSABLE
from chalicelib.ledger.domain import Kind, Purpose, credit, debit, purpose_account
from chalicelib.ledger.service import account_life
from chalicelib.ledger.service.accounts import OpenAccount, get_account, open_account
from chalicelib.ledger.service.entries import PostEntry, get_entry, post_entry
from chalicelib.ledger.store import accounts as stored
from chalicelib.ledger.store.moves import Move, move_write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from tests.support import calls
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching

Command = Callable[[Call, str], Outcome]

COMMANDS: dict[str, Command] = {
    "freeze": account_life.freeze,
    "unfreeze": account_life.unfreeze,
    "close": account_life.close,
    "label": lambda call, account_id: account_life.set_labels(call, account_id, {"region": "north"}),
    "close period": lambda call, account_id: account_life.close_period(call, account_id, MONDAY),
}
BOUND_TO_PURPOSES = {
    "freeze": FREEZABLE,
    "unfreeze": FREEZABLE,
    "close": CLOSABLE,
    "close period": PERIOD_CLOSABLE,
}


@pytest.fixture
def call(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Call]:
    """Calls of a tenant of this test's own."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    return partial(calls.call, tenant=f"ten_{uuid.uuid4().hex}")


def opened(call: Callable[..., Call], kind: Kind = Kind.LIABILITY) -> str:
    return str(open_account(call(), OpenAccount("any", kind, "CNY")).item.data["account_id"])


def opened_for(call: Callable[..., Call], purpose: Purpose) -> str:
    here = call()
    account = purpose_account(here.tenant, purpose, "CNY", name="any", owner="trd_1", floor=None)
    write = stored.open_account(here.tenant, account, opened_by=here)
    once(here, lambda _: Plan(journal_item(here, "account.opened"), (write,)))
    return account.account_id


def posted(command: Call, debited: str, credited: str, minor: int = 5, *, days: int = 0) -> Outcome:
    amount, at = Money(minor, "CNY"), command.now - timedelta(days=days)
    return post_entry(command, PostEntry("entry.posted", (debit(debited, amount), credit(credited, amount)), at))


def held(command: Call, account_id: str, minor: int) -> None:
    item = journal_item(command, "hold.placed")
    once(command, lambda _: Plan(item, (move_write(item, Move(account_id, "CNY", held=minor)),)))


def code_of(act: Callable[[], object]) -> str:
    try:
        act()
    except Refusal as refusal:
        return refusal.code
    return "done"


def test_a_frozen_account_takes_no_entry_until_it_is_unfrozen(call: Callable[..., Call]) -> None:
    bank, mill = opened(call, Kind.ASSET), opened(call)
    account_life.freeze(call(), mill, reason="court order")

    refused = code_of(lambda: posted(call(), bank, mill))
    account_life.unfreeze(call(), mill)

    assert (refused, code_of(lambda: posted(call(), bank, mill))) == ("account_frozen", "done")


def test_a_closed_account_takes_no_entry(call: Callable[..., Call]) -> None:
    bank, mill = opened(call, Kind.ASSET), opened(call)
    account_life.close(call(), mill)

    assert code_of(lambda: posted(call(), bank, mill)) == "account_closed"


def test_entries_of_a_closed_period_are_refused_and_later_ones_are_not(call: Callable[..., Call]) -> None:
    bank, mill = opened(call, Kind.ASSET), opened(call)
    account_life.close_period(call(), bank, MONDAY - timedelta(days=1))

    told = [code_of(lambda days=days: posted(call(), bank, mill, days=days)) for days in (2, 1, 0)]

    assert told == ["period_closed", "period_closed", "done"]


def test_no_change_of_an_account_raises_its_version(call: Callable[..., Call]) -> None:
    mill = opened(call)

    for name in ("freeze", "unfreeze", "label", "close period", "close"):
        COMMANDS[name](call(), mill)

    account = get_account(call().tenant, mill)
    assert (account.version, account.status, account.closed_until) == (0, "closed", instant_text(MONDAY))


def test_each_change_is_in_the_journal_with_who_what_and_why(call: Callable[..., Call]) -> None:
    mill, command = opened(call), call()

    account_life.freeze(command, mill, reason="court order")

    item = get_entry(command.tenant, command.entry_id)
    assert (item.kind, item.subject, item.actor, item.legs) == ("account.frozen", mill, "cli_test", ())
    assert item.data == {"account_id": mill, "status": "frozen", "reason": "court order"}


def test_labels_are_replaced_as_a_whole(call: Callable[..., Call]) -> None:
    mill, tenant = opened(call), call().tenant
    account_life.set_labels(call(), mill, {"region": "north", "tier": "1"})
    account_life.set_labels(call(), mill, {"region": "south"})
    first = get_account(tenant, mill).labels
    account_life.set_labels(call(), mill, {})

    assert (first, get_account(tenant, mill).labels) == ({"region": "south"}, {})


@pytest.mark.parametrize("name", COMMANDS)
def test_an_unknown_account_is_refused(call: Callable[..., Call], name: str) -> None:
    with pytest.raises(NotFound) as refused:
        COMMANDS[name](call(), "acc_none")

    assert (refused.value.code, refused.value.facts) == ("account_not_found", {"account_id": "acc_none"})


@pytest.mark.parametrize("name", BOUND_TO_PURPOSES)
def test_an_account_that_serves_something_else_is_refused(call: Callable[..., Call], name: str) -> None:
    for purpose in sorted(set(Purpose) - BOUND_TO_PURPOSES[name], key=lambda purpose: purpose.value):
        account_id = opened_for(call, purpose)
        with pytest.raises(Conflict) as refused:
            COMMANDS[name](call(), account_id)

        assert (refused.value.code, refused.value.facts["purpose"]) == ("account_controlled", purpose.value)


def test_a_party_can_be_frozen_and_a_banks_own_account_cannot(call: Callable[..., Call]) -> None:
    codes = [
        code_of(lambda purpose=purpose: account_life.freeze(call(), opened_for(call, purpose)))
        for purpose in (Purpose.PARTY, Purpose.BANK, Purpose.SUSPENSE)
    ]

    assert codes == ["done", "account_controlled", "account_controlled"]


@pytest.mark.parametrize(
    ("before", "name", "code"),
    [
        ((), "freeze", "done"),
        (("freeze",), "freeze", "already_frozen"),
        (("close",), "freeze", "account_closed"),
        ((), "unfreeze", "already_open"),
        (("freeze",), "unfreeze", "done"),
        (("close",), "unfreeze", "account_closed"),
        ((), "close", "done"),
        (("freeze",), "close", "done"),
        (("close",), "close", "already_closed"),
        (("close",), "label", "done"),
        (("freeze",), "close period", "done"),
        (("close period",), "close period", "done"),
    ],
)
def test_what_follows_on_what(call: Callable[..., Call], before: tuple[str, ...], name: str, code: str) -> None:
    mill = opened(call)
    for earlier in before:
        COMMANDS[earlier](call(), mill)

    assert code_of(lambda: COMMANDS[name](call(), mill)) == code


def test_an_account_is_closed_at_zero_and_with_nothing_held(call: Callable[..., Call]) -> None:
    bank, mill = opened(call, Kind.ASSET), opened(call)
    posted(call(), bank, mill, 7)
    held(call(), mill, 3)
    with pytest.raises(Conflict) as with_balance:
        account_life.close(call(), mill)
    posted(call(), mill, bank, 7)
    with pytest.raises(Conflict) as with_hold:
        account_life.close(call(), mill)
    held(call(), mill, -3)

    assert (with_balance.value.code, with_balance.value.facts["balance_minor"]) == ("balance_not_zero", 7)
    assert (with_hold.value.code, with_hold.value.facts["held_minor"]) == ("held_not_zero", 3)
    assert code_of(lambda: account_life.close(call(), mill)) == "done"


def test_a_period_only_moves_forward_and_never_into_the_future(call: Callable[..., Call]) -> None:
    mill = opened(call)
    account_life.close_period(call(), mill, MONDAY - timedelta(days=1))

    with pytest.raises(InvalidInput) as early:
        account_life.close_period(call(), mill, MONDAY + timedelta(microseconds=1))
    with pytest.raises(Conflict) as back:
        account_life.close_period(call(), mill, MONDAY - timedelta(days=1, microseconds=1))

    assert (early.value.code, early.value.facts) == ("period_in_future", {"field": "closed_until"})
    assert back.value.code == "period_reopened"
    assert back.value.facts["closed_until"] == instant_text(MONDAY - timedelta(days=1))


@pytest.mark.parametrize("name", COMMANDS)
def test_a_change_is_one_call_without_a_read_and_a_repeated_one_changes_nothing(
    call: Callable[..., Call], name: str
) -> None:
    mill = opened(call)
    if name == "unfreeze":
        account_life.freeze(call(), mill)
    command = call()

    with watching() as made:
        first, again = COMMANDS[name](command, mill), COMMANDS[name](command, mill)

    assert made.operations == ["dynamodb.TransactWriteItems"] * 2
    assert (first.replayed, again.replayed, again.item) == (False, True, first.item)


def test_a_process_killed_at_any_call_of_a_change_leaves_one_effect_after_a_retry(call: Callable[..., Call]) -> None:
    for point in chain(crash_points(), lost_points()):
        mill, command = opened(call), call()
        with point:
            account_life.freeze(command, mill)

        account_life.freeze(command, mill)

        assert get_account(command.tenant, mill).status == "frozen", point


def test_thirty_two_entries_and_closings_never_leave_money_on_a_closed_account(call: Callable[..., Call]) -> None:
    bank, mill = opened(call, Kind.ASSET), opened(call)
    acts = [lambda: posted(call(), bank, mill), lambda: account_life.close(call(), mill)] * 16

    with ThreadPoolExecutor(32) as pool:
        told = list(pool.map(code_of, acts))

    account = get_account(call().tenant, mill)
    booked = told[::2].count("done")
    assert account.own_balance == 5 * booked
    assert (account.status == "closed") == (booked == 0) == ("done" in told[1::2])
    assert set(told) <= {"done", "account_closed", "already_closed", "balance_not_zero"}
