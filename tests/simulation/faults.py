"""What may strike a call to the table in memory, as botocore would tell of it, and the process's own end."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

from tests.simulation.table import cancelled, refused

URL = "memory://dynamodb"
Request = dict[str, Any]
Send = Callable[[Request], Any]
Strike = Callable[[random.Random, Request, Send], Any]


class Killed(BaseException):
    """The process was killed. No `except Exception` stops it; the command is said again later, by whoever."""


def killed_before(chance: random.Random, request: Request, send: Send) -> Any:
    """Killed before the call was sent."""
    raise Killed


def killed_after(chance: random.Random, request: Request, send: Send) -> Any:
    """Killed when the call had its effect."""
    send(request)
    raise Killed


def never_sent(chance: random.Random, request: Request, send: Send) -> Any:
    """The connection closed before the call was taken."""
    raise ConnectionClosedError(endpoint_url=URL)


def answer_lost(chance: random.Random, request: Request, send: Send) -> Any:
    """The call had its effect; its answer never came."""
    send(request)
    raise ReadTimeoutError(endpoint_url=URL)


def answer_garbled(chance: random.Random, request: Request, send: Send) -> Any:
    """The call had its effect; its answer cannot be read."""
    send(request)
    raise ResponseParserError("garbled")


def server_error(chance: random.Random, request: Request, send: Send) -> Any:
    """The call had its effect; the answer says 500."""
    send(request)
    raise refused("any", "InternalServerError", "internal server error", status=500)


def throttled(chance: random.Random, request: Request, send: Send) -> Any:
    """Refused for its rate."""
    raise refused("any", "ThrottlingException", "rate exceeded")


def conflicted(chance: random.Random, request: Request, send: Send) -> Any:
    """A transaction refused because another has one of its items."""
    struck = chance.randrange(len(request["TransactItems"]))
    reasons = [{"Code": "None"} for _ in request["TransactItems"]]
    reasons[struck] = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
    raise cancelled(reasons)


def held_back(chance: random.Random, request: Request, send: Send) -> Any:
    """A batch of which a part is not done."""
    now: dict[str, Any] = {}
    later: dict[str, Any] = {}
    for table, asked in request["RequestItems"].items():
        parts = asked["Keys"] if isinstance(asked, dict) else asked
        at = chance.randrange(len(parts) + 1)
        for target, part in ((now, parts[:at]), (later, parts[at:])):
            if part:
                target[table] = asked | {"Keys": part} if isinstance(asked, dict) else part
    answer = send({"RequestItems": now}) if now else {"Responses": {}}
    return answer | {"UnprocessedKeys": later, "UnprocessedItems": later}


ANY = (killed_before, killed_after, never_sent, answer_lost, answer_garbled, server_error, throttled)
ONLY = {
    "TransactWriteItems": (conflicted, conflicted, conflicted),
    "BatchGetItem": (held_back,),
    "BatchWriteItem": (held_back,),
}
"""What strikes any call, and what only some."""


def strike_for(chance: random.Random, operation: str) -> Strike:
    """A fault that this operation can have."""
    return chance.choice(ANY + ONLY.get(operation, ()))
