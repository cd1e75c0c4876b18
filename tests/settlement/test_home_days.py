"""Days of money are days where its banks are: what is drawn, paid and executed late at night by UTC."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from chalicelib.banking.domain import BankAccount
from chalicelib.banking.payouts import new_payout
from chalicelib.core.money import Money
from chalicelib.credit.service import accrue_due
from chalicelib.settlement.service import lending
from tests.settlement.market import LENT, PAID, Market, market
from tests.support.dynamodb_local import Tables

NIGHT = datetime(2026, 3, 2, 17, tzinfo=UTC)
"""One in the morning of Tuesday the 3rd in Shanghai."""


def drawn_at(place: Market, now: datetime) -> date:
    """The day from which a line bears interest that was drawn on at an instant."""
    place.lend(LENT)
    line, deal = place.line(limit=LENT), place.deal()
    place.pay(deal.reference, PAID)
    call = replace(place.call(), now=now)
    lending.draw_into_escrow(call, lending.DrawIntoEscrow(line.line_id, deal.trade_id, None))
    return place.credit_line(line).principal_since


def test_a_line_is_drawn_on_by_the_day_it_is_where_its_currency_is_settled(tables: Tables) -> None:
    assert drawn_at(market(), NIGHT) == date(2026, 3, 3)


def test_a_day_is_accrued_once_it_has_begun_where_the_currency_is_settled(tables: Tables) -> None:
    """Drawn on the 3rd in Shanghai, by UTC on the 2nd."""
    place = market()
    place.lend(LENT)
    line, deal = place.line(limit=LENT), place.deal()
    place.pay(deal.reference, PAID)
    call = replace(place.call(), now=NIGHT)
    lending.draw_into_escrow(call, lending.DrawIntoEscrow(line.line_id, deal.trade_id, None))

    through = []
    for now in (NIGHT, datetime(2026, 3, 3, 15, 59, tzinfo=UTC), datetime(2026, 3, 3, 16, tzinfo=UTC)):
        accrue_due(now)
        through.append(place.credit_line(line).accrued_through)

    assert through == [date(2026, 3, 3), date(2026, 3, 3), date(2026, 3, 4)]


@pytest.mark.parametrize(
    ("currency", "now", "day"),
    [
        ("CNY", "2026-03-02T15:59:59Z", "2026-03-02"),
        ("CNY", "2026-03-02T16:00:00Z", "2026-03-03"),
        ("EUR", "2026-03-02T22:59:59Z", "2026-03-02"),
        ("EUR", "2026-03-02T23:00:00Z", "2026-03-03"),
        ("EUR", "2026-03-30T22:00:00Z", "2026-03-31"),
        ("GBP", "2026-03-30T23:00:00Z", "2026-03-31"),
        ("USD", "2026-03-08T04:59:59Z", "2026-03-07"),
        ("USD", "2026-03-09T04:00:00Z", "2026-03-09"),
        ("USD", "2027-01-01T04:59:59Z", "2026-12-31"),
        ("CNY", "2028-02-28T16:00:00Z", "2028-02-29"),
        ("JPY", "2026-03-02T23:59:59Z", "2026-03-02"),
    ],
)
def test_a_payout_is_executed_on_the_day_it_is_where_its_currency_is_settled(currency: str, now: str, day: str) -> None:
    account = BankAccount("bank_x", "NL10MOCK0000000010", "ten_x", currency)

    payout = new_payout("pay_x", Money(1, currency), party_id="pty_x", account=account, now=datetime.fromisoformat(now))

    assert payout.execute_on == date.fromisoformat(day)
