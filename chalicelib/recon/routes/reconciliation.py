"""Months of bank accounts reconciled, with what was open at their ends, over HTTP."""

from __future__ import annotations

from chalicelib.recon.reconciliation_views import (
    BankReconciliationView,
    MonthLinePage,
    OpenItemPage,
    ReconciliationPage,
    month_line_view,
    open_item_view,
    reconciliation_view,
)
from chalicelib.recon.service import questions
from chalicelib.web import clock
from chalicelib.web.endpoint import Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of

router = Router(__name__)

PAGED = ("limit", "cursor")


@router.endpoint(
    "GET",
    "/v1/reconciliation",
    scope="recon:read",
    answer=ReconciliationPage,
    parameters=("iban", "month", *PAGED),
)
def list_reconciliations(request: Request) -> ReconciliationPage:
    """Prove for a month of each bank account that the bank's balance less open items is the balance in the books."""
    iban, month = request.query.get("iban"), request.query.get("month")
    name = f"{request.tenant}/reconciliation/{iban}/{month}"
    page = questions.reconciliations(
        request.tenant,
        iban,
        month,
        now=clock.now(),
        after=start_of(name, request.query),
        limit=page_limit(request.query),
    )
    return ReconciliationPage([reconciliation_view(each) for each in page.values], cursor_for(name, page.last_key))


@router.endpoint(
    "GET",
    "/v1/reconciliation/{reconciled_account_id}",
    scope="recon:read",
    answer=BankReconciliationView,
    parameters=("month",),
)
def get_reconciliation(request: Request, reconciled_account_id: str) -> BankReconciliationView:
    """Prove one month of one bank account."""
    month = request.query.get("month")
    return reconciliation_view(questions.reconciliation(request.tenant, reconciled_account_id, month, now=clock.now()))


@router.endpoint(
    "GET",
    "/v1/reconciliation/{reconciled_account_id}/open-items",
    scope="recon:read",
    answer=OpenItemPage,
    parameters=("month", *PAGED),
)
def list_open_items(request: Request, reconciled_account_id: str) -> OpenItemPage:
    """List the lines and entries of a bank account that were open at the end of a month."""
    month = request.query.get("month")
    name = f"{request.tenant}/{reconciled_account_id}/open-items/{month}"
    page = questions.list_open_items(
        request.tenant,
        reconciled_account_id,
        month,
        now=clock.now(),
        after=start_of(name, request.query),
        limit=page_limit(request.query),
    )
    return OpenItemPage([open_item_view(item) for item in page.values], cursor_for(name, page.last_key))


@router.endpoint(
    "GET",
    "/v1/reconciliation/{reconciled_account_id}/lines",
    scope="recon:read",
    answer=MonthLinePage,
    parameters=("month", *PAGED),
)
def list_month_lines(request: Request, reconciled_account_id: str) -> MonthLinePage:
    """List the lines of a month's statements of a bank account, each with its match or break."""
    now, month = clock.now(), request.query.get("month")
    name = f"{request.tenant}/{reconciled_account_id}/month-lines/{month}"
    page = questions.list_month_lines(
        request.tenant,
        reconciled_account_id,
        month,
        now=now,
        after=start_of(name, request.query),
        limit=page_limit(request.query),
    )
    return MonthLinePage([month_line_view(line, now) for line in page.values], cursor_for(name, page.last_key))
