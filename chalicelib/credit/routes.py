"""Credit lines over HTTP: read one, list them. Opening and drawing are commands of `chalicelib.settlement`."""

from __future__ import annotations

from datetime import date

import msgspec

from chalicelib.core.calendars import today_in
from chalicelib.credit import service
from chalicelib.credit.domain import CreditLine, position
from chalicelib.credit.history import LineEvent
from chalicelib.web import clock
from chalicelib.web.endpoint import Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of

router = Router(__name__)


class CreditLineView(msgspec.Struct, frozen=True):
    """A credit line as of a day, in minor units of its currency. `accrued_interest_minor` is booked and unpaid,
    `interest_due_minor` all interest unpaid, and `payoff_minor` what would bring the line to zero on that day."""

    line_id: str
    lender_party_id: str
    borrower_party_id: str
    reference: str
    status: str
    currency: str
    rate_bps: int
    day_count: str
    repayment_order: list[str]
    limit_minor: int
    drawn_minor: int
    available_minor: int
    accrued_interest_minor: int
    accrued_through: str
    as_of: str
    interest_due_minor: int
    payoff_minor: int


class CreditLinePage(msgspec.Struct, frozen=True):
    """One page of credit lines."""

    credit_lines: list[CreditLineView]
    next_cursor: str | None


class LineEventView(msgspec.Struct, frozen=True):
    """A drawdown, a repayment or a reversal, on the day it counts from. `number` is the order in which they became
    known; of a repayment `interest_minor` and `principal_minor` are what it paid as it counts now."""

    number: int
    kind: str
    value_on: str
    amount_minor: int
    interest_minor: int
    principal_minor: int
    principal_before_minor: int
    entry_id: str
    receipt_id: str | None


class LineEventPage(msgspec.Struct, frozen=True):
    """One page of a line's history."""

    events: list[LineEventView]
    next_cursor: str | None


@router.endpoint("GET", "/v1/credit-lines", scope="credit:read", answer=CreditLinePage, parameters=("limit", "cursor"))
def list_credit_lines(request: Request) -> CreditLinePage:
    """List credit lines, oldest first."""
    name = f"{request.tenant}/credit-lines"
    page = service.list_lines(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    lines = [credit_line_view(line, _today(line)) for line in page.values]
    return CreditLinePage(lines, cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/credit-lines/{line_id}", scope="credit:read", answer=CreditLineView)
def get_credit_line(request: Request, line_id: str) -> CreditLineView:
    """Read a credit line: limit, drawn, available, accrued interest, and what is due today."""
    line = service.get_line(request.tenant, line_id)
    return credit_line_view(line, _today(line))


@router.endpoint(
    "GET",
    "/v1/credit-lines/{line_id}/events",
    scope="credit:read",
    answer=LineEventPage,
    parameters=("limit", "cursor"),
)
def list_credit_line_events(request: Request, line_id: str) -> LineEventPage:
    """List what was drawn and repaid on a line, by value date."""
    name = f"{request.tenant}/credit-lines/{line_id}/events"
    start, limit = start_of(name, request.query), page_limit(request.query)
    page = service.list_events(request.tenant, line_id, after=start, limit=limit)
    return LineEventPage([line_event_view(event) for event in page.values], cursor_for(name, page.last_key))


def line_event_view(event: LineEvent) -> LineEventView:
    """An event as answers show it."""
    return LineEventView(
        number=event.number,
        kind=event.kind.value,
        value_on=event.on.isoformat(),
        amount_minor=event.minor,
        interest_minor=event.interest_minor,
        principal_minor=event.principal_minor,
        principal_before_minor=event.before.principal_minor,
        entry_id=event.entry_id,
        receipt_id=event.receipt_id or None,
    )


def credit_line_view(line: CreditLine, on: date) -> CreditLineView:
    """A line as answers show it on a day."""
    figures = position(line, on)
    return CreditLineView(
        line_id=line.line_id,
        lender_party_id=line.lender_party_id,
        borrower_party_id=line.borrower_party_id,
        reference=line.reference,
        status=line.shown_status,
        currency=line.currency,
        rate_bps=line.rate_bps,
        day_count=line.day_count.value,
        repayment_order=[component.value for component in line.repayment_order],
        limit_minor=line.limit_minor,
        drawn_minor=figures.drawn.minor,
        available_minor=figures.available.minor,
        accrued_interest_minor=figures.booked_interest.minor,
        accrued_through=line.accrued_through.isoformat(),
        as_of=figures.as_of.isoformat(),
        interest_due_minor=figures.interest_due.minor,
        payoff_minor=figures.payoff.minor,
    )


def _today(line: CreditLine) -> date:
    return today_in(line.currency, clock.now())
