"""Deferred accounts: their balances follow the feed, and are read with the position that they follow it to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chalicelib.core.errors import Defect
from chalicelib.core.runs import Run, attempt_each
from chalicelib.ledger.store import feed, folding
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item

USUAL_ROUNDS = 20
MOST_ROUNDS = 1_000
LIST_PAGE = 100
MOST_LIST_PAGES = 1_000


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


def fold_behind() -> Run[str]:
    """Fold every tenant whose position is behind the head of its feed; how many entries were folded. Where one fails
    the others are folded."""
    return attempt_each(_behind(), lambda tenant: fold(tenant, most_rounds=MOST_ROUNDS))


def _behind() -> Iterator[str]:
    """The tenants whose position is behind the head of their feed."""
    after: Item | None = None
    for _ in range(MOST_LIST_PAGES):
        page = folding.list_positions(after=after, limit=LIST_PAGE)
        heads = feed.heads([position.tenant for position in page.values])
        yield from (each.tenant for each in page.values if each.upto < heads.get(each.tenant, 0))
        after = page.last_key
        if after is None:
            return
    raise Defect(f"more than {MOST_LIST_PAGES * LIST_PAGE} tenants with deferred accounts")
