"""A deal as requests have it, whether it is opened or only previewed."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chalicelib.core.instants import parse_date
from chalicelib.ledger.exchange import Rate
from chalicelib.trades.domain.checking import MOST_ROLES
from chalicelib.trades.domain.opening import MOST_LOTS
from chalicelib.trades.domain.problems import MOST_NAME
from chalicelib.trades.domain.terms import Lot, OpenTrade, Window
from chalicelib.web.parse import Body, Currency, Id

Role = Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]
Parties = Annotated[dict[Role, Id], msgspec.Meta(max_length=MOST_ROLES)]
FixedShares = Annotated[dict[Role, int], msgspec.Meta(max_length=MOST_ROLES)]
Day = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class LotBody(Body):
    """A part of the goods that settles by itself, at the deal's unit price unless it has one of its own."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=MOST_NAME)]
    quantity_milli: int
    unit_price_minor: int | None = None


class WindowBody(Body):
    """Days (ISO 8601 dates) on which prices are averaged, the first and the last included."""

    first: Day
    last: Day


class AgreedRateBody(Body):
    """What one unit of the price's currency is worth in the trade's: 7.1234 is 71234 over 10000."""

    numerator: int
    denominator: int


class DealBody(Body):
    """A deal: quantity in thousandths of the template's unit, prices in minor units for one unit, the party of each
    role, and the amounts of the fixed shares, by role.

    `floor_minor` and `cap_minor` bound the final unit price, `window` has the days it is averaged over. Prices may be
    in a `price_currency`, with a provisional `rate`.
    """

    currency: Currency
    quantity_milli: int
    unit_price_minor: int
    parties: Parties = msgspec.field(default_factory=dict)
    fixed_shares: FixedShares = msgspec.field(default_factory=dict)
    premium_minor: int = 0
    floor_minor: int | None = None
    cap_minor: int | None = None
    window: WindowBody | None = None
    price_currency: Currency | None = None
    rate: AgreedRateBody | None = None
    lots: Annotated[list[LotBody], msgspec.Meta(max_length=MOST_LOTS)] = msgspec.field(default_factory=list)


def deal_of(body: DealBody) -> OpenTrade:
    """The deal that a body describes. Raises InvalidInput `invalid_date`, `invalid_rate`."""
    return OpenTrade(
        currency=body.currency,
        quantity_milli=body.quantity_milli,
        unit_price_minor=body.unit_price_minor,
        parties=body.parties,
        fixed_shares=body.fixed_shares,
        premium_minor=body.premium_minor,
        floor_minor=body.floor_minor,
        cap_minor=body.cap_minor,
        window=_window(body.window) if body.window else None,
        price_currency=body.price_currency or "",
        rate=Rate(body.rate.numerator, body.rate.denominator) if body.rate else None,
        lots=tuple(Lot(lot.name, lot.quantity_milli, lot.unit_price_minor) for lot in body.lots),
    )


def _window(body: WindowBody) -> Window:
    return Window(parse_date(body.first, "window.first"), parse_date(body.last, "window.last"))
