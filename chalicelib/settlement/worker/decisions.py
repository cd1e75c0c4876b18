"""What follows when a statement or a person has decided on possible duplicates: what is confirmed is booked, and the
statement's line that shows it is matched to that entry."""

from __future__ import annotations

from datetime import datetime

from chalicelib.core.call import worker_call
from chalicelib.core.errors import Conflict
from chalicelib.ledger.service.entries import get_entry
from chalicelib.recon.service.breaks import break_of_movement, rematch_break
from chalicelib.settlement.booking import book_decided
from chalicelib.settlement.domain.possible_duplicates import PossibleDuplicate
from chalicelib.settlement.kinds import STATEMENT_STORED
from chalicelib.settlement.service.identity import settle_doubts


def follow_decision(tenant: str, entry_id: str, *, now: datetime) -> None:
    """Book what an entry has decided to be a movement of its own. Done twice it is done once.

    Raises NotFound `entry_not_found`.
    """
    item = get_entry(tenant, entry_id)
    if item.kind != STATEMENT_STORED:
        book_decided(tenant, str(item.subject), now=now)
        return
    for confirmed in settle_doubts(tenant, str(item.subject), item.data.get("doubtful", ()), now=now):
        book_decided(tenant, confirmed.duplicate_id, now=now)
        _match(tenant, confirmed, now)


def _match(tenant: str, confirmed: PossibleDuplicate, now: datetime) -> None:
    """Match the line that took the movement. One that is no open break any more is left as it is."""
    movement = confirmed.movement
    break_id = break_of_movement(tenant, movement.account.account_id, movement.key)
    if break_id is None:
        return
    call = worker_call(
        tenant=tenant,
        key=f"rematch:{break_id}:{confirmed.entry_id}",
        content=None,
        now=now,
        entropy=b"",
        actor=movement.account.bank_id,
    )
    try:
        rematch_break(call, break_id)
    except Conflict as resolved:
        if resolved.code != "break_resolved":
            raise
