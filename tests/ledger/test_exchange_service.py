"""Exchanges on DynamoDB Local: balances, refusals in their order, one effect under races and crashes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import chain

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.exchange import ExchangeOrder, Quote, Rate, position_account_id, result_account_id
from chalicelib.ledger.holds import Terms
from chalicelib.ledger.service import deferred, feed
from chalicelib.ledger.service import exchange as fx
from chalicelib.ledger.service.account_life import freeze
from chalicelib.ledger.service.accounts import OpenAccount, get_account, open_account
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.ledger.service.holds import PlaceHold, index, place_hold
from chalicelib.ledger.store.holds import placed_hold
from tests.ledger.sums import own_sums
from tests.support import calls
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching

Calling = Callable[..., Call]

MARKET = Rate(11, 10)


@pytest.fixture
def call(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Calling:
    """Calls of a tenant of this test's own."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    return partial(calls.call, tenant=f"ten_{uuid.uuid4().hex}")


def opened(call: Calling, currency: str, kind: Kind = Kind.LIABILITY, *, floor: int | None = None) -> str:
    return str(open_account(call(), OpenAccount("any", kind, currency, floor)).item.data["account_id"])


def exchanging(call: Calling, *currencies: str) -> None:
    for currency in currencies or ("EUR", "USD"):
        fx.open_fx_accounts(call(), currency)


def quoted(call: Calling, *, single_use: bool = False, market: Rate | None = MARKET) -> str:
    terms = Quote("", "EUR", "USD", Rate(1096, 1000), MONDAY + timedelta(hours=1), market, single_use)
    return str(fx.quote(call(), terms).item.data["quote_id"])


def sell(paying: str, getting: str, minor: int = 100_00, currency: str = "EUR") -> ExchangeOrder:
    return ExchangeOrder(paying, getting, "sell", Money(minor, currency))


def paid_in(call: Calling, account_id: str, minor: int, currency: str = "EUR") -> None:
    amount, bank = Money(minor, currency), opened(call, currency, Kind.ASSET)
    post_entry(call(), PostEntry("entry.posted", (debit(bank, amount), credit(account_id, amount))))


def balances(call: Calling, *account_ids: str) -> list[int]:
    return [get_account(call().tenant, account_id).own_balance for account_id in account_ids]


def code_of(act: Callable[[], object]) -> str:
    try:
        act()
    except Refusal as refusal:
        return refusal.code
    return "done"


def test_an_exchange_moves_both_accounts_positions_and_the_result(call: Calling) -> None:
    euros, dollars, tenant = opened(call, "EUR", floor=0), opened(call, "USD"), call().tenant
    exchanging(call)
    paid_in(call, euros, 150_00)

    outcome = fx.exchange(call(), quoted(call), sell(euros, dollars))

    assert balances(call, euros, dollars) == [50_00, 109_60]
    told = {line.currency: (line.position.own_balance, line.result.own_balance) for line in fx.positions(tenant)}
    assert told == {"EUR": (100_00, 0), "USD": (-110_00, 40)}
    assert set(own_sums(tenant).values()) == {0}
    assert (outcome.item.kind, outcome.item.data["result_minor"]) == ("fx.exchanged", 40)


def test_our_own_money_is_exchanged_back_and_the_position_is_flat(call: Calling) -> None:
    euros, dollars, tenant = opened(call, "EUR"), opened(call, "USD"), call().tenant
    bank_euros, bank_dollars = opened(call, "EUR", Kind.ASSET), opened(call, "USD", Kind.ASSET)
    exchanging(call)
    quote_id = quoted(call, market=None)

    fx.exchange(call(), quote_id, sell(euros, dollars))
    fx.exchange(call(), quote_id, sell(bank_euros, bank_dollars))

    assert [line.position.own_balance for line in fx.positions(tenant)] == [0, 0]
    assert balances(call, bank_euros, bank_dollars) == [-100_00, 109_60]


def test_what_is_bought_is_exact(call: Calling) -> None:
    euros, dollars = opened(call, "EUR"), opened(call, "USD")
    exchanging(call)

    fx.exchange(call(), quoted(call), ExchangeOrder(euros, dollars, "buy", Money(100_00, "USD")))

    assert balances(call, euros, dollars) == [-91_25, 100_00]  # 91.2408, rounded up


def test_a_deferred_account_may_get_what_is_bought(call: Calling) -> None:
    euros, tenant = opened(call, "EUR"), call().tenant
    clearing = open_account(call(), OpenAccount("any", Kind.LIABILITY, "USD", deferred=True)).item.data["account_id"]
    exchanging(call)

    outcome = fx.exchange(call(), quoted(call), sell(euros, clearing))

    feed.number([outcome.item])
    deferred.fold(tenant)
    assert balances(call, euros, clearing) == [-100_00, 109_60]


def test_holds_that_have_had_their_time_are_let_go_of_before_an_exchange_is_refused(call: Calling) -> None:
    euros, dollars, other = opened(call, "EUR", floor=0), opened(call, "USD"), opened(call, "EUR", Kind.ASSET)
    exchanging(call)
    paid_in(call, euros, 100_00)
    terms = Terms(euros, other, Money(1, "EUR"), expires_at=MONDAY + timedelta(minutes=1))
    index(call().tenant, placed_hold(place_hold(call(), PlaceHold(terms)).item).hold_id)
    later = call(now=MONDAY + timedelta(minutes=2))

    early = code_of(lambda: fx.exchange(call(), quoted(call), sell(euros, dollars)))
    fx.exchange(later, quoted(call), sell(euros, dollars))

    assert (early, balances(call, euros)) == ("insufficient_funds", [0])


def test_an_exchange_is_one_read_and_one_write(call: Calling) -> None:
    euros, dollars = opened(call, "EUR"), opened(call, "USD")
    exchanging(call)
    quote_id = quoted(call)

    with watching() as made:
        fx.exchange(call(), quote_id, sell(euros, dollars))

    assert made.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_refusals_come_in_the_order_of_their_rules(call: Calling) -> None:
    euros, dollars, yen = opened(call, "EUR", floor=0), opened(call, "USD"), opened(call, "JPY")
    dollars_at_bank = opened(call, "USD", Kind.ASSET)
    quote_id, spent = quoted(call), quoted(call, single_use=True)
    order = sell(euros, dollars)

    def refused(changed: ExchangeOrder, *, under: str = quote_id, **when: int) -> str:
        return code_of(lambda: fx.exchange(call(**when), under, changed))

    worst = sell("acc_none", "acc_none", 0, "JPY")
    late = replace(worst, occurred_at=MONDAY + timedelta(days=9), amount=Money(1, "JPY"))
    told = [
        refused(replace(worst, metadata={"": ""}), under="fxq_none"),
        refused(replace(late, metadata={"": ""}), under="fxq_none"),
        refused(late, under="fxq_none"),
        refused(sell("acc_none", "acc_none", 1, "JPY"), under="fxq_none"),
        refused(sell("acc_none", "acc_none", 1, "JPY"), days=1),
        refused(sell("acc_none", "acc_none", 1, "JPY")),
        refused(sell("acc_none", "acc_none")),
    ]
    exchanging(call, "EUR")
    told.append(refused(sell("acc_none", "acc_none")))
    exchanging(call, "USD")
    told += [
        refused(sell("acc_none", "acc_none")),
        refused(sell(position_account_id(call().tenant, "EUR"), "acc_none")),
        refused(sell(yen, "acc_none")),
        refused(sell(euros, "acc_none")),
        refused(sell(euros, result_account_id(call().tenant, "USD"))),
        refused(sell(euros, euros)),
        refused(sell(euros, dollars_at_bank)),
        refused(order),
    ]
    paid_in(call, euros, 500_00)
    fx.exchange(call(), spent, order)
    told.append(refused(sell("acc_none", "acc_none", 1, "JPY"), under=spent))
    freeze(call(), dollars)
    told.append(refused(order))

    assert told == [
        "amount_not_positive",
        "invalid_metadata",
        "occurred_in_future",
        "quote_not_found",
        "quote_expired",
        "currency_mismatch",
        "fx_account_missing",
        "fx_account_missing",
        "account_not_found",
        "account_controlled",
        "currency_mismatch",
        "account_not_found",
        "account_controlled",
        "currency_mismatch",
        "accounts_on_two_sides",
        "insufficient_funds",
        "quote_used",
        "account_frozen",
    ]
    assert balances(call, euros, dollars) == [400_00, 109_60]


def test_an_amount_that_comes_to_nothing_is_refused_before_what_is_missing(call: Calling) -> None:
    terms = Quote("", "EUR", "USD", Rate(1, 3), MONDAY + timedelta(hours=1))
    quote_id = fx.quote(call(), terms).item.data["quote_id"]

    assert code_of(lambda: fx.exchange(call(), quote_id, sell("acc_none", "acc_none", 1))) == "amount_too_small"


def test_a_quote_is_used_again_until_it_expires(call: Calling) -> None:
    euros, dollars = opened(call, "EUR"), opened(call, "USD")
    exchanging(call)
    quote_id = quoted(call)

    for _ in range(3):
        fx.exchange(call(), quote_id, sell(euros, dollars))

    assert balances(call, euros) == [-300_00]
    assert fx.get_quote(call().tenant, quote_id).used_by is None


def test_a_repeated_exchange_is_answered_as_before_though_its_quote_is_spent_and_over(call: Calling) -> None:
    euros, dollars = opened(call, "EUR"), opened(call, "USD")
    exchanging(call)
    quote_id, key = quoted(call, single_use=True), "k"
    first = fx.exchange(call(key), quote_id, sell(euros, dollars))

    again = fx.exchange(call(key, days=30), quote_id, sell(euros, dollars))

    assert (again.replayed, again.item, balances(call, euros)) == (True, first.item, [-100_00])


def test_a_repeated_quote_is_answered_as_before_though_its_time_is_over(call: Calling) -> None:
    terms = Quote("", "EUR", "USD", Rate(1096, 1000), MONDAY + timedelta(seconds=2))
    first = fx.quote(call("k"), terms)

    again = fx.quote(call("k", now=MONDAY + timedelta(seconds=2)), terms)

    assert (again.replayed, again.item.data) == (True, first.item.data)


def test_of_thirty_two_threads_one_uses_a_quote_for_single_use(call: Calling) -> None:
    euros, dollars = opened(call, "EUR"), opened(call, "USD")
    exchanging(call)
    quote_id = quoted(call, single_use=True)

    with ThreadPoolExecutor(32) as pool:
        act = lambda _: code_of(lambda: fx.exchange(call(), quote_id, sell(euros, dollars)))  # noqa: E731
        told = list(pool.map(act, range(32)))

    assert (told.count("done"), told.count("quote_used")) == (1, 31)
    assert balances(call, euros, dollars) == [-100_00, 109_60]


def test_thirty_two_exchanges_never_overdraw_what_pays(call: Calling) -> None:
    euros, dollars = opened(call, "EUR", floor=0), opened(call, "USD")
    exchanging(call)
    quote_id = quoted(call)
    paid_in(call, euros, 1_000_00)

    with ThreadPoolExecutor(32) as pool:
        act = lambda _: code_of(lambda: fx.exchange(call(), quote_id, sell(euros, dollars)))  # noqa: E731
        told = list(pool.map(act, range(32)))

    assert (told.count("done"), told.count("insufficient_funds")) == (10, 22)
    assert balances(call, euros, dollars) == [0, 1_096_00]


def test_a_process_killed_or_an_answer_lost_at_any_call_leaves_one_exchange(call: Calling) -> None:
    euros, dollars = opened(call, "EUR"), opened(call, "USD")
    exchanging(call)
    done = 0
    for point in chain(crash_points(), lost_points()):
        quote_id, command = quoted(call, single_use=True), call()
        with point:
            fx.exchange(command, quote_id, sell(euros, dollars))

        fx.exchange(command, quote_id, sell(euros, dollars))

        done += 1
        assert balances(call, euros, dollars) == [-100_00 * done, 109_60 * done], point
        assert fx.get_quote(command.tenant, quote_id).used_by == command.entry_id, point


def test_the_accounts_of_a_currency_are_opened_once_by_whoever_comes_first(call: Calling) -> None:
    currencies = ["EUR", "USD", "JPY", "BHD"] * 2

    def open_one(currency: str) -> str:
        return code_of(lambda: fx.open_fx_accounts(call(), currency))

    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(open_one, currencies))

    assert (told.count("done"), told.count("fx_accounts_exist")) == (4, 4)
    assert [line.currency for line in fx.positions(call().tenant)] == ["BHD", "EUR", "JPY", "USD"]


def test_no_quote_and_no_position_of_another_tenant_is_seen(call: Calling) -> None:
    exchanging(call)
    quote_id = quoted(call)

    assert code_of(lambda: fx.get_quote("ten_other", quote_id)) == "quote_not_found"
    assert fx.positions(f"{call().tenant}x") == ()


@pytest.mark.parametrize("currency", ["EUR", "USD"])
def test_a_process_killed_at_any_call_of_an_opening_leaves_the_accounts_of_one(call: Calling, currency: str) -> None:
    for number, point in enumerate(crash_points()):
        command = replace(call(), tenant=f"{call().tenant}{number}")
        with point:
            fx.open_fx_accounts(command, currency)

        fx.open_fx_accounts(command, currency)

        assert [line.currency for line in fx.positions(command.tenant)] == [currency], point


def test_a_process_killed_at_any_call_of_a_quote_leaves_one(call: Calling) -> None:
    terms = Quote("", "EUR", "USD", Rate(1, 1), MONDAY + timedelta(hours=1))
    for point in crash_points():
        command = call()
        with point:
            fx.quote(command, terms)

        quote_id = fx.quote(command, terms).item.data["quote_id"]

        assert fx.get_quote(command.tenant, quote_id) == replace(terms, quote_id=quote_id), point
