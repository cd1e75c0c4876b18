"""Holds on DynamoDB Local: what they reserve, book and let go of; refusals in their order; never more than there is."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.ledger.domain import Kind, Side
from chalicelib.ledger.holds import Status
from chalicelib.ledger.service.accounts import get_account
from chalicelib.ledger.service.entries import get_entry
from chalicelib.ledger.service.holds import CaptureHold, capture_hold, void_hold
from tests.ledger.holding import SECOND, Desk, code_of, new_desk, refusal_of, yuan
from tests.support.dynamodb_local import Tables


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
    assert (desk.held(payer), desk.posted(desk.payee)) == (15, 36)
