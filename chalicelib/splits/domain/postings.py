"""The postings of a split's commands. Each moves money between the source, the split's clearing account and receivers.

opened      source -> receivers, fees, and (what is kept) clearing account
paid        clearing account -> receivers
refunded    receivers -> source
returned    clearing account -> source
"""

from __future__ import annotations

from collections import defaultdict

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Posting, credit, debit
from chalicelib.splits.domain.fees import Borne
from chalicelib.splits.domain.split import Returned, Split
from chalicelib.splits.domain.waterfall import KEPT, Shares


def opening_postings(split: Split, borne: Borne) -> tuple[Posting, ...]:
    """Out of the source: the amount and what comes on top of it."""
    gets: dict[str, int] = defaultdict(int)
    for role, part in (*borne.shares, *borne.fees):
        gets[split.clearing_account_id if role == KEPT else role] += part.minor
    whole = Money(split.amount_minor + split.on_top_minor, split.currency)
    return (
        debit(split.source_account_id, whole),
        *(credit(account, whole.of(minor)) for account, minor in gets.items() if minor),
    )


def payment_postings(split: Split, parts: Shares) -> tuple[Posting, ...]:
    """Out of the clearing account, to each receiver. None where nobody gets anything."""
    paid = tuple((account, part) for account, part in parts if part.minor and account != KEPT)
    if not paid:
        return ()
    whole = Money(sum(part.minor for _, part in paid), split.currency)
    return (debit(split.clearing_account_id, whole), *(credit(account, part) for account, part in paid))


def refund_postings(split: Split, parts: Shares) -> tuple[Posting, ...]:
    """From each receiver, to the source."""
    whole = Money(sum(part.minor for _, part in parts), split.currency)
    return (*(debit(account, part) for account, part in parts if part.minor), credit(split.source_account_id, whole))


def return_postings(returned: Returned) -> tuple[Posting, ...]:
    """Out of the clearing account, to the source."""
    split = returned.split
    return (debit(split.clearing_account_id, returned.amount), credit(split.source_account_id, returned.amount))
