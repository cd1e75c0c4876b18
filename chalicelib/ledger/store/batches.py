"""How a batch stands in DynamoDB: its own journal item, one for each entry, and one update for each account."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from chalicelib.core.call import Call
from chalicelib.core.errors import Defect, KeyReused, Refusal, about, at_index
from chalicelib.core.instants import instant_text
from chalicelib.ledger.batches import Booking, Run, Step
from chalicelib.ledger.domain import is_deferred
from chalicelib.ledger.store.conditions import Guard, check_write, unexplained, unmet
from chalicelib.ledger.store.deferred import moved_at_once
from chalicelib.ledger.store.entries import entry_item
from chalicelib.ledger.store.moves import Move, move_write, no_account, refusal
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Plan, also_journal
from chalicelib.storage.tables import AccountItem, Item

BATCH_POSTED = "batch.posted"


def batch_items(bookings: Sequence[Booking]) -> tuple[JournalItem, ...]:
    """The journal items of the entries."""
    return tuple(entry_item(booking.call, booking.entry) for booking in bookings)


def plan_batch(call: Call, items: Sequence[JournalItem], runs: Sequence[Run]) -> Plan:
    """The plan of a batch: the entries' items, then what is asked of each account.

    Raises the refusals of deferred accounts, with the entry's place.
    """
    for index, item in enumerate(items):
        _check_deferred(item, index)
    header = journal_item(call, BATCH_POSTED, data={"entries": [item.entry_id for item in items]})
    puts = [also_journal(item, partial(_key_reused, index)) for index, item in enumerate(items)]
    return Plan(header, (*puts, *(_run_write(header, run) for run in runs)))


def _check_deferred(item: JournalItem, index: int) -> None:
    later = [Move(leg.account_id, leg.currency, leg.amount) for leg in item.legs if is_deferred(leg.account_id)]
    with about("entries", index):
        moved_at_once(item, later)


def _key_reused(index: int, _: Item | None) -> Refusal:
    sentence = "the key of an entry was used for another request"
    return at_index(KeyReused("idempotency_key_reused", sentence, field="idempotency_key"), "entries", index)


def _run_write(header: JournalItem, run: Run) -> Write:
    """One update of an account for all entries that move it, or one check where they only ask for its balance."""
    guards = [
        Guard(condition, prior)
        for step, prior in zip(run.steps, run.priors, strict=True)
        for condition in step.conditions
    ]
    if run.lines:
        move = Move(
            run.account_id,
            run.currency,
            run.amount,
            lines=run.lines,
            peaks=run.peaks,
            occurred_at=run.earliest,
        )
        write = move_write(header, move, by_hand=True, guards=guards)
    else:
        write = check_write(header.tenant, run.account_id, guards)
    return replace(write, refuse=partial(_refusal, run))


def _refusal(run: Run, old: Item | None) -> Refusal | Defect:
    """The refusal of the first entry that the account, as it stood, would have refused had they come one by one."""
    if old is None:
        return at_index(no_account(run.account_id), "entries", run.steps[0].index)
    item = AccountItem.from_raw_data(old)
    for step in run.steps:
        refused = _step_refusal(item, run, step)
        if refused is not None:
            return at_index(refused, "entries", step.index)
        item.balance += step.amount
        item.debit_room -= step.amount
        item.credit_room += step.amount
    return unexplained(run.account_id)


def _step_refusal(item: AccountItem, run: Run, step: Step) -> Refusal | None:
    guards = [Guard(condition) for condition in step.conditions]
    if not step.amount:
        return unmet(item, guards)
    move = Move(run.account_id, run.currency, step.amount)
    return refusal(item, move, occurred_at=instant_text(step.occurred_at), by_hand=True, guards=guards)
