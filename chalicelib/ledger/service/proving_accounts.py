"""The proof of a tenant's accounts: each balance against what the journal comes to, and each history against itself.

The books go on while they are proved. An account is compared when it counts as many entries as were walked: everything
numbered was committed before, so as many are the same ones. Where it counts more, the walk goes on, and it is read
again.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import is_deferred
from chalicelib.ledger.lines import check_chain
from chalicelib.ledger.rebuild import UNPROVED, Difference, Proven, Stood, Total, differences, total_of_lines
from chalicelib.ledger.service.proving_feed import Walk
from chalicelib.ledger.store import folding, proofs, proving
from chalicelib.ledger.store.history import account_of, find_line, history_page
from chalicelib.storage.retry import pause
from chalicelib.storage.tables import Item

ROUNDS = 8
BATCH = 100
SEQUENCED = timedelta(minutes=10)
"""Within this time every entry has its number, or has been lost on the way."""

PROJECTED = timedelta(hours=24)
"""Within this time every line is written, or the stream has lost it for good."""


@dataclass(frozen=True, slots=True)
class Compared:
    """An account that was compared, what the journal comes to on it, how far it had been proved before, and the number
    behind which its entries are whose lines were not (`since`)."""

    stood: Stood
    total: Total
    base: Proven = UNPROVED
    since: int = 0


@dataclass(frozen=True, slots=True)
class AccountsProof:
    """The accounts that were compared, how many moved too fast to be, and what differs."""

    compared: tuple[Compared, ...]
    moving: int
    found: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class LinesProof:
    """How many lines of an account hold, and the hash of the last; what differs; the first version whose line is not
    there (0: all are), and an instant (as text) by which it should have been."""

    count: int
    found: tuple[Difference, ...] = ()
    lacking: int = 0
    since: str = ""
    hash: str = ""


def prove_accounts(walk: Walk, now: datetime) -> AccountsProof:
    """Compare every account of the walk's tenant; of one that has a beginning, those that it comes by and, at the head
    of the feed, those that could not be proved before. The walk goes on as far as it has to."""
    pending = proving.account_ids(walk.tenant) if walk.since is None else []
    compared: list[Compared] = []
    found: list[Difference] = []
    for attempt in range(ROUNDS):
        if attempt:
            pause(attempt)
        folded = _position(walk.tenant)
        walk.go_on()
        if not attempt:
            pending = sorted({*pending, *walk.totals.accounts(), *_left_open(walk)})
        judged = [_judged(walk, account_id, stood, folded) for account_id, stood in _read(walk, pending)]
        compared += [one for one in judged if isinstance(one, Compared)]
        found += [one for one in judged if isinstance(one, Difference)]
        behind = [one for one in judged if isinstance(one, Stood)]
        pending = [stood.account.account_id for stood in behind]
        if not pending or not walk.at_head:
            break
    for one in compared:
        found += differences(one.stood, one.total)
    lost = [stood for stood in behind if walk.at_head and stood.last_at < instant_text(now - SEQUENCED)]
    found += [_entries_missing(walk, stood) for stood in lost]
    return AccountsProof(tuple(compared), len(behind) - len(lost), tuple(found))


def prove_lines(tenant: str, compared: Compared) -> LinesProof:
    """Prove an account's lines up to the version that was compared: each chained to the one before, and all together
    made of the entries that the journal has of the account."""
    account, base = compared.stood.account, compared.base
    total = base.lines
    previous = find_line(account_of(tenant, account.account_id), base.version)
    after: Item | None = None
    if base.version and (previous is None or previous.hash != base.hash):
        return _broken(tenant, compared.stood, base.version)
    for _ in range(proving.MOST_PAGES):
        page = history_page(
            tenant,
            account.account_id,
            after=after,
            limit=BATCH,
            newest_first=False,
            versions=(base.version + 1, account.version),
        )
        broken = check_chain(page.lines, previous=previous)
        if broken is not None:
            return _broken(tenant, compared.stood, broken)
        total += total_of_lines(page.lines)
        previous = page.lines[-1] if page.lines else previous
        after = page.last_key
        if after is None:
            break
    reached = 0 if previous is None else previous.version
    if reached < account.version:
        return _broken(tenant, compared.stood, reached + 1)
    return LinesProof(reached, _unlike(compared, total), hash=str(previous.hash) if previous else "")


def is_lost(proof: LinesProof, now: datetime) -> bool:
    """Whether a line is not there, and will never come."""
    return bool(proof.lacking) and proof.since < instant_text(now - PROJECTED)


def _position(tenant: str) -> int:
    position = folding.load_position(tenant)
    return 0 if position is None else position.value.upto


def _left_open(walk: Walk) -> Iterable[str]:
    return proofs.unproved_accounts(walk.tenant) if walk.since is not None and walk.at_head else ()


def _read(walk: Walk, account_ids: list[str]) -> Iterable[tuple[str, Stood | None]]:
    for start in range(0, len(account_ids), BATCH):
        ids = account_ids[start : start + BATCH]
        walk.read_bases(ids)
        stood = proving.read_accounts(walk.tenant, ids)
        yield from ((account_id, stood.get(account_id)) for account_id in ids)


def _judged(walk: Walk, account_id: str, stood: Stood | None, folded: int) -> Compared | Difference | Stood:
    """An account to be compared; how it cannot be right; or, where it counts more entries than were walked, itself.

    A deferred account stands at the tenant's position, read before it (`folded`), or where a later fold has moved it.
    """
    base = walk.base(account_id)
    if stood is None:
        return Difference("account_missing", account_id, {"journal": walk.totals.of(account_id, base=base).amount})
    as_of = max(folded, stood.account.as_of or 0) if is_deferred(account_id) else None
    total = walk.totals.of(account_id, as_of=as_of, base=base)
    version = stood.account.version
    if version > total.lines or not base.upto <= (base.upto if as_of is None else as_of) <= walk.reached:
        return stood
    if version < total.lines:
        return Difference("version_behind", account_id, {"version": version, "journal": total.lines})
    return Compared(stood, total, base, walk.open_since(account_id))


def _entries_missing(walk: Walk, stood: Stood) -> Difference:
    account = stood.account
    total = walk.totals.of(account.account_id, as_of=walk.reached, base=walk.base(account.account_id))
    facts = {"version": account.version, "journal": total.lines, "balance": account.balance, "comes_to": total.amount}
    return Difference("entries_missing", account.account_id, facts)


def _broken(tenant: str, stood: Stood, version: int) -> LinesProof:
    """What is wrong at a version: its line is not there (yet) or not chained (yet), or it is not what it was."""
    account_id = stood.account.account_id
    line = find_line(account_of(tenant, account_id), version)
    if line is not None and line.hash is not None:
        facts = {"version": version, "entry_id": line.entry_id}
        return LinesProof(version - 1, (Difference("history_broken", account_id, facts),))
    versions = (version, stood.account.version)
    behind = history_page(tenant, account_id, after=None, limit=1, newest_first=False, versions=versions).lines
    return LinesProof(version - 1, lacking=version, since=behind[0].at if behind else stood.last_at)


def _unlike(compared: Compared, total: Total) -> tuple[Difference, ...]:
    expected, account_id = compared.total, compared.stood.account.account_id
    if (total.amount, total.held, total.mark) == (expected.amount, expected.held, expected.mark):
        return ()
    facts = {"lines": total.amount, "journal": expected.amount}
    return (Difference("history_differs", account_id, facts),)
