"""The proof of a tenant's holds: each one that is open stands in the lists by which it is found when its time is over.

A hold that the sequencer never heard of is reserved like any other, but nothing finds it: no sweep would return it, and
no command that is short of its account's funds.
"""

from __future__ import annotations

from datetime import datetime

from chalicelib.core.values import dataclass
from chalicelib.ledger.rebuild import Difference
from chalicelib.ledger.service import holds
from chalicelib.ledger.service.proving_accounts import BATCH, SEQUENCED
from chalicelib.ledger.service.proving_feed import Walk
from chalicelib.ledger.store.holds import unlisted


@dataclass(frozen=True, slots=True)
class HoldsProof:
    """How many holds were put into their lists, and those that are in none."""

    listed: int
    found: tuple[Difference, ...]


def prove_holds(walk: Walk, now: datetime, *, mend: bool) -> HoldsProof:
    """Look for the lists of every open hold that a walk has come by and that the sequencer has had time for. With
    `mend` those that are in none are put there."""
    placed = walk.holds.placed_before(now - SEQUENCED)
    lost: list[str] = []
    for start in range(0, len(placed), BATCH):
        lost += unlisted(walk.tenant, placed[start : start + BATCH])
    if not mend:
        return HoldsProof(0, tuple(Difference("hold_unlisted", hold_id) for hold_id in lost))
    for hold_id in lost:
        holds.index(walk.tenant, hold_id)
    return HoldsProof(len(lost), ())
