"""What one party owes another, or the marketplace, after money was released that should not have been.

A claim ends in parts: paid from the debtor's account, or waived by its creditor. Each part can be undone, and what it
ended is then owed again. A claim of the marketplace is an asset in the books; one between two parties is a record
until it is paid. Leaves to the commands that open claims: why one is owed, and what it does to their own records.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from enum import Enum
from typing import Any

from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.ids import derived_id
from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, Purpose, credit, debit, purpose_account_id
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.trades.domain.claims import ClaimParts
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade


class Reason(Enum):
    """Why a claim is owed."""

    OVERPAID = "overpaid"
    """More was released than the goods came to in the end."""
    DEPOSIT_DOUBLED = "deposit_doubled"
    """A seller in default owes a forfeitable deposit once more."""
    REFUND_NOT_COVERED = "refund_not_covered"
    """A receiver's account did not hold its part of a refund."""
    REVERSED_BY_BANK = "reversed_by_bank"
    """The bank took money back that had been released already."""
    PAID_IN_ERROR = "paid_in_error"
    """The bank paid the debtor what it was not to be paid, or not any more."""


OF_TRADE = (Reason.OVERPAID, Reason.DEPOSIT_DOUBLED)
"""The reasons of a trade's own claims: the trade's state has the same open amounts (`claim_minor`)."""


TOUCHING = (*OF_TRADE, Reason.REVERSED_BY_BANK)
"""The reasons of claims whose payment changes the state of their trade."""


class Ending(Enum):
    """How a part of a claim ended."""

    SETTLED = "settled"
    WAIVED = "waived"


@dataclass(frozen=True, slots=True)
class Claim:
    """What `debtor` owes `creditor` (None: the marketplace), in minor units of `currency`, for a trade or (None) for
    none. `opened_by` is the entry that opened it. What is neither settled nor waived is still owed. Of what is
    settled `set_off_minor` was kept of what trades paid the debtor."""

    claim_id: str
    debtor: str
    creditor: str | None
    trade_id: str | None
    currency: str
    amount_minor: int
    reason: Reason
    due_on: date
    opened_by: str
    opened_at: datetime
    settled_minor: int = 0
    waived_minor: int = 0
    set_off_minor: int = 0

    def __post_init__(self) -> None:
        if min(self.amount_minor, self.settled_minor, self.waived_minor, self.open_minor) < 0:
            raise Defect(f"{self.claim_id}: {self.settled_minor} and {self.waived_minor} of {self.amount_minor}")
        if self.debtor == self.creditor:
            raise Defect(f"{self.claim_id}: {self.debtor} owes itself")

    @property
    def open_minor(self) -> int:
        """What is still owed."""
        return self.amount_minor - self.settled_minor - self.waived_minor

    @property
    def is_open(self) -> bool:
        """Whether anything is still owed."""
        return self.open_minor > 0

    @property
    def status(self) -> str:
        """`open`, or how it ended: `settled`, `waived` where any of it was, `withdrawn` where nothing is claimed any
        more."""
        if self.is_open:
            return "open"
        if not self.amount_minor:
            return "withdrawn"
        return Ending.WAIVED.value if self.waived_minor else Ending.SETTLED.value


def new_claim(
    call: Call,
    *,
    debtor: str,
    creditor: str | None,
    amount: Money,
    reason: Reason,
    due_on: date,
    trade_id: str | None = None,
) -> Claim:
    """A claim opened by the entry of a call, which opens at most one between two parties for a reason: its id derives
    from these. Where the marketplace is the creditor, the entry must contain `opening_postings`."""
    if amount.minor <= 0:
        raise Defect(f"{call.entry_id} claims {amount}")
    return Claim(
        claim_id=derived_id("clm", call.tenant, call.entry_id, debtor, creditor or "", reason.value),
        debtor=debtor,
        creditor=creditor,
        trade_id=trade_id,
        currency=amount.currency,
        amount_minor=amount.minor,
        reason=reason,
        due_on=due_on,
        opened_by=call.entry_id,
        opened_at=call.now,
    )


def trade_claim_id(tenant: str, trade_id: str, reason: Reason) -> str:
    """The id of a trade's own claim: it has one for a reason, which follows the trade's state."""
    return derived_id("clm", tenant, trade_id, reason.value)


def new_trade_claim(call: Call, terms: Terms, reason: Reason, minor: int) -> Claim:
    """A trade's own claim: of the buyer on the seller."""
    buyer, seller = terms.buyer, terms.seller
    amount = Money(minor, terms.currency)
    made = new_claim(
        call,
        debtor=seller,
        creditor=buyer,
        amount=amount,
        reason=reason,
        due_on=today_in(terms.currency, call.now),
        trade_id=terms.trade_id,
    )
    return replace(made, claim_id=trade_claim_id(call.tenant, terms.trade_id, reason))


def taken_off(claim: Claim, minor: int) -> tuple[Claim, dict[Ending | None, int]]:
    """The claim after so much of it turned out not to be owed, at most its amount; and what of that was open (None),
    settled or waived: what is open first."""
    parts: dict[Ending | None, int] = {}
    have = {None: claim.open_minor, Ending.SETTLED: claim.settled_minor, Ending.WAIVED: claim.waived_minor}
    left = minor
    for ending, there in have.items():
        parts[ending] = min(left, there)
        left -= parts[ending]
    if left:
        raise Defect(f"{claim.claim_id} is of {claim.amount_minor}, and not of {minor}")
    after = replace(
        claim,
        amount_minor=claim.amount_minor - minor,
        settled_minor=claim.settled_minor - parts[Ending.SETTLED],
        waived_minor=claim.waived_minor - parts[Ending.WAIVED],
    )
    return after, parts


def claim_anew(claim: Claim, open_minor: int) -> Claim:
    """The claim of which so much is open, as its trade finds it anew."""
    return replace(claim, amount_minor=open_minor + claim.settled_minor + claim.waived_minor)


def end_part(claim: Claim, ending: Ending, amount: Money) -> Claim:
    """The claim after a part of it was settled or waived. Raises InvalidInput `amount_not_positive`,
    `currency_mismatch`; Conflict `claim_exceeded`."""
    check_amount(claim, amount)
    if amount.minor > claim.open_minor:
        facts = {"claim_id": claim.claim_id, "requested": amount.minor, "open": claim.open_minor}
        raise Conflict("claim_exceeded", "less than that is still owed", **facts)
    return _changed(claim, ending, amount.minor)


def settle_by_set_off(claim: Claim, amount: Money) -> Claim:
    """The claim after a part of it was set off against what a trade pays its debtor. Raises as `end_part`."""
    return replace(end_part(claim, Ending.SETTLED, amount), set_off_minor=claim.set_off_minor + amount.minor)


def undo_part(claim: Claim, ending: Ending, amount: Money, *, was_set_off: bool = False) -> Claim:
    """The claim after a settlement, set-off or waiver of `amount` was undone: as much is owed again."""
    set_off_minor = claim.set_off_minor - amount.minor if was_set_off else claim.set_off_minor
    return replace(_changed(claim, ending, -amount.minor), set_off_minor=set_off_minor)


def check_amount(claim: Claim, amount: Money) -> None:
    """Refuse an amount that can be no part of a claim: InvalidInput `amount_not_positive`, `currency_mismatch`."""
    if amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "a part of a claim is more than nothing", field="amount.minor")
    if amount.currency != claim.currency:
        facts = {"expected": claim.currency, "given": amount.currency}
        raise InvalidInput("currency_mismatch", "the claim is in another currency", field="amount.currency", **facts)


def opening_postings(tenant: str, claim: Claim) -> tuple[Posting, ...]:
    """The debit of an entry that opens a claim: the marketplace's claims are an asset; none for those of a party."""
    if claim.creditor is not None:
        return ()
    return (debit(claims_account_id(tenant, claim.currency), Money(claim.amount_minor, claim.currency)),)


def ending_postings(tenant: str, claim: Claim, ending: Ending, amount: Money) -> tuple[Posting, ...]:
    """What the end of a part books. Settled: Dr debtor, Cr creditor (the marketplace: its claims). Waived: nothing
    between parties; Dr claim losses, Cr claims where the marketplace gives it up."""
    if ending is Ending.SETTLED:
        return debit(debtor_account_id(tenant, claim), amount), credit(creditor_account_id(tenant, claim), amount)
    if claim.creditor is not None:
        return ()
    losses = purpose_account_id(tenant, Purpose.CLAIM_LOSSES, claim.currency)
    return debit(losses, amount), credit(claims_account_id(tenant, claim.currency), amount)


def undoing_postings(tenant: str, claim: Claim, ending: Ending, amount: Money) -> tuple[Posting, ...]:
    """The same the other way round."""
    postings = ending_postings(tenant, claim, ending, amount)
    return tuple(
        credit(one.account_id, amount) if one.signed > 0 else debit(one.account_id, amount) for one in postings
    )


def claims_account_id(tenant: str, currency: str) -> str:
    """The account of what the marketplace claims from others: always the open amounts of its claims."""
    return purpose_account_id(tenant, Purpose.CLAIMS, currency)


def debtor_account_id(tenant: str, claim: Claim) -> str:
    """The account that a claim is paid from."""
    return party_account_id(tenant, claim.debtor, claim.currency)


def claim_facts(claim: Claim) -> dict[str, Any]:
    """A claim as journal items and answers show it."""
    return {
        "claim_id": claim.claim_id,
        "status": claim.status,
        "debtor_party_id": claim.debtor,
        "creditor_party_id": claim.creditor,
        "trade_id": claim.trade_id,
        "currency": claim.currency,
        "amount_minor": claim.amount_minor,
        "settled_minor": claim.settled_minor,
        "set_off_minor": claim.set_off_minor,
        "waived_minor": claim.waived_minor,
        "open_minor": claim.open_minor,
        "reason": claim.reason.value,
        "due_on": claim.due_on.isoformat(),
        "opened_by": claim.opened_by,
        "opened_at": instant_text(claim.opened_at),
    }


def open_on_trade(trade: Trade, reason: Reason) -> int:
    """What a trade's state has open of its claim for a reason."""
    return trade.overpaid_claim_minor if reason is Reason.OVERPAID else trade.deposit_claim_minor


def as_parts(reason: Reason, minor: int) -> ClaimParts:
    """An amount of a trade's claim for a reason, as the trade's rules take it."""
    return ClaimParts(overpaid=minor) if reason is Reason.OVERPAID else ClaimParts(deposit=minor)


def _changed(claim: Claim, ending: Ending, minor: int) -> Claim:
    if ending is Ending.SETTLED:
        return replace(claim, settled_minor=claim.settled_minor + minor)
    return replace(claim, waived_minor=claim.waived_minor + minor)


def creditor_account_id(tenant: str, claim: Claim) -> str:
    """The account that a claim is paid to."""
    if claim.creditor is None:
        return claims_account_id(tenant, claim.currency)
    return party_account_id(tenant, claim.creditor, claim.currency)
