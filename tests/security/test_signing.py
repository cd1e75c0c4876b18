"""Detached signatures: the genuine one passes, and nothing else does."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Defect, InvalidInput, Unauthenticated
from chalicelib.security.public_keys import load_public_key
from chalicelib.security.signing import SignedMessage, verify_detached
from infra.bank.sign import create_key, public_key, sign_detached
from tests.support.calls import MONDAY

BANK = "bank_test"
KEY = create_key()
PUBLIC = public_key(KEY).decode()
BODY = b"<Document>\xe9\xff 1,815,379.76</Document>"
HEADER = {"alg": "ES256", "iss": BANK, "iat": int(MONDAY.timestamp()), "jti": "MB-C054-1"}


def genuine(**changes: Any) -> str:
    given_values: dict[str, Any] = {
        "private_key_pem": KEY,
        "bank_id": BANK,
        "message_id": "MB-C054-1",
        "issued_at": MONDAY,
    }
    return sign_detached(BODY, **given_values | changes)


def encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def signed(header: bytes, *, key_pem: bytes = KEY, body: bytes = BODY) -> str:
    """A signature over whatever header, genuine but for that."""
    key = load_pem_private_key(key_pem, password=None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    r, s = decode_dss_signature(key.sign(f"{encode(header)}.{encode(body)}".encode(), ec.ECDSA(hashes.SHA256())))
    size = (key.curve.key_size + 7) // 8
    return f"{encode(header)}..{encode(r.to_bytes(size, 'big') + s.to_bytes(size, 'big'))}"


def header_with(**changes: Any) -> bytes:
    return json.dumps({name: value for name, value in (HEADER | changes).items() if value is not ...}).encode()


def verified(signature: str, *, body: bytes = BODY, now: datetime = MONDAY, bank_id: str = BANK) -> SignedMessage:
    return verify_detached(signature, body, public_key_pem=PUBLIC, bank_id=bank_id, now=now)


def code_of(signature: str, **named: Any) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verified(signature, **named)
    return refused.value.code


def test_a_genuine_signature_names_its_message() -> None:
    assert verified(genuine()) == SignedMessage("MB-C054-1", MONDAY)


def test_the_bare_header_of_the_standard_passes() -> None:
    assert verified(signed(header_with())).message_id == "MB-C054-1"


def test_no_signature_is_missing() -> None:
    assert code_of("") == "signature_missing"


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
def test_one_byte_changed_in_the_body_is_noticed(at: int, change: int) -> None:
    changed = BODY[:at] + bytes([BODY[at] ^ change]) + BODY[at + 1 :]

    assert code_of(genuine(), body=changed) == "signature_invalid"


@pytest.mark.parametrize("body", [b"", BODY + b"\n", BODY[:-1], b"\xef\xbb\xbf" + BODY])
def test_a_body_longer_or_shorter_is_noticed(body: bytes) -> None:
    assert code_of(genuine(), body=body) == "signature_invalid"


@pytest.mark.parametrize(
    ("seconds", "accepted"), [(0, True), (300, True), (-300, True), (301, False), (-301, False), (10**7, False)]
)
def test_a_signature_is_good_for_300_seconds_either_side(seconds: int, accepted: bool) -> None:
    now = MONDAY + timedelta(seconds=seconds)

    if accepted:
        assert verified(genuine(), now=now).issued_at == MONDAY
    else:
        assert code_of(genuine(), now=now) == "signature_expired"


def test_an_old_signature_that_is_not_genuine_is_not_told_its_age() -> None:
    assert code_of(genuine(private_key_pem=create_key()), now=MONDAY + timedelta(days=1)) == "signature_invalid"


def test_another_banks_signature_is_refused() -> None:
    assert code_of(genuine(bank_id="bank_other")) == "signature_invalid"
    assert code_of(genuine(private_key_pem=create_key())) == "signature_invalid"


@pytest.mark.parametrize(
    "header",
    [
        header_with(alg="none"),
        header_with(alg="HS256"),
        header_with(alg="ES384"),
        header_with(alg=["ES256"]),
        header_with(alg=...),
        header_with(crit=["exp"]),
        header_with(crit=[]),
        header_with(b64=False),
        header_with(iss=...),
        header_with(iss=None),
        header_with(iat=...),
        header_with(iat=str(HEADER["iat"])),
        header_with(iat=float(HEADER["iat"])),  # type: ignore[arg-type]
        header_with(iat=True),
        header_with(iat=-1),
        header_with(iat=10**30),
        header_with(jti=...),
        header_with(jti=""),
        header_with(jti=7),
        header_with(jti="x" * 129),
        header_with(jti="a\nb"),
        header_with()[:-1] + b', "alg": "ES256"}',
        b"[]",
        b"null",
        b'"ES256"',
        b"{",
        b"\xff\xfe",
        b"[" * 900,
    ],
)
def test_a_header_that_breaks_a_rule_is_refused_though_signed(header: bytes) -> None:
    assert code_of(signed(header)) == "signature_invalid"


@pytest.mark.parametrize(
    "signature",
    [
        ".",
        "..",
        "...",
        "a.b",
        "a..b",
        "a..",
        "..b",
        f"{genuine()}.x",
        genuine().replace("..", f".{encode(BODY)}."),
        genuine() + "=",
        genuine()[:-1],
        genuine()[:-2] + "!!",
        f" {genuine()}",
        genuine().replace("..", ".."[:1]),
        "é" + genuine(),
        "x" * 5000,
        f"{encode(header_with(pad='x' * 4000))}..{'A' * 86}",
        f"{encode(header_with())}..{encode(b'0' * 64)}",
        f"{encode(header_with())}..{encode(bytes(64))}",
        f"{encode(header_with())}..{encode(b'')}",
    ],
)
def test_what_is_no_detached_signature_is_refused(signature: str) -> None:
    assert code_of(signature) == "signature_invalid"


def test_a_mac_with_the_public_key_as_its_secret_is_refused() -> None:
    for algorithm in ("HS256", "ES256"):
        protected = encode(header_with(alg=algorithm))
        mac = hmac.new(PUBLIC.encode(), f"{protected}.{encode(BODY)}".encode(), hashlib.sha256).digest()

        assert code_of(f"{protected}..{encode(mac)}") == "signature_invalid"


@given(st.text(max_size=80))
def test_no_text_breaks_the_verifier(text: str) -> None:
    assert code_of(text) in {"signature_missing", "signature_invalid"}


def pem_of(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no key",
        KEY.decode(),
        pem_of(ec.generate_private_key(ec.SECP384R1())),
        pem_of(ec.generate_private_key(ec.SECP256K1())),
        pem_of(rsa.generate_private_key(65537, 2048)),
    ],
)
def test_only_a_public_key_on_p_256_is_taken(pem: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        load_public_key(pem)
    with pytest.raises(Defect):
        verify_detached(genuine(), BODY, public_key_pem=pem, bank_id=BANK, now=MONDAY)

    assert refused.value.code == "invalid_public_key"
