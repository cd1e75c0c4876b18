"""The key set in Secrets Manager: kept for minutes, read again for a key that is not known, at a bounded rate."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from unittest.mock import patch

import boto3
import pytest
from moto import mock_aws

from chalicelib.core.errors import Unauthenticated
from chalicelib.security import keys
from chalicelib.security.keys import KeySet, create_signing_key, ensure_signing_keys, signing_keys, store_signing_keys
from chalicelib.security.tokens import Principal, mint_token, verify_token
from tests.support.api import signing
from tests.support.faults import watching

READ = "secretsmanager.GetSecretValue"
NAME = "quittance-test-signing"


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """A process that has read nothing yet, a secret without a value, and time that stands."""
    monkeypatch.setenv("QUITTANCE_SIGNING_SECRET", NAME)
    time = Clock()
    with mock_aws(), patch.object(keys, "_kept", keys._Kept()), patch.object(keys, "time", time):
        keys._secrets.cache_clear()
        boto3.client("secretsmanager").create_secret(Name=NAME)
        yield time
    keys._secrets.cache_clear()


def test_a_key_is_made_once_and_stays(clock: Clock) -> None:
    first = ensure_signing_keys()

    assert ensure_signing_keys() == first
    assert len(first.keys) == 1
    assert json.loads(boto3.client("secretsmanager").get_secret_value(SecretId=NAME)["SecretString"]) == {
        "keys": list(first.keys)
    }


def test_the_set_is_read_once_in_five_minutes(clock: Clock) -> None:
    store_signing_keys(KeySet((create_signing_key(),)))

    with watching() as calls:
        for _ in range(3):
            clock.seconds += 100
            signing_keys()
        assert calls.operations == []
        clock.seconds += 1
        signing_keys()

    assert calls.operations == [READ]


def test_a_token_of_a_key_that_is_new_to_this_process_is_read_for(clock: Clock) -> None:
    old, new = create_signing_key(), create_signing_key()
    store_signing_keys(KeySet((old,)))
    with signing(new):
        token = mint_token(Principal("ten_a", "cli_1", frozenset()), now=datetime.now(UTC))
    secret = json.dumps({"keys": [new, old]})
    boto3.client("secretsmanager").put_secret_value(SecretId=NAME, SecretString=secret)
    clock.seconds += 31

    assert verify_token(token, now=datetime.now(UTC)).tenant == "ten_a"


def test_made_up_key_ids_cause_one_read_in_thirty_seconds(clock: Clock) -> None:
    store_signing_keys(KeySet((create_signing_key(),)))
    with signing(create_signing_key()):
        token = mint_token(Principal("ten_a", "cli_1", frozenset()), now=datetime.now(UTC))
    clock.seconds += 31

    with watching() as calls:
        for _ in range(20):
            with pytest.raises(Unauthenticated):
                verify_token(token, now=datetime.now(UTC))

    assert calls.operations == [READ]


def test_a_keys_id_follows_from_its_public_part_and_it_is_a_p256_key() -> None:
    one, other = create_signing_key(), create_signing_key()

    assert one["kid"] != other["kid"]
    assert {name: one[name] for name in ("kty", "crv", "alg")} == {"kty": "EC", "crv": "P-256", "alg": "ES256"}
