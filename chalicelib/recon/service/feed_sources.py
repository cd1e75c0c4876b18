"""Sources of the exports about the journal, which stand at a number of the feed.

    fold      what every account comes to by month, from where the last export left off, up to the number
    entries   the part of the feed that holds the period's entries: each that took effect within it is written
    accounts  each account that had a balance before the period or was moved in it

What a fold comes to is kept in a file, so that each entry of a tenant is folded once and the next export reads on.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Protocol

import msgspec

from chalicelib.core.calendars import today_in
from chalicelib.core.errors import Busy, Defect
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account
from chalicelib.ledger.store import feed
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.ledger.store.feed import FeedEntry
from chalicelib.recon.beancount import AccountPosition, Booked
from chalicelib.recon.carried import Carried
from chalicelib.recon.export_jobs import Export
from chalicelib.recon.positions import month_of
from chalicelib.recon.service.export_sources import Chunk
from chalicelib.recon.store import exports as store
from chalicelib.storage import blobs, uploads
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import BATCH
from chalicelib.storage.retry import pause

RUN = 100
TRIES = 20
KEPT_AFTER = 1000
"""Entries behind the last file after which a fold is kept: less is folded again sooner than it is written."""


class Writer(Protocol):
    """The form of an export about the journal."""

    def head(self, export: Export) -> str:
        """What stands before all."""

    def entry(self, number: int, entry: Booked, accounts: Mapping[str, Account]) -> Chunk:
        """An entry of the period."""

    def account(self, export: Export, position: AccountPosition) -> Chunk:
        """An account."""

    def foot(self, export: Export, currencies: set[str]) -> str:
        """What stands behind all."""


@dataclass(slots=True)
class Walk:
    """How far a source has come. `opening` is what accounts come to in the period's first month before its first day,
    `moved` within the period; `sums` what all openings and closings come to by currency."""

    phase: Literal["fold", "entries", "accounts"] = "fold"
    carried: Carried = field(default_factory=Carried)
    is_begun: bool = False
    number: int = 0
    end: int = 0
    opening: dict[str, int] = field(default_factory=dict)
    moved: dict[str, int] = field(default_factory=dict)
    after_account: str = ""
    sums: dict[str, tuple[int, int]] = field(default_factory=dict)


class FeedSource:
    """The text of an export about the journal, in a form."""

    def __init__(self, export: Export, state: bytes | None, writer: Writer) -> None:
        self._export = export
        self._writer = writer
        self._known: dict[str, Account] = {}
        self._ids: list[str] = []
        self._walk = Walk() if state is None else msgspec.json.decode(zlib.decompress(state), type=Walk)

    def state(self) -> bytes:
        """The walk, as compressed JSON."""
        return zlib.compress(msgspec.json.encode(self._walk))

    def step(self) -> Chunk:
        """The head, then the three phases."""
        walk = self._walk
        if not walk.is_begun:
            walk.is_begun, walk.carried = True, _last_carried(self._export)
            return Chunk(self._writer.head(self._export))
        match walk.phase:
            case "fold":
                return self._fold()
            case "entries":
                return self._entries()
            case "accounts":
                return self._accounts()

    def _fold(self) -> Chunk:
        walk, export = self._walk, self._export
        if walk.carried.number == export.feed_number:
            _keep(export.tenant, walk.carried)
            first, walk.end = walk.carried.numbers_within(month_of(export.from_on), month_of(export.to_on))
            walk.phase, walk.number = "entries", first - 1
            return Chunk()
        for told in _run(export.tenant, walk.carried.number, upto=export.feed_number):
            legs = [(leg.account_id, leg.amount) for leg in told.item.legs]
            walk.carried = walk.carried.fold(told.number, month_of(_day_of(told.item)), legs)
        return Chunk()

    def _entries(self) -> Chunk:
        walk = self._walk
        if walk.number >= walk.end:
            walk.phase = "accounts"
            return Chunk()
        run = _run(self._export.tenant, walk.number, upto=walk.end)
        walk.number = run[-1].number
        shown = [told for told in run if self._count(told.item)]
        accounts = self._load(leg.account_id for told in shown for leg in told.item.legs)
        chunks = [self._writer.entry(told.number, _booked(told.item), accounts) for told in shown]
        return Chunk("".join(chunk.text for chunk in chunks), sum(chunk.rows for chunk in chunks))

    def _count(self, item: JournalItem) -> bool:
        """Add an entry to what accounts come to; whether the period shows it."""
        day, export = _day_of(item), self._export
        if not item.legs or day > export.to_on:
            return False
        if day < export.from_on:
            _add(self._walk.opening, item, after=_first_of_month(export.from_on))
            return False
        _add(self._walk.moved, item, after=export.from_on)
        return True

    def _accounts(self) -> Chunk:
        walk, export = self._walk, self._export
        if not self._ids:
            opened = walk.carried.accounts_before(month_of(export.from_on))
            self._ids = sorted(opened | walk.opening.keys() | walk.moved.keys())
        start = bisect_right(self._ids, walk.after_account)
        page = self._ids[start : start + BATCH]
        if not page:
            _check_sums(walk.sums)
            return Chunk(self._writer.foot(export, set(walk.sums)), is_last=True)
        walk.after_account = page[-1]
        accounts = load_accounts(export.tenant, page)
        chunks = [self._account(accounts[account_id]) for account_id in page]
        return Chunk("".join(chunk.text for chunk in chunks), sum(chunk.rows for chunk in chunks))

    def _account(self, account: Account) -> Chunk:
        walk, account_id = self._walk, account.account_id
        opening = walk.carried.before(account_id, month_of(self._export.from_on)) + walk.opening.get(account_id, 0)
        closing = opening + walk.moved.get(account_id, 0)
        opened, closed = walk.sums.get(account.currency, (0, 0))
        walk.sums[account.currency] = (opened + opening, closed + closing)
        if opening == 0 and account_id not in walk.moved:
            return Chunk()
        return self._writer.account(self._export, AccountPosition(account, opening, closing))

    def _load(self, account_ids: Iterable[str]) -> Mapping[str, Account]:
        """These accounts, those that were met before from memory."""
        missing = sorted(set(account_ids) - self._known.keys())
        for start in range(0, len(missing), BATCH):
            self._known |= load_accounts(self._export.tenant, missing[start : start + BATCH])
        return self._known


def _run(tenant: str, after: int, *, upto: int) -> list[FeedEntry]:
    """The next entries of the feed, at least one. Raises Busy `feed_behind` where they are not to be seen in time."""
    for attempt in range(TRIES):
        run = feed.run_after(tenant, after, limit=min(RUN, upto - after))
        if run:
            return run
        pause(attempt)
    raise Busy("feed_behind", "the feed follows in a moment: try again")


def _last_carried(export: Export) -> Carried:
    """What the last export has folded, if that is no more than this one stands at."""
    kept = store.find_carried(export.tenant)
    if kept is None or kept.value.number > export.feed_number:
        return Carried()
    content = uploads.read(kept.value.key)
    return Carried() if content is None else msgspec.json.decode(zlib.decompress(content), type=Carried)


def _keep(tenant: str, carried: Carried) -> None:
    before = store.find_carried(tenant)
    if carried.number < (before.value.number if before else 0) + KEPT_AFTER:
        return
    key = f"carried-positions/{tenant}/{carried.number}"
    blobs.put(key, zlib.compress(msgspec.json.encode(carried)))
    store.save_carried(tenant, store.CarriedFile(carried.number, key), before)


def _booked(item: JournalItem) -> Booked:
    return Booked(
        entry_id=item.entry_id,
        kind=item.kind,
        occurred_at=item.occurred_at,
        recorded_at=item.recorded_at,
        legs=tuple((leg.account_id, Money(leg.amount, leg.currency)) for leg in item.legs),
        subject=item.subject,
        reference=item.reference,
    )


def _add(sums: dict[str, int], item: JournalItem, *, after: date) -> None:
    """Add what an entry moves, if it took effect on a day or after it."""
    if _day_of(item) < after:
        return
    for leg in item.legs:
        sums[leg.account_id] = sums.get(leg.account_id, 0) + leg.amount


def _day_of(item: JournalItem) -> date:
    """The day that an entry is of: where the currency of its first leg is settled, as the accounts' banks count it."""
    return today_in(item.legs[0].currency, item.occurred_at) if item.legs else item.occurred_at.date()


def _first_of_month(day: date) -> date:
    return day.replace(day=1)


def _check_sums(sums: Mapping[str, tuple[int, int]]) -> None:
    """Every entry balances: so do all openings together, and all closings."""
    off = {currency: both for currency, both in sums.items() if any(both)}
    if off:
        raise Defect(f"the accounts of an export do not balance: {off}")
