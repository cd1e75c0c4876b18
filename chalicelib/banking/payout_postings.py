"""What each step of a payout books. Pure.

Money lies in transit from the payout's making until the bank has debited it, or until nothing of it can be debited any
more; then it is on the account again that it was taken from.
"""

from __future__ import annotations

from chalicelib.banking.payout_states import Source
from chalicelib.banking.payouts import Payout
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Posting, Purpose, credit, debit, purpose_account_id

PURPOSE_OF_SOURCE = {
    Source.PARTY: Purpose.PARTY,
    Source.LENDER: Purpose.LENDER_UNDRAWN,
    Source.FEE_INCOME: Purpose.FEE_INCOME,
    Source.INTEREST_INCOME: Purpose.INTEREST_INCOME,
}
"""The account that each source is."""

OF_A_PARTY = frozenset({Source.PARTY, Source.LENDER})
"""The sources that are a party's: each party has its own."""


def source_account_id(payout: Payout) -> str:
    """The account in the books that a payout takes its money from."""
    owner = payout.party_id if payout.source in OF_A_PARTY else ""
    return purpose_account_id(payout.tenant, PURPOSE_OF_SOURCE[payout.source], payout.currency, owner)


def creation_postings(payout: Payout) -> tuple[Posting, ...]:
    """Dr source, Cr payouts in transit."""
    return debit(source_account_id(payout), payout.amount), credit(_transit(payout), payout.amount)


def rejection_postings(payout: Payout) -> tuple[Posting, ...]:
    """Dr payouts in transit, Cr source."""
    return debit(_transit(payout), payout.amount), credit(source_account_id(payout), payout.amount)


def settlement_postings(payout: Payout) -> tuple[Posting, ...]:
    """Dr payouts in transit, Cr bank."""
    return debit(_transit(payout), payout.amount), credit(_bank(payout), payout.amount)


def return_postings(before: Payout, after: Payout) -> tuple[Posting, ...]:
    """Dr bank, Cr source: what came back with one movement; and what the bank kept of it, where the marketplace bears
    that: Dr bank charges, Cr source."""
    returned = Money(after.returned_minor - before.returned_minor, after.currency)
    charge = Money(after.return_charges_minor - before.return_charges_minor, after.currency)
    borne = charge if after.charges_borne_by == "marketplace" else charge.of(0)
    charges = purpose_account_id(after.tenant, Purpose.BANK_CHARGES, after.currency)
    return debit(_bank(after), returned), debit(charges, borne), credit(source_account_id(after), returned + borne)


def charge_postings(payout: Payout, minor: int) -> tuple[Posting, ...]:
    """Dr bank charges, Cr source: what the bank has kept of a payout, where the marketplace bears that; else nothing. A
    negative amount takes it back."""
    if payout.charges_borne_by != "marketplace" or not minor:
        return ()
    charges = purpose_account_id(payout.tenant, Purpose.BANK_CHARGES, payout.currency)
    source, amount = source_account_id(payout), Money(abs(minor), payout.currency)
    if minor < 0:
        return debit(source, amount), credit(charges, amount)
    return debit(charges, amount), credit(source, amount)


def _transit(payout: Payout) -> str:
    return purpose_account_id(payout.tenant, Purpose.PAYOUTS_IN_TRANSIT, payout.currency)


def _bank(payout: Payout) -> str:
    return purpose_account_id(payout.tenant, Purpose.BANK, payout.currency, payout.iban)
