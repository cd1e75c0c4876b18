"""What a commit asks of deferred accounts: a copy of each, at most five seconds old, kept by each process.

A commit does not touch a deferred account, so its currency, status and period are checked here instead of in the write.
What is refused is refused by a fresh read: a copy only ever lets through, so entries may go on for five seconds after a
freeze or the closing of a period. `folding.py` moves the balances.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from chalicelib.core.errors import Conflict, Refusal
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import is_deferred
from chalicelib.ledger.store.moves import Move, no_account, state_refusal
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import fetch
from chalicelib.storage.tables import AccountItem, Key, account_key

COPY_SECONDS = 5
MOST_COPIES = 1_000


@dataclass(frozen=True, slots=True)
class _Copy:
    """An account, and when it was read by the process's own clock."""

    account: AccountItem
    read_at: float


_copies: dict[Key, _Copy] = {}


def moved_at_once(item: JournalItem, moves: Iterable[Move]) -> list[Move]:
    """Those of an entry's moves that its commit makes: the others, on deferred accounts, are checked and left to the
    fold. Raises what any account refuses by its state, and Conflict `account_deferred` where something is to be held.
    """
    at_once: list[Move] = []
    later: list[Move] = []
    for move in moves:
        (later if is_deferred(move.account_id) else at_once).append(move)
    if later:
        _check(item, later)
    return at_once


def _check(item: JournalItem, moves: Sequence[Move]) -> None:
    keys = [account_key(item.tenant, move.account_id) for move in moves]
    oldest = time.monotonic() - COPY_SECONDS
    copies = {key: copy for key in keys if (copy := _copies.get(key)) is not None and copy.read_at > oldest}
    stale = [key for key in keys if key not in copies]
    if stale:
        copies |= _read(stale)
    refused = _first_refusal(item, moves, copies)
    if refused is not None and len(stale) < len(keys):
        refused = _first_refusal(item, moves, _read(keys))
    if refused is not None:
        raise refused


def _first_refusal(item: JournalItem, moves: Sequence[Move], copies: Mapping[Key, _Copy]) -> Refusal | None:
    for move in moves:
        copy = copies.get(account_key(item.tenant, move.account_id))
        refused = _refusal(item, move, None if copy is None else copy.account)
        if refused is not None:
            return refused
    return None


def _refusal(item: JournalItem, move: Move, account: AccountItem | None) -> Refusal | None:
    if account is None:
        return no_account(move.account_id)
    if move.held:
        sentence = "nothing can be held of a deferred account"
        return Conflict("account_deferred", sentence, account_id=move.account_id)
    occurred_at = instant_text(move.occurred_at or item.occurred_at)
    return state_refusal(account, move, occurred_at=occurred_at, by_hand=False)


def _read(keys: Sequence[Key]) -> dict[Key, _Copy]:
    """Fresh copies of the accounts that exist. One that does not exist is never remembered: it may be opened now."""
    read_at = time.monotonic()
    fresh = {key: _Copy(cast("AccountItem", account), read_at) for key, account in fetch(keys).items()}
    if len(_copies) + len(fresh) > MOST_COPIES:
        _copies.clear()
    _copies.update(fresh)
    return fresh
