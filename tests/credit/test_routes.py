"""What an answer shows of a credit line."""

from __future__ import annotations

import msgspec

from chalicelib.credit.domain import accrue, draw
from chalicelib.credit.routes import credit_line_view, router
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


def test_reading_needs_the_scope_for_reading_credit() -> None:
    routes = {(route.method, route.path): route.scope for route in router.routes}

    assert routes == {
        ("GET", "/v1/credit-lines"): "credit:read",
        ("GET", "/v1/credit-lines/{line_id}"): "credit:read",
    }
