"""Payouts moved on: by our own steps, by what a bank says, by what has moved there. Each change is one commit.

A bank may say anything twice and in any order. Money that moved at the bank is booked under its movement's key, so that
it is booked once, whatever message brings it. A message about an attempt that is dead changes that attempt alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256

from chalicelib.banking import payout_lists, store
from chalicelib.banking.movements import Movement
from chalicelib.banking.payees import OWN
from chalicelib.banking.payout_ageing import with_clock
from chalicelib.banking.payout_postings import rejection_postings, return_postings, settlement_postings
from chalicelib.banking.payout_states import DEAD, GIVEN_UP, Event
from chalicelib.banking.payout_status import News, by_profile
from chalicelib.banking.payouts import (
    Payout,
    advance,
    attempt_at,
    debit_late,
    give_back,
    is_payout_id,
    settle,
    with_attempt,
)
from chalicelib.banking.store import PayoutOwner
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, InvalidInput, KeyReused
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, entry_of
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key

ACTOR = "payouts"


@dataclass(frozen=True, slots=True)
class Change:
    """What a change does to one attempt at a payout: `before` and `after`, as if it were the newest."""

    before: Payout
    after: Payout


Step = Callable[[Payout], Payout]
"""The payout after a change; itself where nothing changes."""

Book = Callable[[Call, Change], Plan]
"""What a change books."""


class _OldNews(Exception):
    """Nothing changes: there is nothing to commit."""

    def __init__(self, payout: Payout) -> None:
        super().__init__(payout.payout_id)
        self.payout = payout


def take_step(tenant: str, payout_id: str, attempt_id: str, event: Event, *, now: datetime, reason: str = "") -> Payout:
    """The payout after an event without a movement of money at the bank.

    Raises NotFound `payout_not_found`, Conflict `payout_state`.
    """
    stored = store.load_payout_version(tenant, payout_id)
    # What happens may happen again later (a decision was undone): the key names the version that it happened to.
    call = payout_call(tenant, f"payout:{attempt_id}:{event.value}:{stored.version}", None, now)
    owner = PayoutOwner(tenant, stored.value.bank_id, payout_id)
    return _change(call, owner, attempt_id, lambda payout: advance(payout, event, reason=reason), book_step)


def apply_payout_status(bank_id: str, news: News, *, now: datetime) -> Payout:
    """Move a payout on by what a pain.002 says of it: accepted, doubted, rejected or cancelled (Dr payouts in transit,
    Cr source, unless the bank may have debited it before).

    Raises InvalidInput `not_our_payout` (it can never become known), NotFound `payout_not_found` (deliver it again
    later), Conflict `payout_state` (a rejection of what was debited).
    """
    owner = _owner(bank_id, news.payout_id)
    news = by_profile(news, store.load_bank(bank_id))
    return take_step(owner.tenant, owner.payout_id, news.payout_id, news.event, now=now, reason=news.reason)


def settle_payout(movement: Movement, *, now: datetime) -> Payout:
    """Book the bank's debit of a payout: Dr payouts in transit, Cr bank, under the movement's key.

    Raises as `apply_payout_status`, and Conflict `payout_amount_differs`, `payout_settled_twice`,
    `payout_account_differs`, `movement_booked_otherwise` (the same movement stands in the books as something else). A
    debit of a dead attempt is shown by the payout, and refused as `payout_state`.
    """

    def settled(payout: Payout) -> Payout:
        _check_account(payout, movement)
        return settle(payout, -movement.amount, bank_reference=movement.key)

    try:
        return _book(movement, now, "payout.settled", settled, lambda change: settlement_postings(change.after))
    except Conflict as contradiction:
        if contradiction.code == "payout_state":
            _show_late_debit(movement, now)
        raise


def payee_of_dead(movement: Movement) -> str | None:
    """The party that a dead attempt at a payout was for, which the bank has debited all the same: it has got money that
    its balance has as well. None: the attempt is not dead, or is of the marketplace's own money."""
    owner = _owner(movement.account.bank_id, movement.end_to_end_id)
    payout = store.load_payout(owner.tenant, owner.payout_id)
    is_dead = attempt_at(payout, movement.end_to_end_id).state in DEAD
    return payout.party_id if is_dead and payout.party_id != OWN else None


def return_payout(movement: Movement, *, now: datetime) -> Payout:
    """Book what came back of a payout: Dr bank, Cr source, under the movement's key, whether its debit was told or not.

    Raises as `settle_payout`, and Conflict `payout_returned_twice`.
    """

    def returned(payout: Payout) -> Payout:
        _check_account(payout, movement)
        reason, charge = movement.return_reason, movement.charges_minor
        return give_back(payout, movement.amount, bank_reference=movement.key, reason=reason, charge_minor=charge)

    def postings(change: Change) -> tuple[Posting, ...]:
        return return_postings(change.before, change.after)

    return _book(movement, now, "payout.returned", returned, postings)


def payout_call(tenant: str, key: str, content: Mapping[str, object] | None, now: datetime) -> Call:
    """The call of a payout's own worker."""
    return worker_call(
        tenant=tenant, key=key, content=content, now=now, entropy=sha256(key.encode()).digest(), actor=ACTOR
    )


def payout_journal_facts(payout: Payout) -> dict[str, object]:
    """What the journal keeps of a payout's step."""
    facts = {"payout_id": payout.payout_id, "state": payout.state.value, "reason": payout.reason}
    return facts | ({"attempt_id": payout.attempt_id} if payout.attempt_id else {})


def book_step(call: Call, change: Change, **found_out: object) -> Plan:
    """What an event without a movement at the bank books: what was in transit is given up where the attempt ends."""
    after, kind = change.after, f"payout.{change.after.state.value}"
    facts = payout_journal_facts(after) | found_out
    if after.state not in GIVEN_UP or change.before.state in GIVEN_UP:
        return Plan(journal_item(call, kind, subject=after.payout_id, data=facts))
    entry = entry_of(kind, rejection_postings(after), occurred_at=call.now, subject=after.payout_id)
    return plan_entry(call, entry, data=facts)


def change_keys(owner: PayoutOwner) -> tuple[Key, ...]:
    """What a change of a payout reads."""
    return (
        store.payout_key(owner.tenant, owner.payout_id),
        store.bank_key(owner.bank_id),
        payout_lists.overdue_key(owner.tenant, owner.payout_id),
    )


def save_payout(found: Found, before: Versioned[Payout], after: Payout, *, now: datetime) -> tuple[Write, ...]:
    """The writes of a payout's next state: the record with its clock, and the list of overdue ones."""
    after = with_clock(before.value, after, store.take_bank(found, after.bank_id), now=now)
    listed = payout_lists.list_as_overdue(found, before.value, after)
    return store.replace_payout(after, version=before.version), *listed


def _show_late_debit(movement: Movement, now: datetime) -> None:
    """Have a dead attempt show the debit that came all the same."""
    attempt_id = movement.end_to_end_id
    owner = _owner(movement.account.bank_id, attempt_id)
    call = payout_call(owner.tenant, f"payout:{attempt_id}:late-debit", None, now)

    def shown(payout: Payout) -> Payout:
        return debit_late(payout, bank_reference=movement.key) if payout.state in DEAD else payout

    def plan(call: Call, change: Change) -> Plan:
        facts = payout_journal_facts(change.after) | {"movement": movement.key}
        return Plan(journal_item(call, "payout.debited_late", subject=owner.payout_id, data=facts))

    _change(call, owner, attempt_id, shown, plan)


def _book(
    movement: Movement,
    now: datetime,
    kind: str,
    step: Step,
    postings: Callable[[Change], tuple[Posting, ...]],
) -> Payout:
    """The payout after money has moved at the bank."""
    attempt_id = movement.end_to_end_id
    owner = _owner(movement.account.bank_id, attempt_id)
    call = payout_call(owner.tenant, movement.key, movement.content, now)

    def plan(call: Call, change: Change) -> Plan:
        entry = entry_of(
            kind, postings(change), occurred_at=call.now, subject=owner.payout_id, reference=movement.bank_reference
        )
        return plan_entry(call, entry, data=payout_journal_facts(change.after))

    return _change(call, owner, attempt_id, step, plan)


def _change(call: Call, owner: PayoutOwner, attempt_id: str, step: Step, book: Book) -> Payout:
    """Change an attempt at a payout in one commit with what that books; old news commits nothing."""

    def decide(found: Found) -> Plan:
        stored = store.take_payout(found, call.tenant, owner.payout_id)
        before = attempt_at(stored.value, attempt_id)
        after = step(before)
        if after is before:
            raise _OldNews(stored.value)
        planned = book(call, Change(before, after))
        writes = save_payout(found, stored, with_attempt(stored.value, after), now=call.now)
        return Plan(planned.item, (*planned.writes, *writes))

    try:
        outcome = once(call, decide, reads=change_keys(owner))
    except _OldNews as old:
        return old.payout
    except KeyReused as error:
        raise _booked_otherwise(call) from error
    if outcome.item.subject != owner.payout_id:
        raise _booked_otherwise(call)
    return store.load_payout(call.tenant, owner.payout_id)


def _booked_otherwise(call: Call) -> Conflict:
    return Conflict(
        "movement_booked_otherwise", "the books have this movement as something else", entry_id=call.entry_id
    )


def _check_account(payout: Payout, movement: Movement) -> None:
    account = movement.account
    if (account.tenant_id, account.iban, account.currency) != (payout.tenant, payout.iban, payout.currency):
        raise Conflict(
            "payout_account_differs", "the payout moved on another account than its own", payout_id=payout.payout_id
        )


def _owner(bank_id: str, attempt_id: str) -> PayoutOwner:
    if not is_payout_id(attempt_id):
        raise InvalidInput("not_our_payout", "no payout of ours has such an id", field="EndToEndId")
    return store.payout_owner(bank_id, attempt_id)
