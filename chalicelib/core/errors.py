"""Refusals (the caller's business) and defects (ours): two trees that never mix.

A refusal is answered with its stable code and its facts; a defect is hidden from callers and always alarmed. The
HTTP status of each kind is kept in one table, in `chalicelib.web.problems`.
"""

from __future__ import annotations


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
