"""What the seller owes the buyer outside the escrow: paid, waived, and owed again where that is undone.

Two parts are kept apart. What was paid too much never comes to more than the buyer has paid, together with what
receivers gave back to it; a deposit owed once more comes on top.
"""

from __future__ import annotations

from dataclasses import replace

from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.trades.domain.endings import check_amount
from chalicelib.trades.domain.states import Command
from chalicelib.trades.domain.trade import Trade, check_state, move
from chalicelib.trades.domain.worth import left_minor


@dataclass(frozen=True, slots=True)
class ClaimParts:
    """An amount of a trade's claims in minor units: of what was paid too much, and of a deposit owed once more."""

    overpaid: int = 0
    deposit: int = 0

    @property
    def minor(self) -> int:
        """Both together."""
        return self.overpaid + self.deposit


def parts_of(trade: Trade, amount: Money) -> ClaimParts:
    """How an amount is divided over a trade's claims: what was paid too much first.

    Raises InvalidInput `amount_not_positive`, `currency_mismatch`; Conflict `trade_state`, `claim_exceeded`.
    """
    check_amount(trade, amount)
    check_state(trade, Command.SETTLE_CLAIM)
    if amount.minor > trade.claim_minor:
        facts = {"requested": amount.minor, "claim": trade.claim_minor}
        raise Conflict("claim_exceeded", "the claim is smaller", **facts)
    overpaid = min(amount.minor, trade.overpaid_claim_minor)
    return ClaimParts(overpaid, amount.minor - overpaid)


def settle_claim(trade: Trade, parts: ClaimParts) -> Trade:
    """The trade after parts of its claims were paid. Raises Conflict `trade_state`, `claim_exceeds_paid` where the bank
    has taken back what the buyer would get."""
    check_left(trade, parts.overpaid)
    return _owing(trade, parts, -1, paid=parts.overpaid)


def waive_claim(trade: Trade, parts: ClaimParts) -> Trade:
    """The trade after the buyer gave up parts of its claims. Raises Conflict `trade_state`."""
    return _owing(trade, parts, -1, paid=0)


def owe_again(trade: Trade, parts: ClaimParts, *, paid: bool) -> Trade:
    """The trade after a payment (or a waiver) of parts of its claims was undone.

    Raises Conflict `trade_state`, and `claim_exceeds_paid` where refunds have given the buyer back meanwhile what it
    would claim again.
    """
    after = _owing(trade, parts, 1, paid=-parts.overpaid if paid else 0)
    left = left_minor(after) + after.uncovered_minor
    if after.overpaid_claim_minor > left:
        facts = {"requested": parts.overpaid, "left": left}
        raise Conflict("claim_exceeds_paid", "the buyer has got back too much of what it paid", **facts)
    return after


def check_left(trade: Trade, minor: int) -> None:
    """Let the buyer be paid so much more than it has got or is owed for refunds. Raises Conflict `claim_exceeds_paid`
    where it has not paid that for good: its bank took money back that had been let go, and it owes it."""
    left = left_minor(trade)
    if trade.uncovered_minor and minor > left:
        facts = {"requested": minor, "left": max(left, 0), "owed_for_reversals": trade.uncovered_minor}
        raise Conflict("claim_exceeds_paid", "the buyer owes what its bank has taken back", **facts)


def reversal_paid(trade: Trade, minor: int) -> Trade:
    """The trade after the buyer paid so much of what its bank had taken back; below nothing: that was undone."""
    return replace(trade, uncovered_minor=max(trade.uncovered_minor - minor, 0))


def _owing(trade: Trade, parts: ClaimParts, sign: int, *, paid: int) -> Trade:
    check_state(trade, Command.SETTLE_CLAIM)
    return move(
        trade,
        Command.SETTLE_CLAIM,
        trade.stage,
        claim_minor=trade.claim_minor + sign * parts.minor,
        deposit_claim_minor=trade.deposit_claim_minor + sign * parts.deposit,
        claims_paid_minor=trade.claims_paid_minor + paid,
    )
