"""A role that is paid in the price's currency: its share is exchanged in the same entry, at the trade's rate."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.banking import service as banking
from chalicelib.banking.domain import BankAccount
from chalicelib.core.errors import Conflict, Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.exchange import Rate
from chalicelib.ledger.service.exchange import open_fx_accounts
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.settlement.domain.division import exchanged
from chalicelib.settlement.service.payouts import payouts_due
from chalicelib.trades.domain.template import PriceRule
from tests.banking.build import BANK
from tests.settlement.goods import FEE, FREIGHT, GOODS, ROLES, Trading
from tests.settlement.market import Deal, refusal, trial_balance
from tests.support.dynamodb_local import Tables

ABROAD = replace(
    GOODS,
    id="test-abroad",
    price=PriceRule(currencies=("EUR",)),
    roles=tuple(replace(role, paid_in_price_currency=role.name == "seller") for role in ROLES),
)
RATE = Rate(78123, 10_000)
"""What a euro is worth in yuan: 7.8123."""

UNIT_PRICE = 12_801
"""128.01 EUR for a unit: ten of them are 10,000.53 CNY at the rate."""

DUE = 1_000_053


def opened(place: Trading) -> Deal:
    return place.under(ABROAD, price_currency="EUR", rate=RATE, unit_price_minor=UNIT_PRICE)


def bank_in_euros(place: Trading) -> None:
    account = BankAccount(BANK, f"{place.account.iban}9", place.tenant, "EUR")
    banking.link_bank_account(place.call(), account)


def ready(place: Trading) -> None:
    """All that paying the seller in euros needs."""
    banking.open_party_account(place.call(), place.party("seller"), "EUR")
    bank_in_euros(place)
    for currency in ("CNY", "EUR"):
        open_fx_accounts(place.call(), currency)


def balance(place: Trading, purpose: Purpose, currency: str, owner: str = "") -> int:
    account_id = purpose_account_id(place.tenant, purpose, currency, owner)
    return load_accounts(place.tenant, [account_id])[account_id].own_balance


def test_the_seller_gets_its_share_in_the_currency_of_the_price(place: Trading, session_tables: Tables) -> None:
    ready(place)
    deal = opened(place)
    place.pay(deal.reference, DUE)
    place.told_and_signed(deal)

    outcome = place.release(deal)

    share = DUE - FEE - FREIGHT
    euros = exchanged(place.money(share), RATE, "EUR").minor
    assert euros == round(Fraction(share * 10_000, 78123))
    assert balance(place, Purpose.PARTY, "EUR", place.party("seller")) == euros
    assert (place.all_owed(), place.fees, place.escrow(deal)) == ({"carrier": FREIGHT}, FEE, 0)
    positions = [balance(place, Purpose.FX_POSITION, currency) for currency in ("CNY", "EUR")]
    assert positions == [share, -euros]
    assert set(trial_balance(session_tables, place.tenant).values()) == {0}
    assert outcome.item.data["shares_minor"]["seller"] == share


def test_each_is_paid_by_bank_in_its_own_currency(place: Trading) -> None:
    ready(place)
    deal = opened(place)
    place.pay(deal.reference, DUE)
    place.told_and_signed(deal)

    outcome = place.release(deal)

    euros = exchanged(place.money(DUE - FEE - FREIGHT), RATE, "EUR")
    dues = payouts_due(place.tenant, outcome.item.entry_id)
    assert {(due.party_id, due.amount, due.subject, due.remittance) for due in dues} == {
        (place.party("carrier"), place.money(FREIGHT), deal.trade_id, deal.reference),
        (place.party("seller"), euros, deal.trade_id, deal.reference),
    }


def test_a_deal_is_not_opened_before_all_can_be_paid(place: Trading) -> None:
    codes = [refusal(lambda: opened(place))]
    banking.open_party_account(place.call(), place.party("seller"), "EUR")
    codes.append(refusal(lambda: opened(place)))
    bank_in_euros(place)
    codes.append(refusal(lambda: opened(place)))
    open_fx_accounts(place.call(), "CNY")
    codes.append(refusal(lambda: opened(place)))
    open_fx_accounts(place.call(), "EUR")

    assert [(one.code, one.facts.get("currency")) for one in codes] == [
        ("party_account_missing", "EUR"),
        ("currency_not_banked", "EUR"),
        ("fx_accounts_missing", "CNY"),
        ("fx_accounts_missing", "EUR"),
    ]
    assert place.trade(opened(place)).due_minor == DUE


def test_what_was_paid_in_another_currency_is_not_taken_back_in_this_one(place: Trading) -> None:
    ready(place)
    deal = opened(place)
    place.pay(deal.reference, DUE)
    place.told_and_signed(deal)
    place.release(deal)

    assert refusal(lambda: place.take_back(deal, 1)).code == "refund_in_two_currencies"


def test_a_seller_paid_in_another_currency_funds_no_upstream_trade(place: Trading) -> None:
    ready(place)
    upstream = place.between("seller", "farm")
    downstream = opened(place)

    refused: Refusal = refusal(lambda: place.link(upstream, downstream))

    assert (type(refused), refused.code) == (Conflict, "link_seller_currency_differs")


@given(st.integers(0, 10**12), st.integers(1, 10**9), st.integers(1, 10**9))
def test_an_exchange_is_within_half_a_unit_of_exact(minor: int, numerator: int, denominator: int) -> None:
    exact = Fraction(minor * denominator, numerator)

    given_for_it = exchanged(Money(minor, "CNY"), Rate(numerator, denominator), "EUR").minor

    assert abs(given_for_it - exact) <= Fraction(1, 2)


@pytest.mark.parametrize(("currency", "minor"), [("JPY", 15_625), ("BHD", 15_625_000), ("EUR", 1_562_500)])
def test_an_exchange_counts_whole_units(currency: str, minor: int) -> None:
    assert exchanged(Money(12_500_000, "CNY"), Rate(8, 1), currency) == Money(minor, currency)
