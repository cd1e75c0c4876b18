"""Refusals (the caller's business) and defects (ours): two trees that never mix.

A refusal is answered with its stable code and its facts; a defect is hidden from callers and always alarmed. The
HTTP status of each kind is kept in one table, in `chalicelib.web.problems`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar


class Refusal(Exception):
    """A command that cannot be done. `code` is stable, `facts` are JSON values, the sentence is for people only."""

    def __init__(self, code: str, sentence: str, **facts: object) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.facts = facts

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code!r}, {self.facts!r})"


class InvalidInput(Refusal):
    """The request itself breaks a rule: a field is missing, mistyped, unknown or out of range."""


class Unauthenticated(Refusal):
    """No proof of who is asking: token or signature missing, expired or wrong."""


class Forbidden(Refusal):
    """Known, but not allowed: the token lacks the scope."""


class NotFound(Refusal):
    """No such thing in the caller's tenant. Another tenant's thing looks exactly the same."""


class Conflict(Refusal):
    """The books as they stand do not allow it: short of funds, wrong state, limit reached."""


class KeyReused(Refusal):
    """The idempotency key was used before with another request."""


class TooLarge(Refusal):
    """More bytes, lines or items than the named maximum."""


class Busy(Refusal):
    """Contention or an outage outlasted every retry. Nothing is known to be lost: ask again with the same key."""


class Defect(Exception):
    """An invariant of ours does not hold. Never the caller's fault."""


R = TypeVar("R", bound=Refusal)


def at_index(refusal: R, listed: str, index: int) -> R:
    """The same refusal, which says which of several it is about: `listed` is their field in the request."""
    field = refusal.facts.get("field")
    place = f"{listed}[{index}]" if field is None else f"{listed}[{index}].{field}"
    return type(refusal)(refusal.code, refusal.sentence, **refusal.facts | {"field": place, "index": index})


@contextmanager
def about(listed: str, index: int) -> Iterator[None]:
    """What is refused in the block is about one of several, and says which."""
    try:
        yield
    except Refusal as refusal:
        raise at_index(refusal, listed, index) from refusal


def code_of(error: Exception) -> str:
    """The stable code of a refusal, or the name of another error's kind."""
    return error.code if isinstance(error, Refusal) else type(error).__name__
