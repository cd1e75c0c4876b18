"""What operators do: each act may be said again, is refused by name, and leaves the stage as it should be."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.access.tokens import issue_token
from chalicelib.banking.service import get_bank
from chalicelib.banking.store import find_account
from chalicelib.core.ids import derived_id
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.store.accounts import load_account
from chalicelib.recon.store.positions import find_progress
from chalicelib.security import keys
from chalicelib.settlement.worker import operating
from tests.banking.build import BANK, IBAN, bank_public_key
from tests.settlement.market import kinds
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points

NAME = "Steel Marketplace"
TENANT = derived_id("ten", NAME)


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The signing secret, without a value yet, and a process that has read none."""
    with mock_aws():
        secrets = boto3.client("secretsmanager")
        secrets.create_secret(Name="signing")
        monkeypatch.setenv("QUITTANCE_SIGNING_SECRET", "signing")
        monkeypatch.setattr(keys, "_kept", keys._Kept())
        yield secrets


def done(action: str, **words: Any) -> dict[str, Any]:
    answer: dict[str, Any] = operating.operate({"action": action, **words}, None)
    return answer


def bank(**changes: Any) -> dict[str, Any]:
    words = {"bank_id": BANK, "name": "Test Bank", "public_key_pem": bank_public_key()}
    return done("register_bank", **words | changes)


def link(**changes: Any) -> dict[str, Any]:
    return done(
        "link_bank_account", **{"bank_id": BANK, "tenant_id": TENANT, "iban": IBAN, "currency": "CNY"} | changes
    )


def test_a_stage_is_filled_and_filling_it_again_changes_nothing(tables: Tables) -> None:
    for _ in range(2):
        assert done("create_tenant", name=NAME) == {"tenant_id": TENANT}
        assert bank() == {"bank_id": BANK}
        assert link()["account_id"] == purpose_account_id(TENANT, Purpose.BANK, "CNY", IBAN)

    assert get_bank(BANK).name == "Test Bank"
    account = find_account(BANK, IBAN)
    assert account is not None
    assert account.tenant_id == TENANT
    assert load_account(TENANT, purpose_account_id(TENANT, Purpose.SUSPENSE, "CNY")).balance == 0
    assert kinds(tables, "operator") == ["bank.registered", "tenant.created"]
    assert kinds(tables, TENANT) == ["bank_account.linked"]


def test_the_first_signing_key_is_made_once(tables: Tables, secret: Any) -> None:
    first = done("bootstrap_signing_key")

    assert done("bootstrap_signing_key") == first
    assert len(keys.signing_keys().keys) == 1


def test_a_client_gets_a_token_for_the_secret_it_was_told_once(tables: Tables, secret: Any) -> None:
    done("bootstrap_signing_key")
    done("create_tenant", name=NAME)

    client = done("create_client", tenant_id=TENANT, scopes=["*"])
    other = done("create_client", tenant_id=TENANT, scopes=["ledger:read"])

    assert set(client) == {"client_id", "tenant_id", "client_secret"}
    assert client["client_id"] != other["client_id"]
    token = issue_token(other["client_id"], other["client_secret"], "", now=MONDAY)
    assert token.scope == "ledger:read"
    assert client["client_secret"] not in str(tables.client.scan(TableName=tables.name("journal"))["Items"])
    assert client["client_secret"] not in str(tables.client.scan(TableName=tables.name("records"))["Items"])


@pytest.mark.parametrize(
    ("action", "words", "code"),
    [
        ("dance", {}, "unknown_action"),
        ("bootstrap_signing_key", {"now": True}, "invalid_field"),
        ("create_tenant", {}, "invalid_field"),
        ("create_tenant", {"name": ""}, "invalid_name"),
        ("create_tenant", {"name": "Two\nlines"}, "invalid_name"),
        ("create_client", {"tenant_id": "ten#a", "scopes": ["*"]}, "invalid_field"),
        ("create_client", {"tenant_id": "ten_none", "scopes": ["*"]}, "tenant_not_found"),
        ("create_client", {"tenant_id": "ten_none", "scopes": ["everything"]}, "unknown_scope"),
        ("register_bank", {"bank_id": "Bank!", "name": "B", "public_key_pem": "x"}, "invalid_bank_id"),
        ("register_bank", {"bank_id": "b", "name": "B", "public_key_pem": "x"}, "invalid_public_key"),
        (
            "set_bank_profile",
            {"bank_id": "bank_none", "rejects_before_booking": False, "news_days": 3, "debit_days": 5, "revision": "1"},
            "bank_not_found",
        ),
        (
            "link_bank_account",
            {"tenant_id": "ten_none", "bank_id": "b", "iban": "1", "currency": "C"},
            "tenant_not_found",
        ),
    ],
)
def test_an_act_is_refused_by_name(tables: Tables, action: str, words: dict[str, Any], code: str) -> None:
    assert done(action, **words)["refused"] == code
    assert tables.client.scan(TableName=tables.name("journal"))["Items"] == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iban": "NL62MOCK0000000012"}, "invalid_iban"),
        ({"currency": "XXZ"}, "unknown_currency"),
        ({"bank_id": "bank_none"}, "bank_not_found"),
    ],
)
def test_a_link_is_refused_by_name(tables: Tables, changes: dict[str, Any], code: str) -> None:
    done("create_tenant", name=NAME)
    bank()

    assert link(**changes)["refused"] == code


def test_the_months_of_an_account_are_kept_from_its_link_on(tables: Tables) -> None:
    done("create_tenant", name=NAME)
    bank()
    link()
    account_id = purpose_account_id(TENANT, Purpose.BANK, "CNY", IBAN)

    progress = find_progress(TENANT, account_id)

    assert progress is not None
    assert (progress.value.iban, progress.value.currency, progress.value.version) == (IBAN, "CNY", 0)


def test_an_account_is_linked_to_one_tenant(tables: Tables) -> None:
    done("create_tenant", name=NAME)
    bank()
    link()
    other = done("create_tenant", name="Grain Marketplace")["tenant_id"]

    assert link(tenant_id=other) == {"refused": "bank_account_linked", "iban": IBAN}


def test_an_operator_killed_at_any_call_finishes_on_the_second_try(tables: Tables) -> None:
    for number, point in enumerate(crash_points()):
        name, bank_id, account = f"Marketplace {number}", f"bank_{number}", f"6222{number:012}"
        tenant = derived_id("ten", name)

        def all_of_it(name: str = name, bank_id: str = bank_id, tenant: str = tenant, iban: str = account) -> None:
            done("create_tenant", name=name)
            bank(bank_id=bank_id)
            link(bank_id=bank_id, tenant_id=tenant, iban=iban)

        with point:
            all_of_it()

        all_of_it()

        assert kinds(tables, tenant) == ["bank_account.linked"], point
        assert find_account(bank_id, account) is not None, point
