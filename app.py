"""The Chalice application: which routes and workers there are. No rule and no query is here."""

from __future__ import annotations

import os
from functools import cache

from chalice.app import Chalice

from chalicelib.access import routes as access
from chalicelib.access.domain import SCOPES
from chalicelib.banking import payee_routes as banking_payees
from chalicelib.banking import routes as banking
from chalicelib.banking import schedule_routes as banking_schedules
from chalicelib.credit import routes as credit
from chalicelib.ledger.routes import account_life as ledger_account_life
from chalicelib.ledger.routes import accounts as ledger_accounts
from chalicelib.ledger.routes import batches as ledger_batches
from chalicelib.ledger.routes import checkpoints as ledger_checkpoints
from chalicelib.ledger.routes import entries as ledger_entries
from chalicelib.ledger.routes import exchange as ledger_exchange
from chalicelib.ledger.routes import feed as ledger_feed
from chalicelib.ledger.routes import history as ledger_history
from chalicelib.ledger.routes import holds as ledger_holds
from chalicelib.ledger.routes import reversals as ledger_reversals
from chalicelib.ledger.routes import trial as ledger_trial
from chalicelib.recon.routes import exports as recon_exports
from chalicelib.recon.routes import reconciliation as recon_reconciliation
from chalicelib.recon.routes import statements as recon_statements
from chalicelib.settlement.routes import breaks as settlement_breaks
from chalicelib.settlement.routes import claims as settlement_claims
from chalicelib.settlement.routes import dividing as settlement_dividing
from chalicelib.settlement.routes import lending as settlement_lending
from chalicelib.settlement.routes import netting as settlement_netting
from chalicelib.settlement.routes import payouts as settlement_payouts
from chalicelib.settlement.routes import possible_duplicates as settlement_possible_duplicates
from chalicelib.settlement.routes import receipts as settlement_receipts
from chalicelib.settlement.routes import suspended as settlement_suspended
from chalicelib.settlement.routes import trades as settlement_trades
from chalicelib.splits import routes as splits
from chalicelib.trades.routes import calendars as trades_calendars
from chalicelib.trades.routes import evidence as trades_evidence
from chalicelib.trades.routes import life as trades_life
from chalicelib.trades.routes import templates as trades_templates
from chalicelib.trades.routes import trades
from chalicelib.web import openapi
from chalicelib.web.endpoint import Request, Router

app = Chalice(app_name="quittance")
# What bodies come in. The gateway passes any other type as text, which turns bytes that are not UTF-8 into others: a
# signature would not hold, and a broken name would be booked as if it were whole.
app.api.binary_types = [
    "application/json",
    "application/octet-stream",
    "application/xml",
    "application/zip",
    "multipart/form-data",
    "text/csv",
    "text/plain",
    "text/xml",
]

router = Router(__name__)


@router.endpoint("GET", "/v1/health", scope=None, answer=dict)
def get_health(request: Request) -> dict[str, str]:
    """Say that the API answers."""
    return {"status": "ok"}


@router.endpoint("GET", "/v1/openapi.json", scope=None, answer=dict)
def get_openapi(request: Request) -> dict[str, object]:
    """Read this document."""
    return openapi_document()


ROUTERS = (
    router,
    access.router,
    ledger_accounts.router,
    ledger_trial.router,
    ledger_account_life.router,
    ledger_entries.router,
    ledger_reversals.router,
    ledger_batches.router,
    ledger_exchange.router,
    ledger_feed.router,
    ledger_history.router,
    ledger_holds.router,
    ledger_checkpoints.router,
    splits.router,
    trades.router,
    trades_templates.router,
    trades_calendars.router,
    trades_evidence.router,
    trades_life.router,
    credit.router,
    banking.router,
    banking_schedules.router,
    banking_payees.router,
    recon_statements.router,
    recon_reconciliation.router,
    recon_exports.router,
    settlement_trades.router,
    settlement_dividing.router,
    settlement_claims.router,
    settlement_possible_duplicates.router,
    settlement_lending.router,
    settlement_netting.router,
    settlement_suspended.router,
    settlement_receipts.router,
    settlement_breaks.router,
    settlement_payouts.router,
)


@cache
def openapi_document() -> dict[str, object]:
    """The OpenAPI document of every route. Made once: anybody may ask for it."""
    return openapi.document((route for part in ROUTERS for route in part.routes), SCOPES)


def register_workers() -> None:
    """Register the functions beside the API, for whoever packages or tests the application. On Lambda each of them is
    entered in its own module, and the API's cold start does not pay for them."""
    from chalicelib.credit import worker as credit_worker  # noqa: PLC0415
    from chalicelib.ledger.worker import checkpoint, project, prove, sequence, sweep  # noqa: PLC0415
    from chalicelib.recon.worker import exports, follow, statements  # noqa: PLC0415
    from chalicelib.settlement.worker import bank_messages, calendars, due, operating, payments, relay, unpaid  # noqa: PLC0415

    for module in (
        project,
        sequence,
        sweep,
        checkpoint,
        prove,
        credit_worker,
        bank_messages,
        payments,
        relay,
        exports,
        statements,
        follow,
        due,
        calendars,
        unpaid,
        operating,
    ):
        app.register_blueprint(module.worker.blueprint)


for part in ROUTERS:
    app.register_blueprint(part.blueprint)
if "AWS_LAMBDA_FUNCTION_NAME" not in os.environ:
    register_workers()
