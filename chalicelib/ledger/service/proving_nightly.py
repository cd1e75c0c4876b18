"""The nightly proof, which goes on where the last one ended, piece by piece, for books of any age and size.

    each night   entries without a number are looked for; what was numbered since the last proof is put on its accounts,
                 and every account it touches, or that could not be proved before, is held against its entries, its
                 lines against those; new checkpoints are held against the entries they cover
    in turn      what is older, a part each night: accounts with all their lines, checkpoints with all their entries

How far each account was proved is kept with the sums so far, so that a piece costs what is new in it. A piece that is
broken off is done again to the same end. When its time is over a run stops between two pieces, and the next run, a
quarter of an hour later, goes on; one that finds the night's work done does nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.rebuild import Difference, Proven
from chalicelib.ledger.service.proving import FIGURES, Report, all_tenants, number_lost
from chalicelib.ledger.service.proving_accounts import SEQUENCED, AccountsProof, prove_accounts
from chalicelib.ledger.service.proving_feed import Walk
from chalicelib.ledger.service.proving_histories import Histories, prove_histories
from chalicelib.ledger.service.proving_holds import prove_holds
from chalicelib.ledger.service.proving_older import prove_checkpoints, prove_older
from chalicelib.ledger.store import discrepancies, proofs, proving
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.ledger.store.discrepancies import Noted
from chalicelib.ledger.store.proofs import Scan, Standing

PIECE = 5_000
"""How many entries one piece puts on their accounts: some ten thousand accounts, a minute's work."""

MOST_PIECES = 1_000
MOST_SCAN_PAGES = 10_000
BATCH = 100
ONE_NIGHT = timedelta(hours=12)
"""A proof that is younger is this night's."""

OF_ACCOUNTS = frozenset({"balance_differs", "version_behind", "entries_missing", "account_missing"})
"""Differences by which an account's own balance is not what its entries come to."""

OutOfTime = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class _Piece:
    """What one piece came to, how far it went, and whether that was the head of the feed."""

    report: Report
    reached: int
    at_head: bool


def prove_due(now: datetime, *, out_of_time: OutOfTime) -> tuple[Report, ...]:
    """Prove, and mend, the books of every tenant that were not proved this night, as far as the time goes; what was
    done for each. One that cannot be proved to the end is a difference of its own, and does not stop the others."""
    waiting = _scanned(now, out_of_time)
    reports: list[Report] = []
    for tenant in sorted({*all_tenants(), *waiting}):
        if waiting.get(tenant) or (not out_of_time() and _is_due(tenant, now)):
            reports.append(_proved(tenant, now, waiting.get(tenant, ()), out_of_time))
    return tuple(reports)


def prove_on(tenant: str, now: datetime, *, unnumbered: Sequence[str] = (), out_of_time: OutOfTime) -> Report:
    """Go on with the proof of one tenant's books, as far as the time goes: at least by one piece."""
    number_lost(tenant, unnumbered)
    report = Report(tenant, numbered=len(unnumbered))
    for _ in range(MOST_PIECES):
        standing = proofs.load_standing(tenant)
        piece = _prove_piece(tenant, standing, now)
        report = _together(report, piece.report)
        found = standing.found + len(piece.report.differences)
        proofs.keep_standing(tenant, replace(standing, upto=piece.reached, found=found))
        if piece.at_head:
            return _ended(tenant, now, report, out_of_time)
        if out_of_time():
            break
    return report


def _ended(tenant: str, now: datetime, report: Report, out_of_time: OutOfTime) -> Report:
    """At the head of the feed: checkpoints, then what is older, then the verdict for the trial balance."""
    standing = proofs.load_standing(tenant)
    checked = prove_checkpoints(tenant, standing.checked, out_of_time=out_of_time)
    older = prove_older(tenant, standing, now, out_of_time=out_of_time)
    report = _together(report, Report(tenant, checkpoints=checked.count, differences=(*checked.found, *older.found)))
    count = standing.found + len(checked.found) + len(older.found)
    at = instant_text(now)
    done = replace(older.standing, checked=checked.position, found=0, done_at=at)
    proofs.keep_standing(tenant, done)
    proofs.keep_proof(tenant, proofs.Proof(standing.upto, at, count))
    _note(tenant, report.differences)
    return report


def _prove_piece(tenant: str, standing: Standing, now: datetime) -> _Piece:
    walk = Walk(tenant, since=standing.upto, most=PIECE)
    accounts = prove_accounts(walk, now)
    at_head = walk.at_head
    # A hold that was placed just now is listed here as well: the next piece does not come by it again.
    holds = prove_holds(walk, now + SEQUENCED + timedelta(minutes=1), mend=True)
    histories = prove_histories(tenant, accounts.compared, now, mend=True)
    _keep_proven(walk, accounts, histories)
    report = Report(
        tenant=tenant,
        entries=walk.entries,
        accounts=len(accounts.compared),
        lines=histories.lines,
        refilled=histories.refilled,
        listed=holds.listed,
        moving=accounts.moving if at_head else 0,
        late=histories.late,
        differences=(*walk.found, *accounts.found, *histories.found),
    )
    return _Piece(report, walk.reached, at_head)


def _keep_proven(walk: Walk, accounts: AccountsProof, histories: Histories) -> None:
    """Keep how far each account is proved that the walk has come by, or that was held against its entries again."""
    compared = {one.stood.account.account_id: one for one in accounts.compared}
    differing = {difference.subject for difference in accounts.found}
    touched = sorted({*walk.totals.accounts(), *compared, *differing})
    for start in range(0, len(touched), BATCH):
        ids = touched[start : start + BATCH]
        walk.read_bases(ids)
        proven: dict[str, Proven] = {}
        for account_id in ids:
            base, one = walk.base(account_id), compared.get(account_id)
            total = walk.totals.of(account_id, as_of=walk.reached, base=base)
            upto = max(walk.reached, base.upto)
            if one is None or account_id in differing or account_id not in histories.whole:
                proven[account_id] = replace(base, upto=upto, total=total, open_since=walk.open_since(account_id))
                continue
            open_since = None if one.total.lines == total.lines else walk.open_since(account_id)
            last = histories.whole[account_id]
            proven[account_id] = Proven(upto, total, one.total.lines, one.total, last, open_since)
        proofs.keep_proven(walk.tenant, proven)


def _note(tenant: str, found: Sequence[Difference]) -> None:
    """Note the accounts that differ for the trial balance, and end those that differ no more."""
    differing = sorted({one.subject for one in found if one.kind in OF_ACCOUNTS})
    for start in range(0, len(differing), BATCH):
        for account in load_accounts(tenant, differing[start : start + BATCH]).values():
            discrepancies.note(tenant, Noted(account.account_id, account.kind.value, account.currency))
    for noted in discrepancies.noted_accounts(tenant, most=BATCH):
        if noted.account_id not in differing and not discrepancies.discrepancy(tenant, noted).difference:
            discrepancies.note(tenant, replace(noted, open=False))


def _scanned(now: datetime, out_of_time: OutOfTime) -> dict[str, list[str]]:
    """The entries without a number, by tenant, of the next part of all journals: all of them, where the time allows."""
    waiting: dict[str, list[str]] = defaultdict(list)
    scan = proofs.load_scan()
    if _is_tonight(scan.done_at, now):
        return waiting
    after: str | None = scan.after or None
    for _ in range(MOST_SCAN_PAGES):
        pairs, after = proving.unnumbered_page(before=now - SEQUENCED, after=after)
        for tenant, entry_id in pairs:
            waiting[tenant].append(entry_id)
        if after is None or out_of_time():
            break
    done_at = instant_text(now) if after is None else scan.done_at
    proofs.keep_scan(Scan(after or "", done_at))
    return waiting


def _proved(tenant: str, now: datetime, unnumbered: Sequence[str], out_of_time: OutOfTime) -> Report:
    try:
        return prove_on(tenant, now, unnumbered=unnumbered, out_of_time=out_of_time)
    except Exception as error:  # whatever it is, it is this tenant's: it is told as a difference
        return Report(tenant, differences=(Difference("not_proved", tenant, {"error": type(error).__name__}),))


def _is_due(tenant: str, now: datetime) -> bool:
    """Whether books were not proved this night, or not without a difference."""
    proof = proofs.last_proof(tenant)
    return proof is None or proof.differences > 0 or not _is_tonight(proof.at, now)


def _is_tonight(instant: str, now: datetime) -> bool:
    return bool(instant) and instant > instant_text(now - ONE_NIGHT)


def _together(one: Report, other: Report) -> Report:
    figures = {name: getattr(one, name) + getattr(other, name) for name in FIGURES}
    return replace(one, **figures, differences=(*one.differences, *other.differences))
