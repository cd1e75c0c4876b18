"""What the product's workers say by the keys under which they do things: the command that the model judges."""

from __future__ import annotations

import json
from typing import Any

from chalicelib.core.instants import parse_instant
from tests.simulation.books import Body
from tests.simulation.deals import microseconds

EXPIRING = "w:hold-expired:"
DUE = "w:due:"
ASIDE = ":aside"
NET = "w:net:"


def said_by_worker(key: str, item: dict[str, Any]) -> Body | None:
    """The command behind a journal item that a worker wrote; None where it is a caller's."""
    if key.startswith(EXPIRING):
        return {"do": "expire", "hold": key.removeprefix(EXPIRING)}
    data = json.loads(item["data"]["S"]) if "data" in item else {}
    if key.startswith(DUE):
        return _deed(key.removeprefix(DUE), data)
    return _netted(key.removeprefix(NET), data) if key.startswith(NET) else None


def _deed(said: str, data: dict[str, Any]) -> Body:
    aside = said.endswith(ASIDE)
    trade, version, deed, point, at = said.removesuffix(ASIDE).split(":", 4)
    body = {"do": "aside" if aside else "due", "trade": trade, "version": int(version), "deed": deed, "key": point}
    return body | {"at": microseconds(parse_instant(at)), **({"code": data["code"]} if aside else {})}


def _netted(said: str, data: dict[str, Any]) -> Body:
    net, what, *more = said.split(":")
    if what == "closing":
        return {"do": "net_close", "net": net, "by_time": True}
    if what == "closed":
        sums = {"obligations": data["obligations"], "total": data["total_minor"], "settlements": data["settlements"]}
        return {"do": "net_closed", "net": net} | sums
    return {"do": "net_trade", "net": net, "payer": what, "payee": more[0], "minor": data["due_minor"]}
