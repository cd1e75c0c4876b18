"""Another key may sign checkpoints from now on: those that the one before it signed are still checked with it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from chalicelib.core.errors import Defect, NotFound
from chalicelib.ledger.checkpoints import Malformed
from chalicelib.ledger.service import checkpoint_keys
from chalicelib.ledger.service.checkpoint_keys import verifying_key
from chalicelib.ledger.service.checkpoints import entry_proof
from chalicelib.ledger.store import checkpoints as store
from chalicelib.ledger.verify import Broken, verify
from chalicelib.security.ecdsa import key_id
from tests.ledger import vaults
from tests.ledger.proofs import as_file
from tests.ledger.vaults import Ledger, Vault, chain
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points


@pytest.fixture
def vault(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    vaults.use(session_tables, monkeypatch)
    with vaults.opened(monkeypatch) as opened:
        yield opened


def test_a_checkpoint_stands_whatever_key_signs_after_it(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger()
    ledger.grow(1)
    ledger.checkpoint()
    vaults.change_key(monkeypatch)
    ledger.grow(1)
    ledger.checkpoint()

    old, new = (checkpoint.key_id for checkpoint in chain(ledger))
    assert old != new == key_id(verifying_key())
    for item, signer, other in ((ledger.told[0], old, new), (ledger.told[-1], new, old)):
        proof = as_file(entry_proof(ledger.tenant, item.entry_id))
        assert verify(proof, public_key_pem=verifying_key(signer)).checkpoint.key_id == signer
        with pytest.raises(Broken):
            verify(proof, public_key_pem=verifying_key(other))


def test_a_maker_killed_before_the_key_changed_does_not_block_its_tenant(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    for point in crash_points():
        ledger = Ledger()
        ledger.grow(1)
        with point:
            ledger.checkpoint()
        ledger.grow(1)
        with monkeypatch.context() as later:
            vaults.change_key(later)
            ledger.checkpoint()
            ledger.checkpoint()

            assert chain(ledger)[-1].last == 4, point


def test_a_file_signed_by_a_key_nobody_kept_is_not_taken_over(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger()
    ledger.grow(1)
    monkeypatch.setattr(store, "put_key", lambda *_: None)
    monkeypatch.setattr(store, "record", lambda *_, **__: None)
    with monkeypatch.context() as before:
        vaults.change_key(before)
        ledger.checkpoint()

    with pytest.raises(Malformed, match="not ours"):
        ledger.checkpoint()


@pytest.mark.parametrize("name", ["", "00" * 32, "../checkpoints/ten_a/000000000001.json", "AB" * 32])
def test_a_key_that_never_signed_is_not_found(vault: Vault, name: str) -> None:
    with pytest.raises(NotFound) as refused:
        verifying_key(name)

    assert refused.value.code == "checkpoint_key_not_found"


def test_no_checkpoint_is_left_by_a_key_that_is_not_the_one_it_names(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger()
    ledger.grow(1)
    told = verifying_key()
    vaults.change_key(monkeypatch)
    monkeypatch.setattr(checkpoint_keys, "public_key", lambda: told)

    with pytest.raises(Defect):
        ledger.checkpoint()

    assert vault.files(ledger.tenant) == []
