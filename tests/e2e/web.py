"""HTTP as it goes over the wire: any method, any bytes, any header, the answer whole; nothing is retried."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

TIMEOUT_SECONDS = 60
AT_ONCE = 4
"""Requests in flight: the emulator waits more than it works, and keeps as many functions warm."""

JSON = "application/json"
PROBLEM = "application/problem+json"
FORM = "application/x-www-form-urlencoded"

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: header names in lower case, the body's bytes."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body's value."""
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable code of a problem."""
        return str(self.json["code"])

    @property
    def replayed(self) -> bool:
        """Whether it is marked as the answer of an earlier call."""
        return self.headers.get("idempotent-replayed") == "true"


@dataclass(frozen=True)
class Web:
    """An API at an address, spoken to with a token, or without one."""

    url: str
    token: str = ""
    timeout: float = TIMEOUT_SECONDS

    def send(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Reply:
        """One request, exactly as told; `path` is already encoded."""
        address = urlsplit(self.url)
        bearer = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        connection = HTTPConnection(address.hostname or "", address.port, timeout=self.timeout)
        try:
            connection.request(method, address.path + path, body, {**bearer, **(headers or {})})
            answer = connection.getresponse()
            return Reply(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def get(self, path: str) -> Reply:
        """GET."""
        return self.send("GET", path)

    def post(self, path: str, body: object, *, key: str | None = None) -> Reply:
        """A command as JSON (bytes as they are), under this key or a fresh one."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", path, content, {"Content-Type": JSON, "Idempotency-Key": key or str(uuid.uuid4())})

    def made(self, path: str, body: object) -> Any:
        """The answer of a command that must succeed."""
        reply = self.post(path, body)
        assert reply.status in (200, 201, 202), (path, reply)
        return reply.json

    def read(self, path: str) -> Any:
        """The answer of a question that must succeed."""
        reply = self.get(path)
        assert reply.status == 200, (path, reply)
        return reply.json

    def with_token(self, token: str) -> Web:
        """The same address, another token."""
        return replace(self, token=token)

    def logged_in(self, client_id: str, client_secret: str, scope: str = "") -> Web:
        """With a fresh token of a client: of these scopes, or of all it has."""
        form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": client_secret}
        content = urlencode(form | ({"scope": scope} if scope else {})).encode()
        reply = self.send("POST", "/v1/oauth/token", content, {"Content-Type": FORM})
        assert reply.status == 200, reply
        return self.with_token(reply.json["access_token"])


def at_once(work: Callable[[T], R], cases: Iterable[T], *, workers: int = AT_ONCE) -> list[R]:
    """`work` on every case, several at a time; the results in order."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(work, cases))
