"""Whether what was to follow from an entry has been done, for each thing that follows: asked where its message may be
lost. Each answer is of how things stand, so that it does not matter who has done it."""

from __future__ import annotations

from chalicelib.banking import store as banking_store
from chalicelib.banking.payout_ageing import UNSENT
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.recon import store as recon_store
from chalicelib.recon.store.exports import load_export
from chalicelib.settlement.kinds import STATEMENT_STORED
from chalicelib.settlement.service.identity import is_decided, is_settled
from chalicelib.settlement.service.payouts import is_stopped_now
from chalicelib.settlement.store.reserved import load_reservations, reserved_payouts
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import fetch
from chalicelib.storage.records import take
from chalicelib.trades import store as trades_store


def are_payouts_made(item: JournalItem) -> bool:
    """Whether each payout of what an entry has reserved was made, or waits for a time of its own."""
    keys = [banking_store.payout_key(item.tenant, one.payout_id) for one in load_reservations(item)]
    found = fetch(keys) if keys else {}
    records = (take(found, key, Payout) for key in keys)
    return all(record is not None and _has_gone_on(record.value) for record in records)


def are_payouts_stopped(item: JournalItem) -> bool:
    """Whether no payout still waits to be made of the trade that an entry has taken money back of, and should not."""
    tenant, trade_id = item.tenant, str(item.subject)
    found = fetch(trades_store.deal_keys(tenant, trade_id))
    terms, trade = trades_store.take_terms(found, tenant, trade_id), trades_store.take_trade(found, tenant, trade_id)
    waiting = (one.value for one in reserved_payouts(tenant, terms, trade.value))
    return not any(payout.state is State.RESERVED and is_stopped_now(trade.value, payout) for payout in waiting)


def is_file_due(item: JournalItem) -> bool:
    """Whether the payout that a command made is sent, or on the list of what is due, which asks for its file again."""
    payout = banking_store.load_payout(item.tenant, str(item.subject))
    return payout.state not in UNSENT or payout.due_at is not None


def is_decision_followed(item: JournalItem) -> bool:
    """Whether an entry's decision on possible duplicates is carried out: what is confirmed is booked, what was undone
    is taken back."""
    if item.kind == STATEMENT_STORED:
        return is_settled(item.tenant, str(item.subject), item.data.get("doubtful", ()))
    return is_decided(item.tenant, str(item.subject))


def is_export_begun(item: JournalItem) -> bool:
    """Whether the run of an export that was asked for has begun: from then on the export says how it stands."""
    export = load_export(item.tenant, item.data["export_id"]).value
    return export.state != "queued" or export.attempt != item.data["attempt"]


def is_file_loaded(item: JournalItem) -> bool:
    """Whether all lines of a statement file that was answered first are stored."""
    record = recon_store.find_file(item.tenant, str(item.subject))
    return record is None or record.value.status != "loading"


def _has_gone_on(payout: Payout) -> bool:
    return payout.state is not State.RESERVED or payout.due_at is not None
