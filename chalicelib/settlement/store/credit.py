"""Which credit line funded a trade, and with how much; the later events of a line that a command computes again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from chalicelib.credit import store as credit_store
from chalicelib.credit.domain import CreditLine
from chalicelib.credit.history import LineEvent
from chalicelib.settlement.domain.credit import CreditFunding
from chalicelib.storage import records
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Versioned
from chalicelib.storage.tables import Key, record_key


def credit_funding_key(tenant: str, trade_id: str) -> Key:
    """Where it is kept which line funded a trade."""
    return record_key(tenant, trade_id, "credit-funding")


def take_credit_funding(found: Found, tenant: str, trade_id: str) -> Versioned[CreditFunding] | None:
    """The line that funded a trade, among what a batch read found; None: no line did."""
    return records.take(found, credit_funding_key(tenant, trade_id), CreditFunding)


def load_credit_funding(tenant: str, trade_id: str) -> CreditFunding | None:
    """The line that funded a trade, read strongly; None: no line did."""
    record = take_credit_funding(fetch((credit_funding_key(tenant, trade_id),)), tenant, trade_id)
    return record.value if record else None


def line_behind(found: Found, tenant: str, trade_id: str) -> Versioned[CreditLine] | None:
    """The credit line that funded a trade; None: no line did. To be asked after the trade's state was read.

    A trade never changes its line, so one that `found` has is the one. Where it has none, the record is read anew: each
    drawdown changes it and the trade's state in one commit, so either it is seen here, or the commit to come is stale.
    """
    record = take_credit_funding(found, tenant, trade_id)
    funding = record.value if record else load_credit_funding(tenant, trade_id)
    if funding is None:
        return None
    key = credit_store.line_key(tenant, funding.line_id)
    return credit_store.take_line(fetch((key,)), tenant, funding.line_id)


def later_events(line: CreditLine, on: date) -> tuple[LineEvent, ...]:
    """The events of a line's history behind a day; none are read where the line has not been accrued past it. To be
    asked after the line was read. Raises Conflict `too_many_later_events`."""
    if on >= line.accrued_through:
        return ()
    return credit_store.events_behind(line.tenant, line.line_id, on)


def write_credit_funding(
    tenant: str, trade_id: str, funding: CreditFunding, before: Versioned[CreditFunding] | None
) -> Write:
    """Write it for the first time or anew.

    condition: there is none yet, or its version is the one that was read; else decide again
    """
    key = credit_funding_key(tenant, trade_id)
    if before is not None:
        return records.replace(key, funding, version=before.version)
    return replace(records.create(key, funding, exists="credit_funding_exists"), refuse=lambda _: Stale())
