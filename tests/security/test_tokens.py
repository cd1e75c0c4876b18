"""Tokens: what is ours is read, and everything that only looks like it is not."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jose import jwk, jwt

from chalicelib.core.errors import Unauthenticated
from chalicelib.security import keys
from chalicelib.security.keys import KeySet, create_signing_key
from chalicelib.security.tokens import LIFETIME, Principal, mint_token, verify_token
from tests.support.api import signing

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
STEEL = Principal("ten_steel", "cli_1", frozenset({"ledger:read", "trades:write"}))
OURS, OTHER = create_signing_key(), create_signing_key()


@pytest.fixture(autouse=True)
def _signed() -> Iterator[None]:
    with signing(OURS):
        yield


def claims(**changes: Any) -> dict[str, Any]:
    """What a token of ours says; None takes a claim out."""
    usual = {
        "iss": "quittance",
        "sub": "cli_1",
        "tenant": "ten_steel",
        "scope": "ledger:read",
        "iat": int(NOW.timestamp()),
        "exp": int((NOW + LIFETIME).timestamp()),
    }
    return {name: value for name, value in (usual | changes).items() if value is not None}


def signed(content: dict[str, Any], key: Any = OURS, *, algorithm: str = "ES256", **header: Any) -> str:
    """A token of any content, signed with any key."""
    kid = {"kid": OURS["kid"]} | header
    token: str = jwt.encode(
        content, key, algorithm=algorithm, headers={name: value for name, value in kid.items() if value is not None}
    )
    return token


def unsigned(header: dict[str, Any], content: dict[str, Any], signature: bytes = b"") -> str:
    """A token put together by hand."""
    return ".".join([_b64(json.dumps(header).encode()), _b64(json.dumps(content).encode()), _b64(signature)])


def _b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def public_pem(key: dict[str, str]) -> bytes:
    """The public part as PEM."""
    pem: bytes = jwk.construct({name: value for name, value in key.items() if name != "d"}, "ES256").to_pem()
    return pem


def code_of(token: str, *, now: datetime = NOW) -> str:
    with pytest.raises(Unauthenticated) as refused:
        verify_token(token, now=now)
    return refused.value.code


def test_a_token_speaks_for_whom_it_was_made() -> None:
    assert verify_token(mint_token(STEEL, now=NOW), now=NOW) == STEEL


def test_a_token_carries_its_claims_for_fifteen_minutes() -> None:
    told = jwt.get_unverified_claims(mint_token(STEEL, now=NOW))

    assert told | {"jti": ""} == {
        "iss": "quittance",
        "sub": "cli_1",
        "tenant": "ten_steel",
        "scope": "ledger:read trades:write",
        "iat": 1772442000,
        "exp": 1772442000 + 900,
        "jti": "",
    }


def test_no_two_tokens_are_the_same() -> None:
    assert mint_token(STEEL, now=NOW) != mint_token(STEEL, now=NOW)


def test_a_token_ends_on_the_second_by_the_clock_that_is_handed_in() -> None:
    token = mint_token(STEEL, now=NOW)

    assert verify_token(token, now=NOW + LIFETIME - timedelta(microseconds=1)) == STEEL
    assert code_of(token, now=NOW + LIFETIME) == "token_expired"


def test_a_token_without_a_signature_is_refused() -> None:
    for algorithm in ("none", "None", "NONE", "", None):
        header = {"alg": algorithm, "typ": "JWT", "kid": OURS["kid"]}
        assert code_of(unsigned(header, claims())) == "token_invalid"
    assert code_of(mint_token(STEEL, now=NOW).rpartition(".")[0] + ".") == "token_invalid"


def test_the_public_key_is_no_shared_secret() -> None:
    for algorithm, digest in (("HS256", hashlib.sha256), ("HS512", hashlib.sha512)):
        head = unsigned({"alg": algorithm, "kid": OURS["kid"]}, claims()).rpartition(".")[0]
        forged = f"{head}.{_b64(hmac.new(public_pem(OURS), head.encode(), digest).digest())}"

        assert code_of(forged) == "token_invalid"


def test_another_algorithm_or_another_key_is_refused() -> None:
    rsa_key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert rsa_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    assert code_of(signed(claims(), pem, algorithm="RS256")) == "token_invalid"
    assert code_of(signed(claims(), OTHER)) == "token_invalid"


@pytest.mark.parametrize("kid", [None, "", "other", pytest.param(OTHER["kid"], id="another key's"), 5, ["x"], {"x": 1}])
def test_a_key_that_is_not_named_or_not_ours_is_refused(kid: Any) -> None:
    assert code_of(signed(claims(), kid=kid)) == "token_invalid"


def test_a_key_brought_along_in_the_header_is_not_used() -> None:
    public = {name: value for name, value in OTHER.items() if name != "d"}

    assert code_of(signed(claims(), OTHER, jwk=public, kid=OTHER["kid"])) == "token_invalid"


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "other"},
        {"iss": None},
        {"sub": None},
        {"tenant": None},
        {"scope": None},
        {"scope": 5},
        {"scope": ["ledger:read"]},
        {"exp": None},
        {"exp": "soon"},
    ],
)
def test_a_claim_that_is_missing_or_odd_is_refused(changes: dict[str, Any]) -> None:
    assert code_of(signed(claims(**changes))) == "token_invalid"


@pytest.mark.parametrize("part", [0, 1, 2])
def test_a_token_with_one_character_changed_is_refused(part: int) -> None:
    parts = mint_token(STEEL, now=NOW).split(".")
    parts[part] = parts[part][:-2] + ("A" if parts[part][-2] != "A" else "B") + parts[part][-1]

    assert code_of(".".join(parts)) == "token_invalid"


def test_another_tenant_under_the_same_signature_is_refused() -> None:
    head, _, signature = mint_token(STEEL, now=NOW).split(".")

    assert code_of(f"{head}.{_b64(json.dumps(claims(tenant='ten_grain')).encode())}.{signature}") == "token_invalid"


@pytest.mark.parametrize("token", ["", ".", "..", "a.b", "a.b.c.d", "é.é.é", "\x00", "a" * 100_000, "." * 1000])
def test_what_is_no_token_is_refused(token: str) -> None:
    assert code_of(token) == "token_invalid"


def test_a_rotation_keeps_old_tokens_good_until_the_old_key_goes() -> None:
    token = mint_token(STEEL, now=NOW)

    with signing(OTHER, OURS):
        assert verify_token(token, now=NOW) == STEEL
        renewed = mint_token(STEEL, now=NOW)
        assert jwt.get_unverified_header(renewed)["kid"] == OTHER["kid"]
    with signing(OTHER):
        assert verify_token(renewed, now=NOW) == STEEL
        assert code_of(token) == "token_invalid"


def test_a_process_that_knows_the_next_key_already_takes_its_tokens_at_once() -> None:
    """Step one of a rotation puts the new key behind the old; by step two every process has it."""
    with signing(OTHER, OURS):
        token = mint_token(STEEL, now=NOW)

    with signing(OURS, OTHER):
        assert verify_token(token, now=NOW) == STEEL


def test_verifying_needs_no_private_part() -> None:
    token = mint_token(STEEL, now=NOW)
    public = {name: value for name, value in OURS.items() if name != "d"}

    keys._keep(KeySet((public,)))

    assert verify_token(token, now=NOW) == STEEL
