"""A command as the tests send it: an example, and another request that may not share its key."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from tests.e2e.market import Market
from tests.e2e.web import JSON, Reply


@dataclass(frozen=True)
class Command:
    """A command: where, with what; and another one, in its place or in its body, that may not share its key."""

    path: str
    body: Any
    other_body: Any = None
    other_path: str = ""
    kind: str = JSON

    def send(self, market: Market, key: str) -> Reply:
        """Send it under a key."""
        return self._send(market, key, self.path, self.body)

    def send_other(self, market: Market, key: str) -> Reply:
        """Send the other one under a key."""
        other_body = self.body if self.other_body is None else self.other_body
        return self._send(market, key, self.other_path or self.path, other_body)

    def _send(self, market: Market, key: str, path: str, body: Any) -> Reply:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        return market.web.send("POST", path, content, {"Content-Type": self.kind, "Idempotency-Key": key})
