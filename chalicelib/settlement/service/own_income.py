"""What of the marketplace's own income can be paid out: interest that has accrued and is not paid yet cannot."""

from __future__ import annotations

from chalicelib.credit import store as credit_store
from chalicelib.storage.tables import Item

PAGE = 100


def unpaid_interest_minor(tenant: str, currency: str) -> int:
    """The interest booked and not yet paid, over all of a tenant's lines in a currency."""
    after: Item | None = None
    total, more = 0, True
    while more:
        page = credit_store.list_lines(tenant, after=after, limit=PAGE)
        total += sum(line.booked_interest.minor for line in page.values if line.currency == currency)
        after = page.last_key
        more = after is not None
    return total
