"""Requests to a Chalice application as API Gateway makes them, and tokens to make them with."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from unittest.mock import patch
from urllib.parse import unquote, urlsplit

from chalice.app import Chalice

from chalicelib.access.domain import SCOPES
from chalicelib.security import keys
from chalicelib.security.tokens import Principal, mint_token
from tests.support.events import http_event

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `body` is its JSON value where it is JSON, else its text or bytes. Header names in lower case."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def code(self) -> Any:
        """The code of a problem."""
        return self.body["code"]


@dataclass(frozen=True)
class Api:
    """A client of an application, with a token or without."""

    app: Chalice
    token: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, url: str, **headers: str) -> Reply:
        """GET. A header's underscores stand for dashes."""
        return self.send("GET", url, headers=headers)

    def post(self, url: str, body: object, *, key: str | None = None, kind: str = JSON, **headers: str) -> Reply:
        """POST a value as JSON, or bytes as they are, under an Idempotency-Key."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": kind, **({} if key is None else {"idempotency-key": key}), **headers}
        return self.send("POST", url, headers=given, body=raw)

    def send(self, method: str, url: str, *, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """One request, routed by the application's own table, as the gateway does it: a word comes before a parameter.
        A path no route matches is our test's mistake."""
        resource, values = self._matched(urlsplit(url).path)
        bearer = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
        given = bearer | dict(self.headers) | {name.replace("_", "-"): value for name, value in headers.items()}
        kind = given.get("content-type", JSON).partition(";")[0]
        event = http_event(
            method,
            url,
            resource=resource,
            headers=given,
            path_values=values,
            body=body,
            binary=kind in self.app.api.binary_types,
        )
        return _reply(self.app(event, None))

    def _matched(self, path: str) -> tuple[str, dict[str, str]]:
        for resource in sorted(self.app.routes, key=lambda path: path.count("{")):
            match = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", resource), path)
            if match:
                return resource, {name: unquote(value) for name, value in match.groupdict().items()}
        raise AssertionError(f"no route for {path}")


@contextmanager
def signing(*signing_keys: dict[str, str]) -> Iterator[None]:
    """These keys, or a fresh one, are the platform's for the length of the block, read from nowhere."""
    kept = keys._Kept()
    with patch.object(keys, "_kept", kept):
        keys._keep(keys.KeySet(signing_keys or (keys.create_signing_key(),)))
        yield


def token_for(tenant: str, *scopes: str) -> str:
    """A token for a client of a tenant: of these scopes, or of all."""
    return mint_token(Principal(tenant, "cli_test", frozenset(scopes or SCOPES)), now=datetime.now(UTC))


def _reply(answer: dict[str, Any]) -> Reply:
    headers = {name.lower(): value for name, value in answer["headers"].items()}
    body: Any = base64.b64decode(answer["body"]) if answer.get("isBase64Encoded") else answer["body"]
    is_json = headers.get("content-type", "").partition(";")[0] in {JSON, "application/problem+json"}
    return Reply(answer["statusCode"], headers, json.loads(body) if is_json else body)
