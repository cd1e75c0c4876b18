"""A repayment of a credit line by bank: it counts from its value date, and what came after is adjusted in one entry.

The repayment is booked on its booking day. What a replay changes beside it (accruals taken back, later payments
allocated again) is an entry of its own in the same commit, at the moment it becomes known: closed periods stay as they
were.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, cast

from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call, worker_call
from chalicelib.core.instants import parse_instant
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit import store as credit_store
from chalicelib.credit.changes import Adjustment, Source, check_value_date, recognised_on, repay
from chalicelib.credit.domain import CreditLine
from chalicelib.credit.history import LineEvent, Surplus
from chalicelib.credit.postings import adjustment_postings, repayment_postings
from chalicelib.ledger.domain import Posting, Purpose, entry_of, purpose_account_id
from chalicelib.ledger.store.entries import entry_item
from chalicelib.settlement.domain.accounts import netted, party_account_id
from chalicelib.settlement.domain.receipts import paid_to_event, with_ended
from chalicelib.settlement.kinds import INTEREST_ADJUSTED
from chalicelib.settlement.store import receipts
from chalicelib.settlement.store.credit import later_events
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import AccountItem, Key, account_key

MAX_FORWARD_DAYS = 7
"""How far ahead a value date may lie. Money is often good a few days after it is booked; a date farther off is none."""


@dataclass(frozen=True, slots=True)
class BankRepayment:
    """What a payment pays on a line: the postings from the account it comes from, how much of it, what is written, and
    the entry of the adjustment, if there is one."""

    postings: tuple[Posting, ...]
    used: Money
    writes: tuple[Write, ...]
    adjustment: JournalItem | None
    event: LineEvent | None


@dataclass(frozen=True, slots=True)
class Adjusted:
    """The entry of a replay's difference, if there is one, and the receipts that it changes."""

    item: JournalItem | None
    writes: tuple[Write, ...]


def income_key(tenant: str, currency: str) -> Key:
    """Where interest income is kept: a command reads how far its books are closed."""
    return account_key(tenant, purpose_account_id(tenant, Purpose.INTEREST_INCOME, currency))


def value_day(value_on: date | None, booked_on: date | None, today: date) -> date:
    """The day a payment counts from: its value date, else its booking day, else today. A bank's date is a label, and
    may be a day ahead of ours; one that lies far ahead is no date to count by."""
    for day in (value_on, booked_on):
        if day is not None and day <= today + timedelta(days=MAX_FORWARD_DAYS if day is value_on else 0):
            return day
    return today


def repay_line(
    call: Call,
    found: Found,
    line: Versioned[CreditLine],
    amount: Money,
    on: date,
    *,
    paid_from: str,
    receipt_id: str = "",
    decided: bool = False,
) -> BankRepayment:
    """Pay a line with money that counts from a day; `decided`: somebody has said so, and the day may be of any age.

    Raises Conflict `value_date_too_old`, `value_date_before_drawdown`, `too_many_later_events`.
    """
    if not decided:
        check_value_date(line.value, on, today_in(line.value.currency, call.now))
    later = later_events(line.value, on)
    paid = repay(line.value, amount, on, later, source=Source(call.entry_id, receipt_id))
    used = amount - paid.excess
    if not used.minor:
        return BankRepayment((), used, (), None, None)
    facts = closed_facts(found, line.value, paid.line, on, (later, paid.events))
    adjusted = adjust(call, line.value, paid.adjustment, facts)
    return BankRepayment(
        repayment_postings(line.value, paid, paid_from),
        used,
        (*credit_store.save_line(paid.line, paid.events, version=line.version), *adjusted.writes),
        adjusted.item,
        paid.events[0],
    )


def adjust(call: Call, line: CreditLine, adjustment: Adjustment, facts: Mapping[str, Any]) -> Adjusted:
    """The entry of what a replay changes beside the event itself, dated now, if it changes anything."""
    if not adjustment.is_needed:
        return Adjusted(None, ())
    owed_to, writes = _surplus(line, adjustment.surplus)
    own = worker_call(
        tenant=call.tenant,
        key=f"adjust:{call.entry_id}",
        content=dict(facts),
        now=call.now,
        entropy=b"",
        actor=call.actor,
    )
    entry = entry_of(
        INTEREST_ADJUSTED,
        netted(adjustment_postings(line, adjustment, owed_to)),
        occurred_at=call.now,
        subject=line.line_id,
        reference=line.reference,
    )
    amounts = {
        "interest_minor": adjustment.interest_minor,
        "principal_minor": adjustment.principal_minor,
        "surplus_minor": sum(one.minor for one in adjustment.surplus),
    }
    return Adjusted(entry_item(own, entry, data={"adjusts": call.entry_id, **facts, **amounts}), writes)


def _surplus(line: CreditLine, surplus: Sequence[Surplus]) -> tuple[dict[str, str], tuple[Write, ...]]:
    """Where the surplus of later payments goes, by their place in the history: back into suspense as what is left of
    the bank receipt that paid, else to the borrower's account; and the receipts' writes."""
    tenant, borrower = line.tenant, party_account_id(line.tenant, line.borrower_party_id, line.currency)
    suspense = purpose_account_id(tenant, Purpose.SUSPENSE, line.currency)
    before = {one.event.receipt_id: None for one in surplus if one.event.receipt_id}
    found = fetch(receipts.receipt_key(tenant, receipt_id) for receipt_id in before)
    records = {receipt_id: receipts.take_receipt(found, tenant, receipt_id) for receipt_id in before}
    after = {receipt_id: record.value for receipt_id, record in records.items()}
    for one in surplus:
        if receipt := after.get(one.event.receipt_id):
            number = paid_to_event(receipt, one.event.place).number
            after[receipt.receipt_id] = with_ended(receipt, number, one.minor, reason="more_than_expected")
    owed_to = {one.event.place: suspense if one.event.receipt_id else borrower for one in surplus}
    saved = (receipts.save_receipt(tenant, records[receipt_id], receipt) for receipt_id, receipt in after.items())
    return owed_to, tuple(write for writes in saved for write in writes)


def closed_facts(
    found: Found,
    before: CreditLine,
    after: CreditLine,
    on: date,
    events: tuple[tuple[LineEvent, ...], tuple[LineEvent, ...]],
) -> dict[str, Any]:
    """What an adjustment names: the value date, how far interest was accrued, and of closed days how far they go and
    what of the difference is theirs. `events` are those behind the value date, before and after."""
    income = cast("AccountItem | None", found.get(income_key(before.tenant, before.currency)))
    closed = today_in(before.currency, parse_instant(income.closed_until)) if income else date.min
    through = min(closed, before.accrued_through)
    of_closed = 0
    if through >= on:
        old, new = events
        of_closed = recognised_on(after, new, through) - recognised_on(before, old, through)
    return {
        "line_id": before.line_id,
        "currency": before.currency,
        "value_on": on.isoformat(),
        "accrued_through": before.accrued_through.isoformat(),
        "closed_through": closed.isoformat() if closed >= on else None,
        "closed_interest_minor": of_closed,
    }
