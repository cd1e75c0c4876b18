"""Keyed digests are the same for the same document in the same context, and differ for whatever differs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from hashlib import sha256

import boto3
import pytest
from moto import mock_aws

from chalicelib.core.errors import Defect
from chalicelib.security.digests import keyed_digest

CONTEXT = {"tenant": "ten_a", "key": "c:1"}
DOCUMENT = b'{"holder":"Mill Ltd","iban":"NL35MOCK0000000012"}'
MORE_THAN_KMS_TAKES = 5000


def use_new_key(monkeypatch: pytest.MonkeyPatch) -> None:
    made = boto3.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
    monkeypatch.setenv("QUITTANCE_DIGEST_KEY", made["KeyMetadata"]["Arn"])


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with mock_aws():
        use_new_key(monkeypatch)
        yield


def test_a_document_has_one_digest_of_32_bytes_in_a_context() -> None:
    first = keyed_digest(DOCUMENT, context=CONTEXT)

    assert keyed_digest(DOCUMENT, context=dict(reversed(CONTEXT.items()))) == first
    assert len(first) == sha256().digest_size


def test_every_document_and_every_context_has_a_digest_of_its_own() -> None:
    contexts: list[Mapping[str, str]] = [
        CONTEXT,
        CONTEXT | {"tenant": "ten_b"},
        CONTEXT | {"key": "c:2"},
        CONTEXT | {"more": ""},
        {"tenant": "c:1", "key": "ten_a"},
        {"tenant": "ten_a"},
    ]
    made = [keyed_digest(d, context=c) for d, c in itertools.product((DOCUMENT, DOCUMENT + b" ", b""), contexts)]

    assert len(set(made)) == len(made)


def test_where_the_context_ends_cannot_be_moved() -> None:
    whole = keyed_digest(b"}\nx", context={"a": "b"})

    assert whole != keyed_digest(b"x", context={"a": 'b"}\n'})
    assert whole != keyed_digest(b"x", context={"a": "b}\n"})


def test_without_the_key_no_digest_can_be_made(monkeypatch: pytest.MonkeyPatch) -> None:
    with_one_key = keyed_digest(DOCUMENT, context=CONTEXT)
    use_new_key(monkeypatch)

    assert keyed_digest(DOCUMENT, context=CONTEXT) != with_one_key


def test_a_document_may_be_longer_than_what_kms_takes() -> None:
    long = b"x" * MORE_THAN_KMS_TAKES

    assert keyed_digest(long, context=CONTEXT) != keyed_digest(long + b"x", context=CONTEXT)


def test_a_digest_has_a_context() -> None:
    with pytest.raises(Defect):
        keyed_digest(DOCUMENT, context={})
