"""What people do about a payout: try again, cancel, send the file again, say what became of it, take that back.

Each command is one commit, decided from the payout as it stands; its version decides between two of them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from chalicelib.banking import store
from chalicelib.banking.paying import (
    check_not_after,
    covered,
    destination_keys,
    once_covered,
    take_destination,
)
from chalicelib.banking.payout_ageing import new_clock
from chalicelib.banking.payout_changes import (
    Book,
    Change,
    book_step,
    change_keys,
    payout_journal_facts,
    save_payout,
)
from chalicelib.banking.payout_decisions import Finding, cancel, resend, resolve, undo_resolution
from chalicelib.banking.payout_lists import list_as_overdue
from chalicelib.banking.payout_postings import charge_postings, creation_postings
from chalicelib.banking.payout_states import DEAD, GIVEN_UP
from chalicelib.banking.payouts import Payout, next_attempt
from chalicelib.banking.store import PayoutOwner
from chalicelib.core.call import Call
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, entry_of
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan
from chalicelib.storage.reads import Found


@dataclass(frozen=True, slots=True)
class StartAttempt:
    """Try a payout once more. `bank_account_id` None: at the bank account that it was made for."""

    payout_id: str
    bank_account_id: str | None = None
    not_after: datetime | None = None


def start_attempt(call: Call, command: StartAttempt) -> Outcome:
    """Pay once more what the last attempt gave back: Dr source, Cr payouts in transit. Facts: payout_id, attempt_id.

    Raises NotFound `payout_not_found`, `payee_account_not_found`; Conflict `not_after_passed`, `payout_attempt_alive`
    (the last one may still pay), `payout_nothing_left`, `too_many_attempts`, `payee_account_retired`,
    `insufficient_funds`.
    """
    known = store.load_payout(call.tenant, command.payout_id)
    bank_account_id = command.bank_account_id or known.bank_account_id

    def decide(found: Found) -> Plan:
        check_not_after(command.not_after, now=call.now)
        stored = store.take_payout(found, call.tenant, command.payout_id)
        after = next_attempt(stored.value, bank_account_id=bank_account_id, now=call.now)
        take_destination(found, call.tenant, after.party_id, bank_account_id)
        after = new_clock(after, now=call.now)
        entry = entry_of("payout.attempted", creation_postings(after), occurred_at=call.now, subject=after.payout_id)
        writes = (
            store.replace_payout(after, version=stored.version),
            store.create_payout_owner(after),
            *list_as_overdue(found, stored.value, after),
        )
        return plan_entry(call, entry, *writes, data=payout_journal_facts(after), conditions=covered(after))

    keys = (*change_keys(_owner(known)), *destination_keys(call.tenant, known.party_id, bank_account_id))
    return once_covered(call, decide, keys)


def cancel_payout(call: Call, payout_id: str) -> Outcome:
    """Cancel a payout at once where no file of it can exist (Dr payouts in transit, Cr source); else note the request
    that its bank has to say yes to. Facts: payout_id, state.

    Raises NotFound `payout_not_found`; Conflict `payout_state`, `cancellation_requested`.
    """

    def book(call: Call, change: Change) -> Plan:
        if change.after.state in GIVEN_UP:
            return book_step(call, change)
        return _plan(call, "payout.cancellation_requested", (), change.after)

    return _command(call, payout_id, lambda payout: cancel(payout, now=call.now), book)


def resend_payout(call: Call, payout_id: str) -> Outcome:
    """Have a payout's file sent once more, the same bytes. Facts: payout_id, state.

    Raises NotFound `payout_not_found`; Conflict `payout_state`, `too_many_resends`.
    """
    return _command(call, payout_id, resend, lambda call, change: _plan(call, "payout.resent", (), change.after))


def resolve_payout(call: Call, payout_id: str, finding: Finding) -> Outcome:
    """Note what a person has found out about a payout that its bank leaves open: what was not paid is given up (Dr
    payouts in transit, Cr source). Facts: payout_id, state, outcome, evidence.

    Raises NotFound `payout_not_found`; Conflict `payout_state`, `payout_not_overdue`.
    """
    found_out = {"outcome": finding.outcome.value, "evidence": finding.evidence}

    def book(call: Call, change: Change) -> Plan:
        after = change.after
        if after.state in GIVEN_UP:
            return book_step(call, change, **found_out)
        charge = after.return_charges_minor - change.before.return_charges_minor
        return _plan(call, "payout.resolved", charge_postings(after, charge), after, **found_out)

    return _command(call, payout_id, lambda payout: resolve(payout, finding, actor=call.actor, now=call.now), book)


def undo_payout_resolution(call: Call, payout_id: str) -> Outcome:
    """Take back what a person has said of a payout, while nothing has happened to it since: what was given up is in
    transit again (Dr source, Cr payouts in transit). Facts: payout_id, state.

    Raises NotFound `payout_not_found`; Conflict `payout_not_resolved`, `insufficient_funds` (it is spent).
    """

    def book(call: Call, change: Change) -> Plan:
        before, after = change.before, change.after
        if before.state in GIVEN_UP:
            return _plan(call, "payout.resolution_undone", creation_postings(after), after)
        charge = after.return_charges_minor - before.return_charges_minor
        return _plan(call, "payout.resolution_undone", charge_postings(after, charge), after)

    return _command(call, payout_id, undo_resolution, book)


def _command(call: Call, payout_id: str, change: Callable[[Payout], Payout], book: Book) -> Outcome:
    def decide(found: Found) -> Plan:
        stored = store.take_payout(found, call.tenant, payout_id)
        after = change(stored.value)
        planned = book(call, Change(stored.value, after))
        return Plan(planned.item, (*planned.writes, *save_payout(found, stored, after, now=call.now)))

    return once_covered(call, decide, change_keys(_owner(store.load_payout(call.tenant, payout_id))))


def _plan(call: Call, kind: str, postings: tuple[Posting, ...], after: Payout, **facts: object) -> Plan:
    data = payout_journal_facts(after) | facts
    if not postings:
        return Plan(journal_item(call, kind, subject=after.payout_id, data=data))
    entry = entry_of(kind, postings, occurred_at=call.now, subject=after.payout_id)
    again_in_transit = covered(after) if after.state not in DEAD and postings == creation_postings(after) else ()
    return plan_entry(call, entry, data=data, conditions=again_in_transit)


def _owner(payout: Payout) -> PayoutOwner:
    return PayoutOwner(payout.tenant, payout.bank_id, payout.payout_id)
