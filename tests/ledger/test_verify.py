"""The verifier believes a proof that holds, names what is wrong with any other, and needs neither network nor AWS."""

from __future__ import annotations

import base64
import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.ledger.checkpoints import Position
from chalicelib.ledger.verify import Broken, Unreadable, main, verify
from infra.paths import ROOT
from tests.ledger.proofs import KEY, PEM, as_file, proof_of
from tests.support.calls import TENANT

OTHER = ec.generate_private_key(ec.SECP256R1())
OTHER_PEM = OTHER.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
Change = Callable[[dict[str, Any]], Any]

# Runs the verifier where no socket can be made and nothing of AWS may be loaded.
SEALED = """
import runpy, socket, sys

def refuse(*_, **__):
    raise OSError("no network here")

socket.socket = socket.create_connection = socket.getaddrinfo = refuse
try:
    runpy.run_module("chalicelib.ledger.verify", run_name="__main__", alter_sys=True)
finally:
    loaded = {"boto3", "botocore", "pynamodb", "chalice", "chalicelib.storage"} & set(sys.modules)
    if loaded:
        sys.exit(f"loaded {loaded}")
"""


def resigned(told: dict[str, Any], signer: ec.EllipticCurvePrivateKey, **changes: Any) -> None:
    """The checkpoint changed, and signed anew."""
    checkpoint = json.loads(told["checkpoint"]) | changes
    told["checkpoint"] = json.dumps(checkpoint, sort_keys=True, separators=(",", ":"))
    signature = signer.sign(told["checkpoint"].encode(), ec.ECDSA(SHA256()))
    told["signature"] = base64.b64encode(signature).decode()


def flipped(text: str) -> str:
    return text[:-1] + ("0" if text[-1] != "0" else "1")


def change_amount(told: dict[str, Any]) -> None:
    told["entry"]["postings"][0]["amount_minor"] += 1


def change_amount_and_digest(told: dict[str, Any]) -> None:
    told["digest"] = flipped(told["digest"])


def change_reference(told: dict[str, Any]) -> None:
    told["entry"]["reference"] = told["entry"]["reference"].replace("Ü", "U")


def change_path(told: dict[str, Any]) -> None:
    told["path"][1] = flipped(told["path"][1])


def shorten_path(told: dict[str, Any]) -> None:
    told["path"].pop()


def lengthen_path(told: dict[str, Any]) -> None:
    told["path"].append(told["path"][0])


def swap_path(told: dict[str, Any]) -> None:
    told["path"].reverse()


def change_number(told: dict[str, Any]) -> None:
    told["number"] += 1


def leave_the_run(told: dict[str, Any]) -> None:
    told["number"] = 12


def change_root(told: dict[str, Any]) -> None:
    root = json.loads(told["checkpoint"])["root"]
    told["checkpoint"] = told["checkpoint"].replace(root, flipped(root))


def change_root_and_sign_it_oneself(told: dict[str, Any]) -> None:
    resigned(told, OTHER)


def change_signature(told: dict[str, Any]) -> None:
    raw = bytearray(base64.b64decode(told["signature"]))
    raw[-1] ^= 1
    told["signature"] = base64.b64encode(raw).decode()


def drop_signature(told: dict[str, Any]) -> None:
    told["signature"] = ""


def garble_signature(told: dict[str, Any]) -> None:
    told["signature"] = "*"


def name_another_key(told: dict[str, Any]) -> None:
    resigned(told, KEY, key_id="0" * 64)


def name_another_tenant(told: dict[str, Any]) -> None:
    resigned(told, KEY, tenant="ten_other")


def widen_the_run(told: dict[str, Any]) -> None:
    resigned(told, KEY, last=10_000)


def turn_the_run(told: dict[str, Any]) -> None:
    resigned(told, KEY, last=0)


def raise_the_version(told: dict[str, Any]) -> None:
    resigned(told, KEY, version=2)


def add_to_the_checkpoint(told: dict[str, Any]) -> None:
    resigned(told, KEY, more=1)


def space_the_checkpoint(told: dict[str, Any]) -> None:
    told["checkpoint"] = told["checkpoint"].replace(",", ", ")


def drop_a_member(told: dict[str, Any]) -> None:
    del told["path"]


def add_a_member(told: dict[str, Any]) -> None:
    told["key"] = PEM


def mistype_a_member(told: dict[str, Any]) -> None:
    told["number"] = str(told["number"])


def use_a_boolean(told: dict[str, Any]) -> None:
    told["number"] = True


def use_a_lone_surrogate(told: dict[str, Any]) -> None:
    told["entry"]["kind"] = "\ud800"


TAMPERED: list[tuple[Change, str]] = [
    (drop_a_member, "malformed"),
    (add_a_member, "malformed"),
    (mistype_a_member, "malformed"),
    (use_a_boolean, "malformed"),
    (garble_signature, "malformed"),
    (space_the_checkpoint, "checkpoint_malformed"),
    (raise_the_version, "checkpoint_malformed"),
    (add_to_the_checkpoint, "checkpoint_malformed"),
    (turn_the_run, "checkpoint_malformed"),
    (name_another_key, "other_key"),
    (change_root, "wrong_signature"),
    (change_root_and_sign_it_oneself, "wrong_signature"),
    (change_signature, "wrong_signature"),
    (drop_signature, "wrong_signature"),
    (name_another_tenant, "other_tenant"),
    (leave_the_run, "not_covered"),
    (change_amount, "entry_altered"),
    (change_reference, "entry_altered"),
    (use_a_lone_surrogate, "entry_altered"),
    (change_amount_and_digest, "entry_altered"),
    (change_number, "wrong_path"),
    (change_path, "wrong_path"),
    (shorten_path, "wrong_path"),
    (lengthen_path, "wrong_path"),
    (swap_path, "wrong_path"),
    (widen_the_run, "wrong_path"),
]
"""Each way to bend a proof with what the verifier says of it, in the order of its checks."""


def broken(content: bytes, key: str = PEM) -> str:
    with pytest.raises(Broken) as refused:
        verify(content, public_key_pem=key)
    return refused.value.code


def written(folder: Path, content: bytes, key: str = PEM) -> list[str]:
    """The arguments of a run over this file and key."""
    (folder / "proof.json").write_bytes(content)
    (folder / "public.pem").write_text(key)
    return [str(folder / "proof.json"), "--key", str(folder / "public.pem")]


def test_a_proof_that_holds_tells_which_entry_it_is_and_when_it_was_signed() -> None:
    proved = verify(as_file(proof_of(4, 11)), public_key_pem=PEM)

    assert (proved.entry_id, proved.number) == ("ent_5", 5)
    assert (proved.checkpoint.tenant, proved.checkpoint.number, proved.checkpoint.last) == (TENANT, 1, 11)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 40), st.data(), st.integers(0, 10**6))
def test_every_entry_of_every_run_is_proved(size: int, data: st.DataObject, last: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    position = Position(number=3, last=last, digest="ab" * 32)

    proved = verify(as_file(proof_of(index, size, position=position)), public_key_pem=PEM)

    assert proved.number == last + 1 + index


@pytest.mark.parametrize(("change", "code"), TAMPERED, ids=lambda part: getattr(part, "__name__", ""))
def test_a_bent_proof_does_not_hold_and_the_reason_is_told(change: Change, code: str) -> None:
    told = copy.deepcopy(proof_of(4, 11))
    change(told)

    assert broken(json.dumps(told).encode()) == code


def test_a_proof_holds_for_its_own_key_alone() -> None:
    assert broken(as_file(proof_of(4, 11)), OTHER_PEM) == "other_key"


def test_a_proof_that_is_cut_short_does_not_hold() -> None:
    whole = as_file(proof_of(1, 2))
    for end in range(1, len(whole) - 1, 7):
        assert broken(whole[:end]) == "malformed", end


def test_a_name_that_stands_twice_does_not_pass() -> None:
    whole = as_file(proof_of(1, 2)).decode()

    assert broken(whole.replace('"number":', '"number": 2, "number":', 1).encode()) == "malformed"


def test_a_number_with_a_point_does_not_pass() -> None:
    whole = as_file(proof_of(1, 2)).decode()

    assert broken(whole.replace('"amount_minor": 500', '"amount_minor": 500.0').encode()) == "malformed"


SIGNED_ONCE = proof_of(2, 5)
"""A signature is another one each time it is made."""


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_changed_character_leaves_another_proof_that_holds(data: st.DataObject) -> None:
    whole = as_file(SIGNED_ONCE).decode()
    at = data.draw(st.integers(0, len(whole) - 1))
    bent = whole[:at] + data.draw(st.sampled_from('0123456789abcdef"{}[],: xÜ')) + whole[at + 1 :]
    try:
        verify(bent.encode(), public_key_pem=PEM)
    except (Broken, Unreadable):
        return

    assert json.loads(bent) == SIGNED_ONCE


@pytest.mark.parametrize("content", [b"", b"no proof", b"[1]", b"\xff\xfe"])
def test_a_file_that_is_something_else_is_unreadable(content: bytes) -> None:
    with pytest.raises(Unreadable):
        verify(content, public_key_pem=PEM)


CUT_OFF = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()[:80]


@pytest.mark.parametrize("key", ["", "no key", pytest.param(CUT_OFF, id="cut off")])
def test_without_a_key_nothing_is_checked(key: str) -> None:
    with pytest.raises(Unreadable):
        verify(as_file(proof_of(0, 1)), public_key_pem=key)


def test_the_program_says_in_one_line_that_a_proof_holds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(written(tmp_path, as_file(proof_of(4, 11))))

    told = capsys.readouterr()
    assert (status, told.err, told.out.count("\n")) == (0, "", 1)
    assert told.out.startswith(f"holds: ent_5 is entry 5 of {TENANT}, signed in checkpoint 1 at 2026-03-02T09:00")


def test_the_program_says_why_a_proof_does_not_hold(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = proof_of(4, 11)
    change_amount(told)

    assert main(written(tmp_path, as_file(told))) == 1
    assert capsys.readouterr().err.startswith("BROKEN entry_altered: ")


@pytest.mark.parametrize("missing", ["proof.json", "public.pem"])
def test_a_file_that_is_not_there_ends_the_program_with_2(missing: str, tmp_path: Path) -> None:
    arguments = written(tmp_path, as_file(proof_of(0, 1)))
    (tmp_path / missing).unlink()

    assert main(arguments) == 2


def test_a_key_that_is_none_ends_the_program_with_2(tmp_path: Path) -> None:
    assert main(written(tmp_path, as_file(proof_of(0, 1)), key="no key")) == 2


def test_without_a_key_on_the_command_line_the_program_ends_with_2(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as ended:
        main(written(tmp_path, as_file(proof_of(0, 1)))[:1])

    assert ended.value.code == 2


@pytest.mark.parametrize(("change", "status"), [(None, 0), (change_amount, 1)])
def test_a_fresh_program_needs_neither_network_nor_aws(change: Change | None, status: int, tmp_path: Path) -> None:
    told = proof_of(4, 11)
    if change is not None:
        change(told)
    done = subprocess.run(
        [sys.executable, "-c", SEALED, *written(tmp_path, as_file(told))],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == status, done.stderr
    assert done.stdout.startswith("holds: ") == (status == 0)
