"""What a bank says has moved: money in goes into the escrow, to the lender, towards the line whose reference it quotes;
all else into suspense, where it is seen. Booked under the movement's own key, however often and by whatever it is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import BankAccount, ExpectedPayment, Receipt, receive
from chalicelib.banking.movements import Movement
from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.credit import store as credit_store
from chalicelib.credit.domain import repay
from chalicelib.credit.postings import repayment_postings
from chalicelib.ledger import store as ledger_store
from chalicelib.ledger.domain import Posting, Purpose, credit, debit, entry_of, purpose_account_id
from chalicelib.settlement.domain import netted
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain import fund

KIND = "movement.booked"


@dataclass(frozen=True, slots=True)
class Taken:
    """What of a movement found its place: the postings from the bank account on, and the writes that go with them."""

    postings: tuple[Posting, ...]
    amount: Money
    writes: tuple[Write, ...]
    subject: str


def book_movement(call: Call, movement: Movement) -> Outcome:
    """Book a movement that is no payout's, once. Never refused for what it is for: what fits no expectation goes to
    suspense and is listed, money out (a bank's charge, say) as well as money in."""
    known = banking_store.find_expected(call.tenant, movement.references) if movement.amount.minor > 0 else None
    expected = known.value if known else None

    def decide(found: Found) -> Plan:
        return _plan(call, movement, found, expected)

    return once(call, decide, reads=_reads(call.tenant, expected))


def account_at_bank(bank_id: str, number: str) -> BankAccount | None:
    """Whose an account at a bank is, or None: no tenant's."""
    return banking_store.find_account(bank_id, number)


def _reads(tenant: str, expected: ExpectedPayment | None) -> tuple[Key, ...]:
    if expected is None:
        return ()
    key = banking_store.expected_key(tenant, expected.reference)
    return (key, *_subject_reads(tenant, expected))


def _subject_reads(tenant: str, expected: ExpectedPayment) -> tuple[Key, ...]:
    match expected.kind:
        case "trade":
            trade_id = expected.subject_id
            return trades_store.state_key(tenant, trade_id), trades_store.terms_key(tenant, trade_id)
        case "credit_line":
            return (credit_store.line_key(tenant, expected.subject_id),)
        case "lender":
            return ()


def _plan(call: Call, movement: Movement, found: Found, expected: ExpectedPayment | None) -> Plan:
    taken = _nothing(movement) if expected is None else _take(call, movement, found, expected)
    left = movement.amount - taken.amount
    bank = movement.account.account_id
    suspense = purpose_account_id(call.tenant, Purpose.SUSPENSE, movement.amount.currency)
    postings = netted((*taken.postings, debit(bank, left), credit(suspense, left)))
    writes = list(taken.writes)
    if left.minor:
        writes.append(banking_store.create_receipt(call.tenant, _unmatched(call, movement, left, expected)))
    entry = entry_of(
        KIND,
        postings,
        occurred_at=_occurred_at(movement.booked_on, call.now),
        subject=taken.subject or None,
        reference=movement.bank_reference,
    )
    return ledger_store.plan_entry(call, entry, *writes, data=_facts(movement, taken, left, expected))


def _take(call: Call, movement: Movement, found: Found, expected: ExpectedPayment) -> Taken:
    if movement.amount.currency != expected.currency:
        return _nothing(movement)
    record = banking_store.take_expected(found, call.tenant, expected.reference)
    if record is None:
        raise Stale
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
    funded = fund(trade.value, movement.amount)
    if not funded.accepted.minor:
        return _nothing(movement)
    bank = movement.account.account_id
    return Taken(
        (debit(bank, funded.accepted), credit(terms.escrow_account_id, funded.accepted)),
        funded.accepted,
        (
            trades_store.save_trade(call.tenant, funded.trade, version=trade.version),
            banking_store.replace_expected(call.tenant, receive(record.value, funded.accepted), version=record.version),
        ),
        trade_id,
    )


def _towards_line(call: Call, movement: Movement, found: Found, record: Versioned[ExpectedPayment]) -> Taken:
    line = credit_store.take_line(found, call.tenant, record.value.subject_id)
    booked_on = min(movement.booked_on or call.now.date(), call.now.date())
    repayment = repay(line.value, movement.amount, max(booked_on, line.value.accrued_through))
    used = movement.amount - repayment.excess
    if not used.minor:
        return _nothing(movement)
    bank = movement.account.account_id
    return Taken(
        repayment_postings(line.value, repayment, bank),
        used,
        (
            credit_store.replace_line(repayment.line, version=line.version),
            banking_store.replace_expected(call.tenant, receive(record.value, used), version=record.version),
        ),
        line.value.line_id,
    )


def _to_lender(call: Call, movement: Movement, record: Versioned[ExpectedPayment]) -> Taken:
    party_id, amount = record.value.subject_id, movement.amount
    bank = movement.account.account_id
    undrawn = purpose_account_id(call.tenant, Purpose.LENDER_UNDRAWN, amount.currency, party_id)
    save = banking_store.replace_expected(call.tenant, receive(record.value, amount), version=record.version)
    return Taken((debit(bank, amount), credit(undrawn, amount)), amount, (save,), party_id)


def _nothing(movement: Movement) -> Taken:
    return Taken((), movement.amount.of(0), (), "")


def _unmatched(call: Call, movement: Movement, left: Money, expected: ExpectedPayment | None) -> Receipt:
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
        reason=_reason(left, expected),
        entry_id=call.entry_id,
        received_at=call.now,
    )


def _reason(left: Money, expected: ExpectedPayment | None) -> str:
    if left.minor < 0:
        return "unknown_debit"
    return "unknown_reference" if expected is None else "more_than_expected"


def _facts(movement: Movement, taken: Taken, left: Money, expected: ExpectedPayment | None) -> dict[str, Any]:
    return {
        "bank_reference": movement.bank_reference,
        "currency": movement.amount.currency,
        "received_minor": movement.amount.minor,
        "matched_minor": taken.amount.minor,
        "suspense_minor": left.minor,
        "payment_reference": expected.reference if expected else None,
    }


def _occurred_at(booked_on: date | None, now: datetime) -> datetime:
    """The start of the value date where that is past, else now."""
    if booked_on is None or booked_on >= now.date():
        return now
    return datetime.combine(booked_on, time.min, tzinfo=UTC)
