"""What ties a trade to its siblings is written under what was read, and what does not fit together is read again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.banking import store as banking_store
from chalicelib.banking.references import creditor_reference
from chalicelib.settlement.domain.credit import CreditFunding
from chalicelib.settlement.store.credit import (
    credit_funding_key,
    load_credit_funding,
    take_credit_funding,
    write_credit_funding,
)
from chalicelib.settlement.store.expected import find_expectations, follow_trade, take_expected
from chalicelib.storage.commit import Failed, Stale, commit
from chalicelib.storage.reads import fetch
from chalicelib.trades.domain.states import State
from tests.settlement.market import market
from tests.support.calls import TENANT
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching

TRADE = "trd_00000000000000000000000000"


def test_credit_funding_is_written_once_and_then_over_the_version_that_was_read(tables: Tables) -> None:
    key = credit_funding_key(TENANT, TRADE)
    assert load_credit_funding(TENANT, TRADE) is None
    commit((write_credit_funding(TENANT, TRADE, CreditFunding("lin_1", 5), None),))
    first = take_credit_funding(fetch((key,)), TENANT, TRADE)
    commit((write_credit_funding(TENANT, TRADE, CreditFunding("lin_1", 7), first),))

    assert load_credit_funding(TENANT, TRADE) == CreditFunding("lin_1", 7)
    for before in (None, first):
        with pytest.raises(Failed) as failed:
            commit((write_credit_funding(TENANT, TRADE, CreditFunding("lin_1", 9), before),))
        write, old = failed.value.reasons[0]
        assert isinstance(write.refuse(old), Stale)


def test_an_expectation_that_a_batch_has_missed_is_read_again() -> None:
    with pytest.raises(Stale):
        take_expected({}, TENANT, "RF52D6BXM5S153QP0JCH")


def test_the_bank_is_expected_to_send_what_the_trade_is_short_of(tables: Tables) -> None:
    steel = market()
    deal = steel.deal()
    trade = steel.trade(deal)
    more = replace(trade, due_minor=trade.due_minor + 5)
    paid = replace(more, funded_minor=trade.due_minor, stage=State.FUNDING)
    for before, after, by_bank, expected in (
        (trade, more, False, (trade.due_minor + 5, 0)),
        (more, paid, False, (5, 0)),
        (paid, replace(paid, funded_minor=paid.due_minor), True, (5, 5)),
    ):
        found = fetch((banking_store.expected_key(steel.tenant, deal.reference),))
        record = take_expected(found, steel.tenant, deal.reference)
        commit((follow_trade(record, steel.tenant, before, after, by_bank=by_bank),))

        now = steel.expected(deal.reference)
        assert (now.expected_minor, now.received_minor) == expected


def test_the_first_two_expectations_are_found_in_one_read_each(tables: Tables) -> None:
    steel = market()
    one, two, three = (steel.deal().reference for _ in range(3))
    unknown = creditor_reference("NOBODYS")

    with watching() as calls:
        found = find_expectations(steel.tenant, (unknown, two, one, three))

    assert [expected.reference for expected in found] == [two, one]
    assert calls.operations == ["dynamodb.BatchGetItem"] * 2
    assert find_expectations(steel.tenant, (unknown,)) == ()
    assert find_expectations(steel.tenant, ()) == ()
