"""How the statements of one account follow one another."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import groupby
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
    """Statements of one account that hold by themselves, each with how it follows the one before.

    Those of the same days without a number that orders them stand as their balances chain: 0 to 1000 before 1000 to
    3000, however they were named and in whatever order they came.
    """
    links: list[Link] = []
    standing = sorted((each for each in statements if each.status != "quarantined"), key=lambda each: each.order)
    for _, same_days in groupby(standing, key=lambda each: each.days):
        before = links[-1].closing_minor if links else 0
        for statement in _by_balances(list(same_days), before):
            links.append(_link(statement, links[-1] if links else None))
    return tuple(links)


def is_certain(same_days: Sequence[Statement]) -> bool:
    """Whether statements of the same days, all there are, say by themselves where they close: a single one that holds,
    or several that hold and lead from one balance to another, each used once, in one way to begin."""
    if not same_days or not all(each.holds for each in same_days):
        return False
    if len(same_days) == 1:
        return True
    open_at: dict[int, list[Statement]] = defaultdict(list)
    surplus: Counter[int] = Counter()
    for each in same_days:
        open_at[_opening(each)].append(each)
        surplus[_opening(each)] += 1
        surplus[_closing(each)] -= 1
    heads = [balance for balance, more in surplus.items() if more > 0]
    return len(heads) == 1 and surplus[heads[0]] == 1 and len(_path(open_at, heads[0])) == len(same_days)


def _by_balances(statements: list[Statement], before_minor: int) -> list[Statement]:
    """Statements of the same days in the order in which each opens where the one before it closed, as far as they do.

    A path that uses each of them once, from balance to balance (Hierholzer): linear, and it finds its way past those
    that end where they began. Statements without balances that hold come last.
    """
    if len(statements) == 1:
        return statements
    open_at: dict[int, list[Statement]] = defaultdict(list)
    surplus: Counter[int] = Counter()
    for statement in reversed([each for each in statements if each.holds]):
        open_at[_opening(statement)].append(statement)
        surplus[_opening(statement)] += 1
        surplus[_closing(statement)] -= 1
    ordered: list[Statement] = []
    while any(open_at.values()):
        ordered += _path(open_at, _start(open_at, surplus, before_minor))
        before_minor = _closing(ordered[-1])
    return ordered + [each for each in statements if not each.holds]


def _start(open_at: dict[int, list[Statement]], surplus: Counter[int], before_minor: int) -> int:
    """The balance to begin at: where the last one closed, unless a chain that begins elsewhere leads there."""
    starts = [balance for balance, left in open_at.items() if left]
    heads = [balance for balance in starts if surplus[balance] > 0]
    if before_minor not in starts:
        return (heads or starts)[-1]
    if before_minor in heads:
        return before_minor
    return next((head for head in heads if _leads_to(open_at, head, before_minor)), before_minor)


def _leads_to(open_at: Mapping[int, list[Statement]], start: int, end: int) -> bool:
    """Whether statements lead from one balance to another."""
    seen, ahead = {start}, [start]
    while ahead:
        for statement in open_at.get(ahead.pop(), ()):
            if _closing(statement) not in seen:
                seen.add(_closing(statement))
                ahead.append(_closing(statement))
    return end in seen


def _path(open_at: dict[int, list[Statement]], start: int) -> list[Statement]:
    """The statements that can be reached from a balance, in order; they are taken out of `open_at`."""
    path: list[Statement] = []
    walk: list[tuple[int, Statement | None]] = [(start, None)]
    while walk:
        balance, came_by = walk[-1]
        if open_at[balance]:
            following = open_at[balance].pop()
            walk.append((_closing(following), following))
            continue
        walk.pop()
        if came_by is not None:
            path.append(came_by)
    return path[::-1]


def _opening(statement: Statement) -> int:
    return statement.opening_minor or 0


def _closing(statement: Statement) -> int:
    return _opening(statement) + statement.booked_minor


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


def covers(statements: Sequence[Statement], first: date, last: date) -> bool:
    """Whether statements show all that an account has booked from one day through another: each of them holds and is
    stored whole, each begins where the one before it closed, and none of the days is outside of them."""
    links = chain(statements)
    if not links or not all(each.holds and each.status == "loaded" for each in statements):
        return False
    within = links[0].statement.starts_on <= first and last <= max(each.ends_on for each in statements)
    return within and all(link.continuity == "chained" for link in links[1:])
