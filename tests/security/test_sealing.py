"""Sealed documents open for their own context, unaltered, and for nothing else."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, replace

import boto3
import pytest
from moto import mock_aws

from chalicelib.core.errors import Defect
from chalicelib.security.sealing import MOST_BYTES, Sealed, seal, unseal

CONTEXT = {"tenant": "ten_a", "party": "pty_1"}
SECRET = b'{"holder":"Mill Ltd","iban":"NL35MOCK0000000012"}'


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with mock_aws():
        monkeypatch.setenv("QUITTANCE_SEALING_KEY", boto3.client("kms").create_key()["KeyMetadata"]["KeyId"])
        yield


def test_a_sealed_document_opens_for_its_context() -> None:
    assert unseal(seal(SECRET, context=CONTEXT), context=dict(reversed(CONTEXT.items()))) == SECRET


def test_the_same_document_is_never_sealed_alike() -> None:
    first, second = seal(SECRET, context=CONTEXT), seal(SECRET, context=CONTEXT)

    assert not set(asdict(first).values()) & set(asdict(second).values())


@pytest.mark.parametrize(
    "context",
    [
        {"tenant": "ten_b", "party": "pty_1"},
        {"tenant": "ten_a", "party": "pty_2"},
        {"tenant": "ten_a"},
        CONTEXT | {"more": "x"},
        {},
    ],
)
def test_a_sealed_document_moved_to_another_record_stays_closed(context: dict[str, str]) -> None:
    sealed = seal(SECRET, context=CONTEXT)

    with pytest.raises(Defect):
        unseal(sealed, context=context)


def test_the_context_is_bound_to_the_document_itself_not_only_to_its_key() -> None:
    mine, other = seal(SECRET, context=CONTEXT), seal(b"other", context=CONTEXT)

    with pytest.raises(Defect):
        unseal(replace(other, ciphertext=mine.ciphertext, nonce=mine.nonce), context=CONTEXT)


@pytest.mark.parametrize(
    ("part", "at"), [("data_key", -1), ("nonce", 0), ("nonce", -1), ("ciphertext", 0), ("ciphertext", -1)]
)
def test_an_altered_part_is_noticed(part: str, at: int) -> None:
    sealed = asdict(seal(SECRET, context=CONTEXT))
    content = bytearray(base64.b64decode(sealed[part]))
    content[at] ^= 1

    with pytest.raises(Defect):
        unseal(Sealed(**sealed | {part: base64.b64encode(content).decode()}), context=CONTEXT)


@pytest.mark.parametrize("part", ["data_key", "nonce", "ciphertext"])
def test_a_part_that_is_no_base64_is_noticed(part: str) -> None:
    sealed = asdict(seal(SECRET, context=CONTEXT))

    with pytest.raises(Defect):
        unseal(Sealed(**sealed | {part: "é"}), context=CONTEXT)


def test_nothing_of_a_document_is_seen_in_what_is_kept_or_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="chalicelib"):
        sealed = seal(SECRET, context=CONTEXT)
        unseal(sealed, context=CONTEXT)

    kept = json.dumps(asdict(sealed))
    assert "0012" not in kept and "Mill" not in kept
    assert not caplog.records


def test_what_is_sealed_is_small_and_has_a_context() -> None:
    with pytest.raises(Defect):
        seal(b"x" * (MOST_BYTES + 1), context=CONTEXT)
    with pytest.raises(Defect):
        seal(SECRET, context={})
