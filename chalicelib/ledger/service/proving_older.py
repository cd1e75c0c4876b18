"""The proof of what was proved before, a part each night: checkpoints with all their entries, accounts with all their
lines, the oldest first and round again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.checkpoints import Position
from chalicelib.ledger.documents import digest
from chalicelib.ledger.domain import is_deferred
from chalicelib.ledger.lines import check_chain
from chalicelib.ledger.rebuild import UNPROVED, Difference, Proven, Stood, differences
from chalicelib.ledger.service.proving_accounts import SEQUENCED
from chalicelib.ledger.service.proving_feed import Chain
from chalicelib.ledger.store import proofs, proving
from chalicelib.ledger.store.history import account_of, find_line, history_page
from chalicelib.ledger.store.proofs import Standing

CHECKPOINTS_A_NIGHT = 25
"""How many old checkpoints one night proves again: up to a hundred thousand entries."""

ACCOUNTS_A_NIGHT = 2_000
LINES_AT_ONCE = 100
BATCH = 100

OutOfTime = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Checked:
    """How many checkpoints were held against their entries, up to which the chain holds now, and what differs."""

    count: int
    position: Position
    found: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Older:
    """Where the proof of what is older goes on, and what differs."""

    standing: Standing
    found: tuple[Difference, ...]


def prove_checkpoints(
    tenant: str, since: Position, *, out_of_time: OutOfTime, upto: int | None = None, most: int | None = None
) -> Checked:
    """Hold the checkpoints behind a position against their entries: to the last on record or the number `upto`, at most
    so many, and as far as the time goes."""
    chain, reached = Chain(tenant, since=since), since.last
    for _ in range(proving.MOST_PAGES):
        full = most is not None and chain.count >= most
        if not chain.waiting or full or out_of_time() or (upto is not None and chain.position.number >= upto):
            return Checked(chain.count, chain.position, tuple(chain.found))
        told = proving.feed_after(tenant, reached)
        if not told:
            break
        for one in told:
            for missing in range(reached + 1, one.number):
                chain.take(missing, "", None)
            if one.number > reached:
                chain.take(one.number, one.entry_id, None if one.item is None else digest(one.item))
            reached = one.number
    chain.close()
    return Checked(chain.count, chain.position, tuple(chain.found))


def prove_older(tenant: str, standing: Standing, now: datetime, *, out_of_time: OutOfTime) -> Older:
    """Prove the next part of what was proved on other nights: checkpoints up to those that were, then accounts. One
    that differs is proved again, from its first line on, each night until it is right."""
    known = standing.checked.number
    since = standing.rechecked if standing.rechecked.number < known else Position()
    checked = prove_checkpoints(tenant, since, out_of_time=out_of_time, upto=known, most=CHECKPOINTS_A_NIGHT)
    standing = replace(standing, rechecked=checked.position)
    found = list(checked.found) if known else []
    done = 0
    while done < ACCOUNTS_A_NIGHT and not out_of_time():
        ids = proving.account_ids_after(tenant, standing.account_after, limit=BATCH)
        found += _prove_accounts(tenant, ids, now)
        done += len(ids)
        standing = replace(standing, account_after=ids[-1] if len(ids) == BATCH else "")
        if len(ids) < BATCH:
            break
    return Older(standing, tuple(found))


def _prove_accounts(tenant: str, account_ids: Sequence[str], now: datetime) -> list[Difference]:
    proven, stood = proofs.load_proven(tenant, account_ids), proving.read_accounts(tenant, account_ids)
    found: list[Difference] = []
    again: dict[str, Proven] = {}
    for account_id in account_ids:
        base = proven.get(account_id, UNPROVED)
        if account_id not in stood or base.open_since is not None:
            continue
        differing = _prove_account(tenant, stood[account_id], base, now)
        if differing:
            found += differing
            again[account_id] = Proven(upto=base.upto, total=base.total, open_since=0)
    proofs.keep_proven(tenant, again)
    return found


def _prove_account(tenant: str, stood: Stood, base: Proven, now: datetime) -> list[Difference]:
    """An account against what was proved of it, and its lines up to there. Where it counts more entries than the feed
    had at its head some minutes after the last of them, one is missing."""
    account, found = stood.account, list[Difference]()
    if account.version == base.total.lines:
        found += differences(stood, base.total)
    elif account.version < base.total.lines or stood.last_at < instant_text(now - SEQUENCED):
        kind = "version_behind" if account.version < base.total.lines else "entries_missing"
        facts = {"version": account.version, "journal": base.total.lines}
        found += [] if is_deferred(account.account_id) else [Difference(kind, account.account_id, facts)]
    broken = _broken_line(tenant, account.account_id, base)
    if broken is not None:
        found.append(Difference("history_broken", account.account_id, {"version": broken}))
    return found


def _broken_line(tenant: str, account_id: str, base: Proven) -> int | None:
    """The first version up to the one that was proved whose line is not what it was; None where all are. The line that
    was proved last is known by its hash, which covers all before it."""
    if not base.version:
        return None
    last = find_line(account_of(tenant, account_id), base.version)
    if last is None or last.hash != base.hash:
        return base.version
    previous = None
    for first in range(1, base.version + 1, LINES_AT_ONCE):
        versions = (first, min(first + LINES_AT_ONCE - 1, base.version))
        lines = history_page(
            tenant, account_id, after=None, limit=LINES_AT_ONCE, newest_first=False, versions=versions
        ).lines
        broken = check_chain(lines, previous=previous)
        if broken is not None or len(lines) <= versions[1] - first:
            return broken or first + len(lines)
        previous = lines[-1]
    return None
