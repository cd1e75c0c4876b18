"""Money of a receipt that goes to what its reference names: a trade's escrow, a credit line, a lender's account.

The same whether it goes there as it comes in, out of the bank account, or is allocated later, out of suspense.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import ExpectedPayment, receive
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit import store as credit_store
from chalicelib.ledger.domain import Posting, Purpose, credit, debit, purpose_account_id
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.domain.receipts import Stake, Target
from chalicelib.settlement.service.repayments import income_key, repay_line
from chalicelib.settlement.store.expected import follow_trade, take_expected
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.funding import fund
from chalicelib.trades.domain.lineage import units_of

MAX_RECEIPTS = 12
"""Receipts that an expected payment remembers: the last ones. Its item stays below a kilobyte."""

TARGETS: dict[str, Target] = {
    "trade": Target.TRADE,
    "credit_line": Target.CREDIT_LINE,
    "lender": Target.LENDER,
}


@dataclass(frozen=True, slots=True)
class Payment:
    """Money of a receipt: the account it lies on, and the day it counts from. `decided`: somebody has said so, and the
    day may be of any age. `wanted_only`: what the target does not want stays where it lies, and is not given back."""

    receipt_id: str
    paid_from: str
    amount: Money
    on: date
    decided: bool = False
    wanted_only: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """Where a part of a receipt goes, as an allocation keeps it."""

    target: Target
    target_id: str
    minor: int
    stake: Stake | None = None
    event: str = ""


@dataclass(frozen=True, slots=True)
class Placement:
    """What of a payment found its place: the postings from its account on, and the writes that go with them. `parts`
    say where; of these `returned` belongs to nothing and goes back to who sent it: it is reserved on the accounts
    `returned_to` for the payout that follows. `adjustment` is an entry booked with
    it. Where nothing could be done with the money yet, `waits` is why."""

    postings: tuple[Posting, ...]
    used: Money
    writes: tuple[Write, ...]
    subject: str
    parts: tuple[Part, ...] = ()
    returned: int = 0
    returned_to: tuple[str, ...] = ()
    adjustment: JournalItem | None = None
    waits: str = ""


def placement_reads(tenant: str, expected: ExpectedPayment) -> tuple[Key, ...]:
    """What `place` reads for an expected payment."""
    key, subject_id = banking_store.expected_key(tenant, expected.reference), expected.subject_id
    match expected.kind:
        case "trade":
            return key, trades_store.state_key(tenant, subject_id), trades_store.terms_key(tenant, subject_id)
        case "credit_line":
            return key, credit_store.line_key(tenant, subject_id), income_key(tenant, expected.currency)
        case "lender":
            return (key,)


def place(call: Call, found: Found, payment: Payment, expected: ExpectedPayment) -> Placement:
    """Put a payment where it is expected; what is not wanted there is left. Never refused."""
    record = take_expected(found, call.tenant, expected.reference)
    match expected.kind:
        case "trade":
            return _into_escrow(call, found, payment, record)
        case "credit_line":
            return _towards_line(call, found, payment, record)
        case "lender":
            return _to_lender(call, payment, record)


def nothing_placed(amount: Money, waits: str = "") -> Placement:
    """Nothing of a payment found its place."""
    return Placement((), amount.of(0), (), "", waits=waits)


def _into_escrow(call: Call, found: Found, payment: Payment, record: Versioned[ExpectedPayment]) -> Placement:
    trade_id = record.value.subject_id
    terms = trades_store.take_terms(found, call.tenant, trade_id)
    trade = trades_store.take_trade(found, call.tenant, trade_id)
    funded = fund(terms, trade.value, payment.amount, now=call.now)
    accepted, returned = funded.accepted, funded.returned
    if payment.wanted_only:
        returned = returned.of(0)
    used = accepted + returned
    if not used.minor:
        return nothing_placed(payment.amount)
    buyer = party_account_id(call.tenant, terms.buyer, terms.currency)
    postings = (
        debit(payment.paid_from, used),
        credit(terms.escrow_account_id, accepted),
        credit(buyer, returned),
    )
    writes = (
        trades_store.save_trade(call.tenant, funded.trade, version=trade.version),
        follow_trade(_remembering(record, payment), call.tenant, trade.value, funded.trade, by_bank=True),
    )
    stake = Stake(units_of(trade.value, funded.trade), funded.trade.funding_round)
    parts = (
        Part(Target.TRADE, trade_id, accepted.minor, stake=stake),
        Part(Target.PARTY, terms.buyer, returned.minor),
    )
    return Placement(
        postings,
        used,
        writes if accepted.minor else (),
        trade_id,
        tuple(part for part in parts if part.minor),
        returned.minor,
        (buyer,) if returned.minor else (),
    )


def _towards_line(call: Call, found: Found, payment: Payment, record: Versioned[ExpectedPayment]) -> Placement:
    line = credit_store.take_line(found, call.tenant, record.value.subject_id)
    try:
        paid = repay_line(
            call,
            found,
            line,
            payment.amount,
            payment.on,
            paid_from=payment.paid_from,
            receipt_id=payment.receipt_id,
            decided=payment.decided,
        )
    except Conflict as waits:
        return nothing_placed(payment.amount, waits.code)
    if paid.event is None:
        return nothing_placed(payment.amount)
    save = _received(call, record, payment, paid.used)
    part = Part(Target.CREDIT_LINE, line.value.line_id, paid.used.minor, event=paid.event.place)
    return Placement(
        paid.postings,
        paid.used,
        (*paid.writes, save),
        line.value.line_id,
        (part,),
        adjustment=paid.adjustment,
    )


def _to_lender(call: Call, payment: Payment, record: Versioned[ExpectedPayment]) -> Placement:
    party_id, amount = record.value.subject_id, payment.amount
    undrawn = purpose_account_id(call.tenant, Purpose.LENDER_UNDRAWN, amount.currency, party_id)
    postings = (debit(payment.paid_from, amount), credit(undrawn, amount))
    save = _received(call, record, payment, amount)
    return Placement(postings, amount, (save,), party_id, (Part(Target.LENDER, party_id, amount.minor),))


def _received(call: Call, record: Versioned[ExpectedPayment], payment: Payment, used: Money) -> Write:
    expected = receive(_remembering(record, payment).value, used)
    return banking_store.replace_expected(call.tenant, expected, version=record.version)


def _remembering(record: Versioned[ExpectedPayment], payment: Payment) -> Versioned[ExpectedPayment]:
    """The expected payment with a receipt that is taken for it."""
    known = tuple(one for one in record.value.receipts if one != payment.receipt_id)
    receipts = (*known, payment.receipt_id)[-MAX_RECEIPTS:]
    return Versioned(replace(record.value, receipts=receipts), record.version)
