"""What entries have reserved for payouts: of one entry, and of all that a trade has released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from chalicelib.banking import store as banking_store
from chalicelib.banking.payout_lists import payout_ids_of
from chalicelib.banking.payout_store import take_reserved
from chalicelib.banking.payouts import Payout
from chalicelib.banking.references import reference_for
from chalicelib.banking.reservations import WAITING, Reserved, payout_id_of
from chalicelib.core.money import Money
from chalicelib.ledger.reservations import reserved_by_account
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.settlement.domain.accounts import party_accounts
from chalicelib.storage.journal import JournalItem, from_row
from chalicelib.storage.reads import BATCH, Found, fetch
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import JournalRow, Key, journal_key
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade

_TRADE = "trd_"


def reservations_of(item: JournalItem, parties: Mapping[str, str]) -> tuple[Reserved, ...]:
    """What an entry has reserved for payouts on these accounts (each with whose it is)."""
    currencies = {leg.account_id: leg.currency for leg in item.legs}
    trade_id = _trade_of(item)
    return tuple(
        Reserved(
            tenant=item.tenant,
            entry_id=item.entry_id,
            account_id=account_id,
            party_id=parties[account_id],
            amount=Money(minor, currencies[account_id]),
            reserved_at=item.recorded_at,
            remittance=reference_for(item.tenant, trade_id) if trade_id else item.reference or "",
            subject=trade_id,
        )
        for account_id, minor in reserved_by_account(item.legs, item.data).items()
        if account_id in parties
    )


def load_reservations(item: JournalItem) -> tuple[Reserved, ...]:
    """What an entry has reserved for payouts, whosever the accounts are."""
    accounts = load_accounts(item.tenant, tuple(reserved_by_account(item.legs, item.data)))
    return reservations_of(item, {account_id: one.owner for account_id, one in accounts.items() if one.owner})


def reserved_payouts(tenant: str, terms: Terms, trade: Trade) -> tuple[Versioned[Payout], ...]:
    """The payouts of what a trade has released whose money is still reserved, those released last ahead; read strongly,
    after the trade. One that nothing has changed yet has version 0. `chalicelib.banking.reservations.lower` changes
    them, each under the version it has here."""
    parties = party_accounts(tenant, terms)
    keys = [key for entry_id in trade.releases for key in _keys(tenant, entry_id, parties)]
    found = _read(keys)
    stored = (
        take_reserved(found, reserved)
        for entry_id in reversed(trade.releases)
        for reserved in reservations_of(_item(found, tenant, entry_id), parties)
    )
    return tuple(one for one in stored if one.value.state in WAITING)


def every_payout(tenant: str, terms: Terms, trade: Trade) -> tuple[Payout, ...]:
    """All payouts of a trade, oldest first: of what it has released, also where no payout is made yet, and those of its
    refunds and claims. Read in batches of a hundred: the releases, the list of its payouts, the payouts."""
    parties = party_accounts(tenant, terms)
    entries = _read([journal_key(tenant, entry_id) for entry_id in trade.releases])
    reserved = {
        one.payout_id: one
        for entry_id in trade.releases
        for one in reservations_of(_item(entries, tenant, entry_id), parties)
    }
    payout_ids = dict.fromkeys((*reserved, *payout_ids_of(tenant, trade.trade_id)))
    found = _read([banking_store.payout_key(tenant, payout_id) for payout_id in payout_ids])
    waiting = (take_reserved(found, one) for one in reserved.values())
    others = (banking_store.take_payout(found, tenant, one) for one in payout_ids if one not in reserved)
    payouts = (one.value for one in (*waiting, *others))
    return tuple(sorted(payouts, key=lambda payout: (payout.created_at, payout.payout_id)))


def _read(keys: Sequence[Key]) -> Found:
    """What stands under these keys, read strongly, a batch at a time."""
    found: dict[Key, object] = {}
    for start in range(0, len(keys), BATCH):
        found |= fetch(keys[start : start + BATCH])
    return cast("Found", found)


def _keys(tenant: str, entry_id: str, parties: Mapping[str, str]) -> tuple[Key, ...]:
    payouts = (banking_store.payout_key(tenant, payout_id_of(tenant, entry_id, account)) for account in parties)
    return journal_key(tenant, entry_id), *payouts


def _item(found: Found, tenant: str, entry_id: str) -> JournalItem:
    return from_row(cast("JournalRow", found[journal_key(tenant, entry_id)]))


def is_of_trade(subject: str) -> bool:
    """Whether what a payout pays for is a trade."""
    return subject.startswith(_TRADE)


def _trade_of(item: JournalItem) -> str | None:
    """The trade that an entry is about: its subject, or named by a claim's entry."""
    subject = item.subject or ""
    return subject if is_of_trade(subject) else item.data.get("trade_id")
