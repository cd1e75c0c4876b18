"""Bank accounts that payouts go to: added, made the default, retired; never edited, sealed, and of one owner only."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from chalicelib.banking import payee_accounts, payee_store, service
from chalicelib.banking.domain import BankDetails
from chalicelib.banking.payee_accounts import AddAccount, open_details
from chalicelib.banking.payees import OWN, PayeeAccount
from chalicelib.core.errors import KeyReused, Refusal
from chalicelib.storage.once import Outcome
from tests.banking.build import IBAN, MILL_IBAN, NAME, TENANT, Cloud, default_account, details, party
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points
from tests.support.races import race

NEW = details(IBAN)
_days = itertools.count(1)


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value.code


def added(owner_id: str, details: BankDetails = NEW, *, default: bool = False) -> str:
    outcome = payee_accounts.add_account(call(tenant=TENANT, days=next(_days)), AddAccount(owner_id, details, default))
    return str(outcome.item.data["bank_account_id"])


def made_default(owner_id: str, bank_account_id: str) -> Outcome:
    return payee_accounts.make_default(call(tenant=TENANT), owner_id, bank_account_id)


def retired(owner_id: str, bank_account_id: str) -> Outcome:
    return payee_accounts.retire_account(call(tenant=TENANT), owner_id, bank_account_id)


def listed(owner_id: str) -> tuple[PayeeAccount, ...]:
    return payee_accounts.list_accounts(TENANT, owner_id, after=None, limit=10)[0].values


def test_a_party_begins_with_the_account_it_was_registered_with(books: Cloud) -> None:
    mill = party()

    (account,) = listed(mill)

    assert (account.bank_account_id, account.masked) == (default_account(mill), "****0012")


def test_an_account_that_is_added_is_sealed_and_changes_no_other(tables: Tables, books: Cloud) -> None:
    mill = party()
    first = default_account(mill)

    second = added(mill)

    assert [account.bank_account_id for account in listed(mill)] == [first, second]
    assert default_account(mill) == first
    assert (open_details(TENANT, first).iban, open_details(TENANT, second).iban) == (MILL_IBAN, IBAN)
    assert IBAN not in str(payee_store.load_details(TENANT, second))


def test_a_party_shows_the_account_that_is_its_default(books: Cloud) -> None:
    mill = party()

    added(mill, default=True)

    assert service.get_party(TENANT, mill).bank_account == "****0011"


def test_an_account_can_be_made_the_default_and_the_old_one_retired(books: Cloud) -> None:
    mill = party()
    first, second = default_account(mill), added(mill)

    made_default(mill, second)
    retired(mill, first)

    assert default_account(mill) == second
    assert [account.retired_at for account in listed(mill)] == [MONDAY, None]
    assert service.get_party(TENANT, mill).bank_account == "****0011"


def test_the_marketplace_has_accounts_of_its_own_the_first_of_which_is_its_default(books: Cloud) -> None:
    assert payee_accounts.owner_name(TENANT, OWN) == NAME

    first, second = added(OWN), added(OWN, details())

    assert default_account(OWN) == first
    made_default(OWN, second)
    retired(OWN, first)
    assert [account.bank_account_id for account in listed(OWN)] == [first, second]


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (lambda mill, other: added("pty_none"), "party_not_found"),
        (lambda mill, other: made_default("pty_none", default_account(mill)), "party_not_found"),
        (lambda mill, other: made_default(mill, "bac_none"), "payee_account_not_found"),
        (lambda mill, other: made_default(mill, default_account(other)), "payee_account_not_found"),
        (lambda mill, other: made_default(OWN, default_account(other)), "payee_account_not_found"),
        (lambda mill, other: retired(mill, default_account(other)), "payee_account_not_found"),
        (lambda mill, other: retired(OWN, default_account(mill)), "payee_account_not_found"),
        (lambda mill, other: retired(mill, default_account(mill)), "payee_account_default"),
    ],
)
def test_an_account_is_its_owners_alone_and_the_default_is_not_retired(
    books: Cloud, act: Callable[[str, str], object], code: str
) -> None:
    mill, other = party(), party("Carrier Ltd")

    assert refusal(lambda: act(mill, other)) == code


def test_a_retired_account_is_neither_made_the_default_nor_retired_again(books: Cloud) -> None:
    mill = party()
    second = added(mill)
    retired(mill, second)

    assert refusal(lambda: made_default(mill, second)) == "payee_account_retired"
    assert refusal(lambda: retired(mill, second)) == "payee_account_retired"


def test_another_tenants_accounts_do_not_exist(books: Cloud) -> None:
    mill = party()

    assert refusal(lambda: payee_accounts.list_accounts("ten_other", mill, after=None, limit=1)) == "party_not_found"
    elsewhere = call(tenant="ten_other")
    assert refusal(lambda: payee_accounts.make_default(elsewhere, OWN, default_account(mill))) == (
        "payee_account_not_found"
    )


def test_the_same_key_adds_one_account_and_other_details_are_refused(books: Cloud) -> None:
    mill = party()
    one = AddAccount(mill, NEW)
    first = payee_accounts.add_account(call("k", tenant=TENANT), one)

    again = payee_accounts.add_account(call("k", tenant=TENANT), one)

    assert (again.item, again.replayed, len(listed(mill))) == (first.item, True, 2)
    for other in (replace(one, details=details()), replace(one, default=True), replace(one, owner_id=OWN)):
        with pytest.raises(KeyReused):
            payee_accounts.add_account(call("k", tenant=TENANT), other)


@pytest.mark.parametrize("act", [made_default, retired])
def test_a_process_killed_while_changing_an_account_changes_it_once(
    books: Cloud, act: Callable[[str, str], Outcome]
) -> None:
    commands = {made_default: payee_accounts.make_default, retired: payee_accounts.retire_account}
    for point in crash_points():
        mill = party()
        second, here = added(mill), call(tenant=TENANT)
        with point:
            commands[act](here, mill, second)

        assert commands[act](here, mill, second).item.data["bank_account_id"] == second, point

        account = payee_store.load_payee_account(TENANT, second)
        assert (default_account(mill) == second) != (account.retired_at is not None), point


def test_an_account_is_never_both_retired_and_the_default(books: Cloud) -> None:
    for _ in range(5):
        mill = party()
        second = added(mill)

        race([partial(act, mill, second) for act in (made_default, retired)])

        account = payee_store.load_payee_account(TENANT, second)
        assert (default_account(mill) == second) != (account.retired_at is not None)
