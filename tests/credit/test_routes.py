"""What an answer shows of a credit line."""

from __future__ import annotations

import msgspec

from chalicelib.credit.changes import draw, repay
from chalicelib.credit.domain import accrue
from chalicelib.credit.routes import credit_line_view, line_event_view, router
from tests.credit.lines import START, cny, day, line_of


def test_a_line_is_shown_with_what_is_left_and_what_is_due() -> None:
    line = accrue(draw(line_of(), cny(82_500_000), START).line, day(2)).line

    assert msgspec.to_builtins(credit_line_view(line, day(3))) == {
        "line_id": "crl_one",
        "lender_party_id": "pty_lender",
        "borrower_party_id": "pty_borrower",
        "reference": "QT-crl_one",
        "status": "active",
        "currency": "CNY",
        "rate_bps": 600,
        "day_count": "ACT/360",
        "repayment_order": ["interest", "principal"],
        "limit_minor": 200_000_000,
        "drawn_minor": 82_500_000,
        "available_minor": 117_500_000,
        "accrued_interest_minor": 27_500,
        "accrued_through": "2026-03-04",
        "as_of": "2026-03-05",
        "interest_due_minor": 41_250,
        "payoff_minor": 82_541_250,
    }


def test_an_event_is_shown_with_its_value_date_and_what_it_paid() -> None:
    [event] = repay(draw(line_of(), cny(82_500_000), START).line, cny(962_024), day(3)).events

    assert msgspec.to_builtins(line_event_view(event)) == {
        "number": 2,
        "kind": "repayment",
        "value_on": "2026-03-05",
        "amount_minor": 962_024,
        "interest_minor": 41_250,
        "principal_minor": 920_774,
        "principal_before_minor": 82_500_000,
        "entry_id": "",
        "receipt_id": None,
    }


def test_reading_needs_the_scope_for_reading_credit() -> None:
    routes = {(route.method, route.path): route.scope for route in router.routes}

    assert routes == {
        ("GET", "/v1/credit-lines"): "credit:read",
        ("GET", "/v1/credit-lines/{line_id}"): "credit:read",
        ("GET", "/v1/credit-lines/{line_id}/events"): "credit:read",
    }
