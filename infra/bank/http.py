"""One HTTP request over loopback: status and body, whatever the status; no proxy, no redirect magic, a timeout."""

from __future__ import annotations

import urllib.error
import urllib.request

TIMEOUT_SECONDS = 15

_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def send(method: str, url: str, body: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    """The answer's status and body. Raises OSError when there is no answer at all."""
    request = urllib.request.Request(url, data=body, method=method, headers=headers or {})
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()
