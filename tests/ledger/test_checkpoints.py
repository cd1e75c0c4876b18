"""Checkpoints are made once each, in one chain, however many make them and wherever they are killed."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.access import service as access
from chalicelib.access.domain import OPERATOR
from chalicelib.core.errors import Busy, Conflict, Defect, NotFound
from chalicelib.ledger.checkpoints import (
    Checkpoint,
    Malformed,
    Position,
    follows,
    leaves,
    next_checkpoint,
    parse,
    position_of,
)
from chalicelib.ledger.service import checkpoints as service
from chalicelib.ledger.service.checkpoint_keys import verifying_key
from chalicelib.ledger.service.checkpoints import entry_proof, make_due
from chalicelib.ledger.store import checkpoints as store
from chalicelib.ledger.verify import verify
from chalicelib.security.ecdsa import key_id
from tests.ledger import vaults
from tests.ledger.proofs import as_file
from tests.ledger.vaults import BUCKET, Ledger, Vault, chain
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import answer_lost, crash_points, fault, lost_points

hashes = st.binary(min_size=32, max_size=32)


@pytest.fixture(scope="module")
def shared() -> Iterator[Vault]:
    """The module's vault; tests keep apart by tenant."""
    with pytest.MonkeyPatch.context() as environment, vaults.opened(environment) as opened:
        yield opened


@pytest.fixture
def vault(shared: Vault, session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Vault:
    vaults.use(session_tables, monkeypatch)
    return shared


def made(position: Position, size: int = 3) -> Checkpoint:
    digests = [sha256(str(i).encode()).digest() for i in range(size)]
    return next_checkpoint(TENANT, position, digests, recorded_at="2026-03-02T09:00:00.000000Z", key_id="ab" * 32)


def test_what_is_signed_is_canonical_json_with_these_members() -> None:
    checkpoint = made(Position(1, 7, "cd" * 32), size=2)

    assert checkpoint.signed_bytes().decode() == (
        f'{{"first":8,"key_id":"{"ab" * 32}","last":9,"number":2,"previous":"{"cd" * 32}",'
        f'"recorded_at":"2026-03-02T09:00:00.000000Z","root":"{checkpoint.root}","tenant":"ten_test","version":1}}'
    )


def test_a_leaf_is_the_number_in_eight_bytes_and_the_digest() -> None:
    digests = [b"\x01" * 32, b"\x02" * 32]

    assert leaves(258, digests) == [b"\0\0\0\0\0\0\x01\x02" + digests[0], b"\0\0\0\0\0\0\x01\x03" + digests[1]]


@given(st.lists(st.lists(hashes, min_size=1, max_size=9), min_size=1, max_size=6))
def test_runs_follow_each_other_and_each_checkpoint_holds_the_one_before(runs: list[list[bytes]]) -> None:
    position = Position()
    for run in runs:
        checkpoint = next_checkpoint(TENANT, position, run, recorded_at="", key_id="")
        assert follows(checkpoint, TENANT, position)
        assert checkpoint.size == len(run)
        assert parse(checkpoint.signed_bytes()) == checkpoint
        assert not follows(checkpoint, TENANT, position_of(checkpoint))
        position = position_of(checkpoint)

    assert position.last == sum(len(run) for run in runs)


@pytest.mark.parametrize(
    "change", [{"number": 3}, {"first": 9}, {"previous": "00" * 32}, {"tenant": "ten_other"}, {"last": 7}]
)
def test_what_breaks_the_chain_does_not_follow(change: dict[str, Any]) -> None:
    position = Position(1, 7, "cd" * 32)

    assert not follows(replace(made(position), **change), TENANT, position)


@pytest.mark.parametrize(
    "bent",
    [
        b"",
        b"{}",
        b"[]",
        b"x" * 5000,
        b" " + made(Position()).signed_bytes(),
        made(Position()).signed_bytes()[:-1],
        made(Position()).signed_bytes().replace(b'"number":1', b'"number":true'),
        made(Position()).signed_bytes().replace(b'"number":1', b'"number":0'),
        made(Position()).signed_bytes().replace(b'"version":1', b'"version":2'),
        made(Position()).signed_bytes().replace(b'"version":1', b'"version":1,"x":1'),
    ],
)
def test_what_is_no_checkpoint_is_not_read_as_one(bent: bytes) -> None:
    with pytest.raises(Malformed):
        parse(bent)


def test_checkpoints_cover_the_feed_run_by_run(vault: Vault) -> None:
    ledger = Ledger()
    for entries in (3, 1, 5):
        ledger.grow(entries)
        ledger.checkpoint()

    assert [(c.number, c.first, c.last) for c in chain(ledger)] == [(1, 1, 5), (2, 6, 6), (3, 7, 11)]
    assert ledger.checkpoint() is None


def test_a_checkpoint_names_the_key_that_signed_it(vault: Vault) -> None:
    ledger = Ledger()
    ledger.grow(1)
    ledger.checkpoint()

    assert chain(ledger)[0].key_id == key_id(verifying_key())


def test_a_run_is_bounded_and_the_rest_follows(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_ENTRIES", 4)
    ledger = Ledger()
    ledger.grow(7)

    assert [ledger.checkpoint() for _ in range(4)] == [1, 2, 3, None]
    assert [c.size for c in chain(ledger)] == [4, 4, 1]


def test_a_maker_killed_anywhere_is_followed_by_one_that_makes_the_same_chain(vault: Vault) -> None:
    for point in crash_points():
        ledger = Ledger()
        ledger.grow(2)
        ledger.checkpoint()
        ledger.grow(2)
        with point:
            ledger.checkpoint()
        ledger.grow(1)

        ledger.checkpoint()
        ledger.checkpoint()

        checkpoints = chain(ledger)
        assert checkpoints[-1].last == 7, point
        assert len(vault.files(ledger.tenant)) == len(checkpoints), point


@pytest.mark.parametrize("service", ["dynamodb", "s3"])
def test_lost_answers_are_absorbed(service: str, vault: Vault) -> None:
    for point in lost_points(service):
        ledger = Ledger()
        ledger.grow(1)
        with point:
            ledger.checkpoint()

        assert [c.last for c in chain(ledger)] == [3], point
        assert len(vault.files(ledger.tenant)) == 1, point


def test_many_makers_at_once_make_one_chain(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "MOST_ENTRIES", 3)
    ledger = Ledger()
    ledger.grow(13)
    gate = threading.Barrier(8)

    def make(_: int) -> None:
        gate.wait()
        for _ in range(6):
            ledger.checkpoint()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(make, range(8)))

    assert [c.size for c in chain(ledger)] == [3, 3, 3, 3, 3]
    assert len(vault.files(ledger.tenant)) == 5


def test_a_file_that_does_not_follow_stops_the_chain(vault: Vault) -> None:
    ledger, other = Ledger(), Ledger()
    for tenant in (ledger, other):
        tenant.grow(1)
    other.checkpoint()
    vault.put(ledger.tenant, 1, vault.get(other.tenant, 1))

    with pytest.raises(Defect):
        ledger.checkpoint()
    assert chain(ledger) == []


def test_a_file_under_a_signature_that_is_not_ours_stops_the_chain(vault: Vault) -> None:
    ledger, other = Ledger(), Ledger()
    ledger.grow(1)
    ledger.checkpoint()
    forged = json.loads(vault.get(ledger.tenant, 1))
    other.grow(1)
    forged["checkpoint"] = forged["checkpoint"].replace(ledger.tenant, other.tenant)
    vault.put(other.tenant, 1, json.dumps(forged).encode())

    with pytest.raises(Malformed):
        other.checkpoint()


def test_a_file_is_kept_under_lock(vault: Vault) -> None:
    ledger = Ledger()
    ledger.grow(1)
    ledger.checkpoint()
    prefix = store.file_key(ledger.tenant, 1)
    [version] = vault.s3.list_object_versions(Bucket=BUCKET, Prefix=prefix)["Versions"]

    with pytest.raises(ClientError, match="AccessDenied"):
        vault.s3.delete_object(Bucket=BUCKET, Key=version["Key"], VersionId=version["VersionId"])


def new_tenant() -> str:
    created = access.create_tenant(call(tenant=OPERATOR), uuid.uuid4().hex).item
    return str(created.data["tenant_id"])


def test_every_tenant_with_new_entries_has_its_turn(shared: Vault, tables: Tables) -> None:
    first, second, _ = Ledger(tenant=new_tenant()), Ledger(tenant=new_tenant()), new_tenant()
    first.grow(2)
    second.grow(1)

    run = make_due(MONDAY)

    assert (run.made, run.entries, run.failures) == (2, 7, ())
    assert [len(chain(ledger)) for ledger in (first, second)] == [1, 1]
    assert make_due(MONDAY).made == 0


@pytest.mark.parametrize("error", [Busy("try_again", "busy"), ValueError("unreadable")], ids=lambda e: type(e).__name__)
def test_whatever_fails_for_a_tenant_stays_with_it(
    shared: Vault, tables: Tables, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    failing, sound = Ledger(tenant=new_tenant()), Ledger(tenant=new_tenant())
    for ledger in (failing, sound):
        ledger.grow(1)
    genuine = store.positions

    def positions(tenants: list[str]) -> Any:
        if failing.tenant in tenants:
            raise error
        return genuine(tenants)

    monkeypatch.setattr(store, "positions", positions)
    run = make_due(MONDAY)

    assert (run.made, run.failures) == (1, ((failing.tenant, error),))


def test_a_tenant_that_fails_does_not_stop_the_others(shared: Vault, tables: Tables) -> None:
    ids = sorted([new_tenant(), new_tenant()])
    failing, sound = Ledger(tenant=ids[0]), Ledger(tenant=ids[1])
    for ledger in (failing, sound):
        ledger.grow(1)
    shared.put(failing.tenant, 1, b"{}")

    run = make_due(MONDAY)

    assert (run.made, [tenant for tenant, _ in run.failures]) == (1, [failing.tenant])


def test_a_run_catches_up_with_several_checkpoints_of_a_tenant(
    shared: Vault, tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_ENTRIES", 2)
    monkeypatch.setattr(service, "MOST_MORE", 3)
    ledger, other = Ledger(tenant=new_tenant()), Ledger(tenant=new_tenant())
    ledger.grow(8)
    other.grow(4)

    runs = [make_due(MONDAY) for _ in range(3)]

    assert [run.made for run in runs] == [5, 3, 0]
    assert [bool(run.behind) for run in (runs[0], runs[2])] == [True, False]
    assert [chain(each)[-1].last for each in (ledger, other)] == [10, 6]


def test_every_entry_that_is_covered_is_proved_to_whoever_has_the_key(vault: Vault) -> None:
    ledger = Ledger()
    for entries in (4, 2):
        ledger.grow(entries)
        ledger.checkpoint()

    for number, item in enumerate(ledger.told, start=1):
        proved = verify(as_file(entry_proof(ledger.tenant, item.entry_id)), public_key_pem=verifying_key())
        assert (proved.entry_id, proved.number) == (item.entry_id, number)


def test_an_entry_is_not_proved_before_a_checkpoint_covers_it(vault: Vault) -> None:
    ledger = Ledger()
    ledger.grow(1)
    ledger.checkpoint()
    item = ledger.pay(ledger.bank, ledger.party, 1)
    refusals = []
    for _ in range(2):
        with pytest.raises(Conflict) as refused:
            entry_proof(ledger.tenant, item.entry_id)
        refusals.append((refused.value.code, refused.value.facts))
        ledger.number()

    assert refusals == [("not_yet_checkpointed", {"number": None}), ("not_yet_checkpointed", {"number": 4})]


def test_an_entry_nobody_knows_is_not_proved(vault: Vault) -> None:
    with pytest.raises(NotFound) as refused:
        entry_proof(Ledger().tenant, "ent_none")

    assert refused.value.code == "entry_not_found"


def test_an_entry_that_was_changed_since_is_given_no_proof(vault: Vault, session_tables: Tables) -> None:
    ledger = Ledger()
    ledger.grow(1)
    ledger.checkpoint()
    entry_id = ledger.told[-1].entry_id
    session_tables.client.update_item(
        TableName=session_tables.name("journal"),
        Key={"pk": {"S": f"{ledger.tenant}#{entry_id}"}},
        UpdateExpression="SET legs[0].amount = :more",
        ExpressionAttributeValues={":more": {"N": "501"}},
    )

    with pytest.raises(Defect):
        entry_proof(ledger.tenant, entry_id)


def test_an_outage_of_the_bucket_leaves_no_half_made_checkpoint(vault: Vault) -> None:
    ledger = Ledger()
    ledger.grow(1)
    with fault(answer_lost, times=99, only="s3"), pytest.raises(Exception, match="out of reach"):
        ledger.checkpoint()

    assert chain(ledger) == []
    assert ledger.checkpoint() == 1
