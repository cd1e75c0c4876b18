"""The checkpoint key signs in KMS, and whoever has its public part can check it without."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from moto import mock_aws

from chalicelib.core.errors import Defect, InvalidInput
from chalicelib.security.checkpoint_key import public_key, sign
from chalicelib.security.ecdsa import is_signed, key_id
from tests.support.faults import watching

MESSAGE = b"what is signed"


def pem(curve: ec.EllipticCurve) -> str:
    key = ec.generate_private_key(curve).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with mock_aws():
        made = boto3.client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
        monkeypatch.setenv("QUITTANCE_CHECKPOINT_KEY", made["KeyMetadata"]["Arn"])
        yield


def test_a_signature_holds_for_its_message_and_key_alone() -> None:
    signature = sign(MESSAGE)

    assert is_signed(MESSAGE, signature, public_key_pem=public_key())
    assert not is_signed(MESSAGE + b".", signature, public_key_pem=public_key())
    assert not is_signed(MESSAGE, signature[:-1], public_key_pem=public_key())
    assert not is_signed(MESSAGE, b"", public_key_pem=public_key())
    assert not is_signed(MESSAGE, signature, public_key_pem=pem(ec.SECP256R1()))


def test_a_key_is_named_by_its_public_part() -> None:
    assert key_id(public_key()) == key_id(public_key()) != key_id(pem(ec.SECP256R1()))
    assert len(key_id(public_key())) == 64


@pytest.mark.parametrize("text", ["", "no key", pem(ec.SECP384R1()), pem(ec.SECP256K1())])
def test_only_a_p256_key_is_a_key(text: str) -> None:
    with pytest.raises(InvalidInput):
        is_signed(MESSAGE, b"", public_key_pem=text)


def test_a_message_is_no_longer_than_kms_takes() -> None:
    assert sign(b"x" * 4096)
    with pytest.raises(Defect):
        sign(b"x" * 4097)


def test_the_public_part_is_asked_for_once() -> None:
    public_key()
    with watching() as calls:
        public_key()
        sign(MESSAGE)

    assert calls.operations == ["kms.Sign"]
