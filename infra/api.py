"""A small client of the payment API, as a marketplace would write one: token, keys, problems as exceptions."""

from __future__ import annotations

import json
import uuid
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from infra.bank.http import send

CREATED_OR_OK = range(200, 300)
FORM = "application/x-www-form-urlencoded"


class ApiRefused(Exception):
    """The API answered a problem: its HTTP status, its stable code and all its members."""

    def __init__(self, what: str, status: int, problem: dict[str, Any]) -> None:
        super().__init__(f"{what}: {status} {problem.get('code')}: {problem}")
        self.status = status
        self.problem = problem


class ApiClient:
    """One client of one tenant. A token is fetched at the first call and again when the API calls it expired."""

    def __init__(self, url: str, client_id: str, client_secret: str) -> None:
        self._url = url.rstrip("/")
        self._credentials = {"client_id": client_id, "client_secret": client_secret}
        self._token = ""

    def token(self) -> str:
        """A fresh access token."""
        form = urlencode({"grant_type": "client_credentials", **self._credentials}).encode()
        status, body = send("POST", f"{self._url}/v1/oauth/token", form, {"Content-Type": FORM})
        return str(_answer("POST /v1/oauth/token", status, body)["access_token"])

    def get(self, path: str) -> Any:
        """What stands at a path (JSON)."""
        return json.loads(self.read(path))

    def read(self, path: str) -> bytes:
        """What stands at a path, as bytes."""
        status, body = self._send("GET", path, None, {})
        if status not in CREATED_OR_OK:
            _answer(f"GET {path}", status, body)
        return body

    def post(self, path: str, body: dict[str, Any], *, key: str | None = None) -> Any:
        """Send a command under a key of its own, or the one given. The answer (JSON). Raises ApiRefused."""
        return self.upload(path, json.dumps(body).encode(), "application/json", key=key)

    def upload(self, path: str, body: bytes, content_type: str, *, key: str | None = None) -> Any:
        """Send bytes as a command."""
        headers = {"Content-Type": content_type, "Idempotency-Key": key or str(uuid.uuid4())}
        status, answer = self._send("POST", path, body, headers)
        return _answer(f"POST {path}", status, answer)

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, bytes]:
        self._token = self._token or self.token()
        status, answer = send(method, self._url + path, body, headers | {"Authorization": f"Bearer {self._token}"})
        if status != HTTPStatus.UNAUTHORIZED:
            return status, answer
        self._token = self.token()
        return send(method, self._url + path, body, headers | {"Authorization": f"Bearer {self._token}"})


def _answer(what: str, status: int, body: bytes) -> Any:
    try:
        answer = json.loads(body)
    except ValueError:
        answer = {"code": "no_json", "body": body[:200].decode(errors="replace")}
    if status not in CREATED_OR_OK:
        raise ApiRefused(what, status, answer)
    return answer
