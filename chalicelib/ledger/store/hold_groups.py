"""How steps of several holds stand in DynamoDB: all or none, in one commit.

The group has a journal item of its own, under the caller's key, which names those of its holds; theirs stand under keys
made of its id, which no caller can reach. Each account is moved once, whatever the holds have in common.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate

from chalicelib.core.call import WORKER, Call
from chalicelib.core.errors import Conflict, Defect, InvalidInput, Refusal, about, at_index
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Side
from chalicelib.ledger.holds import GROUP_CAPTURED, GROUP_PLACED, GROUP_VOIDED
from chalicelib.ledger.store.deferred import moved_at_once
from chalicelib.ledger.store.entries import load_entries
from chalicelib.ledger.store.moves import Move, move_write, refusal
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Plan, also_journal
from chalicelib.storage.tables import AccountItem, Item

LISTED = {GROUP_PLACED: "holds", GROUP_CAPTURED: "captures", GROUP_VOIDED: "hold_ids"}
"""What the holds of a group are called in the request."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a group does to one of its holds: the journal item, the moves, and the write of its state, if any."""

    item: JournalItem
    moves: tuple[Move, ...]
    writes: tuple[Write, ...] = ()


def part_call(call: Call, index: int) -> Call:
    """The call that books a group's part: under a key of its own that follows from the group's."""
    return replace(call, key=f"{WORKER}:hold-group:{call.entry_id}:{index}")


def plan_group(call: Call, kind: str, parts: Sequence[Part]) -> Plan:
    """The plan of a group. A refusal by an account names the index of the hold that it is about.

    Raises InvalidInput `account_in_two_currencies` and Conflict `hold_on_wrong_side` for holds that contradict each
    other.
    """
    item = journal_item(call, kind, data={"entries": [part.item.entry_id for part in parts]})
    moves: dict[str, list[tuple[int, Move]]] = {}
    for index, part in enumerate(parts):
        with about(LISTED[kind], index):
            at_once = moved_at_once(part.item, part.moves)
        for move in at_once:
            moves.setdefault(move.account_id, []).append((index, move))
    updates = [_update(item, _summed(kind, of_account), of_account) for of_account in moves.values()]
    journalled = [also_journal(part.item, _impossible, tag=f"also {part.item.entry_id}") for part in parts]
    return Plan(item, (*journalled, *(write for part in parts for write in part.writes), *updates))


def read_parts(item: JournalItem) -> tuple[JournalItem, ...]:
    """The journal items of a group's holds, read back in their order."""
    ids = item.data["entries"]
    found = load_entries(item.tenant, ids)
    return tuple(found[entry_id] for entry_id in ids)


def _summed(kind: str, moves: Sequence[tuple[int, Move]]) -> Move:
    """What moves of one account come to, as one. It needs the room that the highest point on the way needs, so a group
    is done exactly where its holds' steps, one after the other, would be."""
    _check_alike(kind, moves)
    each = [move for _, move in moves]
    return Move(
        each[0].account_id,
        each[0].currency,
        amount=sum(move.amount for move in each),
        held=sum(move.held for move in each),
        held_side=next((move.held_side for move in each if move.held), Side.DEBIT),
        lines=len(each),
        booked=any(move.booked for move in each),
        peaks=(max(0, *accumulate(move.debit for move in each)), max(0, *accumulate(move.credit for move in each))),
    )


def _check_alike(kind: str, moves: Sequence[tuple[int, Move]]) -> None:
    _, first = moves[0]
    sides = [(index, move.held_side) for index, move in moves if move.held]
    for index, move in moves:
        if move.currency != first.currency:
            with about(LISTED[kind], index):
                sentence = "an account has one currency"
                raise InvalidInput("account_in_two_currencies", sentence, account_id=move.account_id)
    for index, side in sides:
        if side is not sides[0][1]:
            with about(LISTED[kind], index):
                sentence = "an account is lowered by one side only"
                raise Conflict("hold_on_wrong_side", sentence, account_id=first.account_id)


def _update(item: JournalItem, move: Move, parts: Sequence[tuple[int, Move]]) -> Write:
    write = move_write(item, move, by_hand=True)

    def refuse(old: Item | None) -> Exception:
        refused = write.refuse(old)
        if not isinstance(refused, Refusal):
            return refused
        return at_index(refused, LISTED[item.kind], _culprit(item, old, parts))

    return replace(write, refuse=refuse)


def _culprit(item: JournalItem, old: Item | None, parts: Sequence[tuple[int, Move]]) -> int:
    """The index of the first hold with which the account refuses: those before it would have been done."""
    if old is not None:
        account, occurred_at = AccountItem.from_raw_data(old), instant_text(item.occurred_at)
        for upto in range(1, len(parts)):
            move = _summed(item.kind, parts[:upto])
            if not move.lets_go and refusal(account, move, occurred_at=occurred_at, by_hand=True):
                return parts[upto - 1][0]
        return parts[-1][0]
    return parts[0][0]


def _impossible(_: Item | None) -> Exception:
    return Defect("a part of a group is in the journal, and the group is not")
