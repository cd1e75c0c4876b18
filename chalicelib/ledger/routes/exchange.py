"""Foreign exchange over HTTP: accounts, quotes, exchanges, positions."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.core.money import Money
from chalicelib.ledger.exchange import ExchangeOrder, Quote, Rate
from chalicelib.ledger.routes.entries import PostingView, entry_view
from chalicelib.ledger.service import exchange
from chalicelib.storage.journal import JournalItem
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body, Currency, Id, MoneyBody, Refused, ShortText

router = Router(__name__)


class FxAccountsBody(Body):
    """The currency that is to be exchanged."""

    currency: Currency


class RateBody(Body):
    """How many units of the currency that is bought one unit of the currency that is sold gives: two integers from 1 to
    10^18. Units are whole ones, not minor ones: 1.096 is 1096 to 1000, whatever decimals the currencies have."""

    numerator: int
    denominator: int

    def __post_init__(self) -> None:
        try:
            _ = self.rate
        except InvalidInput as refusal:
            raise Refused(refusal) from refusal

    @property
    def rate(self) -> Rate:
        """The rate as rules know it."""
        return Rate(self.numerator, self.denominator)


class QuoteBody(Body):
    """Terms of a quote. `valid_until` (an ISO 8601 instant) lies at most 7 days ahead. With a `market_rate` what is
    gained by the quoted one is booked. A quote for `single_use` is good for one exchange."""

    sell_currency: Currency
    buy_currency: Currency
    rate: RateBody
    valid_until: str
    market_rate: RateBody | None = None
    single_use: bool = False


class ExchangeBody(Body):
    """One of `sell` and `buy`, exact; the other comes to what the quote says, rounded down where it is bought, up
    where it is sold. `occurred_at` (an ISO 8601 instant) is now unless said."""

    from_account_id: Id
    to_account_id: Id
    sell: MoneyBody | None = None
    buy: MoneyBody | None = None
    occurred_at: str | None = None
    reference: ShortText | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            _ = self.fixed
        except InvalidInput as refusal:
            raise Refused(refusal) from refusal

    @property
    def fixed(self) -> tuple[Literal["sell", "buy"], Money]:
        """The side that is exact, and its amount. Raises InvalidInput `sell_or_buy`."""
        if self.sell is not None and self.buy is None:
            return "sell", self.sell.money
        if self.buy is not None and self.sell is None:
            return "buy", self.buy.money
        raise InvalidInput("sell_or_buy", "say what to sell or what to buy, one of the two", field="sell")


class FxAccountsView(msgspec.Struct, frozen=True):
    """The accounts that exchanges of a currency go through."""

    currency: str
    position_account_id: str
    result_account_id: str


class RateView(msgspec.Struct, frozen=True):
    """Units of the currency that is bought for one unit of the currency that is sold."""

    numerator: int
    denominator: int


class QuoteView(msgspec.Struct, frozen=True):
    """A quote. One for `single_use` that has been used says by which entry (`used_by`)."""

    quote_id: str
    sell_currency: str
    buy_currency: str
    rate: RateView
    market_rate: RateView | None
    valid_until: str
    single_use: bool
    used_by: str | None


class AmountView(msgspec.Struct, frozen=True):
    """An amount in minor units."""

    minor: int
    currency: str


class ExchangeView(msgspec.Struct, frozen=True):
    """An exchange: what left one account and what reached the other. Under a quote with a market rate also what the
    market would have given (`market`), and what was gained by the difference, negative where it was lost
    (`result_minor`, in the currency that was bought)."""

    entry_id: str
    quote_id: str
    from_account_id: str
    to_account_id: str
    sold: AmountView
    bought: AmountView
    market: AmountView | None
    result_minor: int | None
    postings: list[PostingView]
    occurred_at: str
    recorded_at: str
    reference: str | None
    metadata: dict[str, str]


class FxPositionView(msgspec.Struct, frozen=True):
    """What exchanges have left in a currency (positive: more of it than before), and what exchanges into it have
    gained to date."""

    currency: str
    position_account_id: str
    position_minor: int
    result_account_id: str
    result_minor: int


class FxPositionsView(msgspec.Struct, frozen=True):
    """Every currency that is exchanged. Each balance is of now, by itself."""

    positions: list[FxPositionView]


@router.endpoint(
    "POST",
    "/v1/fx-accounts",
    scope="ledger:write",
    body=FxAccountsBody,
    answer=FxAccountsView,
    status=201,
    writes=True,
)
def open_fx_accounts(request: Request) -> Answer:
    """Open the accounts that exchanges of a currency go through."""
    outcome = exchange.open_fx_accounts(request.call, request.body.currency)
    return replayable(outcome, FxAccountsView(**outcome.item.data))


@router.endpoint(
    "POST", "/v1/fx-quotes", scope="ledger:write", body=QuoteBody, answer=QuoteView, status=201, writes=True
)
def create_fx_quote(request: Request) -> Answer:
    """Promise to exchange at a rate until an instant."""
    body: QuoteBody = request.body
    terms = Quote(
        quote_id="",
        sell_currency=body.sell_currency,
        buy_currency=body.buy_currency,
        rate=body.rate.rate,
        valid_until=parse_instant(body.valid_until, "valid_until"),
        market_rate=body.market_rate.rate if body.market_rate else None,
        single_use=body.single_use,
    )
    outcome = exchange.quote(request.call, terms)
    return replayable(outcome, _quote_view(outcome.item.data, used_by=None))


@router.endpoint("GET", "/v1/fx-quotes/{quote_id}", scope="ledger:read", answer=QuoteView)
def get_fx_quote(request: Request, quote_id: str) -> QuoteView:
    """Read a quote."""
    quote = exchange.get_quote(request.tenant, quote_id)
    return _quote_view(exchange.quote_facts(quote), used_by=quote.used_by)


@router.endpoint(
    "POST",
    "/v1/fx-quotes/{quote_id}/exchanges",
    scope="ledger:write",
    body=ExchangeBody,
    answer=ExchangeView,
    status=201,
    writes=True,
)
def exchange_money(request: Request, quote_id: str) -> Answer:
    """Exchange money of one account into another currency on another account."""
    body: ExchangeBody = request.body
    fixed, amount = body.fixed
    order = ExchangeOrder(
        from_account_id=body.from_account_id,
        to_account_id=body.to_account_id,
        fixed=fixed,
        amount=amount,
        occurred_at=None if body.occurred_at is None else parse_instant(body.occurred_at, "occurred_at"),
        reference=body.reference,
        metadata=body.metadata,
    )
    outcome = exchange.exchange(request.call, quote_id, order)
    return replayable(outcome, _exchange_view(outcome.item))


@router.endpoint("GET", "/v1/fx-positions", scope="ledger:read", answer=FxPositionsView)
def list_fx_positions(request: Request) -> FxPositionsView:
    """Read what exchanges have left in each currency, and what they have gained."""
    return FxPositionsView([_position_view(position) for position in exchange.positions(request.tenant)])


def _quote_view(facts: dict[str, Any], *, used_by: str | None) -> QuoteView:
    market = facts["market_rate"]
    rates = {"rate": RateView(*facts["rate"]), "market_rate": None if market is None else RateView(*market)}
    return QuoteView(**facts | rates, used_by=used_by)


def _exchange_view(item: JournalItem) -> ExchangeView:
    facts, market = item.data, item.data["market"]
    return ExchangeView(
        entry_id=item.entry_id,
        quote_id=facts["quote_id"],
        from_account_id=facts["from_account_id"],
        to_account_id=facts["to_account_id"],
        sold=AmountView(**facts["sold"]),
        bought=AmountView(**facts["bought"]),
        market=None if market is None else AmountView(**market),
        result_minor=facts["result_minor"],
        postings=entry_view(item).postings,
        occurred_at=instant_text(item.occurred_at),
        recorded_at=instant_text(item.recorded_at),
        reference=item.reference,
        metadata=item.metadata,
    )


def _position_view(found: exchange.Position) -> FxPositionView:
    return FxPositionView(
        currency=found.currency,
        position_account_id=found.position.account_id,
        position_minor=found.position.own_balance,
        result_account_id=found.result.account_id,
        result_minor=found.result.own_balance,
    )
