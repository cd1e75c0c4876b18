"""What a bank takes back: found by what it names, taken out of where the money went, in the commit that books it.

What is left of the receipt in suspense goes first, then what its targets still have, the latest first. What has gone on
is a claim on who was paid for. The same is done by hand for a debit and a credit that the bank did not connect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import field
from typing import Any

from chalicelib.core.calendars import today_in
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Defect
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, Purpose, debit, purpose_account_id
from chalicelib.ledger.reservations import held_facts
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.domain.claims import Claim, Reason, new_claim, opening_postings
from chalicelib.settlement.domain.receipts import (
    Allocation,
    Receipt,
    Target,
    as_one,
    with_rest_reversed,
    with_taken_back,
)
from chalicelib.settlement.kinds import UNFUNDED
from chalicelib.settlement.service.withdrawals import Withdrawal, withdraw
from chalicelib.settlement.store import claims, receipts
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import also_journal
from chalicelib.storage.records import Versioned

_PAIRED = frozenset({Target.RECEIPT, Target.REVERSED})


@dataclass(frozen=True, slots=True)
class TakenBack:
    """What was taken back of a receipt: `taken` of it, the debits of where it was, the entries booked with it, and the
    trades that have lost money. `left` is what the receipt could not give; `uncovered` what its targets could not, by
    part, with the account of who carries it; `held` how much less is reserved of accounts."""

    receipt: Receipt
    taken: Money
    left: Money
    postings: tuple[Posting, ...] = ()
    writes: tuple[Write, ...] = ()
    adjustments: tuple[JournalItem, ...] = ()
    read: Mapping[str, int] = field(default_factory=dict)
    trades: tuple[Mapping[str, Any], ...] = ()
    claims: tuple[Claim, ...] = ()
    uncovered: tuple[Mapping[str, Any], ...] = ()
    held: Mapping[str, int] = field(default_factory=dict)

    @property
    def facts(self) -> dict[str, Any]:
        """What the event says of it."""
        return {
            "reversed_receipt_id": self.receipt.receipt_id,
            "reversed_minor": self.taken.minor,
            "trades": [dict(facts) for facts in self.trades],
            "claims": [{"claim_id": claim.claim_id, "amount_minor": claim.amount_minor} for claim in self.claims],
            "uncovered": [dict(facts) for facts in self.uncovered],
            **held_facts(self.held),
        }


@dataclass(frozen=True, slots=True)
class Losses:
    """The claims that a part leaves which was taken back, and the debits of who carries what was not covered."""

    claims: tuple[Claim, ...] = ()
    postings: tuple[Posting, ...] = ()


def take_back(
    call: Call, original: Versioned[Receipt], amount: Money, holds: Mapping[str, int] | None = None
) -> TakenBack:
    """Take an amount of a receipt back, signed as the receipt is. `holds` are lifted from the trades that lose money.

    Each target is touched once in a commit, and of several repayments the latest is owed again; what that leaves is for
    the next command.
    """
    tenant, receipt = call.tenant, original.value
    suspense = purpose_account_id(tenant, Purpose.SUSPENSE, receipt.currency)
    rest = amount.of(_nearer(amount.minor, receipt.unallocated_minor))
    after, left = with_rest_reversed(receipt, rest.minor), amount.minor - rest.minor
    taken: list[tuple[Withdrawal, Losses]] = []
    uncovered: list[Mapping[str, Any]] = []
    debtors: set[str] = set()
    for part in _standing(receipt):
        minor = _nearer(left, part.standing_minor)
        if not minor:
            continue
        withdrawn = withdraw(call, receipt, part, minor, by_bank=True, holds=holds or {})
        if withdrawn.owed_by in debtors:
            minor = 0 if withdrawn.forgone_by else withdrawn.covered.minor
            withdrawn = withdraw(call, receipt, part, minor, by_bank=True, holds=holds or {}) if minor else withdrawn
        if minor:
            losses = _losses(call, withdrawn, amount.of(minor - withdrawn.covered.minor))
            debtors |= {withdrawn.owed_by} if losses.claims else set()
            after = with_taken_back(after, part.target, part.target_id, minor)
            left -= minor
            taken.append((withdrawn, losses))
            uncovered += [
                {"allocation": part.number, "minor": leg.signed, "account_id": leg.account_id}
                for leg in losses.postings
            ]
    postings = [debit(suspense, rest), *(leg for one, lost in taken for leg in (*one.postings, *lost.postings))]
    opened = tuple(claim for _, lost in taken for claim in lost.claims)
    return TakenBack(
        after,
        amount.of(amount.minor - left),
        amount.of(left),
        tuple(postings),
        (
            *receipts.save_receipt(tenant, original, after),
            *(write for one, _ in taken for write in one.writes),
            *(write for claim in opened for write in claims.open_claim(tenant, claim)),
            *_events(call, taken),
        ),
        tuple(one.adjustment for one, _ in taken if one.adjustment is not None),
        {account_id: version for one, _ in taken for account_id, version in one.read.items()},
        tuple(one.facts for one, _ in taken if "trade_id" in one.facts),
        opened,
        tuple(uncovered),
        {account_id: change for one, _ in taken for account_id, change in one.held.items()},
    )


def has_standing(receipt: Receipt) -> bool:
    """Whether anything of a receipt stands that can be taken back."""
    return bool(receipt.unallocated_minor) or any(True for _ in _standing(receipt))


def _standing(receipt: Receipt) -> Iterator[Allocation]:
    """What can be taken back, the target that got a part last ahead: all parts of one target as one, and of repayments
    the latest."""
    parts: dict[tuple[Target, str], list[Allocation]] = {}
    for part in reversed(receipt.allocations):
        if part.standing_minor and part.target not in _PAIRED:
            repaid = part.target is Target.CREDIT_LINE
            of_target = parts.setdefault((part.target, "" if repaid else part.target_id), [])
            of_target += [] if repaid and of_target else [part]
    yield from map(as_one, parts.values())


def _nearer(wanted: int, there: int) -> int:
    """As much of an amount as there is; nothing where the two have opposite signs."""
    if wanted * there <= 0:
        return 0
    return min(wanted, there) if wanted > 0 else max(wanted, there)


def _losses(call: Call, withdrawn: Withdrawal, amount: Money) -> Losses:
    """What the payer owes: an amount that is not covered to who carries that, the marketplace or whom the trade's
    template names; and what a party would have got of a trade that is over to that party."""
    owed: dict[str | None, int] = {withdrawn.carrier: amount.minor} if amount.minor else {}
    if withdrawn.forgone_by and withdrawn.covered.minor:
        owed[withdrawn.forgone_by] = owed.get(withdrawn.forgone_by, 0) + withdrawn.covered.minor
    if owed and not withdrawn.owed_by:
        raise Defect(f"{call.entry_id}: {amount} is covered by nobody")
    opened = tuple(_claim(call, withdrawn, creditor, amount.of(minor)) for creditor, minor in owed.items())
    if not amount.minor:
        return Losses(opened)
    if withdrawn.carrier is None:
        return Losses(opened, opening_postings(call.tenant, opened[0]))
    carrier = party_account_id(call.tenant, withdrawn.carrier, amount.currency)
    return Losses(opened, (debit(carrier, amount),))


def _claim(call: Call, withdrawn: Withdrawal, creditor: str | None, amount: Money) -> Claim:
    return new_claim(
        call,
        debtor=withdrawn.owed_by,
        creditor=creditor,
        amount=amount,
        reason=Reason.REVERSED_BY_BANK,
        due_on=today_in(amount.currency, call.now),
        trade_id=withdrawn.trade_id,
    )


def _events(call: Call, taken: Sequence[tuple[Withdrawal, Losses]]) -> Iterator[Write]:
    """For each trade that has lost money, or of which money was claimed, an event of its own."""
    for withdrawn, losses in taken:
        trade_id = withdrawn.facts.get("trade_id")
        if trade_id is None:
            continue
        facts = {
            **withdrawn.facts,
            "entry_id": call.entry_id,
            "claimed_minor": sum(claim.amount_minor for claim in losses.claims),
            "claim_id": losses.claims[0].claim_id if losses.claims else None,
        }
        own = worker_call(
            tenant=call.tenant,
            key=f"unfunded:{call.entry_id}:{trade_id}",
            content=facts,
            now=call.now,
            entropy=b"",
            actor=call.actor,
        )
        item = journal_item(own, UNFUNDED, subject=trade_id, data=facts)
        yield also_journal(item, lambda _: Defect("a trade loses a payment once"))
