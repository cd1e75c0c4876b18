"""A dispute freezes an amount and nothing else; an arbiter divides it in any way that adds up."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.waterfall import KEPT
from chalicelib.trades.domain.clocks import resumed, stopped
from chalicelib.trades.domain.proof import check_party
from chalicelib.trades.domain.states import Command, State
from chalicelib.trades.domain.template import DisputeRule, Part
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Dispute, Division, Trade, check_state, let_go, move


@dataclass(frozen=True, slots=True)
class OpenDispute:
    """A party's word that an amount (minor units) is not owed; `of_retention`: of what stays back against defects."""

    role: str
    party_id: str
    minor: int
    of_retention: bool = False


@dataclass(frozen=True, slots=True)
class Resolution:
    """Who decides, and what of the disputed amount each role gets; `kept` is what stays in the escrow as it was."""

    role: str
    party_id: str
    division: Mapping[str, int]


def dispute(terms: Terms, trade: Trade, command: OpenDispute, *, dispute_id: str, now: datetime) -> Trade:
    """Freeze an amount until it is decided whose it is; the clocks of the trade stand still meanwhile.

    Refused, in this order: Conflict `no_disputes` (the template has none); InvalidInput `not_a_disputant`,
    `signer_without_role`, `amount_not_positive`; Conflict `dispute_open`, `trade_state`, `dispute_exceeds_escrow`.
    """
    rule = _rule(terms)
    if command.role not in rule.by:
        facts = {"role": command.role, "allowed": list(rule.by)}
        raise InvalidInput("not_a_disputant", "this role cannot dispute", field="role", **facts)
    check_party(terms, command.role, command.party_id)
    if command.minor <= 0:
        raise InvalidInput("amount_not_positive", "a dispute is about more than nothing", field="amount.minor")
    if trade.dispute is not None:
        raise Conflict("dispute_open", "one dispute at a time", dispute_id=trade.dispute.dispute_id)
    check_state(trade, Command.DISPUTE)
    available = trade.retained_minor if command.of_retention else trade.free_minor
    if command.minor > available:
        facts = {"requested": command.minor, "available": available}
        raise Conflict("dispute_exceeds_escrow", "the escrow holds less of it", **facts)
    retained = command.minor if command.of_retention else 0
    opened = Dispute(dispute_id, command.role, command.minor, retained, now)
    return move(stopped(terms, trade, now), Command.DISPUTE, trade.stage, dispute=opened)


def resolve(terms: Terms, trade: Trade, command: Resolution, *, now: datetime) -> Division:
    """Divide the disputed amount as the arbiter says; who raised the dispute may give it up, and all stays as it was.

    Refused, in this order: Conflict `no_disputes`; InvalidInput `arbiter_required`, `signer_without_role`,
    `unknown_role`, `amount_negative`; Conflict `trade_state` (there is no dispute), `resolution_does_not_add_up`.
    """
    rule = _rule(terms)
    given_up = trade.dispute is not None and command.role == trade.dispute.role and set(command.division) == {KEPT}
    if command.role != rule.arbiter and not given_up:
        raise InvalidInput("arbiter_required", "another role decides", field="role", arbiter=rule.arbiter)
    _check_decides(terms, command)
    for role, minor in command.division.items():
        _check_part(terms, role, minor)
    check_state(trade, Command.RESOLVE)
    open_dispute = trade.dispute
    total = sum(command.division.values())
    if open_dispute is None or total != open_dispute.minor:
        facts = {"disputed": trade.frozen_minor, "divided": total}
        raise Conflict("resolution_does_not_add_up", "the parts come to another amount", **facts)
    return _divided(terms, trade, open_dispute, command.division, now)


def _divided(terms: Terms, trade: Trade, ended: Dispute, division: Mapping[str, int], now: datetime) -> Division:
    buyer = terms.template.buyer
    parts = {role: Money(minor, trade.currency) for role, minor in division.items() if minor}
    refund = parts.pop(buyer, Money(0, trade.currency))
    kept = parts.pop(KEPT, refund.of(0))
    shares = tuple(parts.items())
    gone = ended.minor - kept.minor
    retained = trade.retained_minor - (gone if ended.retained_minor else 0)
    held, released = trade.held_minor - gone, trade.released_minor + gone - refund.minor
    if not held:
        to = State.COMPLETED if released else State.REFUNDED
    else:
        to = State.RELEASING if released else trade.stage
    after = let_go(
        trade,
        Command.RESOLVE,
        to,
        shares,
        refund,
        dispute=None,
        retained_minor=retained,
        conceded_minor=trade.conceded_minor + refund.minor,
    )
    return Division(resumed(terms, after, now, ended.opened_at), shares, refund)


def _rule(terms: Terms) -> DisputeRule:
    rule = terms.template.dispute
    if rule is None:
        raise Conflict("no_disputes", "the template has no disputes", template_id=terms.template.id)
    return rule


def _check_decides(terms: Terms, command: Resolution) -> None:
    """The marketplace decides for itself; any other role by its party."""
    marketplace = terms.template.role_of(Part.MARKETPLACE)
    if command.role != marketplace:
        check_party(terms, command.role, command.party_id)


def _check_part(terms: Terms, role: str, minor: int) -> None:
    known = {one.name for one in terms.template.roles if one.part is not Part.WITNESS} | {KEPT}
    if role not in known:
        raise InvalidInput("unknown_role", "no role that can get money", field="division", role=role)
    if minor < 0:
        raise InvalidInput("amount_negative", "a part is nothing or more", field="division", role=role)
