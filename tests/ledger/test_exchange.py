"""What an exchange comes to: worked numbers, rounding, postings on either side, and what holds for all of them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chalicelib.core.currencies import EXPONENTS
from chalicelib.core.errors import Conflict, InvalidInput, Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account, Entry, Kind, Purpose
from chalicelib.ledger.exchange import (
    EXCHANGEABLE,
    LONGEST,
    MOST_RATE,
    Deal,
    ExchangeOrder,
    Quote,
    Rate,
    check_account,
    check_order,
    check_sides,
    check_usable,
    deal,
    exchange_postings,
    new_quote,
    position_account_id,
    result_account_id,
    result_of,
)
from tests.support.calls import MONDAY, TENANT
from tests.support.strategies import currencies

QUOTE = Quote("fxq_1", "EUR", "USD", Rate(1096, 1000), MONDAY + timedelta(hours=1))


def sell(minor: int, currency: str = "EUR") -> ExchangeOrder:
    return ExchangeOrder("acc_from", "acc_to", "sell", Money(minor, currency))


def buy(minor: int, currency: str = "USD") -> ExchangeOrder:
    return ExchangeOrder("acc_from", "acc_to", "buy", Money(minor, currency))


def account(account_id: str, currency: str, kind: Kind = Kind.LIABILITY) -> Account:
    return Account(account_id, "any", kind, currency)


def signed(made: Deal, kind: Kind) -> dict[str, int]:
    """What the postings move, debits positive, by account."""
    paying, getting = account("acc_from", made.sold.currency, kind), account("acc_to", made.bought.currency, kind)
    return {leg.account_id: leg.signed for leg in exchange_postings(TENANT, made, paying, getting)}


def code_of(act: object) -> tuple[str, object]:
    with pytest.raises(Refusal) as refused:
        act()  # type: ignore[operator]
    return refused.value.code, refused.value.facts.get("field")


@pytest.mark.parametrize(
    ("sold", "rate", "bought"),
    [
        # The CFA franc's fixed parity (BCEAO, BEAC): 1 EUR = 655.957 XOF. ISO 4217: XOF has no decimals.
        (Money(100_00, "EUR"), Rate(655_957, 1000), Money(65_595, "XOF")),  # 65 595.7
        # The Bahraini dinar's peg (Central Bank of Bahrain): 1 USD = 0.376 BHD. ISO 4217: BHD has three decimals.
        (Money(10_00, "USD"), Rate(376, 1000), Money(3_760, "BHD")),
        (Money(1, "BHD"), Rate(1000, 376), Money(0, "USD")),  # 0.266 cents
        (Money(3, "BHD"), Rate(1000, 376), Money(0, "USD")),  # 0.798 cents
        (Money(4, "BHD"), Rate(1000, 376), Money(1, "USD")),  # 1.064 cents
        # The UAE dirham's peg (Central Bank of the UAE): 1 USD = 3.6725 AED.
        (Money(1_000_000_00, "USD"), Rate(36_725, 10_000), Money(3_672_500_00, "AED")),
        # 1 JPY has no decimals, 1 BHD three: 1000 yen at 0.0025 dinars are 2.500 dinars.
        (Money(1000, "JPY"), Rate(25, 10_000), Money(2_500, "BHD")),
        # A half is nothing: 0.5, 1.5 and 2.5 cents.
        (Money(1, "EUR"), Rate(1, 2), Money(0, "USD")),
        (Money(3, "EUR"), Rate(1, 2), Money(1, "USD")),
        (Money(5, "EUR"), Rate(1, 2), Money(2, "USD")),
    ],
)
def test_what_is_sold_gives_rounded_down(sold: Money, rate: Rate, bought: Money) -> None:
    quote = replace(QUOTE, sell_currency=sold.currency, buy_currency=bought.currency, rate=rate)
    order = ExchangeOrder("acc_from", "acc_to", "sell", sold)
    if not bought.minor:
        assert code_of(lambda: deal(quote, order)) == ("amount_too_small", "sell")
        return

    assert deal(quote, order) == Deal(sold, bought, market=bought)


@pytest.mark.parametrize(
    ("bought", "rate", "sold"),
    [
        (Money(65_596, "XOF"), Rate(655_957, 1000), Money(100_01, "EUR")),  # 100.00046: nothing is given away
        (Money(655_957, "XOF"), Rate(655_957, 1000), Money(1000_00, "EUR")),  # exact: nothing is added
        (Money(3_760, "BHD"), Rate(376, 1000), Money(10_00, "USD")),
        (Money(1, "BHD"), Rate(376, 1000), Money(1, "USD")),  # 0.266 cents
    ],
)
def test_what_is_bought_costs_rounded_up(bought: Money, rate: Rate, sold: Money) -> None:
    quote = replace(QUOTE, sell_currency=sold.currency, buy_currency=bought.currency, rate=rate)

    assert deal(quote, ExchangeOrder("acc_from", "acc_to", "buy", bought)) == Deal(sold, bought, market=bought)


def test_money_owed_moves_from_debit_to_credit_and_a_gain_is_income() -> None:
    quote = replace(QUOTE, market_rate=Rate(11, 10))

    made = deal(quote, sell(100_00))

    assert signed(made, Kind.LIABILITY) == {
        "acc_from": 100_00,
        position_account_id(TENANT, "EUR"): -100_00,
        "acc_to": -109_60,
        position_account_id(TENANT, "USD"): 110_00,
        result_account_id(TENANT, "USD"): -40,
    }
    assert result_of(made, account("acc_from", "EUR")) == Money(40, "USD")


def test_our_own_money_moves_from_credit_to_debit_and_less_than_the_market_is_a_loss() -> None:
    quote = replace(QUOTE, market_rate=Rate(11, 10))

    made = deal(quote, sell(100_00))

    assert signed(made, Kind.ASSET) == {
        "acc_from": -100_00,
        position_account_id(TENANT, "EUR"): 100_00,
        "acc_to": 109_60,
        position_account_id(TENANT, "USD"): -110_00,
        result_account_id(TENANT, "USD"): 40,
    }
    assert result_of(made, account("acc_from", "EUR", Kind.ASSET)) == Money(-40, "USD")


def test_a_quote_above_the_market_is_a_loss_to_who_owes() -> None:
    made = deal(replace(QUOTE, market_rate=Rate(109, 100)), sell(100_00))

    assert signed(made, Kind.LIABILITY)[result_account_id(TENANT, "USD")] == 60
    assert result_of(made, account("acc_from", "EUR")) == Money(-60, "USD")


@pytest.mark.parametrize("market", [None, Rate(1096, 1000)])
def test_without_a_difference_there_is_no_result(market: Rate | None) -> None:
    made = deal(replace(QUOTE, market_rate=market), sell(100_00))

    assert result_account_id(TENANT, "USD") not in signed(made, Kind.LIABILITY)


@given(
    pair=st.lists(currencies, min_size=2, max_size=2, unique=True),
    numerator=st.integers(1, MOST_RATE),
    denominator=st.integers(1, MOST_RATE),
    market=st.none() | st.builds(Rate, st.integers(1, MOST_RATE), st.integers(1, MOST_RATE)),
    minor=st.integers(1, 10**15),
    side=st.sampled_from(["sell", "buy"]),
    kind=st.sampled_from(Kind),
)
def test_every_exchange_balances_by_currency_and_is_within_one_unit_of_exact(
    pair: list[str],
    numerator: int,
    denominator: int,
    market: Rate | None,
    minor: int,
    side: str,
    kind: Kind,
) -> None:
    sold_in, bought_in = pair
    rate = Rate(numerator, denominator)
    quote = replace(QUOTE, sell_currency=sold_in, buy_currency=bought_in, rate=rate, market_rate=market)
    order = sell(minor, sold_in) if side == "sell" else buy(minor, bought_in)
    try:
        made = deal(quote, order)
    except InvalidInput as refusal:
        assert refusal.code in {"amount_too_small", "amount_too_large"}
        assume(False)

    paying, getting = account("acc_from", sold_in, kind), account("acc_to", bought_in, kind)
    entry = Entry("fx.exchanged", exchange_postings(TENANT, made, paying, getting), MONDAY)

    exact = exact_value(made.sold, rate, bought_in)
    one_sold_unit = exact_value(Money(1, sold_in), rate, bought_in)
    sums: dict[str, int] = defaultdict(int)
    for leg in entry.postings:
        sums[leg.amount.currency] += leg.signed
    assert set(sums.values()) == {0}
    if side == "sell":
        assert (made.sold.minor, 0 <= exact - made.bought.minor < 1) == (minor, True)
    else:
        assert (made.bought.minor, 0 <= exact - made.bought.minor < one_sold_unit) == (minor, True)
    if market:
        assert abs(made.market.minor - exact_value(made.sold, market, bought_in)) <= Fraction(1, 2)
    moved = {leg.account_id: leg.signed for leg in entry.postings}
    result = -moved.get(result_account_id(TENANT, bought_in), 0)
    assert result == result_of(made, paying).minor
    assert result == (made.bought.minor - made.market.minor) * (1 if kind.debit_normal else -1)


@given(
    pair=st.lists(currencies, min_size=2, max_size=2, unique=True),
    numerator=st.integers(1, 10**6),
    denominator=st.integers(1, 10**6),
    minor=st.integers(1, 10**6),
    sides=st.tuples(st.sampled_from(["sell", "buy"]), st.sampled_from(["sell", "buy"])),
)
def test_there_and_back_at_a_rate_and_its_inverse_gains_nothing(
    pair: list[str], numerator: int, denominator: int, minor: int, sides: tuple[str, str]
) -> None:
    home, abroad = pair
    there = replace(QUOTE, sell_currency=home, buy_currency=abroad, rate=Rate(numerator, denominator))
    back = replace(QUOTE, sell_currency=abroad, buy_currency=home, rate=Rate(denominator, numerator))
    try:
        out = deal(there, sell(minor, home) if sides[0] == "sell" else buy(minor, abroad))
        # back with all that was bought, or for all that was sold
        home_again = deal(back, sell(out.bought.minor, abroad) if sides[1] == "sell" else buy(out.sold.minor, home))
    except InvalidInput as refusal:
        assert refusal.code == "amount_too_small"
        return

    assert home_again.sold.minor >= out.bought.minor
    assert home_again.bought.minor <= out.sold.minor


def exact_value(sold: Money, rate: Rate, currency: str) -> Fraction:
    """What an amount is worth in minor units of another currency, by fractions and decimals alone."""
    units = Fraction(sold.minor, 10 ** EXPONENTS[sold.currency])
    return units * Fraction(rate.numerator, rate.denominator) * 10 ** EXPONENTS[currency]


@pytest.mark.parametrize(
    ("numerator", "denominator"),
    [(0, 1), (1, 0), (-1, 1), (1, -1), (MOST_RATE + 1, 1), (1, MOST_RATE + 1)],
)
def test_a_rate_is_two_integers_from_1_to_10_to_the_18(numerator: int, denominator: int) -> None:
    assert code_of(lambda: Rate(numerator, denominator)) == ("invalid_rate", None)


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"sell_currency": "DEM", "buy_currency": "DEM", "valid_until": MONDAY}, "unknown_currency", None),
        ({"sell_currency": "USD", "valid_until": MONDAY}, "same_currency", "buy_currency"),
        ({"valid_until": MONDAY}, "invalid_validity", "valid_until"),
        ({"valid_until": MONDAY + LONGEST + timedelta(microseconds=1)}, "invalid_validity", "valid_until"),
    ],
)
def test_the_terms_of_a_quote_are_checked_in_this_order(
    changes: dict[str, object], code: str, field: str | None
) -> None:
    assert code_of(lambda: new_quote(replace(QUOTE, **changes), now=MONDAY)) == (code, field)  # type: ignore[arg-type]


def test_a_quote_may_be_valid_for_seven_days() -> None:
    assert new_quote(replace(QUOTE, valid_until=MONDAY + LONGEST), now=MONDAY).valid_until == MONDAY + LONGEST


def test_a_quote_ends_at_its_instant_and_after_its_one_use() -> None:
    used = replace(QUOTE, single_use=True, used_by="ent_1")
    check_usable(QUOTE, now=QUOTE.valid_until - timedelta(microseconds=1))

    with pytest.raises(Conflict) as expired:
        check_usable(used, now=QUOTE.valid_until)
    with pytest.raises(Conflict) as spent:
        check_usable(used, now=MONDAY)

    assert (expired.value.code, spent.value.code) == ("quote_expired", "quote_used")
    assert spent.value.facts["entry_id"] == "ent_1"


@pytest.mark.parametrize("minor", [0, -1])
@pytest.mark.parametrize("order", [sell, buy])
def test_an_exchange_of_nothing_is_refused(order: object, minor: int) -> None:
    asked = order(minor)  # type: ignore[operator]

    assert code_of(lambda: check_order(asked)) == ("amount_not_positive", asked.fixed)


@pytest.mark.parametrize("order", [sell(5, "USD"), buy(5, "EUR"), sell(5, "CNY")])
def test_an_amount_in_another_currency_than_the_quotes_is_refused(order: ExchangeOrder) -> None:
    assert code_of(lambda: deal(QUOTE, order)) == ("currency_mismatch", order.fixed)


def test_more_than_28_digits_are_refused() -> None:
    quote = replace(QUOTE, rate=Rate(MOST_RATE, 1))

    assert code_of(lambda: deal(quote, sell(10**12)))[0] == "amount_too_large"


def test_an_exchange_is_from_and_to_accounts_of_one_side() -> None:
    check_sides(account("a", "EUR", Kind.EXPENSE), account("b", "USD", Kind.ASSET))

    with pytest.raises(Conflict) as refused:
        check_sides(account("a", "EUR", Kind.ASSET), account("b", "USD", Kind.LIABILITY))

    assert (refused.value.code, refused.value.facts) == (
        "accounts_on_two_sides",
        {"from_kind": "asset", "to_kind": "liability"},
    )


@pytest.mark.parametrize("purpose", sorted(set(Purpose) - EXCHANGEABLE, key=lambda purpose: purpose.value))
def test_an_exchange_is_not_from_an_account_that_serves_something_else(purpose: Purpose) -> None:
    controlled = replace(account("a", "EUR"), purpose=purpose)

    assert code_of(lambda: check_account(controlled, "USD", name="from_account_id"))[0] == "account_controlled"


def test_an_account_of_another_currency_is_refused_by_its_field() -> None:
    told = code_of(lambda: check_account(account("a", "CNY"), "EUR", name="to_account_id"))

    assert told == ("currency_mismatch", "to_account_id")
