"""Several entries of one command in one commit: each a journal item of its own, each account updated once.

An account that more than one of them moves is updated by a batch's item, which names them in their order; any other by
its entry. They book facts: no limit refuses them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Defect
from chalicelib.ledger.store.batches import BATCH_POSTED
from chalicelib.ledger.store.deferred import moved_at_once
from chalicelib.ledger.store.entries import account_moves
from chalicelib.ledger.store.moves import Move, move_write
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Plan, also_journal


def plan_together(
    call: Call, items: Sequence[JournalItem], *writes: Write, read: Mapping[str, int] | None = None
) -> Plan:
    """The plan of a command that books its own entry (the first item) and others with it. `read` has the versions of
    accounts that they were decided from."""
    seen = read or {}
    moves = [(item, move) for item in items for move in _moves(item, seen)]
    by_account: dict[str, list[tuple[JournalItem, Move]]] = {}
    for item, move in moves:
        by_account.setdefault(move.account_id, []).append((item, move))
    shared = [of_account for of_account in by_account.values() if len(of_account) > 1]
    header = _header(call, items)
    alone = (move_write(item, move, fact=True) for [(item, move)] in _single(by_account))
    summed = (move_write(header, _sum(of_account), fact=True) for of_account in shared)
    puts = (also_journal(item, _written_before) for item in (*items[1:], *((header,) if shared else ())))
    return Plan(items[0], (*puts, *alone, *summed, *writes))


def _moves(item: JournalItem, read: Mapping[str, int]) -> list[Move]:
    return moved_at_once(item, account_moves(item, read))


def _single(by_account: dict[str, list[tuple[JournalItem, Move]]]) -> list[list[tuple[JournalItem, Move]]]:
    return [of_account for of_account in by_account.values() if len(of_account) == 1]


def _sum(of_account: list[tuple[JournalItem, Move]]) -> Move:
    first = of_account[0][1]
    return Move(
        first.account_id,
        first.currency,
        sum(move.amount for _, move in of_account),
        sum(move.held for _, move in of_account),
        lines=len(of_account),
        booked=True,
        occurred_at=min(item.occurred_at for item, _ in of_account),
        read=first.read,
    )


def _header(call: Call, items: Sequence[JournalItem]) -> JournalItem:
    content = {"entries": [item.entry_id for item in items]}
    own = worker_call(
        tenant=call.tenant,
        key=f"together:{call.entry_id}",
        content=content,
        now=call.now,
        entropy=b"",
        actor=call.actor,
    )
    return journal_item(own, BATCH_POSTED, data=content)


def _written_before(_: object) -> Defect:
    return Defect("entries that are booked together stand or fall with the first of them")
