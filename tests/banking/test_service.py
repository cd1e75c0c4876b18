"""Parties, banks and links on DynamoDB Local: sealed details, idempotency, refusals, crashes."""

from __future__ import annotations

import json
from dataclasses import replace

import boto3
import pytest

from chalicelib.banking import payee_store, service, store
from chalicelib.banking.domain import BankAccount, BankDetails, accounts_behind
from chalicelib.banking.payee_accounts import open_details
from chalicelib.banking.quarantine import list_quarantine, quarantine
from chalicelib.banking.service import CreateParty
from chalicelib.core.errors import Defect, InvalidInput, KeyReused, NotFound, Refusal
from chalicelib.ledger.store.accounts import list_accounts
from chalicelib.storage.commit import commit
from tests.banking.build import (
    ACCOUNT,
    BANK,
    IBAN,
    MILL_IBAN,
    TENANT,
    Cloud,
    bank_public_key,
    default_account,
    details,
    opened_books,
    party,
)
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points

ALIKE = "NL83MOCK0000010012"
"""Another number that is shown as the mill's is."""
MILL = CreateParty("Mill Ltd", ("seller",), details())


def code_of(act: object, *arguments: object, **named: object) -> str:
    with pytest.raises(Refusal) as refused:
        act(*arguments, **named)  # type: ignore[operator]
    return refused.value.code


def everything_in(tables: Tables, *names: str) -> str:
    """All items of tables as text."""
    return json.dumps([tables.client.scan(TableName=tables.name(name))["Items"] for name in names], default=str)


def test_a_party_is_shown_with_its_number_masked(books: Cloud) -> None:
    facts = service.create_party(call(tenant=TENANT), MILL).item.data

    shown = service.party_facts(service.get_party(TENANT, facts["party_id"]))
    assert shown == facts
    assert (facts["name"], facts["roles"], facts["bank_account"]) == ("Mill Ltd", ["seller"], "****0012")


def test_bank_details_stand_in_no_table_in_the_clear(tables: Tables, books: Cloud) -> None:
    party_id = party()

    assert MILL_IBAN not in everything_in(tables, "records", "journal", "accounts")
    assert open_details(TENANT, default_account(party_id)) == BankDetails("Mill Ltd", iban=MILL_IBAN)


def test_sealed_details_copied_to_another_party_stay_closed(tables: Tables, books: Cloud) -> None:
    mill, thief = party(), party("Thief Ltd")
    key = payee_store.details_key(TENANT, default_account(mill))
    name = tables.name("records")
    item = tables.client.get_item(TableName=name, Key=key.wire())["Item"]
    tables.client.put_item(TableName=name, Item=item | payee_store.details_key(TENANT, default_account(thief)).wire())

    with pytest.raises(Defect):
        open_details(TENANT, default_account(thief))


def test_another_tenants_party_does_not_exist(books: Cloud) -> None:
    party_id = party()

    assert code_of(service.get_party, "ten_other", party_id) == "party_not_found"
    assert code_of(open_details, "ten_other", default_account(party_id)) == "payee_account_not_found"
    assert code_of(service.open_party_account, call(tenant="ten_other"), party_id, "CNY") == "party_not_found"


def test_the_same_key_makes_one_party_and_another_body_is_refused(books: Cloud) -> None:
    first = service.create_party(call("k", tenant=TENANT), MILL)

    again = service.create_party(call("k", tenant=TENANT), MILL)

    assert (again.item, again.replayed) == (first.item, True)
    assert len(service.list_parties(TENANT, after=None, limit=10).values) == 1
    for other in (replace(MILL, name="Mill"), replace(MILL, details=details(ALIKE)), replace(MILL, roles=())):
        with pytest.raises(KeyReused):
            service.create_party(call("k", tenant=TENANT), other)


def test_every_part_of_the_details_counts_in_a_repetition(books: Cloud) -> None:
    service.create_party(call("k", tenant=TENANT), MILL)

    for changed in ({"holder": "Mill"}, {"iban": ALIKE}, {"iban": "", "account": MILL_IBAN}, {"bic": "MOCKNL2A"}):
        with pytest.raises(KeyReused):
            service.create_party(call("k", tenant=TENANT), replace(MILL, details=replace(details(), **changed)))


def test_a_repetition_opens_nothing_that_was_sealed(tables: Tables, books: Cloud) -> None:
    party_id = service.create_party(call("k", tenant=TENANT), MILL).item.data["party_id"]
    sealed = payee_store.details_key(TENANT, default_account(party_id))
    tables.client.delete_item(TableName=tables.name("records"), Key=sealed.wire())

    assert service.create_party(call("k", tenant=TENANT), MILL).replayed


def test_no_digest_of_a_number_is_kept_by_which_it_could_be_guessed(
    books: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who has everything but the key, and tries the very number, does not find it."""
    service.create_party(call("k", tenant=TENANT), MILL)
    guessed = boto3.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    monkeypatch.setenv("QUITTANCE_DIGEST_KEY", guessed["KeyMetadata"]["KeyId"])

    with pytest.raises(KeyReused):
        service.create_party(call("k", tenant=TENANT), MILL)


def test_parties_paid_at_one_number_are_not_seen_to_be(books: Cloud) -> None:
    one = service.create_party(call("k1", tenant=TENANT), MILL).item
    two = service.create_party(call("k2", tenant=TENANT), MILL).item

    assert one.fingerprint != two.fingerprint


def test_a_killed_process_leaves_one_party(books: Cloud) -> None:
    for number, point in enumerate(crash_points()):
        command = replace(MILL, name=f"Mill {number}")
        one = call(tenant=TENANT)
        with point:
            service.create_party(one, command)

        party_id = service.create_party(one, command).item.data["party_id"]

        named = [p for p in service.list_parties(TENANT, after=None, limit=100).values if p.name == command.name]
        assert [each.party_id for each in named] == [party_id], point
        assert open_details(TENANT, default_account(party_id)) == command.details


def test_a_party_has_one_account_in_a_currency(books: Cloud) -> None:
    party_id = party()

    assert code_of(service.open_party_account, call(tenant=TENANT), party_id, "CNY") == "account_exists"
    assert code_of(service.open_party_account, call(tenant=TENANT), party_id, "XXX") == "unknown_currency"
    service.open_party_account(call(tenant=TENANT), party_id, "EUR")


def test_a_bank_is_registered_with_a_key_that_is_one(tables: Tables) -> None:
    with pytest.raises(InvalidInput):
        service.register_bank(call(), BANK, name="Bank", public_key_pem="none")
    service.register_bank(call("k"), BANK, name="Bank", public_key_pem=bank_public_key())

    assert service.register_bank(call("k"), BANK, name="Bank", public_key_pem=bank_public_key()).replayed
    assert code_of(service.register_bank, call(), BANK, name="B", public_key_pem=bank_public_key()) == "bank_exists"


def test_a_link_opens_every_account_that_banking_needs(books: Cloud) -> None:
    opened = {account.account_id for account in list_accounts(TENANT, after=None, limit=100)[0]}

    assert opened == {account.account_id for account in accounts_behind(ACCOUNT)}
    assert store.find_account(BANK, IBAN) == ACCOUNT


def test_linking_again_changes_nothing(tables: Tables, books: Cloud) -> None:
    before = everything_in(tables, "records", "accounts")

    service.link_bank_account(call(tenant=TENANT), replace(ACCOUNT, iban="nl62 mock 0000 0000 11"))

    assert everything_in(tables, "records", "accounts") == before


def test_a_second_account_shares_what_is_there_and_the_first_still_pays(books: Cloud) -> None:
    second = BankAccount(BANK, MILL_IBAN, TENANT, "CNY")

    service.link_bank_account(call(tenant=TENANT), second)

    key = store.paying_key(TENANT, "CNY")
    assert store.take_paying(store._read(key), TENANT, "CNY") == ACCOUNT
    assert len(list_accounts(TENANT, after=None, limit=100)[0]) == len(accounts_behind(ACCOUNT)) + 1
    assert set(store.every_account(TENANT)) == {ACCOUNT, second}


def test_every_account_is_read_however_many_there_are(tables: Tables) -> None:
    links = [BankAccount(f"bank_{n % 3}", f"6222{n:05}", TENANT, "CNY") for n in range(250)]
    for link in links:
        commit((store.create_link(link),))

    assert set(store.every_account(TENANT)) == set(links)
    assert store.banks_of(TENANT) == ["bank_0", "bank_1", "bank_2"]
    assert store.banks_of("ten_other") == []


def test_a_bank_whose_id_begins_as_anothers_does_is_a_bank_of_its_own(tables: Tables) -> None:
    banks = ["bank", "bank-2", "bank2", "bank_2", "banka"]
    for bank_id in reversed(banks):
        commit((store.create_link(BankAccount(bank_id, "62220001", TENANT, "CNY")),))

    assert store.banks_of(TENANT) == banks


def test_what_came_from_a_bank_and_is_nobodys_is_listed_behind_more_than_a_hundred_accounts(tables: Tables) -> None:
    for n in range(101):
        commit((store.create_link(BankAccount("bank_a", f"6222{n:05}", TENANT, "CNY")),))
    commit((store.create_link(BankAccount("bank_z", "62229", TENANT, "CNY")),))
    quarantine(bank_id="bank_z", message_id="m1", blob="b", reason="unknown_message", now=MONDAY)

    page = list_quarantine(TENANT, after=None, limit=10)

    assert [(entry.bank_id, entry.reason) for entry in page.entries] == [("bank_z", "unknown_message")]


@pytest.mark.parametrize("other", [replace(ACCOUNT, tenant_id="ten_other"), replace(ACCOUNT, currency="EUR")])
def test_an_account_that_is_linked_otherwise_is_refused(books: Cloud, other: BankAccount) -> None:
    assert code_of(service.link_bank_account, call(tenant=other.tenant_id), other) == "bank_account_linked"
    assert store.find_account(BANK, IBAN) == ACCOUNT


def test_a_link_needs_its_bank(tables: Tables) -> None:
    with pytest.raises(NotFound):
        service.link_bank_account(call(tenant=TENANT), ACCOUNT)


def test_a_killed_process_leaves_one_link(tables: Tables, cloud: Cloud) -> None:
    opened_books()
    for number, point in enumerate(crash_points()):
        link = replace(ACCOUNT, tenant_id=f"ten_{number}", iban=f"6222{number}")
        one = call(tenant=link.tenant_id)
        with point:
            service.link_bank_account(one, link)

        service.link_bank_account(one, link)

        assert list(store.every_account(link.tenant_id)) == [link], point
        assert len(list_accounts(link.tenant_id, after=None, limit=100)[0]) == len(accounts_behind(link)), point


def test_an_account_nobody_has_is_nobodys(books: Cloud) -> None:
    assert store.find_account(BANK, "NL08MOCK0000000013") is None
    assert store.find_account("bank_other", IBAN) is None
    assert store.find_account(BANK, "9" * 5000) is None
