"""The proof of the books: every balance computed again from the journal alone, and compared.

    1. the whole journal against the feed: an entry without a number was lost on its way to the sequencer
    2. the feed from its first number: every entry is there and balances, and is the one that was signed
    3. every account against the sum of its entries; every history against itself, and against those entries
    4. every checkpoint: signed by our key, following the one before, over the entries that stand there
    5. every open hold against the lists by which it is found when its time is over

With `mend`, what was only lost on its way is put right: numbers are given, lines filled in, holds listed. A difference
never is: it is for people to look at. Runs change nothing else, and may overlap or break off.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.access.domain import OPERATOR
from chalicelib.access.store import list_tenants
from chalicelib.core.errors import Defect
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account
from chalicelib.ledger.rebuild import Difference, effects
from chalicelib.ledger.service.projection import refill
from chalicelib.ledger.service.proving_accounts import (
    PROJECTED,
    SEQUENCED,
    Compared,
    LinesProof,
    is_lost,
    prove_accounts,
    prove_lines,
)
from chalicelib.ledger.service.proving_feed import Walk
from chalicelib.ledger.service.proving_holds import prove_holds
from chalicelib.ledger.store import discrepancies, feed, proofs, proving
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.ledger.store.discrepancies import Noted
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.tables import Item

PAGE = 100
MOST_PAGES = 1000
OF_ACCOUNTS = frozenset({"balance_differs", "version_behind", "entries_missing"})
"""Differences by which an account's own balance is not what its entries come to."""

FIGURES = ("entries", "accounts", "lines", "checkpoints", "numbered", "refilled", "listed", "moving", "late")


@dataclass(frozen=True, slots=True)
class Report:
    """What the proof of one tenant's books came to. `numbered` entries, `refilled` lines and `listed` holds were
    put right; `moving` accounts changed too fast to be compared, and `late` lines may still come. What `differences`
    holds is wrong."""

    tenant: str
    entries: int = 0
    accounts: int = 0
    lines: int = 0
    checkpoints: int = 0
    numbered: int = 0
    refilled: int = 0
    listed: int = 0
    moving: int = 0
    late: int = 0
    differences: tuple[Difference, ...] = ()


def counts(report: Report) -> dict[str, int]:
    """The figures of a report by name, `differences` as how many."""
    figures = {name: getattr(report, name) for name in FIGURES}
    return figures | {"differences": len(report.differences)}


@dataclass(frozen=True, slots=True)
class _Histories:
    """What the proof of all histories came to."""

    lines: int = 0
    late: int = 0
    refilled: int = 0
    found: tuple[Difference, ...] = ()


def prove_all(now: datetime, *, mend: bool) -> tuple[Report, ...]:
    """Prove the books of every tenant. One that cannot be proved to the end is a difference of its own, and does not
    stop the others."""
    waiting: dict[str, list[str]] = defaultdict(list)
    for tenant, entry_id in proving.unnumbered(before=now - SEQUENCED):
        waiting[tenant].append(entry_id)
    tenants = sorted({OPERATOR, *_tenants(), *waiting})
    return tuple(_proved(tenant, now, waiting.get(tenant, ()), mend=mend) for tenant in tenants)


def prove_tenant(tenant: str, now: datetime, *, unnumbered: Sequence[str] = (), mend: bool) -> Report:
    """Prove one tenant's books. `unnumbered` are the entries that the scan found without a number."""
    if mend:
        for start in range(0, len(unnumbered), feed.MOST_AT_ONCE):
            feed.number_entries(tenant, unnumbered[start : start + feed.MOST_AT_ONCE])
    walk = Walk(tenant)
    accounts = prove_accounts(walk, now)
    walk.close()
    holds = prove_holds(walk, now, mend=mend)
    histories = _prove_histories(tenant, accounts.compared, now, mend=mend)
    lost = () if mend else (Difference("entry_unnumbered", entry_id, {}) for entry_id in unnumbered)
    report = Report(
        tenant=tenant,
        entries=walk.entries,
        accounts=len(accounts.compared),
        lines=histories.lines,
        checkpoints=walk.chain.count,
        numbered=len(unnumbered) if mend else 0,
        refilled=histories.refilled,
        listed=holds.listed,
        moving=accounts.moving,
        late=histories.late,
        differences=(*lost, *walk.found, *accounts.found, *walk.chain.found, *histories.found, *holds.found),
    )
    if mend:
        _keep(report, upto=walk.reached, now=now)
    return report


def _proved(tenant: str, now: datetime, unnumbered: Sequence[str], *, mend: bool) -> Report:
    try:
        return prove_tenant(tenant, now, unnumbered=unnumbered, mend=mend)
    except Exception as error:  # whatever it is, it is this tenant's: it is told as a difference
        return Report(tenant, differences=(Difference("not_proved", tenant, {"error": type(error).__name__}),))


def _keep(report: Report, *, upto: int, now: datetime) -> None:
    """Keep what a proof came to for the trial balance: the accounts that differ are noted, and those that do not differ
    any more are noted no longer."""
    tenant = report.tenant
    proofs.keep_proof(tenant, proofs.Proof(upto, instant_text(now), len(report.differences)))
    differing = {one.subject for one in report.differences if one.kind in OF_ACCOUNTS}
    for account in (a for start in range(0, len(differing), PAGE) for a in _accounts(tenant, sorted(differing), start)):
        discrepancies.note(tenant, Noted(account.account_id, account.kind.value, account.currency))
    for noted in discrepancies.noted_accounts(tenant, most=PAGE):
        if noted.account_id not in differing and not discrepancies.discrepancy(tenant, noted).difference:
            discrepancies.note(tenant, replace(noted, open=False))


def _accounts(tenant: str, account_ids: Sequence[str], start: int) -> Iterable[Account]:
    return load_accounts(tenant, account_ids[start : start + PAGE]).values()


def _prove_histories(tenant: str, compared: Iterable[Compared], now: datetime, *, mend: bool) -> _Histories:
    lines = late = 0
    found: list[Difference] = []
    lost: list[Compared] = []
    for one in compared:
        proof = prove_lines(tenant, one)
        found += proof.found
        if mend and is_lost(proof, now):
            lost.append(one)
            continue
        lines += proof.count
        if is_lost(proof, now):
            found.append(_lines_missing(one, proof))
        elif proof.lacking:
            late += one.stood.account.version - proof.count
    mended = _refilled(tenant, lost, now) if lost else _Histories()
    return _Histories(lines + mended.lines, late, mended.refilled, (*found, *mended.found))


def _refilled(tenant: str, lost: Sequence[Compared], now: datetime) -> _Histories:
    """Fill in the lines that accounts lack, and prove these accounts again."""
    refilled = lines = 0
    found: list[Difference] = []
    for one, entries in _entries_of(tenant, lost):
        account_id = one.stood.account.account_id
        try:
            refilled += refill(tenant, account_id, entries, before=now - PROJECTED)
        except Defect as error:
            found.append(Difference("history_not_refilled", account_id, {"reason": str(error)}))
            continue
        proof = prove_lines(tenant, one)
        lines += proof.count
        found += proof.found if not proof.lacking else (_lines_missing(one, proof),)
    return _Histories(lines=lines, refilled=refilled, found=tuple(found))


def _entries_of(tenant: str, lost: Sequence[Compared]) -> Iterable[tuple[Compared, list[JournalItem]]]:
    """The entries of some accounts, in the order of the feed: another walk, for what one that keeps none passed by."""
    wanted: dict[str, list[JournalItem]] = {one.stood.account.account_id: [] for one in lost}
    reached = 0
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


def _tenants() -> Iterable[str]:
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page = list_tenants(after=after, limit=PAGE)
        yield from (tenant.tenant_id for tenant in page.values)
        after = page.last_key
        if after is None:
            return
    raise Defect(f"more than {MOST_PAGES * PAGE} tenants")
