"""Splits of an amount among at most 80 accounts, each command in one commit; and the questions about splits."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from chalicelib.core.call import Call
from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Entry, Posting, Purpose, entry_of, purpose_account_id
from chalicelib.ledger.expiring import with_expired_returned
from chalicelib.splits import store
from chalicelib.splits.domain import postings
from chalicelib.splits.domain import split as rules
from chalicelib.splits.domain.fees import Borne, SplitFee, bear
from chalicelib.splits.domain.split import Divided, Division, OpenSplit, Split
from chalicelib.splits.domain.waterfall import Portion, Shares, Waterfall, divide, portions
from chalicelib.storage.commit import Write
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item

OPENED = "split.opened"
DIVIDED = "split.divided"
REFUNDED = "split.refunded"
RETURNED = "split.returned"


@dataclass(frozen=True, slots=True)
class DivideHeld:
    """Divide what a split still holds (`amount` None: all of it). Roles of the waterfall are account ids."""

    split_id: str
    waterfall: Waterfall
    amount: Money | None = None


@dataclass(frozen=True, slots=True)
class RefundSplit:
    """Take an amount back from the receivers of a division (`account_ids`: from these alone)."""

    split_id: str
    amount: Money
    division: int = 1
    account_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """How an amount would be divided: each step of the waterfall, and the shares once fees are borne."""

    steps: tuple[Portion, ...]
    borne: Borne


def preview(amount: Money, waterfall: Waterfall, fees: Sequence[SplitFee]) -> Preview:
    """How an amount (more than nothing) would be divided. Nothing is booked, and no account is looked at.

    Raises what `open_split` raises of amount, waterfall and fees.
    """
    rules.check_amount(amount, amount.currency)
    borne = bear(fees, divide(waterfall, amount), amount)
    return Preview(portions(waterfall, amount), borne)


def open_split(call: Call, command: OpenSplit) -> Outcome:
    """Take an amount from an account and divide it, in one commit. What is kept stands on the split's own account.

    Facts: the split, the number of its division (None: all is kept), who got what. Raises what the rules of
    `open_split` raise; what `check_accounts` raises of the source, the receivers and those who get fees; Conflict
    `insufficient_funds` of the source.
    """
    split_id = call.new_id("spl")
    clearing = purpose_account_id(call.tenant, Purpose.SPLIT, command.amount.currency, split_id)
    opened = rules.open_split(command, split_id=split_id, clearing_account_id=clearing, now=call.now)
    entry = booked(OPENED, opened.split, postings.opening_postings(opened.split, opened.borne), call.now)
    writes = (store.create_split(call.tenant, opened.split), *_division_writes(call, split_id, opened.division))

    def decide(found: Found) -> Plan:
        store.check_accounts(found, call.tenant, outside(entry, opened.split), now=call.now)
        return store.plan(call, opened.split, entry, *writes, data=_divided_facts(opened), opens=True)

    accounts = (command.source_account_id, *command.waterfall.receivers, *(fee.role for fee in command.fees))
    keys = store.account_keys(call.tenant, accounts)
    return with_expired_returned(call, lambda: once(call, decide, keys))


def divide_held(call: Call, command: DivideHeld) -> Outcome:
    """Divide what a split still holds, in one commit. Facts as of `open_split`.

    Raises NotFound `split_not_found`, what the rules of `divide_held` raise, what `check_accounts` raises of the
    receivers.
    """

    def decide(found: Found) -> Plan:
        before = store.take_split(found, call.tenant, command.split_id)
        divided = rules.divide_held(before.value, command.waterfall, command.amount)
        entry = booked(DIVIDED, divided.split, postings.payment_postings(divided.split, divided.borne.shares), call.now)
        store.check_accounts(found, call.tenant, outside(entry, divided.split), now=call.now)
        save = store.save_split(call.tenant, divided.split, version=before.version)
        created = _division_writes(call, command.split_id, divided.division)
        return store.plan(call, divided.split, entry, save, *created, data=_divided_facts(divided))

    key = store.split_key(call.tenant, command.split_id)
    return once(call, decide, (key, *store.account_keys(call.tenant, command.waterfall.receivers)))


def refund_split(call: Call, command: RefundSplit) -> Outcome:
    """Take an amount back from those whom a division paid, to the split's source, in one commit.

    Facts: the split, and how much each account gave back. Raises NotFound `split_not_found`, `division_not_found`; what
    the rules of `refund` raise; Conflict `insufficient_funds` of an account that has less by now, and what any entry by
    hand is refused with.
    """

    def decide(found: Found) -> Plan:
        before = store.take_split(found, call.tenant, command.split_id)
        division = store.take_division(found, call.tenant, command.split_id, command.division)
        after = rules.refund(before.value, division.value, command.amount, command.account_ids)
        entry = booked(REFUNDED, after.split, postings.refund_postings(after.split, after.parts), call.now)
        facts = {
            "split": split_facts(after.split),
            "division": command.division,
            "given_back": dict(_plain(after.parts)),
        }
        writes = (
            store.save_split(call.tenant, after.split, version=before.version),
            store.save_division(call.tenant, command.split_id, after.division, version=division.version),
        )
        return store.plan(call, after.split, entry, *writes, data=facts)

    keys = (
        store.split_key(call.tenant, command.split_id),
        store.division_key(call.tenant, command.split_id, command.division),
    )
    return with_expired_returned(call, lambda: once(call, decide, keys))


def return_held(call: Call, split_id: str, amount: Money | None = None) -> Outcome:
    """Give what a split still holds (or an amount of it) back to its source, in one commit.

    Facts: the split, and how much went back. Raises NotFound `split_not_found`, what the rules of `return_held` raise,
    and what any entry by hand is refused with on the source.
    """

    def decide(found: Found) -> Plan:
        before = store.take_split(found, call.tenant, split_id)
        returned = rules.return_held(before.value, amount)
        entry = booked(RETURNED, returned.split, postings.return_postings(returned), call.now)
        facts = {"split": split_facts(returned.split), "minor": returned.amount.minor}
        save = store.save_split(call.tenant, returned.split, version=before.version)
        return store.plan(call, returned.split, entry, save, data=facts)

    return once(call, decide, (store.split_key(call.tenant, split_id),))


def get_split(tenant: str, split_id: str) -> Split:
    """A split, read strongly. Raises NotFound `split_not_found`."""
    return store.load_split(tenant, split_id)


def list_splits(tenant: str, *, after: Item | None, limit: int) -> Listing[Split]:
    """One page of a tenant's splits, the newest first."""
    return store.list_splits(tenant, after=after, limit=limit)


def list_divisions(tenant: str, split_id: str, *, after: Item | None, limit: int) -> Listing[Division]:
    """One page of a split's divisions by number; none where there is no such split."""
    return store.list_divisions(tenant, split_id, after=after, limit=limit)


def split_facts(split: Split) -> dict[str, Any]:
    """A split as it is journalled and shown."""
    return {
        "split_id": split.split_id,
        "state": split.state.value,
        "source_account_id": split.source_account_id,
        "clearing_account_id": split.clearing_account_id or None,
        "currency": split.currency,
        "amount_minor": split.amount_minor,
        "on_top_minor": split.on_top_minor,
        "fees_minor": split.fees_minor,
        "held_minor": split.held_minor,
        "planned_minor": split.planned_minor,
        "paid_minor": split.paid_minor,
        "refunded_minor": split.refunded_minor,
        "returned_minor": split.returned_minor,
        "receivers": split.receivers,
        "divisions": split.divisions,
        "paid_divisions": split.paid_divisions,
        "reference": split.reference,
        "opened_at": instant_text(split.opened_at),
    }


def outside(entry: Entry, split: Split) -> tuple[Posting, ...]:
    """The postings of an entry on accounts that are not the split's own."""
    return tuple(posting for posting in entry.postings if posting.account_id != split.clearing_account_id)


def booked(kind: str, split: Split, legs: Iterable[Posting], now: datetime) -> Entry:
    """The entry of a command on a split."""
    return entry_of(kind, legs, occurred_at=now, subject=split.split_id, reference=split.reference)


def _division_writes(call: Call, split_id: str, division: Division | None) -> tuple[Write, ...]:
    return () if division is None else (store.create_division(call.tenant, split_id, division),)


def _divided_facts(divided: Divided) -> dict[str, Any]:
    return {
        "split": split_facts(divided.split),
        "division": divided.division.number if divided.division else None,
        "shares": dict(_plain(divided.borne.shares)),
        "fees": dict(_plain(divided.borne.fees)),
    }


def _plain(shares: Shares) -> Iterable[tuple[str, int]]:
    return ((account_id, part.minor) for account_id, part in shares)
