"""What a bank says has moved: money in goes into the escrow, to the lender, towards the line whose reference it quotes;
all else into suspense, where it is seen. Booked under the movement's own key, however often and by whatever it is told.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import BankAccount, ExpectedPayment, Receipt, receive
from chalicelib.banking.movements import Movement
from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, KeyReused
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit import store as credit_store
from chalicelib.ledger.account_life import in_open_period
from chalicelib.ledger.domain import Posting, Purpose, credit, debit, entry_of, purpose_account_id
from chalicelib.ledger.reservations import reserving_facts
from chalicelib.ledger.store.entries import entry_item, plan_entry
from chalicelib.ledger.store.together import plan_together
from chalicelib.settlement.domain.accounts import netted, party_account_id
from chalicelib.settlement.kinds import MOVEMENT
from chalicelib.settlement.service.repayments import income_key, repay_line, value_day
from chalicelib.settlement.store.expected import find_expectations, follow_trade, take_expected
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.funding import fund


@dataclass(frozen=True, slots=True)
class Aim:
    """What a movement is for: the payment it meets. None of ours: `reason` says why, and it goes to suspense."""

    expected: ExpectedPayment | None
    reason: str = "more_than_expected"


@dataclass(frozen=True, slots=True)
class Taken:
    """What of a movement found its place: the postings from the bank account on, and the writes that go with them.
    `returned` of it belongs to nothing and goes back to who sent it: it is reserved on the accounts `returned_to` for
    the payout that follows. `adjustment` is an entry booked with it. Where nothing could be done with the money yet,
    `waits` is why."""

    postings: tuple[Posting, ...]
    amount: Money
    writes: tuple[Write, ...]
    subject: str
    returned: int = 0
    returned_to: tuple[str, ...] = ()
    adjustment: JournalItem | None = None
    waits: str = ""


def book_movement(call: Call, movement: Movement) -> Outcome:
    """Book a movement that is no payout's, once. Never refused for what it is for: what fits no expectation goes to
    suspense and is listed, money out (a bank's charge, say) as well as money in.

    Raises Conflict `movement_differs` where the books have a movement of this reference with another amount.
    """
    return _book(call, movement, _aim(call.tenant, movement))


def book_in_suspense(call: Call, movement: Movement, reason: str) -> Outcome:
    """Book a movement that contradicts what we know: it has happened at the bank, so the books have it, and the list of
    unmatched money has it with its reason. Raises as `book_movement`."""
    return _book(call, movement, Aim(None, reason))


def account_at_bank(bank_id: str, number: str) -> BankAccount | None:
    """Whose an account at a bank is, or None: no tenant's."""
    return banking_store.find_account(bank_id, number)


def _aim(tenant: str, movement: Movement) -> Aim:
    if movement.reversal or movement.return_reason:
        # Something is undone. What was written on it says what it was for, not what it should pay now.
        return Aim(None, "unknown_return")
    if movement.amount.minor < 0:
        return Aim(None, "unknown_debit")
    known = find_expectations(tenant, movement.references)
    if len(known) != 1:
        return Aim(None, "several_references" if known else "unknown_reference")
    if known[0].currency != movement.amount.currency:
        return Aim(None, "other_currency")
    return Aim(known[0])


def _book(call: Call, movement: Movement, aim: Aim) -> Outcome:
    reads = _reads(call.tenant, aim.expected)

    def book(occurred_at: datetime) -> Outcome:
        return once(call, lambda found: _plan(call, movement, found, aim, occurred_at), reads=reads)

    try:
        return in_open_period(book, _occurred_at(movement.booked_on, call.now), now=call.now)
    except KeyReused as error:
        facts = {"entry_id": call.entry_id, "minor": movement.amount.minor, "currency": movement.amount.currency}
        raise Conflict("movement_differs", "the books have this movement with another amount", **facts) from error


def _reads(tenant: str, expected: ExpectedPayment | None) -> tuple[Key, ...]:
    if expected is None:
        return ()
    key = banking_store.expected_key(tenant, expected.reference)
    match expected.kind:
        case "trade":
            trade_id = expected.subject_id
            return key, trades_store.state_key(tenant, trade_id), trades_store.terms_key(tenant, trade_id)
        case "credit_line":
            line_key = credit_store.line_key(tenant, expected.subject_id)
            return key, line_key, income_key(tenant, expected.currency)
        case "lender":
            return (key,)


def _plan(call: Call, movement: Movement, found: Found, aim: Aim, occurred_at: datetime) -> Plan:
    taken = _nothing(movement) if aim.expected is None else _take(call, movement, found, aim.expected)
    left = movement.amount - taken.amount
    bank = movement.account.account_id
    suspense = purpose_account_id(call.tenant, Purpose.SUSPENSE, movement.amount.currency)
    postings = netted((*taken.postings, debit(bank, left), credit(suspense, left)))
    writes = list(taken.writes)
    if left.minor:
        waiting = Aim(aim.expected, taken.waits) if taken.waits else aim
        writes.append(banking_store.create_receipt(call.tenant, _unmatched(call, movement, left, waiting)))
    entry = entry_of(
        MOVEMENT,
        postings,
        occurred_at=occurred_at,
        subject=taken.subject or None,
        reference=movement.bank_reference,
    )
    data = _facts(movement, taken, left, aim) | reserving_facts(postings, taken.returned_to)
    if taken.adjustment is not None:
        return plan_together(call, (entry_item(call, entry, data=data), taken.adjustment), *writes)
    return plan_entry(call, entry, *writes, data=data, fact=True)


def _take(call: Call, movement: Movement, found: Found, expected: ExpectedPayment) -> Taken:
    record = take_expected(found, call.tenant, expected.reference)
    match expected.kind:
        case "trade":
            return _into_escrow(call, movement, found, record)
        case "credit_line":
            return _towards_line(call, movement, found, record)
        case "lender":
            return _to_lender(call, movement, record)


def _into_escrow(call: Call, movement: Movement, found: Found, record: Versioned[ExpectedPayment]) -> Taken:
    trade_id = record.value.subject_id
    terms = trades_store.take_terms(found, call.tenant, trade_id)
    trade = trades_store.take_trade(found, call.tenant, trade_id)
    funded = fund(terms, trade.value, movement.amount, now=call.now)
    taken = funded.accepted + funded.returned
    if not taken.minor:
        return _nothing(movement)
    buyer = party_account_id(call.tenant, terms.buyer, terms.currency)
    postings = (
        debit(movement.account.account_id, taken),
        credit(terms.escrow_account_id, funded.accepted),
        credit(buyer, funded.returned),
    )
    writes = (
        trades_store.save_trade(call.tenant, funded.trade, version=trade.version),
        follow_trade(record, call.tenant, trade.value, funded.trade, by_bank=True),
    )
    kept = writes if funded.accepted.minor else ()
    return Taken(postings, taken, kept, trade_id, funded.returned.minor, (buyer,))


def _towards_line(call: Call, movement: Movement, found: Found, record: Versioned[ExpectedPayment]) -> Taken:
    line = credit_store.take_line(found, call.tenant, record.value.subject_id)
    on = value_day(movement.value_on, movement.booked_on, today_in(movement.amount.currency, call.now))
    bank, receipt_id = movement.account.account_id, movement.receipt_id
    try:
        paid = repay_line(call, found, line, movement.amount, on, paid_from=bank, receipt_id=receipt_id)
    except Conflict as waits:
        return replace(_nothing(movement), waits=waits.code)
    if not paid.used.minor:
        return _nothing(movement)
    receive_more = banking_store.replace_expected(call.tenant, receive(record.value, paid.used), version=record.version)
    writes = (*paid.writes, receive_more)
    return Taken(paid.postings, paid.used, writes, line.value.line_id, adjustment=paid.adjustment)


def _to_lender(call: Call, movement: Movement, record: Versioned[ExpectedPayment]) -> Taken:
    party_id, amount = record.value.subject_id, movement.amount
    bank = movement.account.account_id
    undrawn = purpose_account_id(call.tenant, Purpose.LENDER_UNDRAWN, amount.currency, party_id)
    save = banking_store.replace_expected(call.tenant, receive(record.value, amount), version=record.version)
    return Taken((debit(bank, amount), credit(undrawn, amount)), amount, (save,), party_id)


def _nothing(movement: Movement) -> Taken:
    return Taken((), movement.amount.of(0), (), "")


def _unmatched(call: Call, movement: Movement, left: Money, aim: Aim) -> Receipt:
    return Receipt(
        receipt_id=movement.receipt_id,
        bank_id=movement.account.bank_id,
        iban=movement.account.iban,
        bank_reference=movement.bank_reference,
        currency=left.currency,
        amount_minor=left.minor,
        reference=movement.text,
        booked_on=movement.booked_on,
        disposition="suspense",
        reason=aim.reason,
        entry_id=call.entry_id,
        received_at=call.now,
    )


def _facts(movement: Movement, taken: Taken, left: Money, aim: Aim) -> dict[str, Any]:
    return {
        "bank_reference": movement.bank_reference,
        "booked_on": movement.booked_on.isoformat() if movement.booked_on else None,
        "currency": movement.amount.currency,
        "received_minor": movement.amount.minor,
        "matched_minor": taken.amount.minor - taken.returned,
        "returned_minor": taken.returned,
        "suspense_minor": left.minor,
        "payment_reference": aim.expected.reference if aim.expected else None,
    }


def _occurred_at(booked_on: date | None, now: datetime) -> datetime:
    """The start of the value date where that is past, else now."""
    if booked_on is None or booked_on >= now.date():
        return now
    return datetime.combine(booked_on, time.min, tzinfo=UTC)
