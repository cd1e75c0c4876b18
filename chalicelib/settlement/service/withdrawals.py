"""A part of a receipt that is taken back out of where it went: it was allocated wrongly, or its bank took it back.

What its target still has of it comes back; what has gone on is not there any more: whoever undoes an allocation is
refused, and what a bank has taken back becomes a claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from datetime import date
from typing import Any, cast

from chalicelib.banking import store as banking_store
from chalicelib.banking.payout_store import load_reserved, save_reserved
from chalicelib.banking.payouts import Payout
from chalicelib.banking.references import reference_for
from chalicelib.banking.reservations import WAITING, lower
from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit import store as credit_store
from chalicelib.credit.changes import Source, bounce, is_owed_from_reversal
from chalicelib.credit.domain import CreditLine
from chalicelib.credit.history import TOO_MANY_LATER, LineEvent
from chalicelib.credit.postings import bounce_postings
from chalicelib.ledger.domain import Posting, Purpose, credit, debit, purpose_account_id
from chalicelib.ledger.store.accounts import to_account
from chalicelib.ledger.store.entries import find_entry
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.domain.claims import Ending, claims_account_id, debtor_account_id, taken_off
from chalicelib.settlement.domain.receipts import Allocation, Receipt, Target
from chalicelib.settlement.service.repayments import adjust, closed_facts, income_key
from chalicelib.settlement.store import claims
from chalicelib.settlement.store.expected import follow_trade, take_expected
from chalicelib.settlement.store.reserved import reservations_of
from chalicelib.settlement.store.trade_claims import reversal_carrier
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import fetch
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import AccountItem, account_key
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.lineage import unreleased_minor
from chalicelib.trades.domain.states import CLOSED
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.domain.unfunding import lifted, unfund, with_payouts_stopped


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """What comes back of a part: the debits of its target for `covered`, the writes and the entry that go with them.
    `owed_by` is the party that owes what is not covered (None: nobody does, all is), for a trade where it is of one.
    `forgone_by` is the party that would have got what is covered, and that nobody pays in again: the trade is over.
    `read` has the versions of the accounts that this was decided from, `held` how much less is reserved of them."""

    covered: Money
    postings: tuple[Posting, ...]
    writes: tuple[Write, ...] = ()
    adjustment: JournalItem | None = None
    owed_by: str = ""
    trade_id: str | None = None
    carrier: str | None = None
    forgone_by: str = ""
    read: Mapping[str, int] = field(default_factory=dict)
    held: Mapping[str, int] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


def withdraw(
    call: Call,
    receipt: Receipt,
    part: Allocation,
    minor: int,
    *,
    by_bank: bool = False,
    holds: Mapping[str, int] | None = None,
) -> Withdrawal:
    """What comes back where `minor` of a standing part is taken out again. `minor` is signed as the receipt is.
    `by_bank`: a repayment is owed again from the day that its line's terms say, else as if never paid. `holds` are
    lifted from the trade."""
    amount = Money(minor, receipt.currency)
    match part.target:
        case Target.TRADE:
            return _from_trade(call, part, amount, (holds or {}).get(part.target_id, 0), by_bank=by_bank)
        case Target.CREDIT_LINE:
            return _from_line(call, part, amount, by_bank=by_bank)
        case Target.LENDER:
            return _from_lender(call, part, amount)
        case Target.CLAIM:
            return _from_claim(call.tenant, part.target_id, amount)
        case Target.PARTY:
            return _from_party(call, receipt, part.target_id, amount)
        case _:
            return Withdrawal(amount, (debit(part.target_id, amount),))


def _from_trade(call: Call, part: Allocation, amount: Money, hold: int, *, by_bank: bool) -> Withdrawal:
    """Out of the escrow, what it still holds of this payment. Where the bank took it, nothing more of the
    trade is paid out."""
    tenant, trade_id = call.tenant, part.target_id
    key = banking_store.expected_key(tenant, reference_for(tenant, trade_id))
    found = fetch((*trades_store.deal_keys(tenant, trade_id), key))
    terms, trade = trades_store.take_terms(found, tenant, trade_id), trades_store.take_trade(found, tenant, trade_id)
    owed: dict[str, Any] = {"owed_by": terms.buyer, "trade_id": trade_id, "carrier": reversal_carrier(terms)}
    held = unreleased_minor(trade.value, part.stake.units, part.stake.round) if part.stake else 0
    covered = min(held, amount.minor)
    before = lifted(trade.value, hold)
    if by_bank:
        uncovered = before.uncovered_minor + amount.minor - covered
        before = replace(with_payouts_stopped(before, call.now), uncovered_minor=uncovered)
    if not covered:
        writes = (trades_store.save_trade(tenant, before, version=trade.version),)
        return Withdrawal(amount.of(0), (), writes, facts=trade_facts(before, 0), **owed)
    units = part.stake.units * covered // held if part.stake else 0
    after = unfund(terms, before, covered, units, now=call.now)
    writes = (
        trades_store.save_trade(tenant, after, version=trade.version),
        follow_trade(take_expected(found, tenant, terms.reference), tenant, trade.value, after, by_bank=True),
    )
    postings = (debit(terms.escrow_account_id, amount.of(covered)),)
    owed["forgone_by"] = terms.seller if trade.value.stage in CLOSED else ""
    return Withdrawal(amount.of(covered), postings, writes, facts=trade_facts(after, covered), **owed)


def trade_facts(trade: Trade, minor: int) -> dict[str, Any]:
    """What an event says of a trade that has lost money."""
    return {
        "trade_id": trade.trade_id,
        "unfunded_minor": minor,
        "trade_state": trade.state.value,
        "outstanding_minor": trade.outstanding.minor,
    }


def _from_line(call: Call, part: Allocation, amount: Money, *, by_bank: bool) -> Withdrawal:
    """Owed again, from the day the line's terms say."""
    tenant, line_id, today = call.tenant, part.target_id, today_in(amount.currency, call.now)
    place = credit_store.event_key(tenant, line_id, part.event)
    expected_key = banking_store.expected_key(tenant, reference_for(tenant, line_id))
    line_key = credit_store.line_key(tenant, line_id)
    found = fetch((line_key, place, expected_key))
    line = credit_store.take_line(found, tenant, line_id)
    found |= fetch((income_key(tenant, line.value.currency),))
    event = credit_store.take_event(found, tenant, line_id, part.event)
    replays = _replays(line.value, event, today, by_bank=by_bank)
    source = Source(call.entry_id, event.receipt_id)
    bounced = bounce(
        line.value, event, amount, today, replays.later, source=source, from_reversal=replays.from_reversal
    )
    facts = closed_facts(found, line.value, bounced.line, replays.since, (replays.later, bounced.events))
    adjusted = adjust(call, line.value, bounced.adjustment, facts)
    expected = take_expected(found, tenant, line.value.reference)
    less = replace(expected.value, received_minor=max(expected.value.received_minor - amount.minor, 0))
    writes = (
        *credit_store.save_line(bounced.line, bounced.events, version=line.version),
        *adjusted.writes,
        banking_store.replace_expected(tenant, less, version=expected.version),
    )
    return Withdrawal(
        amount,
        bounce_postings(line.value, bounced),
        writes,
        adjusted.item,
        facts={
            "line_id": line_id,
            "owed_again_minor": amount.minor,
            "owed_again_from": replays.since.isoformat(),
            "line_status": bounced.line.shown_status,
        },
    )


@dataclass(frozen=True, slots=True)
class _Replays:
    """From which day a repayment is owed again, and the events of its line that are computed again."""

    since: date
    later: tuple[LineEvent, ...]
    from_reversal: bool


def _replays(line: CreditLine, event: LineEvent, today: date, *, by_bank: bool) -> _Replays:
    """By the line's terms where the bank took the money back, else as never paid. Where more has happened since than
    one commit can write again, from today: what is owed is owed at once, and only interest of the time between, which
    the event's facts name, is left to a person."""
    if not (by_bank and is_owed_from_reversal(line, event, today)):
        try:
            later = credit_store.events_behind(line.tenant, line.line_id, event.on, event.number)
        except Conflict as too_many:
            if too_many.code != TOO_MANY_LATER:
                raise
        else:
            return _Replays(event.on, later, from_reversal=False)
    return _Replays(
        today, credit_store.events_behind(line.tenant, line.line_id, today, line.events), from_reversal=True
    )


def _from_lender(call: Call, part: Allocation, amount: Money) -> Withdrawal:
    """Out of the lender's undrawn money."""
    tenant, currency = call.tenant, amount.currency
    undrawn = purpose_account_id(tenant, Purpose.LENDER_UNDRAWN, currency, part.target_id)
    taken = _from_account(call, undrawn, amount, owed_by=part.target_id)
    reference = reference_for(tenant, f"{part.target_id} {currency}")
    found = fetch((banking_store.expected_key(tenant, reference),))
    expected = take_expected(found, tenant, reference)
    less = replace(expected.value, received_minor=max(expected.value.received_minor - amount.minor, 0))
    save = banking_store.replace_expected(tenant, less, version=expected.version)
    return replace(taken, writes=(save,), facts={"lender_party_id": part.target_id})


def _from_party(call: Call, receipt: Receipt, party_id: str, amount: Money) -> Withdrawal:
    """Out of a party's account: first what the receipt was to be paid back by, where that payout is not made yet, then
    what is available. So what the bank has taken back is not paid back as well."""
    account_id = party_account_id(call.tenant, party_id, receipt.currency)
    payout = _paying_back(call.tenant, receipt, account_id, party_id) if amount.minor > 0 else None
    lowered = min(amount.minor, payout.value.amount_minor) if payout else 0
    rest = _from_account(call, account_id, amount.of(amount.minor - lowered), owed_by=party_id)
    if payout is None or not lowered:
        return rest
    covered = amount.of(rest.covered.minor + lowered)
    return replace(
        rest,
        covered=covered,
        postings=(debit(account_id, covered),),
        writes=save_reserved(payout, lower(payout.value, lowered)),
        held={account_id: -lowered},
    )


def _from_claim(tenant: str, claim_id: str, amount: Money) -> Withdrawal:
    """Out of a claim on a party: what it has paid of that is its own again, and what was waived was no loss."""
    before = claims.take_claim(fetch((claims.claim_key(tenant, claim_id),)), tenant, claim_id)
    after, parts = taken_off(before.value, -amount.minor)
    accounts = {
        None: claims_account_id(tenant, after.currency),
        Ending.SETTLED: debtor_account_id(tenant, after),
        Ending.WAIVED: purpose_account_id(tenant, Purpose.CLAIM_LOSSES, after.currency),
    }
    postings = tuple(credit(accounts[ending], amount.of(minor)) for ending, minor in parts.items() if minor)
    return Withdrawal(amount, postings, claims.replace_claim(tenant, before, after), facts={"claim_id": claim_id})


def _paying_back(tenant: str, receipt: Receipt, account_id: str, party_id: str) -> Versioned[Payout] | None:
    """The payout by which a receipt goes back to who paid it, while its money is only reserved."""
    item = find_entry(tenant, receipt.entry_id)
    stored = [load_reserved(reserved) for reserved in reservations_of(item, {account_id: party_id})] if item else []
    return next((one for one in stored if one.value.state in WAITING), None)


def _from_account(call: Call, account_id: str, amount: Money, *, owed_by: str) -> Withdrawal:
    """Out of an account that is somebody's, what is available there."""
    key = account_key(call.tenant, account_id)
    item = cast("AccountItem", fetch((key,))[key])
    account = to_account(item)
    covered = amount.minor if amount.minor < 0 else min(amount.minor, max(account.available, 0))
    postings = (debit(account_id, amount.of(covered)),) if covered else ()
    return Withdrawal(amount.of(covered), postings, owed_by=owed_by, read={account_id: account.version})
