"""Foreign exchange: what a quote promises, what an exchange under it comes to, and the postings that book it.

Money of two currencies never meets in one sum. An exchange is two balanced halves, each against the tenant's position
account of its currency: what the one half gives the position of the currency that is sold, the other takes from that of
the one that is bought. With a market rate besides the quoted one, the second position moves by the market's value, and
the difference to the quoted one is a gain or a loss. Leaves to the store: what an account may pay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from datetime import datetime, timedelta
from typing import Literal

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money, Rounding, exponent, round_ratio
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import OPEN_TO_CALLERS, Account, Posting, Purpose, credit, debit, purpose_account_id

MOST_RATE = 10**18
LONGEST = timedelta(days=7)

EXCHANGED = "fx.exchanged"

EXCHANGEABLE = OPEN_TO_CALLERS - {Purpose.FX_POSITION, Purpose.FX_RESULT}
"""The purposes of accounts that an exchange may be from and to: by hand, and not the very accounts it goes through."""


@dataclass(frozen=True, slots=True)
class Rate:
    """How many units of the currency that is bought one unit of the currency that is sold gives, as two integers. Units
    are whole francs and yen, not their hundredths: `Rate(1096, 1000)` is 1.096."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        if not (1 <= self.numerator <= MOST_RATE and 1 <= self.denominator <= MOST_RATE):
            raise InvalidInput("invalid_rate", "a rate is two integers from 1 to 10^18", maximum=MOST_RATE)


@dataclass(frozen=True, slots=True)
class Quote:
    """A promise to exchange at a rate until an instant (which is not part of it). `market_rate` is what the market gave
    when it was made, if that is to be told from the quoted rate. One for `single_use` is `used_by` its one exchange."""

    quote_id: str
    sell_currency: str
    buy_currency: str
    rate: Rate
    valid_until: datetime
    market_rate: Rate | None = None
    single_use: bool = False
    used_by: str | None = None


@dataclass(frozen=True, slots=True)
class ExchangeOrder:
    """What is asked: the accounts that pay and that get, and the amount on one side of it, which says what the other
    comes to: `fixed` is "sell" or "buy". `occurred_at` None means now."""

    from_account_id: str
    to_account_id: str
    fixed: Literal["sell", "buy"]
    amount: Money
    occurred_at: datetime | None = None
    reference: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Deal:
    """What an exchange comes to: what is sold, what is bought for it, and what the market would have given."""

    sold: Money
    bought: Money
    market: Money


@dataclass(frozen=True, slots=True)
class FxBook:
    """The currencies in which a tenant has position and result accounts."""

    currencies: tuple[str, ...] = ()


def new_quote(quote: Quote, *, now: datetime) -> Quote:
    """The quote, its terms checked. Raises InvalidInput `unknown_currency`, `same_currency`, `invalid_validity`."""
    exponent(quote.sell_currency)
    exponent(quote.buy_currency)
    if quote.sell_currency == quote.buy_currency:
        raise InvalidInput("same_currency", "a currency is exchanged for another one", field="buy_currency")
    if not now < quote.valid_until <= now + LONGEST:
        sentence = f"a quote is valid until an instant to come, at most {LONGEST.days} days ahead"
        raise InvalidInput("invalid_validity", sentence, field="valid_until")
    return quote


def check_order(order: ExchangeOrder) -> ExchangeOrder:
    """The order, as far as it can be judged by itself. Raises InvalidInput `amount_not_positive`."""
    if order.amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "an exchange is of more than nothing", field=order.fixed)
    return order


def check_usable(quote: Quote, *, now: datetime) -> None:
    """Nothing, where the quote still holds. Raises Conflict `quote_expired`, `quote_used`."""
    if now >= quote.valid_until:
        facts = {"quote_id": quote.quote_id, "valid_until": instant_text(quote.valid_until)}
        raise Conflict("quote_expired", "the quote has expired", **facts)
    if quote.single_use and quote.used_by is not None:
        facts = {"quote_id": quote.quote_id, "entry_id": quote.used_by}
        raise Conflict("quote_used", "the quote was for one exchange, and has been used", **facts)


def deal(quote: Quote, order: ExchangeOrder) -> Deal:
    """What an order comes to under a quote, each amount rounded once.

    Of an amount to sell, what is bought is rounded down; of an amount to buy, what is sold is rounded up. So nobody
    gets more than is paid for, however small the exchanges and however many. The market's value is that of what is
    sold, rounded half to even.
    Raises InvalidInput `currency_mismatch`, `amount_too_small` where nothing would be bought, `amount_too_large`.
    """
    amount, sells = order.amount, order.fixed == "sell"
    expected = quote.sell_currency if sells else quote.buy_currency
    if amount.currency != expected:
        facts = {"field": order.fixed, "expected": expected, "given": amount.currency}
        raise InvalidInput("currency_mismatch", f"the quote {order.fixed}s {expected}", **facts)
    sold = amount if sells else _price(amount, quote.rate, quote.sell_currency)
    bought = _converted(amount, quote.rate, quote.buy_currency, Rounding.FLOOR) if sells else amount
    if not bought.minor:
        raise InvalidInput("amount_too_small", f"it comes to nothing in {bought.currency}", field=order.fixed)
    if quote.market_rate is None:
        return Deal(sold, bought, market=bought)
    return Deal(sold, bought, _converted(sold, quote.market_rate, quote.buy_currency, Rounding.HALF_EVEN))


def check_account(account: Account, currency: str, *, name: str) -> None:
    """Nothing, where an exchange may be from or to this account. Raises Conflict `account_controlled`, InvalidInput
    `currency_mismatch`."""
    if account.purpose not in EXCHANGEABLE:
        sentence = "what this account is for does not allow it"
        facts = {"account_id": account.account_id, "purpose": account.purpose.value}
        raise Conflict("account_controlled", sentence, **facts)
    if account.currency != currency:
        sentence = f"the account is kept in {account.currency}"
        facts = {"field": name, "expected": account.currency, "given": currency}
        raise InvalidInput("currency_mismatch", sentence, account_id=account.account_id, **facts)


def check_sides(paying: Account, getting: Account) -> None:
    """Nothing, where both accounts are of one side: what we have (debit), or what we owe (credit). Raises Conflict
    `accounts_on_two_sides`: to owe less of one currency and to have more of another would be a gift, not an exchange.
    """
    if paying.kind.debit_normal != getting.kind.debit_normal:
        facts = {"from_kind": paying.kind.value, "to_kind": getting.kind.value}
        raise Conflict("accounts_on_two_sides", "both accounts are assets, or both are owed to somebody", **facts)


def exchange_postings(tenant: str, made: Deal, paying: Account, getting: Account) -> tuple[Posting, ...]:
    """The postings of a deal, in which `paying` goes down and `getting` goes up; each currency balances by itself."""
    lowers, raises = _sides(paying)
    legs = [
        lowers(paying.account_id, made.sold),
        raises(position_account_id(tenant, made.sold.currency), made.sold),
        raises(getting.account_id, made.bought),
        lowers(position_account_id(tenant, made.market.currency), made.market),
    ]
    difference = made.market - made.bought
    result = raises if difference.minor > 0 else lowers
    legs.append(result(result_account_id(tenant, made.bought.currency), difference.of(abs(difference.minor))))
    return tuple(leg for leg in legs if leg.amount.minor)


def result_of(made: Deal, paying: Account) -> Money:
    """What we gain by a deal (negative: lose), in the currency bought: the market's value less what was given for it,
    or, where the money is our own, what we got less the market's value."""
    return made.bought - made.market if paying.kind.debit_normal else made.market - made.bought


def position_account_id(tenant: str, currency: str) -> str:
    """The account of what the exchanges of a tenant have left it with in a currency."""
    return purpose_account_id(tenant, Purpose.FX_POSITION, currency)


def result_account_id(tenant: str, currency: str) -> str:
    """The account of what a tenant has gained by exchanges into a currency."""
    return purpose_account_id(tenant, Purpose.FX_RESULT, currency)


def _sides(paying: Account) -> tuple[Callable[[str, Money], Posting], Callable[[str, Money], Posting]]:
    """The postings that lower and that raise an account such as the paying one."""
    return (credit, debit) if paying.kind.debit_normal else (debit, credit)


def _converted(amount: Money, rate: Rate, currency: str, rounding: Rounding) -> Money:
    """What an amount gives at a rate."""
    numerator = amount.minor * rate.numerator * 10 ** exponent(currency)
    return Money(round_ratio(numerator, rate.denominator * 10 ** exponent(amount.currency), rounding), currency)


def _price(amount: Money, rate: Rate, currency: str) -> Money:
    """What must be given for an amount at a rate, rounded up."""
    numerator = amount.minor * rate.denominator * 10 ** exponent(currency)
    return Money(-round_ratio(-numerator, rate.numerator * 10 ** exponent(amount.currency), Rounding.FLOOR), currency)
