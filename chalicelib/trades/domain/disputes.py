"""A dispute freezes an amount and nothing else; an arbiter divides it in any way that adds up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.waterfall import KEPT, Shares
from chalicelib.trades.domain.clocks import gone_on, resumed, stopped
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.portion import Parts, divided, rest
from chalicelib.trades.domain.proof import check_party
from chalicelib.trades.domain.releasing import nothing, rate_of
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
    `signer_without_role`, `amount_not_positive`; Conflict `trade_state` (one dispute at a time),
    `dispute_exceeds_escrow`.
    """
    rule = _rule(terms)
    if command.role not in rule.by:
        raise InvalidInput("not_a_disputant", "this role cannot dispute", field="role", allowed=list(rule.by))
    check_party(terms, command.role, command.party_id)
    if command.minor <= 0:
        raise InvalidInput("amount_not_positive", "a dispute is about more than nothing", field="amount.minor")
    check_state(trade, Command.DISPUTE)
    available = trade.retained_minor if command.of_retention else trade.free_minor
    if command.minor > available:
        facts = {"requested": command.minor, "available": available}
        raise Conflict("dispute_exceeds_escrow", "the escrow holds less of it", **facts)
    retained = command.minor if command.of_retention else 0
    opened = Dispute(dispute_id, command.role, command.minor, retained, now, trade.stage)
    return move(stopped(terms, trade, now), Command.DISPUTE, trade.stage, dispute=opened)


def resolve(terms: Terms, trade: Trade, command: Resolution, *, now: datetime) -> Division:
    """Divide the disputed amount as the arbiter says; who raised the dispute may give it up, and all stays as it was.

    The parts are final: they bear no fees. What is kept goes on as if it had never been in dispute: where all
    milestones have been reached meanwhile, it is divided at once as the last of them would have done.

    Refused, in this order: Conflict `no_disputes`; InvalidInput `arbiter_required`, `signer_without_role`,
    `unknown_role`, `amount_negative`; Conflict `trade_state` (there is no dispute), `resolution_does_not_add_up`, and
    `split_exceeds_amount` or `fee_exceeds_share` of what is kept.
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
    """The arbiter's parts, and those of the split where what is kept goes on at once."""
    parts = {role: Money(minor, trade.currency) for role, minor in division.items() if minor}
    refund = parts.pop(terms.template.buyer, nothing(trade))
    kept = parts.pop(KEPT, nothing(trade))
    decided = sum(part.minor for part in parts.values())
    decision = (Line("decision", "share", {"role": role}, {"minor": one.minor}) for role, one in parts.items())
    lines = (*decision, Line("decision", "refund", {}, {"refund_minor": refund.minor}))
    settled = _as_decided(trade, ended, decided, refund.minor)
    split, upto = _going_on(terms, settled, ended, kept.minor)
    shares = _sums((*parts.items(), *split.shares))
    after = let_go(
        trade,
        Command.RESOLVE,
        shares,
        refund,
        otherwise=_stage_after(trade, shares),
        dispute=None,
        retained_minor=settled.retained_minor,
        conceded_minor=settled.conceded_minor,
        charged_minor=upto,
        by_split=split.by_split,
    )
    running = gone_on(terms, trade, resumed(terms, after, now, ended.opened_at), now)
    return Division(running, shares, refund, (*lines, *split.lines), rate=rate_of(terms, after))


def _as_decided(trade: Trade, ended: Dispute, decided: int, refund: int) -> Trade:
    """The trade without the dispute, before its money moves: what was decided counts as charged with fees, since it
    bears none; of a retention they were charged before."""
    of_price = 0 if ended.retained_minor else decided
    return replace(
        trade,
        dispute=None,
        retained_minor=trade.retained_minor - (decided + refund if ended.retained_minor else 0),
        charged_minor=max(trade.charged_minor, min(trade.charged_minor + of_price, trade.price_minor)),
        conceded_minor=trade.conceded_minor + refund,
    )


def _going_on(terms: Terms, trade: Trade, ended: Dispute, kept: int) -> tuple[Parts, int]:
    """What is kept of a dispute, divided where the last milestone was reached while it was open; and how much of the
    price has been charged with fees then."""
    missed = trade.stage is State.RETAINED and ended.stage is not State.RETAINED and not ended.retained_minor
    if not (missed and kept):
        return Parts((), trade.by_split, ()), trade.charged_minor
    portion = rest(terms, trade, kept)
    return divided(terms, trade, terms.closing.split, portion), portion.upto


def _stage_after(trade: Trade, shares: Shares) -> State:
    if trade.stage in {State.FUNDED, State.PERFORMING} and shares:
        return State.RELEASING
    return trade.stage


def _sums(shares: Shares) -> Shares:
    sums: dict[str, Money] = {}
    for role, part in shares:
        sums[role] = sums[role] + part if role in sums else part
    return tuple(sums.items())


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
