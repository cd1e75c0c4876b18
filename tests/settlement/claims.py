"""Claims of the tests' own, opened as a command opens one: in the commit of its entry."""

from __future__ import annotations

from datetime import date
from typing import Any

from chalicelib.ledger.domain import Posting, Purpose, credit, entry_of, purpose_account_id
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.settlement.domain.claims import Claim, Reason, new_claim, opening_postings
from chalicelib.settlement.service import claims
from chalicelib.settlement.store.claims import open_claim
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from tests.settlement.goods import Trading

DUE_ON = date(2026, 3, 9)
OWED = 1_000


def claimed(
    place: Trading, *, debtor: str = "seller", creditor: str | None = "buyer", minor: int = OWED, **more: Any
) -> Claim:
    """A claim between parties named by their roles; `creditor` None: of the marketplace, which has paid it out of its
    fee income."""
    here = place.call(more.pop("key", None))
    usual: dict[str, Any] = {"reason": Reason.REFUND_NOT_COVERED, "due_on": DUE_ON}
    claim = new_claim(
        here,
        debtor=place.party(debtor),
        creditor=creditor and place.party(creditor),
        amount=place.money(minor),
        **usual | more,
    )
    writes = open_claim(place.tenant, claim)
    legs: tuple[Posting, ...] = opening_postings(place.tenant, claim)
    if not legs:
        once(here, lambda _: Plan(journal_item(here, "test.claimed", subject=claim.claim_id), writes))
        return claim
    fees = purpose_account_id(place.tenant, Purpose.FEE_INCOME, place.account.currency)
    entry = entry_of("test.claimed", (*legs, credit(fees, place.money(minor))), occurred_at=here.now)
    once(here, lambda _: plan_entry(here, entry, *writes))
    return claim


def claim_ids(place: Trading, *, is_open: bool = True, **more: str) -> list[str]:
    """The ids of a list of claims."""
    page = claims.list_claims(place.tenant, is_open=is_open, after=None, limit=100, **more)
    return [claim.claim_id for claim in page.values]
