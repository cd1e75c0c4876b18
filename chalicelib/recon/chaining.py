"""How the statements of one account follow one another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from chalicelib.core.values import dataclass
from chalicelib.recon.domain import Statement

Continuity = Literal["first", "chained", "gap", "overlap"]


@dataclass(frozen=True, slots=True)
class Link:
    """A statement in its account's chain. The closing balance is computed where the bank stated none;
    `jump_minor` is what lies between the last closing balance and this opening one (0 when chained)."""

    statement: Statement
    continuity: Continuity
    jump_minor: int
    closing_minor: int


def chain(statements: Sequence[Statement]) -> tuple[Link, ...]:
    """Statements of one account that hold by themselves, each with how it follows the one before."""
    links: list[Link] = []
    for statement in sorted(statements, key=lambda each: each.order):
        if statement.status != "quarantined":
            links.append(_link(statement, links[-1] if links else None))
    return tuple(links)


def _link(statement: Statement, before: Link | None) -> Link:
    expected = before.closing_minor if before else 0
    opening = statement.opening_minor if statement.holds and statement.opening_minor is not None else expected
    jump = opening - expected
    closing = opening + statement.booked_minor
    if before is None:
        return Link(statement, "first", jump, closing)
    return Link(statement, _continuity(before.statement, statement, jump), jump, closing)


def _continuity(before: Statement, statement: Statement, jump_minor: int) -> Continuity:
    """Balances decide first: banks number as they like, but money does not vanish between two statements. A number left
    out is a gap even where the balances agree; one that falls is a new year's count."""
    if jump_minor:
        same_days = statement.starts_on == before.starts_on
        return "overlap" if statement.starts_on < before.ends_on or same_days else "gap"
    if statement.sequence is not None and before.sequence is not None:
        return "gap" if statement.sequence > before.sequence + 1 else "chained"
    return "chained"
