"""Hostile requests: twice the bytes of a body, a header or a cursor cost at most some twice the work."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from chalicelib.ledger.routes.batches import BatchBody
from chalicelib.security.signing import verify_detached
from chalicelib.security.tokens import verify_token
from chalicelib.settlement.routes.netting import ObligationsBody
from chalicelib.splits.views import SplitReceiversBody
from chalicelib.web.pages import start_of
from chalicelib.web.parse import parse, read_json
from tests.support.growth import MOST_RATIO, ratio

NOW = datetime(2026, 3, 2, tzinfo=UTC)
MOST = 8 * 1024 * 1024

BODIES: dict[str, Callable[[int], str]] = {
    "the last name twice": lambda n: "{" + "".join(f'"{i}":0,' for i in range(n)) + f'"{n - 1}":0' + "}",
    "each name twice": lambda n: "{" + ",".join(f'"{i % n}":0' for i in range(2 * n)) + "}",
    "names that differ": lambda n: "{" + ",".join(f'"{i}":0' for i in range(n)) + "}",
    "a long name of a long list": lambda n: f'{{"{"a" * n}": [{",".join("0" * n)}]}}',
    "a long name of a large object": lambda n: f'{{"{"a" * n}": {{' + ",".join(f'"{i}":0' for i in range(n)) + "}}",
    "depth": lambda n: "[" * n + "]" * n,
    "depth of objects": lambda n: '{"a":' * n,
    "short lists": lambda n: "[" + ",".join(["[]"] * n) + "]",
    "a long number": lambda n: "9" * n,
    "long numbers": lambda n: "[" + ",".join(["9" * 4000] * (n // 100)) + "]",
    "a float of many digits": lambda n: "0." + "9" * n,
    "floats": lambda n: "[" + ",".join(["1e9"] * n) + "]",
    "a long text": lambda n: '"' + "a" * n + '"',
    "escapes": lambda n: '"' + "\\u00e9" * n + '"',
    "a control character at the end": lambda n: '"' + "a" * n + '\\u0001"',
    "spaces": lambda n: " " * n + "0",
    "commas": lambda n: "[" + "," * n,
    "an end that is missing": lambda n: '"' + "\\" * n,
}

RECEIVER = '{"account_id": "acc_1", "minor": 1}'
SHAPED: dict[str, tuple[type, Callable[[int], str]]] = {
    "receivers": (SplitReceiversBody, lambda n: f'{{"receivers": [{",".join([RECEIVER] * n)}]}}'),
    "a long id": (SplitReceiversBody, lambda n: f'{{"receivers": [{{"account_id": "{"a" * n}!", "minor": 1}}]}}'),
    "entries": (BatchBody, lambda n: f'{{"entries": [{",".join(["{}"] * n)}]}}'),
    "obligations": (ObligationsBody, lambda n: f'{{"obligations": [{",".join(["{}"] * n)}]}}'),
    "unknown fields": (BatchBody, lambda n: "{" + ",".join(f'"x{i}":0' for i in range(n)) + "}"),
}


@pytest.mark.parametrize("name", BODIES)
def test_twice_as_large_a_body_is_at_most_some_twice_the_work(name: str) -> None:
    assert ratio(lambda n: BODIES[name](n).encode(), lambda raw: read_json(raw, most_bytes=MOST)) <= MOST_RATIO


@pytest.mark.parametrize("name", SHAPED)
def test_twice_as_long_a_list_is_at_most_some_twice_the_work(name: str) -> None:
    shape, make = SHAPED[name]

    assert ratio(lambda n: make(n).encode(), lambda raw: parse(raw, shape, most_bytes=MOST)) <= MOST_RATIO


HEADERS: dict[str, Callable[[int], str]] = {
    "dots": lambda n: "." * n,
    "one part": lambda n: "a" * n,
    "depth": lambda n: base64.urlsafe_b64encode(b"[" * n).decode().rstrip("=") + ".e30.e30",
    "names": lambda n: (
        base64.urlsafe_b64encode(b"{" + b",".join(b'"%d":0' % i for i in range(n)) + b"}").decode().rstrip("=")
        + ".e30.e30"
    ),
}


@pytest.mark.parametrize("name", HEADERS)
def test_twice_as_long_a_header_is_at_most_some_twice_the_work(name: str) -> None:
    def token(raw: bytes) -> object:
        return verify_token(raw.decode(), now=NOW)

    def signature(raw: bytes) -> object:
        return verify_detached(raw.decode(), b"", public_key_pem="", bank_id="bank", now=NOW)

    def cursor(raw: bytes) -> object:
        return start_of("list", {"cursor": raw.decode()})

    ratios = [ratio(lambda n: HEADERS[name](n).encode(), read) for read in (token, signature, cursor)]

    assert max(ratios) <= MOST_RATIO
