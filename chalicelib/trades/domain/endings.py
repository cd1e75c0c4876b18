"""How a trade ends other than by performance: refund, cancellation, expiry; what is forfeited, what becomes a claim.

A forfeitable deposit follows articles 586 and 587 of the Civil Code of China: a buyer in default loses it, a seller in
default returns it double: the escrow gives it back, and as much again is a claim on the seller. Once a trade has been
performed in part, no more of it is at stake than is open of the price (Supreme People's Court, interpretation of the
general provisions of the book on contracts, 2023, article 68).
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money, Rounding, round_ratio
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.unwinding import unwind as unwind_shares
from chalicelib.splits.domain.waterfall import Shares
from chalicelib.trades.domain.clocks import gone_on
from chalicelib.trades.domain.lines import Inputs, Line
from chalicelib.trades.domain.milestones import first_reached
from chalicelib.trades.domain.releasing import rate_of
from chalicelib.trades.domain.states import IN_FULL, Command, State
from chalicelib.trades.domain.template import DepositKind, Fault
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Division, Trade, check_state, let_go, move
from chalicelib.trades.domain.worth import left_minor, paid_minor


@dataclass(frozen=True, slots=True)
class Unwound:
    """What a refund takes back from those who were paid: `parts` by role, which add up to it, and the trade after."""

    trade: Trade
    parts: Shares


def refund(terms: Terms, trade: Trade, amount: Money, *, now: datetime) -> Division:
    """Give the buyer back a part of what is held, as the parties have agreed. It is not owed again.

    Raises InvalidInput `amount_not_positive`, `currency_mismatch`; Conflict `trade_state`, `refund_exceeds_escrow`.
    """
    check_amount(trade, amount)
    check_state(trade, Command.REFUND)
    if amount.minor > trade.free_minor:
        facts = {"requested": amount.minor, "free": trade.free_minor}
        raise Conflict("refund_exceeds_escrow", "the escrow has less that is free", **facts)
    conceded = trade.conceded_minor + amount.minor
    after = let_go(trade, Command.REFUND, (), amount, otherwise=trade.stage, conceded_minor=conceded)
    return Division(gone_on(terms, trade, after, now), (), amount)


def unwind(terms: Terms, trade: Trade, amount: Money) -> Unwound:
    """Take a refund back from those who got the money, each in proportion to what it still has of it.

    Raises InvalidInput `amount_not_positive`, `currency_mismatch`; Conflict `trade_state`, `refund_in_two_currencies`
    where a role was paid in another currency, `refund_exceeds_received`, `refund_exceeds_paid` where the buyer would
    get more than it paid for good, with what it was paid of its claim. What it gets lowers what it may still claim.
    """
    check_amount(trade, amount)
    check_state(trade, Command.UNWIND)
    abroad = {role.name for role in terms.template.roles if role.paid_in_price_currency}
    if abroad & set(trade.got) and terms.price_currency != terms.currency:
        raise Conflict("refund_in_two_currencies", "a role was paid in another currency", roles=sorted(abroad))
    received = tuple((role, one.minor) for role, one in trade.got.items())
    given_back = {role: one.back_minor for role, one in trade.got.items()}
    parts = unwind_shares(received, given_back, amount)
    left = left_minor(trade)
    if amount.minor > left:
        facts = {"requested": amount.minor, "left": max(left, 0), "owed_for_reversals": trade.uncovered_minor}
        raise Conflict("refund_exceeds_paid", "the buyer has paid less than that", **facts)
    overpaid = min(trade.overpaid_claim_minor, left - amount.minor)
    got = {role: replace(trade.got[role], back_minor=trade.got[role].back_minor + part.minor) for role, part in parts}
    claim = overpaid + trade.deposit_claim_minor
    return Unwound(move(trade, Command.UNWIND, trade.stage, got=trade.got | got, claim_minor=claim), parts)


def cancel(terms: Terms, trade: Trade, fault: Fault, *, now: datetime) -> Division:
    """End a trade before it is performed. All that is free goes back to the buyer, but for what its default forfeits of
    a deposit; a seller's default adds a claim. What is retained of what was performed waits for its day.

    Raises Conflict `trade_state`.
    """
    check_state(trade, Command.CANCEL)
    return _end(terms, trade, fault, Command.CANCEL, State.CANCELLED, now)


def expire(terms: Terms, trade: Trade, *, now: datetime) -> Division:
    """End a trade whose time is over, as if by the default of whom the template names. One that was performed in time,
    and whose money nobody has let go yet, does not end by itself.

    Raises Conflict `trade_state`, `not_due`, `calendar_unknown` while one of its clocks waits, `milestone_reached`.
    """
    check_state(trade, Command.EXPIRE)
    if trade.expires_at is None or now < trade.expires_at:
        raise Conflict("not_due", "it still has time", trade_id=trade.trade_id)
    if trade.waits_for_calendar:
        sentence = "a clock waits for days that its calendar does not know yet, and the trade with it"
        raise Conflict("calendar_unknown", sentence, calendar=terms.template.calendar)
    if trade.stage in IN_FULL and (reached := first_reached(terms, trade)) is not None:
        raise Conflict("milestone_reached", "it was performed, and can be released", milestone=reached)
    rule = terms.template.expiry
    if trade.stage is State.DRAFT:
        fault = Fault.NONE
    else:
        fault = rule.performance_fault if trade.stage in IN_FULL else rule.funding_fault
    return _end(terms, trade, fault, Command.EXPIRE, State.EXPIRED, now)


def _end(terms: Terms, trade: Trade, fault: Fault, command: Command, ended: State, now: datetime) -> Division:
    deposit = _deposit_at_stake(terms, trade)
    forfeited = Money(min(deposit, trade.free_minor) if fault is Fault.BUYER else 0, trade.currency)
    claim = deposit if fault is Fault.SELLER else 0
    back = forfeited.of(trade.free_minor - forfeited.minor)
    shares = ((terms.template.seller, forfeited),) if forfeited.minor else ()
    after = let_go(
        trade,
        command,
        shares,
        back,
        otherwise=State.RETAINED,
        emptied=ended,
        claim_minor=trade.claim_minor + claim,
        deposit_claim_minor=trade.deposit_claim_minor + claim,
    )
    inputs: Inputs = {"fault": fault.value, "deposit_minor": deposit}
    result = {"forfeited_minor": forfeited.minor, "refund_minor": back.minor, "claim_minor": claim}
    lines = (Line("ending", command.value, inputs, result),)
    return Division(gone_on(terms, trade, after, now), shares, back, lines, rate=rate_of(terms, after))


def _deposit_at_stake(terms: Terms, trade: Trade) -> int:
    """What of the deposit can be forfeited or is owed double: what of it has been paid, for the part of the price that
    has not been performed."""
    rule = terms.template.deposit
    if rule is None or rule.kind is not DepositKind.FORFEITABLE or not trade.price_minor:
        return 0
    paid = min(terms.deposit.minor, paid_minor(trade))
    open_minor = max(trade.price_minor - trade.charged_minor, 0)
    return round_ratio(paid * open_minor, trade.price_minor, Rounding.FLOOR)


def check_amount(trade: Trade, amount: Money) -> None:
    """Refuse what is no amount of a trade's. Raises InvalidInput `amount_not_positive`, `currency_mismatch`."""
    if amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "more than nothing", field="amount.minor")
    if amount.currency != trade.currency:
        facts = {"expected": trade.currency, "given": amount.currency}
        raise InvalidInput("currency_mismatch", "the trade is in another currency", field="amount.currency", **facts)
