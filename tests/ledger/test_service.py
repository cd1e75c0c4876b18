"""Posting entries on DynamoDB Local: balances, limits in the write, idempotency, refusals in their order."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest

from chalicelib.core.errors import Conflict, InvalidInput, KeyReused, NotFound, Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.domain import OPEN_TO_CALLERS, Kind, Purpose, credit, debit, purpose_account
from chalicelib.ledger.service.accounts import OpenAccount, get_account, open_account
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.ledger.store import accounts as stored
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables


def opened(name: str, kind: Kind = Kind.LIABILITY, floor: int | None = None, ceiling: int | None = None) -> str:
    command = OpenAccount(name, kind, "CNY", floor, ceiling)
    account_id = open_account(call(), command).item.data["account_id"]
    return str(account_id)


def entry(debited: str, credited: str, minor: int, currency: str = "CNY") -> PostEntry:
    amount = Money(minor, currency)
    return PostEntry("entry.posted", (debit(debited, amount), credit(credited, amount)))


def balance(account_id: str) -> int:
    return get_account(TENANT, account_id).own_balance


def refusal_of(command: PostEntry) -> Refusal:
    with pytest.raises(Refusal) as refused:
        post_entry(call(), command)
    return refused.value


def test_an_entry_moves_both_balances_on_their_own_side(tables: Tables) -> None:
    bank, wallet = opened("bank", Kind.ASSET), opened("wallet", floor=0)

    post_entry(call(), entry(bank, wallet, 1500))

    assert (balance(bank), balance(wallet)) == (1500, 1500)


def test_a_repeated_call_has_one_effect_and_the_same_item(tables: Tables) -> None:
    bank, wallet = opened("bank", Kind.ASSET), opened("wallet", floor=0)
    first = post_entry(call("k"), entry(bank, wallet, 700))

    again = post_entry(call("k", days=2), entry(bank, wallet, 700))

    assert (again.item, again.replayed, balance(wallet)) == (first.item, True, 700)


def test_a_key_with_another_body_is_refused(tables: Tables) -> None:
    bank, wallet = opened("bank", Kind.ASSET), opened("wallet", floor=0)
    post_entry(call("k", body=1), entry(bank, wallet, 700))

    with pytest.raises(KeyReused):
        post_entry(call("k", body=2), entry(bank, wallet, 800))

    assert balance(wallet) == 700


def test_a_refused_command_leaves_its_key_free(tables: Tables) -> None:
    bank, wallet, mill = opened("bank", Kind.ASSET), opened("wallet", floor=0), opened("mill")
    with pytest.raises(Conflict):
        post_entry(call("k"), entry(wallet, mill, 1))
    post_entry(call(), entry(bank, wallet, 1))

    outcome = post_entry(call("k"), entry(wallet, mill, 1))

    assert (outcome.replayed, balance(wallet), balance(mill)) == (False, 0, 1)


def test_refusals_come_in_the_order_of_their_rules(tables: Tables) -> None:
    bank, wallet, mill = opened("bank", Kind.ASSET), opened("wallet", floor=0, ceiling=100), opened("mill")
    post_entry(call(), entry(bank, wallet, 40))
    missing = replace(entry(wallet, "acc_none", 41))

    assert (refusal_of(missing).code, type(refusal_of(missing))) == ("insufficient_funds", Conflict)
    assert isinstance(refusal_of(entry("acc_none", wallet, 1)), NotFound)
    assert refusal_of(entry(wallet, mill, 1, "EUR")).code == "currency_mismatch"
    assert refusal_of(entry(wallet, mill, 41)).facts == {"account_id": wallet, "requested": 41, "available": 40}
    assert refusal_of(entry(bank, wallet, 61)).facts == {"account_id": wallet, "requested": 61, "remaining": 60}


def test_an_entry_from_the_future_is_refused(tables: Tables) -> None:
    command = replace(entry("a", "b", 1), occurred_at=MONDAY + timedelta(seconds=61))

    with pytest.raises(InvalidInput) as refused:
        post_entry(call(), command)

    assert refused.value.code == "occurred_in_future"


def test_thirty_two_threads_never_overdraw_an_account(tables: Tables) -> None:
    bank, wallet, mill = opened("bank", Kind.ASSET), opened("wallet", floor=0), opened("mill")
    post_entry(call(), entry(bank, wallet, 100))

    with ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(lambda _: attempt(entry(wallet, mill, 7)), range(32)))

    assert codes.count("booked") == 14
    assert codes.count("insufficient_funds") == 18
    assert (balance(wallet), balance(mill)) == (2, 98)


def test_thirty_two_retries_of_one_key_have_one_effect(tables: Tables) -> None:
    bank, wallet = opened("bank", Kind.ASSET), opened("wallet", floor=0)

    with ThreadPoolExecutor(32) as pool:
        outcomes = list(pool.map(lambda _: post_entry(call("same"), entry(bank, wallet, 5)), range(32)))

    assert len({outcome.item.entry_id for outcome in outcomes}) == 1
    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert balance(wallet) == 5


def test_another_tenants_account_does_not_exist(tables: Tables) -> None:
    bank = opened("bank", Kind.ASSET)

    with pytest.raises(NotFound):
        stored.load_account("ten_other", bank)


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - OPEN_TO_CALLERS, key=lambda purpose: purpose.value))
def test_an_entry_by_hand_touches_no_account_that_follows_a_trade_a_line_or_a_payout(
    tables: Tables, purpose: Purpose
) -> None:
    account = purpose_account(TENANT, purpose, "CNY", name="one that follows", owner="trd_1", floor=None)
    here = call()
    opened_with = stored.open_account(TENANT, account, opened_by=here)
    once(here, lambda _: Plan(journal_item(here, "account.opened"), (opened_with,)))
    bank = opened("bank", Kind.ASSET)

    refused = refusal_of(entry(bank, account.account_id, 5))

    assert (refused.code, refused.facts["purpose"]) == ("account_controlled", purpose.value)
    assert (balance(bank), balance(account.account_id)) == (0, 0)


def attempt(command: PostEntry) -> str:
    try:
        post_entry(call(), command)
    except Refusal as refusal:
        return refusal.code
    return "booked"
