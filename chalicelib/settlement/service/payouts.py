"""Which payouts follow from an entry: every party that it credited out of a trade is paid by bank.

The entry itself carries none of them. They follow by worker, each under a key of entry and party, so that asking
twice pays once.
"""

from __future__ import annotations

from chalicelib.banking import store as banking_store
from chalicelib.core.errors import NotFound
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.store.entries import load_entry
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.kinds import is_paid_out_after
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.reads import fetch
from chalicelib.trades import store as trades_store


@dataclass(frozen=True, slots=True)
class PayoutDue:
    """A party that an entry credited: how much it is to be paid, for which trade, under which reference.
    `in_price_currency`: the prices are in that currency and the trade is in another; a party may be paid in both."""

    party_id: str
    amount: Money
    trade_id: str
    reference: str
    in_price_currency: bool = False


def payouts_due(tenant: str, entry_id: str) -> tuple[PayoutDue, ...]:
    """The payouts that an entry asks for; none where it is of another kind. Raises NotFound `entry_not_found`."""
    item = load_entry(tenant, entry_id)
    if not is_paid_out_after(item) or item.subject is None:
        return ()
    terms = trades_store.take_terms(fetch((trades_store.terms_key(tenant, item.subject),)), tenant, item.subject)
    currencies = dict.fromkeys((terms.currency, terms.price_currency))
    return tuple(
        PayoutDue(party_id, Money(minor, currency), terms.trade_id, terms.reference, currency != terms.currency)
        for party_id in dict.fromkeys(terms.parties.values())
        for currency in currencies
        if (minor := _credited(item, party_account_id(tenant, party_id, currency))) > 0
    )


def payout_tenant(bank_id: str, payout_id: str) -> str | None:
    """Whose a payout is that a bank names, or None: nobody's that this bank pays for."""
    try:
        return banking_store.payout_owner(bank_id, payout_id)
    except NotFound:
        return None


def _credited(item: JournalItem, account_id: str) -> int:
    return -sum(leg.amount for leg in item.legs if leg.account_id == account_id)
