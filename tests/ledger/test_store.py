"""Refusals of a posting's condition, in their order, and what is loaded and listed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chalicelib.core.errors import Conflict, NotFound, Refusal
from chalicelib.core.instants import instant_text
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.ledger.domain import Account, Kind, credit, debit
from chalicelib.ledger.service.accounts import OpenAccount, get_account, list_accounts, open_account
from chalicelib.ledger.service.entries import PostEntry, get_entry, post_entry
from chalicelib.ledger.store import accounts as stored
from chalicelib.ledger.store.entries import find_entry, load_entries
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables


def opened(name: str, kind: Kind = Kind.LIABILITY, *, floor: int | None = None) -> str:
    return str(open_account(call(), OpenAccount(name, kind, "CNY", floor)).item.data["account_id"])


def altered(tables: Tables, account_id: str, **attributes: str) -> None:
    """Set texts of an account as a later command will."""
    tables.client.update_item(
        TableName=tables.name("accounts"),
        Key={"pk": {"S": f"{TENANT}#{account_id}"}},
        UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in attributes),
        ExpressionAttributeNames={f"#{name}": name for name in attributes},
        ExpressionAttributeValues={f":{name}": {"S": value} for name, value in attributes.items()},
    )


def refusal_of(debited: str, credited: str, minor: int, currency: str = "CNY") -> Refusal:
    amount = Money(minor, currency)
    with pytest.raises(Refusal) as refused:
        post_entry(call(), PostEntry("entry.posted", (debit(debited, amount), credit(credited, amount))))
    return refused.value


def test_the_rules_of_a_posting_are_told_in_their_order(tables: Tables) -> None:
    bank, wallet = opened("bank", Kind.ASSET), opened("wallet", floor=0)
    altered(tables, wallet, status="frozen", closed_until=instant_text(MONDAY))
    codes = [refusal_of(wallet, bank, 1, "EUR").code, refusal_of(wallet, bank, 1).code]
    altered(tables, wallet, status="open")
    period = refusal_of(wallet, bank, 1)
    altered(tables, wallet, closed_until=instant_text(MONDAY - timedelta(days=1)))
    short = refusal_of(wallet, bank, 1)

    assert codes == ["currency_mismatch", "account_frozen"]
    assert (period.code, period.facts["closed_until"]) == ("period_closed", instant_text(MONDAY))
    assert (short.code, short.facts["available"]) == ("insufficient_funds", 0)


def test_an_account_without_limits_ends_at_28_digits(tables: Tables) -> None:
    bank, wallet = opened("bank", Kind.ASSET), opened("wallet")
    amount = Money(MAX_MINOR, "CNY")
    post_entry(call(), PostEntry("entry.posted", (debit(bank, amount), credit(wallet, amount))))

    refusal = refusal_of(bank, wallet, 1)

    assert (refusal.code, refusal.facts["remaining"]) == ("ceiling_reached", 0)
    assert get_account(TENANT, wallet).own_balance == MAX_MINOR


def test_postings_of_one_account_are_netted_into_one_update(tables: Tables) -> None:
    bank, wallet = opened("bank", Kind.ASSET), opened("wallet")
    parts = tuple(credit(wallet, Money(minor, "CNY")) for minor in (1, 2, 3))

    outcome = post_entry(call(), PostEntry("entry.posted", (debit(bank, Money(6, "CNY")), *parts)))

    account = get_account(TENANT, wallet)
    assert (account.own_balance, account.version, len(outcome.item.legs)) == (6, 1, 4)


def test_an_account_is_opened_once(tables: Tables) -> None:
    command = call()
    account = Account("acc_one", "any", Kind.ASSET, "CNY")
    write = stored.open_account(TENANT, account, opened_by=command)
    once(command, lambda _: Plan(journal_item(command, "account.opened"), (write,)))

    again = call()
    with pytest.raises(Conflict) as refused:
        once(again, lambda _: Plan(journal_item(again, "account.opened"), (write,)))

    assert (refused.value.code, refused.value.facts) == ("account_exists", {"account_id": "acc_one"})


def test_what_exists_is_loaded_and_the_rest_left_out(tables: Tables) -> None:
    bank = opened("bank", Kind.ASSET)
    entry = call()
    open_account(entry, OpenAccount("other", Kind.ASSET, "CNY"))

    assert list(stored.load_accounts(TENANT, [bank, "acc_none"])) == [bank]
    assert list(load_entries(TENANT, [entry.entry_id, "ent_none"])) == [entry.entry_id]
    assert find_entry(TENANT, "ent_none") is None
    assert get_entry(TENANT, entry.entry_id).kind == "account.opened"


@pytest.mark.parametrize("tenant", ["ten_other", f"{TENANT}#acc_x"])
def test_nothing_is_found_in_another_tenant(tables: Tables, tenant: str) -> None:
    command = call()
    account_id = open_account(command, OpenAccount("bank", Kind.ASSET, "CNY")).item.data["account_id"]

    with pytest.raises(NotFound):
        get_account(tenant, account_id)
    with pytest.raises(NotFound):
        get_entry(tenant, command.entry_id)
    assert list_accounts(tenant, after=None, limit=10) == ([], None)
