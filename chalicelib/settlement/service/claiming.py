"""Money that comes back from those who got it: a refund taken back from the receivers, and a claim that is settled.

Both move between accounts of parties. The trade's escrow has no part in it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from chalicelib.banking.payout_postings import source_account_id
from chalicelib.banking.payout_store import save_reserved
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reservations import lower
from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.credit import store as credit_store
from chalicelib.ledger.conditions import Condition, Rule
from chalicelib.ledger.domain import Account, Purpose, credit, debit, entry_of, purpose_account_id
from chalicelib.ledger.reservations import held_facts, reserving_facts
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.settlement.domain.accounts import netted, party_account_id, party_accounts, share_account_id
from chalicelib.settlement.domain.claims import (
    Claim,
    Ending,
    Reason,
    claims_account_id,
    end_part,
    new_claim,
)
from chalicelib.settlement.domain.clawback import Clawback, by_role, claw_back
from chalicelib.settlement.domain.division import Refund, line_postings, refund
from chalicelib.settlement.kinds import CLAIM_SETTLED, TAKEN_BACK
from chalicelib.settlement.service.dividing import refund_facts
from chalicelib.settlement.store.claims import open_claim, replace_claim
from chalicelib.settlement.store.credit import credit_funding_key, later_events, line_behind
from chalicelib.settlement.store.reserved import reserved_payouts
from chalicelib.settlement.store.trade_claims import follow_trade_claims, take_trade_claims, trade_claim_keys
from chalicelib.splits.domain.waterfall import Shares
from chalicelib.storage.commit import MOST_WRITES, Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Versioned
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.claims import parts_of, settle_claim
from chalicelib.trades.domain.endings import unwind
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a refund takes back: from each receiver's account, with the accounts as read and the unpaid payouts. The
    marketplace's own account and the buyer's are not `limited` to what they have."""

    terms: Terms
    parts: Mapping[str, tuple[tuple[str, int], ...]]
    taken: Mapping[str, Clawback]
    limited: tuple[str, ...]
    accounts: Mapping[str, Account]
    payouts: Mapping[str, Versioned[Payout]]
    advanced: int

    @property
    def lacking(self) -> int:
        """What the receivers have not got, in minor units."""
        return sum(one.lacking for one in self.taken.values())

    @property
    def recovered(self) -> int:
        """What the buyer gets now: what was taken back, and what the marketplace advances."""
        return sum(one.taken for one in self.taken.values()) + self.advanced


def refund_from_receivers(call: Call, trade_id: str, amount: Money, *, advance: bool = False) -> Outcome:
    """Take a refund back from those who were paid, each in proportion to what it still has of it, and give it to the
    line that funded the trade, then to the buyer. What of it was not paid out yet is taken from these payouts, then
    from a receiver's free balance; what that lacks is a claim of the buyer on the receiver. With `advance` the buyer
    gets that at once out of the marketplace's own money, and the claim is the marketplace's.

    Facts: where it went, what was taken back and is claimed by role. Raises NotFound `trade_not_found`; what `unwind`
    raises; Conflict `own_funds_insufficient`, `refund_too_many_payouts`.
    """
    tenant = call.tenant

    def decide(found: Found) -> Plan:
        terms = trades_store.take_terms(found, tenant, trade_id)
        trade = trades_store.take_trade(found, tenant, trade_id)
        unwound = unwind(terms, trade.value, amount)
        recovery = _recover(tenant, terms, trade.value, unwound.parts, advance=advance)
        line = line_behind(found, tenant, trade_id)
        today = today_in(terms.currency, call.now)
        later = later_events(line.value, today) if line else ()
        given = amount.of(recovery.recovered)
        refunded = refund(line.value if line else None, given, today, later, entry_id=call.entry_id)
        claims = _claims(call, recovery)
        writes = [trades_store.save_trade(tenant, unwound.trade, version=trade.version)]
        writes += follow_trade_claims(call, terms, trade.value, unwound.trade)
        if line is not None and refunded.repayment is not None:
            writes += credit_store.save_line(refunded.repayment.line, refunded.repayment.events, version=line.version)
        writes += [write for claim in claims for write in open_claim(tenant, claim)]
        writes += _lowered(recovery)
        facts = {"state": unwound.trade.state.value, "refund_minor": amount.minor, **_recovery_facts(recovery, claims)}
        return _plan(call, recovery, refunded, writes, facts | refund_facts(refunded))

    reads = (*trades_store.deal_keys(tenant, trade_id), credit_funding_key(tenant, trade_id))
    return once(call, decide, reads=reads)


def settle_claim_by_account(call: Call, trade_id: str, amount: Money) -> Outcome:
    """Pay the buyer what the seller owes it by the trade's claims, out of the seller's own account: what was paid too
    much first. Facts: what is still owed.

    Raises NotFound `trade_not_found`; what `parts_of` raises; and from the write Conflict `insufficient_funds`.
    """
    tenant = call.tenant

    def decide(found: Found) -> Plan:
        terms = trades_store.take_terms(found, tenant, trade_id)
        trade = trades_store.take_trade(found, tenant, trade_id)
        parts = parts_of(trade.value, amount)
        after = settle_claim(trade.value, parts)
        seller, buyer = (party_account_id(tenant, party_id, terms.currency) for party_id in (terms.seller, terms.buyer))
        postings = (debit(seller, amount), credit(buyer, amount))
        entry = entry_of(CLAIM_SETTLED, postings, occurred_at=call.now, subject=trade_id, reference=terms.reference)
        by_reason = {Reason.OVERPAID: parts.overpaid, Reason.DEPOSIT_DOUBLED: parts.deposit}
        writes = [trades_store.save_trade(tenant, after, version=trade.version)]
        for claim in take_trade_claims(found, tenant, trade_id):
            if minor := by_reason[claim.value.reason]:
                writes += replace_claim(tenant, claim, end_part(claim.value, Ending.SETTLED, amount.of(minor)))
        facts = {
            "state": after.state.value,
            "settled_minor": amount.minor,
            "claim_minor": after.claim_minor,
            "currency": amount.currency,
            "parts_minor": {reason.value: minor for reason, minor in by_reason.items() if minor},
        }
        return plan_entry(call, entry, *writes, data=facts | reserving_facts(postings, (buyer,)))

    return once(call, decide, reads=(*trades_store.deal_keys(tenant, trade_id), *trade_claim_keys(tenant, trade_id)))


def _recover(tenant: str, terms: Terms, trade: Trade, shares: Shares, *, advance: bool) -> Recovery:
    """Where a refund comes from, by what the receivers have reserved and free. What is read here is written under its
    version: where it has moved by then, it is decided again."""
    parts: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for role, part in shares:
        parts[share_account_id(tenant, terms, role)].append((role, part.minor))
    payouts = reserved_payouts(tenant, terms, trade)
    own = (purpose_account_id(tenant, Purpose.FEE_INCOME, terms.currency), claims_account_id(tenant, terms.currency))
    accounts = load_accounts(tenant, (*parts, *own))
    buyer = party_account_id(tenant, terms.buyer, terms.currency)
    limited = tuple(account_id for account_id in parts if account_id not in {buyer, own[0]})
    taken: dict[str, Clawback] = {}
    for account_id, of_roles in parts.items():
        minor = sum(part for _, part in of_roles)
        if account_id not in limited:
            taken[account_id] = Clawback({}, minor, 0)
            continue
        unpaid = [(one.value.payout_id, one.value.amount_minor) for one in payouts if _pays(one.value, account_id)]
        taken[account_id] = claw_back(minor, unpaid, accounts[account_id].available)
    lacking = sum(one.lacking for one in taken.values()) if advance else 0
    by_id = {one.value.payout_id: one for one in payouts}
    by_account = {account_id: tuple(of_roles) for account_id, of_roles in parts.items()}
    return Recovery(terms, by_account, taken, limited, accounts, by_id, lacking)


def _pays(payout: Payout, account_id: str) -> bool:
    return source_account_id(payout) == account_id


def _claims(call: Call, recovery: Recovery) -> list[Claim]:
    """The claims on receivers whose accounts lack their part: the buyer's, or the marketplace's where it advances."""
    terms, parties = recovery.terms, party_accounts(call.tenant, recovery.terms)
    return [
        new_claim(
            call,
            debtor=parties[account_id],
            creditor=None if recovery.advanced else terms.buyer,
            amount=Money(one.lacking, terms.currency),
            reason=Reason.REFUND_NOT_COVERED,
            due_on=today_in(terms.currency, call.now),
            trade_id=terms.trade_id,
        )
        for account_id, one in recovery.taken.items()
        if one.lacking
    ]


def _lowered(recovery: Recovery) -> list[Write]:
    lowered = [pair for one in recovery.taken.values() for pair in one.lowered.items()]
    before = recovery.payouts
    return [
        write
        for payout_id, minor in lowered
        for write in save_reserved(before[payout_id], lower(before[payout_id].value, minor))
    ]


def _recovery_facts(recovery: Recovery, claims: Sequence[Claim]) -> dict[str, Any]:
    taken: dict[str, int] = {}
    claimed: dict[str, int] = {}
    for account_id, parts in recovery.parts.items():
        of_roles = by_role(parts, recovery.taken[account_id].taken)
        taken |= of_roles
        claimed |= {role: minor - of_roles.get(role, 0) for role, minor in parts if minor > of_roles.get(role, 0)}
    facts = {"taken_back_minor": taken}
    if claims:
        facts |= {"claimed_minor": claimed, "advanced_minor": recovery.advanced}
        return facts | {"claims": [claim.claim_id for claim in claims]}
    return facts


def _plan(call: Call, recovery: Recovery, refunded: Refund, writes: Sequence[Write], facts: dict[str, Any]) -> Plan:
    tenant, terms = call.tenant, recovery.terms
    buyer = party_account_id(tenant, terms.buyer, terms.currency)
    money = refunded.to_buyer.of
    legs = [debit(account_id, money(one.taken)) for account_id, one in recovery.taken.items()]
    legs += [debit(claims_account_id(tenant, terms.currency), money(recovery.advanced))]
    legs += [credit(buyer, money(recovery.recovered)), *line_postings(tenant, refunded, buyer)]
    postings = netted(legs)
    data = facts | reserving_facts(postings, (buyer,))
    data |= held_facts({account_id: -one.let_go for account_id, one in recovery.taken.items()})
    if not postings:
        data |= {"currency": terms.currency}
        return _within_limit(Plan(journal_item(call, TAKEN_BACK, subject=terms.trade_id, data=data), tuple(writes)))
    entry = entry_of(TAKEN_BACK, postings, occurred_at=call.now, subject=terms.trade_id, reference=terms.reference)
    read = {key: recovery.accounts[key].version for key in recovery.limited}
    own: tuple[Condition, ...] = ()
    if recovery.advanced:
        own = (_covered_by_own_money(tenant, recovery),)
        claims = claims_account_id(tenant, terms.currency)
        read[claims] = recovery.accounts[claims].version
    return _within_limit(plan_entry(call, entry, *writes, data=data, read=read, conditions=own))


def _covered_by_own_money(tenant: str, recovery: Recovery) -> Condition:
    """What the marketplace has earned must cover all that it has advanced, this included: what it advances is never
    money of others. Raises Conflict `own_funds_insufficient`."""
    currency = recovery.terms.currency
    income = purpose_account_id(tenant, Purpose.FEE_INCOME, currency)
    needed = recovery.accounts[claims_account_id(tenant, currency)].own_balance + recovery.advanced
    taken = recovery.taken.get(income)
    earned = recovery.accounts[income].own_balance - (taken.taken if taken else 0)
    if earned < needed:
        facts = {"requested": recovery.advanced, "available": max(earned - needed + recovery.advanced, 0)}
        raise Conflict("own_funds_insufficient", "the marketplace has earned less than it would advance", **facts)
    return Condition(income, Rule.AT_LEAST, needed + (taken.taken if taken else 0))


def _within_limit(plan: Plan) -> Plan:
    """The plan, if one commit can hold it. Raises Conflict `refund_too_many_payouts`: a smaller refund can be made."""
    if len(plan.writes) >= MOST_WRITES:
        facts = {"writes": len(plan.writes) + 1, "maximum": MOST_WRITES}
        raise Conflict(
            "refund_too_many_payouts", "it would lower too many payouts at once: refund it in parts", **facts
        )
    return plan
