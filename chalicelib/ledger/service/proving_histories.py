"""The proof of accounts' histories: each line against the one before and against the entries. What a stream has lost is
filled in from the journal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field
from datetime import datetime

from chalicelib.core.errors import Defect
from chalicelib.core.values import dataclass
from chalicelib.ledger.rebuild import Difference, effects
from chalicelib.ledger.service.projection import refill
from chalicelib.ledger.service.proving_accounts import PROJECTED, Compared, LinesProof, is_lost, prove_lines
from chalicelib.ledger.store import proving
from chalicelib.storage.journal import JournalItem


@dataclass(frozen=True, slots=True)
class Histories:
    """What the proof of histories came to: lines that hold, those that may still come, those filled in, what differs,
    and the accounts whose lines are all proved, with the hash of the last (`whole`)."""

    lines: int = 0
    late: int = 0
    refilled: int = 0
    found: tuple[Difference, ...] = ()
    whole: Mapping[str, str] = field(default_factory=dict)


def prove_histories(tenant: str, compared: Iterable[Compared], now: datetime, *, mend: bool) -> Histories:
    """Prove the lines of accounts that were compared. With `mend` those that their stream has lost are filled in."""
    lines = late = 0
    found: list[Difference] = []
    lost: list[Compared] = []
    whole: dict[str, str] = {}
    for one in compared:
        proof = prove_lines(tenant, one)
        found += proof.found
        if mend and is_lost(proof, now):
            lost.append(one)
            continue
        lines += _held(one, proof)
        if is_lost(proof, now):
            found.append(_lines_missing(one, proof))
        elif proof.lacking:
            late += one.stood.account.version - proof.count
        elif not proof.found:
            whole[one.stood.account.account_id] = proof.hash
    mended = _refilled(tenant, lost, now) if lost else Histories()
    found += mended.found
    return Histories(lines + mended.lines, late, mended.refilled, tuple(found), {**whole, **mended.whole})


def _held(one: Compared, proof: LinesProof) -> int:
    """How many lines held that had not been proved before."""
    return max(proof.count - one.base.version, 0)


def _refilled(tenant: str, lost: Sequence[Compared], now: datetime) -> Histories:
    """Fill in the lines that accounts lack, and prove these accounts again."""
    refilled = lines = 0
    found: list[Difference] = []
    whole: dict[str, str] = {}
    for one, entries in _entries_of(tenant, lost):
        account_id = one.stood.account.account_id
        try:
            refilled += refill(tenant, account_id, entries, before=now - PROJECTED, behind=one.base.version)
        except Defect as error:
            found.append(Difference("history_not_refilled", account_id, {"reason": str(error)}))
            continue
        proof = prove_lines(tenant, one)
        lines += _held(one, proof)
        found += proof.found if not proof.lacking else (_lines_missing(one, proof),)
        if not (proof.found or proof.lacking):
            whole[account_id] = proof.hash
    return Histories(lines=lines, refilled=refilled, found=tuple(found), whole=whole)


def _entries_of(tenant: str, lost: Sequence[Compared]) -> Iterable[tuple[Compared, list[JournalItem]]]:
    """The entries of some accounts whose lines were not proved, in the order of the feed: another walk, for what one
    that keeps none passed by."""
    wanted: dict[str, list[JournalItem]] = {one.stood.account.account_id: [] for one in lost}
    reached = min(one.since for one in lost)
    for _ in range(proving.MOST_PAGES):
        told = proving.feed_after(tenant, reached)
        if not told:
            break
        reached = told[-1].number
        for item in (one.item for one in told if one.item is not None):
            for account_id in wanted.keys() & effects(item, b"").keys():
                wanted[account_id].append(item)
    return [(one, wanted[one.stood.account.account_id]) for one in lost]


def _lines_missing(one: Compared, proof: LinesProof) -> Difference:
    account = one.stood.account
    return Difference("lines_missing", account.account_id, {"first": proof.lacking, "version": account.version})
