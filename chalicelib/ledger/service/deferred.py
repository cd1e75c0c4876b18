"""Deferred accounts: their balances follow the feed, and are read with the position that they follow it to."""

from __future__ import annotations

from collections.abc import Mapping

from chalicelib.core.errors import Defect
from chalicelib.core.values import dataclass
from chalicelib.ledger.store import feed, folding
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item

USUAL_ROUNDS = 20
MOST_ROUNDS = 1_000
LIST_PAGE = 100
MOST_LIST_PAGES = 1_000


@dataclass(frozen=True, slots=True)
class FoldFailure:
    """A tenant whose fold failed, and how."""

    tenant: str
    error: Exception


@dataclass(frozen=True, slots=True)
class FoldRun:
    """What folding every tenant that was behind came to: how many tenants and entries, and what failed."""

    tenants: int = 0
    entries: int = 0
    failures: tuple[FoldFailure, ...] = ()


def fold(tenant: str, known: Mapping[int, str] | None = None, *, most_rounds: int = USUAL_ROUNDS) -> int:
    """Bring a tenant's deferred accounts up to the head of its feed, in rounds of at most 100 entries; how many were
    folded here. `known`: numbers that the index may not show yet, with their entries.

    Each number is folded once, by whoever. What is left when the rounds are over, the next fold takes.
    """
    count = lost = 0
    for _ in range(most_rounds):
        folded = folding.fold_once(tenant, known or {})
        if folded is None:
            break
        count += folded
        if not folded:
            pause(lost)
            lost += 1
    return count


def fold_behind() -> FoldRun:
    """Fold every tenant whose position is behind the head of its feed. Where one fails the others are folded."""
    run = FoldRun()
    after: Item | None = None
    for _ in range(MOST_LIST_PAGES):
        page = folding.list_positions(after=after, limit=LIST_PAGE)
        heads = feed.heads([position.tenant for position in page.values])
        for position in page.values:
            if position.upto < heads.get(position.tenant, 0):
                run = _with(run, position.tenant)
        after = page.last_key
        if after is None:
            return run
    raise Defect(f"more than {MOST_LIST_PAGES * LIST_PAGE} tenants with deferred accounts")


def _with(run: FoldRun, tenant: str) -> FoldRun:
    """The run with one tenant more."""
    try:
        folded, failures = fold(tenant, most_rounds=MOST_ROUNDS), run.failures
    except Exception as error:  # whatever it is, it is this tenant's: it is handed up with the run's result
        folded, failures = 0, (*run.failures, FoldFailure(tenant, error))
    return FoldRun(run.tenants + 1, run.entries + folded, failures)
