"""Holds on DynamoDB Local: what they reserve, book and let go of; refusals in their order; never more than there is."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.errors import KeyReused, NotFound
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, Purpose, Side, purpose_account
from chalicelib.ledger.expiring import return_expired
from chalicelib.ledger.holds import Status, hold_id_of
from chalicelib.ledger.service import account_life
from chalicelib.ledger.service.accounts import get_account
from chalicelib.ledger.service.entries import get_entry
from chalicelib.ledger.service.holds import (
    CaptureHold,
    PlaceHold,
    capture_hold,
    place_hold,
    standing,
    void_hold,
)
from chalicelib.ledger.store import accounts as stored
from chalicelib.ledger.store import deferred as copies
from chalicelib.storage.journal import journal_item, to_wire
from chalicelib.storage.once import Plan, once
from chalicelib.storage.tables import Item
from tests.ledger.holding import SECOND, Desk, code_of, new_desk, refusal_of, yuan
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching


@pytest.fixture(autouse=True)
def stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


@pytest.fixture
def desk() -> Desk:
    return new_desk(100)


def test_a_hold_reserves_of_one_account_and_leaves_both_balances(desk: Desk) -> None:
    desk.hold(40)

    account = get_account(desk.tenant, desk.payer)
    assert (account.own_balance, account.held, account.available, account.version) == (100, 40, 60, 2)
    assert (desk.posted(desk.payee), get_account(desk.tenant, desk.payee).version) == (0, 0)


def test_what_is_held_cannot_be_spent_or_held_again(desk: Desk) -> None:
    desk.hold(40)

    spent = refusal_of(lambda: desk.pay(desk.payer, desk.payee, 61))
    held = refusal_of(lambda: desk.hold(61))

    told = {"account_id": desk.payer, "requested": 61, "available": 60}
    assert [(refusal.code, refusal.facts) for refusal in (spent, held)] == [("insufficient_funds", told)] * 2
    assert (desk.posted(), desk.held()) == (100, 40)


def test_a_capture_books_the_transfer_and_lets_go_of_the_rest(desk: Desk) -> None:
    hold_id = desk.hold(40)

    outcome = capture_hold(desk.call(), CaptureHold(hold_id, yuan(25), reference="INV 7", metadata={"a": "b"}))

    after, entry = desk.state(hold_id), get_entry(desk.tenant, outcome.item.entry_id)
    assert (after.status, after.captured, after.remaining, after.released) == (Status.CAPTURED, 25, 0, 15)
    assert (desk.posted(), desk.held(), desk.posted(desk.payee)) == (75, 0, 25)
    assert (entry.kind, entry.subject, entry.reference, entry.metadata) == (
        "hold.captured",
        hold_id,
        "INV 7",
        {"a": "b"},
    )
    assert [(leg.account_id, leg.amount) for leg in entry.legs] == [(desk.payer, 25), (desk.payee, -25)]


def test_a_hold_is_captured_in_parts_until_nothing_is_left(desk: Desk) -> None:
    hold_id = desk.hold(40)

    first = desk.capture(hold_id, 10, close=False)
    second = desk.capture(hold_id, 5, close=False)
    held = desk.held()
    last = desk.capture(hold_id, 25, close=False)

    assert [(hold.status.value, hold.captured, hold.remaining) for hold in (first, second, last)] == [
        ("pending", 10, 30),
        ("pending", 15, 25),
        ("captured", 40, 0),
    ]
    assert (held, desk.held(), desk.posted(), desk.posted(desk.payee)) == (25, 0, 60, 40)


def test_a_capture_of_no_amount_books_all_that_remains(desk: Desk) -> None:
    hold_id = desk.hold(40)
    desk.capture(hold_id, 10, close=False)

    after = desk.capture(hold_id)

    assert (after.captured, after.released, desk.posted(desk.payee)) == (40, 0, 40)


def test_a_closing_capture_of_nothing_books_no_transfer(desk: Desk) -> None:
    hold_id = desk.hold(40)

    outcome = capture_hold(desk.call(), CaptureHold(hold_id, yuan(0)))

    assert (outcome.item.legs, desk.state(hold_id).status) == ((), Status.CAPTURED)
    assert (desk.posted(), desk.held(), desk.posted(desk.payee)) == (100, 0, 0)


def test_a_void_lets_go_of_what_remains(desk: Desk) -> None:
    hold_id = desk.hold(40)
    desk.capture(hold_id, 15, close=False)

    void_hold(desk.call(), hold_id)

    after = desk.state(hold_id)
    assert (after.status, after.captured, after.released) == (Status.VOIDED, 15, 25)
    assert (desk.posted(), desk.held()) == (85, 0)


def test_money_of_the_credited_account_is_reserved_where_that_side_lowers_it(desk: Desk) -> None:
    vault = desk.account(Kind.ASSET, floor=0)
    desk.pay(vault, desk.bank, 50)
    hold_id = desk.hold(30, debit_account_id=desk.bank, credit_account_id=vault, reserved=Side.CREDIT)
    held = desk.held(vault)

    desk.capture(hold_id, 20)

    assert (held, desk.held(vault), desk.posted(vault), desk.posted(desk.bank)) == (30, 0, 30, 70)


def test_the_vectors_of_two_phase_transfers_hold() -> None:
    """Source: TigerBeetle, the test of two-phase transfers in its state machine."""
    desk = new_desk()
    payer = desk.account()
    terms: dict[str, Any] = {"debit_account_id": payer}
    desk.pay(payer, desk.payee, 15)
    t2, t3, t4, t5, t6, t7 = (
        desk.hold(minor, seconds=seconds, **terms)
        for minor, seconds in ((15, 60), (15, 60), (15, 1), (7, None), (1, None), (1, None))
    )
    held = desk.held(payer)
    later = desk.call(later=SECOND)

    assert (held, desk.posted(desk.payee)) == (54, 15)
    assert code_of(lambda: desk.capture(t2, 16, seconds=1)) == "capture_exceeds_hold"
    desk.capture(t2, 13, seconds=1)
    assert code_of(lambda: desk.capture(t2, 13, seconds=1)) == "hold_captured"
    void_hold(later, t3)
    assert code_of(lambda: desk.capture(t3, seconds=1)) == "hold_voided"
    assert code_of(lambda: void_hold(desk.call(later=SECOND), t3)) == "hold_voided"
    assert code_of(lambda: desk.capture(t4, seconds=1)) == "hold_expired"
    desk.capture(t5, seconds=1)
    desk.capture(t6, seconds=1)
    desk.capture(t7, 0, seconds=1)
    account = get_account(desk.tenant, payer)
    assert (standing(desk.tenant, account, now=later.now).held_out, desk.posted(desk.payee)) == (0, 36)
    assert code_of(lambda: place_hold(desk.call("t2"), PlaceHold(desk.terms(15, **terms)))) == "done"
    with pytest.raises(KeyReused):
        place_hold(desk.call("t2", body="another amount"), PlaceHold(desk.terms(16, **terms)))


def test_the_refusals_of_a_placing_come_in_the_order_of_their_rules(desk: Desk) -> None:
    bank, euros, frozen = desk.bank, Money(101, "EUR"), desk.account(floor=0)
    account_life.freeze(desk.call(), desk.bank, reason=None)
    account_life.freeze(desk.call(), frozen, reason=None)
    closed = desk.account(floor=0)
    account_life.close_period(desk.call(), closed, desk.now)

    def refused(**changes: Any) -> str:
        return code_of(lambda: desk.hold(101, **changes))

    assert refused(amount=yuan(0), expires_at=desk.now, debit_account_id="acc_none") == "amount_not_positive"
    assert refused(expires_at=desk.now, debit_account_id="acc_none") == "invalid_expiry"
    assert refused(debit_account_id="acc_none") == "account_not_found"
    assert refused(debit_account_id=bank, amount=euros) == "currency_mismatch"
    assert refused(debit_account_id=bank) == "hold_on_wrong_side"
    assert refused(reserved=Side.CREDIT) == "hold_on_wrong_side"
    assert refused(debit_account_id=frozen) == "account_frozen"
    assert refused(debit_account_id=closed) == "period_closed"
    assert refused() == "insufficient_funds"
    assert desk.held() == 0


@pytest.mark.parametrize("purpose", [Purpose.ESCROW, Purpose.LENDER_UNDRAWN])
def test_no_money_of_an_account_that_follows_a_trade_or_a_line_is_reserved(desk: Desk, purpose: Purpose) -> None:
    account = purpose_account(desk.tenant, purpose, "CNY", name="one that follows", owner="trd_1", floor=None)
    here = desk.call()
    opening = stored.open_account(desk.tenant, account, opened_by=here)
    once(here, lambda _: Plan(journal_item(here, "account.opened"), (opening,)))

    assert code_of(lambda: desk.hold(1, debit_account_id=account.account_id)) == "account_controlled"
    hold_id = desk.hold(1, credit_account_id=account.account_id)
    assert code_of(lambda: desk.capture(hold_id)) == "account_controlled"
    assert desk.state(hold_id).is_open


def test_the_account_that_gets_the_money_is_looked_at_at_the_capture(desk: Desk) -> None:
    nobody, euros = (
        desk.hold(1, credit_account_id="acc_none"),
        desk.hold(1, credit_account_id=desk.account(currency="EUR")),
    )
    full = desk.hold(2, credit_account_id=desk.account(ceiling=1))

    assert code_of(lambda: desk.capture(nobody)) == "account_not_found"
    assert code_of(lambda: desk.capture(euros)) == "currency_mismatch"
    assert code_of(lambda: desk.capture(full)) == "ceiling_reached"
    assert desk.capture(full, 1).captured == 1
    assert (desk.held(), desk.posted()) == (2, 99)


@pytest.mark.parametrize("hold_id", ["hld_" + "0" * 26, "hld_x", "ent_" + "0" * 26, "acc_x"])
def test_what_is_no_hold_is_not_found(desk: Desk, hold_id: str) -> None:
    for act in (lambda: desk.capture(hold_id), lambda: void_hold(desk.call(), hold_id), lambda: desk.state(hold_id)):
        refusal = refusal_of(act)

        assert (type(refusal), refusal.code, refusal.facts) == (NotFound, "hold_not_found", {"hold_id": hold_id})


def test_an_entry_that_placed_no_hold_and_a_hold_of_another_tenant_are_not_found(desk: Desk) -> None:
    hold_id, other = desk.hold(1), new_desk()
    capture = capture_hold(desk.call(), CaptureHold(hold_id))

    assert code_of(lambda: other.capture(hold_id)) == "hold_not_found"
    assert code_of(lambda: desk.capture(hold_id_of(capture.item.entry_id))) == "hold_not_found"


def test_money_promised_to_a_deferred_account_is_captured_without_moving_it(desk: Desk) -> None:
    fees = desk.account(Kind.INCOME, deferred=True)
    first, second = desk.hold(10, credit_account_id=fees), desk.hold(20, credit_account_id="hot_none")

    outcome = capture_hold(desk.call(), CaptureHold(first))

    assert [leg.account_id for leg in outcome.item.legs] == [desk.payer, fees]
    assert (desk.posted(), get_account(desk.tenant, fees).version) == (90, 0)
    assert code_of(lambda: desk.capture(second)) == "account_not_found"
    account_life.freeze(desk.call(), fees, reason=None)
    copies._copies.clear()
    third = desk.hold(5, credit_account_id=fees)
    assert code_of(lambda: desk.capture(third)) == "account_frozen"


def test_a_frozen_account_lets_a_hold_be_voided_and_not_captured(desk: Desk) -> None:
    first, second = desk.hold(10), desk.hold(20)
    account_life.freeze(desk.call(), desk.payer, reason=None)

    assert code_of(lambda: desk.capture(first)) == "account_frozen"
    void_hold(desk.call(), first)
    desk.capture(second, 0)
    assert (desk.held(), desk.posted()) == (0, 100)


def test_a_capture_in_a_closed_period_is_refused_and_one_after_it_is_not(desk: Desk) -> None:
    hold_id = desk.hold(10)
    account_life.close_period(desk.call(), desk.payee, desk.now)

    assert code_of(lambda: desk.capture(hold_id)) == "period_closed"
    assert desk.capture(hold_id, seconds=1).captured == 10


def test_an_account_with_something_held_is_not_closed(desk: Desk) -> None:
    account = desk.account()
    hold_id = desk.hold(5, debit_account_id=account)

    assert code_of(lambda: account_life.close(desk.call(), account)) == "held_not_zero"
    void_hold(desk.call(), hold_id)
    assert code_of(lambda: account_life.close(desk.call(), account)) == "done"


def test_absurd_metadata_and_instants_are_refused(desk: Desk) -> None:
    hold_id = desk.hold(5)
    bad = {"Key": "value"}
    late = CaptureHold(hold_id, occurred_at=desk.now + timedelta(seconds=61))

    assert code_of(lambda: place_hold(desk.call(), PlaceHold(desk.terms(1), metadata=bad))) == "invalid_metadata"
    assert code_of(lambda: capture_hold(desk.call(), CaptureHold(hold_id, metadata=bad))) == "invalid_metadata"
    assert code_of(lambda: capture_hold(desk.call(), late)) == "occurred_in_future"


def test_placing_is_one_call_of_two_small_items_and_reads_nothing(desk: Desk) -> None:
    key = str(uuid.uuid4())

    with watching() as first:
        placed = place_hold(desk.call(key), PlaceHold(desk.terms(40, seconds=60)))
    with watching() as again:
        replayed = place_hold(desk.call(key), PlaceHold(desk.terms(40, seconds=60)))

    assert first.operations == again.operations == ["dynamodb.TransactWriteItems"]
    assert (replayed.item, replayed.replayed) == (placed.item, True)
    assert bytes_of(to_wire(placed.item)) < 1024


def test_a_capture_and_a_void_are_one_read_and_one_write(desk: Desk) -> None:
    first, second = desk.hold(10), desk.hold(10, indexed=False)

    with watching() as capture:
        capture_hold(desk.call(), CaptureHold(first))
    with watching() as void:
        void_hold(desk.call(), second)

    assert capture.operations == void.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_a_retried_placing_is_answered_though_its_time_is_over(desk: Desk) -> None:
    first = place_hold(desk.call("k"), PlaceHold(desk.terms(40, seconds=60)))

    again = place_hold(desk.call("k", later=61 * SECOND), PlaceHold(desk.terms(40, seconds=60)))

    assert (again.item, again.replayed) == (first.item, True)


def test_a_retried_capture_is_answered_though_the_hold_is_closed(desk: Desk) -> None:
    hold_id = desk.hold(40)
    first = capture_hold(desk.call("k"), CaptureHold(hold_id, yuan(10)))

    again = capture_hold(desk.call("k"), CaptureHold(hold_id, yuan(10)))

    assert (again.item, again.replayed, desk.posted()) == (first.item, True, 90)


def test_thirty_two_holds_never_reserve_more_than_there_is(desk: Desk) -> None:
    codes = raced(lambda _: desk.hold(7, indexed=False))

    assert (codes.count("done"), codes.count("insufficient_funds")) == (14, 18)
    assert (desk.held(), desk.posted()) == (98, 100)


def test_thirty_two_captures_of_one_hold_never_exceed_it(desk: Desk) -> None:
    hold_id = desk.hold(20, indexed=False)

    codes = raced(lambda _: desk.capture(hold_id, 7, close=False))

    after = desk.state(hold_id)
    assert set(codes) <= {"done", "capture_exceeds_hold", "try_again"}
    assert 1 <= codes.count("done") <= 2
    assert (after.captured, desk.posted(), desk.held()) == tuple(
        start + sign * 7 * codes.count("done") for start, sign in ((0, 1), (100, -1), (20, -1))
    )


def test_of_thirty_two_captures_voids_and_expiries_one_closes_the_hold(desk: Desk) -> None:
    hold_id = desk.hold(20, seconds=1, indexed=False)
    late = desk.call(later=SECOND).now

    def act(number: int) -> object:
        match number % 3:
            case 0:
                return desk.capture(hold_id)
            case 1:
                return void_hold(desk.call(), hold_id)
        return return_expired(desk.tenant, hold_id, now=late, actor="sweep")

    codes = raced(act)

    after = desk.state(hold_id)
    assert (after.is_open, desk.held(), desk.posted()) == (False, 0, 100 - after.captured)
    assert set(codes) <= {"done", "hold_captured", "hold_voided", "hold_expired", "try_again"}


def test_thirty_two_retries_of_one_capture_have_one_effect(desk: Desk) -> None:
    hold_id = desk.hold(20, indexed=False)

    codes = raced(lambda _: capture_hold(desk.call("same"), CaptureHold(hold_id, yuan(7), close=False)))

    assert (set(codes) - {"try_again"}, desk.state(hold_id).captured, desk.posted()) == ({"done"}, 7, 93)


def bytes_of(item: Item) -> int:
    """What an item without numbers, maps and lists weighs: its names and values."""
    values = ((name, content) for name, value in item.items() for content in value.values())
    return sum(len(name) + len(content.encode() if isinstance(content, str) else content) for name, content in values)


def raced(act: Callable[[int], Any]) -> list[str]:
    """The codes of 32 threads that act at once."""
    with ThreadPoolExecutor(32) as pool:
        return list(pool.map(lambda number: code_of(lambda: act(number)), range(32)))
