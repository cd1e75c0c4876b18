"""Netting windows over HTTP: open, fill and close them, and follow an obligation to the trades it went into."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chalicelib.core.instants import parse_instant
from chalicelib.ledger.metadata import MOST_PAIRS
from chalicelib.settlement.domain.nets import Mode
from chalicelib.settlement.domain.netting import MOST_AT_ONCE, Obligation, OpenWindow
from chalicelib.settlement.routes.answers import facts_answer
from chalicelib.settlement.routes.netting_views import (
    ObligationPage,
    ObligationTrace,
    WindowDetail,
    WindowPage,
    obligation_view,
    trace_view,
    window_detail,
    window_view,
)
from chalicelib.settlement.service import netting, netting_windows
from chalicelib.trades.deal_bodies import FixedShares, Parties
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body, Currency, Id, MoneyBody

router = Router(__name__)

MOST_BYTES = 256 * 1024
"""Of a body of obligations: as many as one call may have, each with its details."""


class NettingWindowBody(Body):
    """A window for obligations in one currency, netted between each two parties (`bilateral`) or among all of them
    (`multilateral`) when it closes. Each payment becomes a trade under the template (its newest version) between its
    payer and its payee; `parties` and `fixed_shares` are those of the template's other roles in each of them."""

    template_id: Id
    currency: Currency
    mode: Literal["bilateral", "multilateral"]
    closes_at: Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
    parties: Parties = msgspec.field(default_factory=dict)
    fixed_shares: FixedShares = msgspec.field(default_factory=dict)


class NettingWindowOpenedView(msgspec.Struct, frozen=True):
    """A window as it was opened."""

    net_id: str
    state: str
    mode: str
    template_id: str
    template_version: int
    currency: str
    closes_at: str


class ObligationBody(Body):
    """What one party owes another. `reference` is in a window once; `details` are kept as they are."""

    reference: Id
    payer_party_id: Id
    payee_party_id: Id
    amount: MoneyBody
    details: Annotated[dict[str, str], msgspec.Meta(max_length=MOST_PAIRS)] = msgspec.field(default_factory=dict)


class ObligationsBody(Body):
    """Obligations that are added all or none: 1 to 90."""

    obligations: Annotated[list[ObligationBody], msgspec.Meta(max_length=10 * MOST_AT_ONCE)]


class ObligationsAddedView(msgspec.Struct, frozen=True):
    """How many obligations were added, and what they come to in minor units."""

    net_id: str
    added: int
    added_minor: int
    currency: str


class NoBody(Body):
    """An empty object."""


class NettingClosingView(msgspec.Struct, frozen=True):
    """A window that is closing: it takes no more, and reading it tells how far it has come."""

    net_id: str
    state: str


@router.endpoint(
    "POST",
    "/v1/netting-windows",
    scope="trades:write",
    body=NettingWindowBody,
    answer=NettingWindowOpenedView,
    status=201,
    writes=True,
)
def open_netting_window(request: Request) -> Answer:
    """Open a netting window."""
    body: NettingWindowBody = request.body
    command = OpenWindow(
        template_id=body.template_id,
        currency=body.currency,
        mode=Mode(body.mode),
        closes_at=parse_instant(body.closes_at, "closes_at"),
        parties=body.parties,
        fixed_shares=body.fixed_shares,
    )
    return facts_answer(netting_windows.open_netting_window(request.call, command), NettingWindowOpenedView)


@router.endpoint("GET", "/v1/netting-windows", scope="trades:read", answer=WindowPage, parameters=("limit", "cursor"))
def list_netting_windows(request: Request) -> WindowPage:
    """List netting windows, the newest first."""
    name = f"{request.tenant}/netting-windows"
    page = netting_windows.list_netting_windows(
        request.tenant, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    return WindowPage([window_view(window) for window in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/netting-windows/{net_id}", scope="trades:read", answer=WindowDetail)
def get_netting_window(request: Request, net_id: str) -> WindowDetail:
    """Read a netting window: where it stands, what its obligations come to, and the trades they became."""
    return window_detail(netting_windows.get_netting_window(request.tenant, net_id))


@router.endpoint(
    "POST",
    "/v1/netting-windows/{net_id}/obligations",
    scope="trades:write",
    body=ObligationsBody,
    answer=ObligationsAddedView,
    status=201,
    writes=True,
    most_bytes=MOST_BYTES,
)
def add_obligations(request: Request, net_id: str) -> Answer:
    """Add obligations to a netting window, all or none."""
    body: ObligationsBody = request.body
    obligations = [
        Obligation(one.reference, one.payer_party_id, one.payee_party_id, one.amount.money, one.details)
        for one in body.obligations
    ]
    return facts_answer(netting_windows.add_obligations(request.call, net_id, obligations), ObligationsAddedView)


@router.endpoint(
    "GET",
    "/v1/netting-windows/{net_id}/obligations",
    scope="trades:read",
    answer=ObligationPage,
    parameters=("limit", "cursor"),
)
def list_obligations(request: Request, net_id: str) -> ObligationPage:
    """List the obligations of a netting window by reference."""
    name = f"{request.tenant}/netting-windows/{net_id}"
    page = netting_windows.list_obligations(
        request.tenant, net_id, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    return ObligationPage([obligation_view(added) for added in page.values], cursor_for(name, page.last_key))


@router.endpoint(
    "GET", "/v1/netting-windows/{net_id}/obligations/{reference}", scope="trades:read", answer=ObligationTrace
)
def get_obligation(request: Request, net_id: str, reference: str) -> ObligationTrace:
    """Read an obligation of a netting window, with the trades it went into."""
    return trace_view(netting_windows.get_obligation(request.tenant, net_id, reference))


@router.endpoint(
    "POST",
    "/v1/netting-windows/{net_id}/closing",
    scope="trades:write",
    body=NoBody,
    answer=NettingClosingView,
    writes=True,
)
def close_netting_window(request: Request, net_id: str) -> Answer:
    """Close a netting window now, and open the trades of its payments.

    A small window has closed when the answer comes. A large one goes on by itself, and sooner where the same request is
    sent again."""
    outcome = netting_windows.close_netting_window(request.call, net_id)
    netting.advance(request.tenant, net_id, now=request.call.now)
    return facts_answer(outcome, NettingClosingView)
