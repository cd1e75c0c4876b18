"""Whose account a share goes to, and postings netted by account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Posting, Purpose, credit, debit, purpose_account_id
from chalicelib.trades.domain.terms import Terms


def party_account_id(tenant: str, party_id: str, currency: str) -> str:
    """The account that holds what a party may be paid."""
    return purpose_account_id(tenant, Purpose.PARTY, currency, party_id)


def party_accounts(tenant: str, terms: Terms) -> dict[str, str]:
    """The accounts on which a trade can pay its parties, in its own currency and in the price's: whose each is."""
    currencies = dict.fromkeys((terms.currency, terms.price_currency))
    return {
        party_account_id(tenant, party_id, currency): party_id
        for party_id in terms.parties.values()
        for currency in currencies
    }


def share_currency(terms: Terms, role: str) -> str:
    """The currency a role is paid in: the price's, where the template says so, else the trade's."""
    abroad = any(one.name == role and one.paid_in_price_currency for one in terms.template.roles)
    return terms.price_currency if abroad and role in terms.parties else terms.currency


def share_account_id(tenant: str, terms: Terms, role: str) -> str:
    """The account a role's share goes to, in the currency the role is paid in. A role without a party is the
    marketplace: its share is fee income."""
    party_id = terms.parties.get(role)
    if party_id is None:
        return purpose_account_id(tenant, Purpose.FEE_INCOME, terms.currency)
    return party_account_id(tenant, party_id, share_currency(terms, role))


def netted(postings: Iterable[Posting]) -> tuple[Posting, ...]:
    """One posting for each account, its legs netted; accounts that nothing is left for are left out."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for posting in postings:
        sums[posting.account_id, posting.amount.currency] += posting.signed
    return tuple(
        (debit if signed > 0 else credit)(account_id, Money(abs(signed), currency))
        for (account_id, currency), signed in sums.items()
        if signed
    )
