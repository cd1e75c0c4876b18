"""Lists in pages: a limit, and an opaque cursor that is good for the list and tenant it was given for."""

from __future__ import annotations

import base64
import json
import re
from hashlib import sha256

from chalicelib.core.errors import InvalidInput, TooLarge
from chalicelib.storage.tables import Item
from chalicelib.web.parse import read_json

MOST = 100
USUAL = 50
MOST_CURSOR = 4096


def page_limit(query: dict[str, str]) -> int:
    """The `limit` parameter: 1 to 100, 50 unless told. Raises InvalidInput `invalid_limit`."""
    if "limit" not in query:
        return USUAL
    given = query["limit"]
    if not (re.fullmatch("[0-9]{1,3}", given) and 1 <= int(given) <= MOST):
        raise InvalidInput("invalid_limit", f"limit lies between 1 and {MOST}", field="limit", maximum=MOST)
    return int(given)


def cursor_for(list_name: str, last_key: Item | None) -> str | None:
    """The cursor that goes on after `last_key`. `list_name` says which list of which tenant."""
    if last_key is None:
        return None
    content = json.dumps({"l": _tag(list_name), "k": last_key}, separators=(",", ":"))
    return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")


def start_of(list_name: str, query: dict[str, str]) -> Item | None:
    """The key a `cursor` parameter stands for. Raises InvalidInput `invalid_cursor`, also for another list's."""
    if "cursor" not in query:
        return None
    try:
        cursor = query["cursor"]
        content = read_json(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), most_bytes=MOST_CURSOR)
        if content["l"] == _tag(list_name):
            return {name: _attribute(value) for name, value in content["k"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, InvalidInput, TooLarge):
        pass
    raise InvalidInput("invalid_cursor", "the cursor is not one of this list", field="cursor")


def _attribute(value: dict[str, str]) -> dict[str, str]:
    """A key attribute as the wire has it: one text or one whole number."""
    [(kind, content)] = value.items()
    if not isinstance(content, str) or not (kind == "S" or (kind == "N" and content.isdecimal())):
        raise ValueError("no key attribute")
    return {kind: content}


def _tag(list_name: str) -> str:
    return sha256(list_name.encode()).hexdigest()[:12]
