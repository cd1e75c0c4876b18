"""Faults between our code and AWS: a process killed at any call, an answer that is lost, contention, throttling.

Every botocore client of the process is reached, however it was made, and under its own retries; moto's answers pass
through here as well. Calls are counted from 1. See `crash_points` for the usual use.

    for point in crash_points():
        key = fresh()
        with point:                  # the process dies here once, at another place each time round
            command(key)
        command(key)                 # the caller, or the queue, tries again
        assert effects(key) == 1
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from botocore.endpoint import Endpoint
from botocore.exceptions import ConnectionClosedError, ReadTimeoutError
from botocore.parsers import ResponseParserError

MOST_POINTS = 100


class Crash(BaseException):
    """The process was killed. No `except Exception` of ours, and no retry, can stop it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call on its way: `operation` as `dynamodb.TransactWriteItems`, and its body's bytes."""

    operation: str
    body: bytes
    url: str


Result = tuple[Any, Exception | None]
"""What botocore's endpoint gives back: (http response, parsed answer) or None, and an exception or None."""
Effect = Callable[[Asked, Callable[[], Result]], Result]
"""What happens to a call: it may send it, or not, and says what comes back."""


@dataclass
class Calls:
    """The operations called so far, in order, those that a fault struck included."""

    operations: list[str] = field(default_factory=list)
    struck: int = 0


def crash_before(asked: Asked, send: Callable[[], Result]) -> Result:
    """Killed before the call was sent."""
    raise Crash(f"before {asked.operation}")


def crash_after(asked: Asked, send: Callable[[], Result]) -> Result:
    """Killed after the call had its effect, before anybody saw the answer."""
    send()
    raise Crash(f"after {asked.operation}")


def never_sent(asked: Asked, send: Callable[[], Result]) -> Result:
    """The connection closed before the call was taken: nothing happened, but we cannot know."""
    return None, ConnectionClosedError(endpoint_url=asked.url)


def answer_lost(asked: Asked, send: Callable[[], Result]) -> Result:
    """The call had its effect; its answer never came."""
    send()
    return None, ReadTimeoutError(endpoint_url=asked.url)


def answer_garbled(asked: Asked, send: Callable[[], Result]) -> Result:
    """The call had its effect; its answer is unreadable."""
    send()
    raise ResponseParserError("garbled")


def server_error(asked: Asked, send: Callable[[], Result]) -> Result:
    """The call had its effect; the answer says 500."""
    send()
    return _refused(500, "InternalServerError")


def throttled(asked: Asked, send: Callable[[], Result]) -> Result:
    """Refused for its rate; nothing happened."""
    return _refused(400, "ThrottlingException")


def conflicted(asked: Asked, send: Callable[[], Result]) -> Result:
    """A transaction refused because another has one of its items (its last one); nothing happened."""
    actions = json.loads(asked.body)["TransactItems"]
    return cancelled(*["None"] * (len(actions) - 1), "TransactionConflict")(asked, send)


def cancelled(*codes: str) -> Effect:
    """A transaction refused with these reasons, one for each action."""

    def effect(asked: Asked, send: Callable[[], Result]) -> Result:
        return _refused(400, "TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])

    return effect


CRASHES = (crash_before, crash_after)
LOST = (never_sent, answer_lost, answer_garbled, server_error)


@contextmanager
def watching() -> Iterator[Calls]:
    """Count the block's AWS calls: `calls.operations == ["dynamodb.TransactWriteItems"]`."""
    with _intercepted(lambda number, asked: None) as calls:
        yield calls


@contextmanager
def fault(effect: Effect, *, at: int = 1, times: int = 1, only: str = "") -> Iterator[Calls]:
    """Strike the `at`-th call of the block, and the `times - 1` after it. `only` counts the operations that begin so
    (`dynamodb`, `sqs.SendMessage`). A crash passes through: see `crash_points` for one that is caught."""
    with _intercepted(lambda number, asked: effect if at <= number < at + times else None, only) as calls:
        yield calls


class Point:
    """One place where a fault strikes, as a context manager that swallows the crash. `struck`: it was reached."""

    def __init__(self, effect: Effect, at: int, only: str) -> None:
        self.effect, self.at, self.only = effect, at, only
        self.calls: Calls | None = None

    @property
    def struck(self) -> bool:
        """Whether the run made enough calls for the fault to strike."""
        return self.calls is not None and self.calls.struck > 0

    def __enter__(self) -> Calls:
        self._block = fault(self.effect, at=self.at, only=self.only)
        self.calls = self._block.__enter__()
        return self.calls

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, _: TracebackType | None) -> bool:
        self._block.__exit__(None, None, None)
        return kind is not None and issubclass(kind, Crash)

    def __repr__(self) -> str:
        return f"{self.effect.__name__} at call {self.at} of {self.calls and self.calls.operations}"


def fault_points(*effects: Effect, only: str = "") -> Iterator[Point]:
    """Each effect at call 1, then at call 2, and so on, until a run ends without reaching the call.

    That last run is whole, so the loop's body also sees the command without a fault.
    """
    for effect in effects:
        for at in range(1, MOST_POINTS + 1):
            point = Point(effect, at, only)
            yield point
            if point.calls is None:
                raise AssertionError("the loop's body must run the command `with point:`")
            if not point.struck:
                break
        else:
            raise AssertionError(f"more than {MOST_POINTS} calls")
        if at == 1:
            raise AssertionError(f"the command made no call that {effect.__name__} could strike")


def crash_points(only: str = "") -> Iterator[Point]:
    """The process killed before, and after, each AWS call of a command. Used as the module's head shows."""
    return fault_points(*CRASHES, only=only)


def lost_points(only: str = "") -> Iterator[Point]:
    """Each AWS call lost on its way there or back, in every manner: our retries must absorb it, nothing is raised."""
    return fault_points(*LOST, only=only)


@contextmanager
def _intercepted(strikes: Callable[[int, Asked], Effect | None], only: str = "") -> Iterator[Calls]:
    calls, lock, genuine = Calls(), threading.Lock(), Endpoint._get_response
    counted = 0

    def get_response(endpoint: Any, request: Any, operation_model: Any, context: Any) -> Result:
        nonlocal counted
        asked = _asked(request, operation_model)
        with lock:
            calls.operations.append(asked.operation)
            counts = asked.operation.startswith(only)
            counted += counts
            effect = strikes(counted, asked) if counts else None
            calls.struck += effect is not None

        def send() -> Result:
            result: Result = genuine(endpoint, request, operation_model, context)
            return result

        return effect(asked, send) if effect else send()

    Endpoint._get_response = get_response
    try:
        yield calls
    finally:
        Endpoint._get_response = genuine


def _asked(request: Any, operation_model: Any) -> Asked:
    body = request.body
    return Asked(
        operation=f"{operation_model.service_model.service_name}.{operation_model.name}",
        body=body if isinstance(body, bytes) else str(body or "").encode(),
        url=request.url,
    )


def _refused(status: int, code: str, **more: Any) -> Result:
    parsed = {"Error": {"Code": code, "Message": code}, "ResponseMetadata": {"HTTPStatusCode": status}} | more
    return (_Status(status), parsed), None


@dataclass(frozen=True, slots=True)
class _Status:
    """As much of an HTTP response as botocore looks at once the answer is parsed."""

    status_code: int
    headers: dict[str, str] = field(default_factory=dict)
