"""`make rebuild`: a line for each tenant, what differs below it, and a status that says whether anything does."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws

from chalicelib.access import service as access
from chalicelib.access.domain import OPERATOR
from chalicelib.core.instants import instant_text
from chalicelib.ledger.documents import digest
from chalicelib.ledger.domain import Account, Kind
from chalicelib.ledger.rebuild import Difference, Stood, Totals, differences, effects, imbalance
from chalicelib.ledger.service import feed
from chalicelib.ledger.service.proving import Report
from chalicelib.storage.journal import JournalItem
from infra import rebuild
from tests.ledger import vaults
from tests.ledger.followed import Followed
from tests.ledger.proofs import item
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables, create_tables, delete_tables

TEMPLATE: dict[str, Any] = {
    "Resources": {"Topic": {"Type": "AWS::SNS::Topic"}},
    "Outputs": {
        "CheckpointBucketName": {"Value": vaults.BUCKET},
        "CheckpointKeyArn": {"Value": "arn:aws:kms:eu-central-1:123456789012:key/any"},
    },
}


def added(*items: JournalItem, folded: int = 0) -> Totals:
    totals = Totals(folded)
    for number, one in enumerate(items, start=1):
        totals.take(number, one, digest(one))
    return totals


def party(**changes: Any) -> Account:
    usual = {"currency": "CNY", "balance": -1000, "floor": 0, "version": 2}
    return Account("acc_b", "any", Kind.LIABILITY, **(usual | changes))


def stood(account: Account, *, debit_room: int = 1000, credit_room: int | None = None) -> Stood:
    room = 10**27 - 1000 if credit_room is None else credit_room
    return Stood(account, debit_room, room, instant_text(MONDAY))


def test_entries_come_to_what_their_legs_say() -> None:
    total = added(item(1), item(2)).of("acc_b")

    assert (total.amount, total.held, total.lines, total.currencies) == (-1000, 0, 2, {"CNY"})


def test_the_mark_of_entries_does_not_depend_on_their_order_but_on_each_of_them() -> None:
    assert added(item(1), item(2)).of("acc_a") == added(item(2), item(1)).of("acc_a")
    assert added(item(1), item(2)).of("acc_a").mark != added(item(1), item(3)).of("acc_a").mark
    assert added(item(1), item(1)).of("acc_a").mark != 0


def test_an_entry_that_only_reserves_is_a_line_all_the_same() -> None:
    placed = JournalItem(
        tenant="ten_test",
        entry_id="ent_1",
        key="c:1",
        fingerprint=b"",
        kind="hold.placed",
        actor="cli_test",
        recorded_at=MONDAY,
        occurred_at=MONDAY,
        data={"held_account_id": "acc_a", "held_minor": 70},
    )

    effect = effects(placed, b"")["acc_a"]
    assert (effect.amount, effect.held, effect.lines) == (0, 70, 1)


def test_an_entry_that_does_not_balance_is_told_by_currency() -> None:
    assert imbalance(item(1)) == {}
    lame = JournalItem(**{name: getattr(item(1), name) for name in JournalItem.__slots__} | {"legs": item(1).legs[:1]})
    assert imbalance(lame) == {"CNY": 500}


def test_an_account_that_is_as_the_journal_says_does_not_differ() -> None:
    total = added(item(1), item(2)).of("acc_b")

    assert differences(stood(party()), total) == ()
    assert differences(stood(party(held=0)), total) == ()


@pytest.mark.parametrize(
    ("account", "rooms", "kinds"),
    [
        (party(balance=-999), {"debit_room": 999, "credit_room": 10**27 - 999}, ["balance_differs"]),
        (party(held=5), {"debit_room": 995}, ["held_differs"]),
        (party(), {"debit_room": 1001}, ["debit_room_differs"]),
        (party(), {"credit_room": 0}, ["credit_room_differs"]),
        (party(currency="EUR"), {}, ["currency_differs"]),
        (party(floor=-10), {}, ["debit_room_differs"]),
        (party(status="closed"), {}, ["closed_not_zero"]),
    ],
)
def test_each_way_in_which_an_account_differs_has_a_name(
    account: Account, rooms: dict[str, int], kinds: list[str]
) -> None:
    total = added(item(1), item(2)).of("acc_b")

    assert [difference.kind for difference in differences(stood(account, **rooms), total)] == kinds


def test_a_table_has_a_line_for_each_tenant_and_one_for_each_difference() -> None:
    odd = Difference("balance_differs", "acc_b", {"account": 5, "journal": 4})

    lines = rebuild.table([Report("ten_a", entries=12), Report("ten_b", differences=(odd,))])

    assert [line.split()[0] for line in lines] == ["tenant", "ten_a", "ten_b", "!"]
    assert lines[1].split()[1] == "12"
    assert lines[3] == "! ten_b balance_differs acc_b account=5 journal=4"
    assert len({len(line) for line in lines[:3]}) == 1


@pytest.fixture
def stage(dynamodb_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tables]:
    """The dev stage as far as the program needs it: the outputs of its data stack, and tables under its name."""
    tables = create_tables(dynamodb_endpoint, "quittance-dev")
    vaults.use(tables, monkeypatch)
    with vaults.opened(monkeypatch), patch.dict(os.environ):
        outputs = TEMPLATE["Outputs"] | {"CheckpointKeyArn": {"Value": os.environ["QUITTANCE_CHECKPOINT_KEY"]}}
        body = json.dumps(TEMPLATE | {"Outputs": outputs})
        boto3.client("cloudformation").create_stack(StackName="quittance-dev-data", TemplateBody=body)
        yield tables
    delete_tables(tables)


def test_the_program_ends_with_0_over_sound_books_and_with_1_once_something_was_bent(
    stage: Tables, capsys: pytest.CaptureFixture[str]
) -> None:
    created = access.create_tenant(call(tenant=OPERATOR), "a").item
    feed.number([created])
    tenant = created.data["tenant_id"]
    books = Followed(tenant=tenant)
    books.paid(books.bank, books.party, 500)
    statuses = [rebuild.main(["dev"])]
    sound = capsys.readouterr().out
    stage.client.update_item(
        TableName=stage.name("accounts"),
        Key={"pk": {"S": f"{tenant}#{books.party}"}},
        UpdateExpression="SET balance = balance + :more",
        ExpressionAttributeValues={":more": {"N": "1"}},
    )

    statuses.append(rebuild.main(["dev"]))

    assert statuses == [0, 1]
    assert tenant in sound
    assert "!" not in sound
    assert f"! {tenant} balance_differs {books.party} account=-499 journal=-500" in capsys.readouterr().out


def test_a_stage_says_where_its_state_is() -> None:
    with mock_aws():
        cloudformation = boto3.client("cloudformation")
        cloudformation.create_stack(StackName="quittance-dev-data", TemplateBody=json.dumps(TEMPLATE))

        environment = rebuild.stage_environment("dev", cloudformation)

    assert environment["QUITTANCE_TABLE_PREFIX"] == "quittance-dev"
    assert environment["QUITTANCE_CHECKPOINT_BUCKET"] == vaults.BUCKET


def test_without_a_local_stack_it_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        rebuild.local_environment(tmp_path / "stack.json")

    assert "make up" in capsys.readouterr().err


def test_an_unknown_stage_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        rebuild.main(["none"])

    assert "local" in capsys.readouterr().err
