"""Splits over HTTP: preview, take an amount and divide it, divide the rest later, take it back."""

from __future__ import annotations

from typing import Any

import msgspec

from chalicelib.splits.domain.split import Division, Split
from chalicelib.splits.domain.waterfall import KEPT
from chalicelib.splits.service import distributing, splitting
from chalicelib.splits.service.distributing import AddReceivers
from chalicelib.splits.service.splitting import DivideHeld, RefundSplit
from chalicelib.splits.views import (
    SplitBody,
    SplitDividedView,
    SplitDivisionBody,
    SplitDivisionPage,
    SplitDivisionView,
    SplitPage,
    SplitPreviewBody,
    SplitPreviewView,
    SplitReceiversBody,
    SplitReceiversView,
    SplitReceiverView,
    SplitRefundBody,
    SplitRefundView,
    SplitReturnBody,
    SplitReturnView,
    SplitView,
    fees_of,
    preview_view,
    share_views,
    waterfall_of,
)
from chalicelib.storage.once import Outcome
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of

router = Router(__name__)

READ, WRITE = "splits:read", "splits:write"
PAGED = ("limit", "cursor")
MOST_BYTES = 256 * 1024


@router.endpoint("POST", "/v1/splits/preview", scope=WRITE, body=SplitPreviewBody, answer=SplitPreviewView)
def preview_split(request: Request) -> SplitPreviewView:
    """Compute how an amount would be divided, without booking anything."""
    body: SplitPreviewBody = request.body
    return preview_view(splitting.preview(body.amount.money, body.waterfall, fees_of(body.fees)))


@router.endpoint("POST", "/v1/splits", scope=WRITE, body=SplitBody, answer=SplitDividedView, status=201, writes=True)
def create_split(request: Request) -> Answer:
    """Take an amount from an account and divide it among up to 80 accounts, at once."""
    return _divided_answer(splitting.open_split(request.call, request.body.command))


@router.endpoint("GET", "/v1/splits", scope=READ, answer=SplitPage, parameters=PAGED)
def list_splits(request: Request) -> SplitPage:
    """List splits, the newest first."""
    name = f"{request.tenant}/splits"
    page = splitting.list_splits(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    return SplitPage([_split_view(split) for split in page.values], cursor_for(name, page.last_key))


@router.endpoint("GET", "/v1/splits/{split_id}", scope=READ, answer=SplitView)
def get_split(request: Request, split_id: str) -> SplitView:
    """Read a split."""
    return _split_view(splitting.get_split(request.tenant, split_id))


@router.endpoint("GET", "/v1/splits/{split_id}/divisions", scope=READ, answer=SplitDivisionPage, parameters=PAGED)
def list_split_divisions(request: Request, split_id: str) -> SplitDivisionPage:
    """List the divisions of a split with their receivers, and what came back of each."""
    split = splitting.get_split(request.tenant, split_id)
    name = f"{request.tenant}/{split_id}/divisions"
    after, limit = start_of(name, request.query), page_limit(request.query)
    page = splitting.list_divisions(request.tenant, split_id, after=after, limit=limit)
    views = [_division_view(division, split) for division in page.values]
    return SplitDivisionPage(views, cursor_for(name, page.last_key))


@router.endpoint(
    "POST",
    "/v1/splits/{split_id}/divisions",
    scope=WRITE,
    body=SplitDivisionBody,
    answer=SplitDividedView,
    status=201,
    writes=True,
)
def divide_split(request: Request, split_id: str) -> Answer:
    """Divide what a split still holds."""
    body: SplitDivisionBody = request.body
    amount = None if body.amount is None else body.amount.money
    command = DivideHeld(split_id, waterfall_of(body.shares), amount)
    return _divided_answer(splitting.divide_held(request.call, command))


@router.endpoint(
    "POST",
    "/v1/splits/{split_id}/receivers",
    scope=WRITE,
    body=SplitReceiversBody,
    answer=SplitReceiversView,
    status=202,
    writes=True,
    most_bytes=MOST_BYTES,
)
def add_split_receivers(request: Request, split_id: str) -> Answer:
    """Add up to 2,000 receivers, who are paid in the minutes that follow."""
    body: SplitReceiversBody = request.body
    receivers = tuple((receiver.account_id, receiver.minor) for receiver in body.receivers)
    outcome = distributing.add_receivers(request.call, AddReceivers(split_id, receivers))
    return _answer(outcome, SplitReceiversView)


@router.endpoint(
    "POST",
    "/v1/splits/{split_id}/refunds",
    scope=WRITE,
    body=SplitRefundBody,
    answer=SplitRefundView,
    status=201,
    writes=True,
)
def refund_split(request: Request, split_id: str) -> Answer:
    """Take an amount back from the receivers of a division, to the split's source."""
    body: SplitRefundBody = request.body
    command = RefundSplit(split_id, body.amount.money, body.division, tuple(body.account_ids))
    outcome = splitting.refund_split(request.call, command)
    return _answer(outcome, SplitRefundView, given_back=share_views(outcome.item.data["given_back"]))


@router.endpoint(
    "POST",
    "/v1/splits/{split_id}/return",
    scope=WRITE,
    body=SplitReturnBody,
    answer=SplitReturnView,
    status=201,
    writes=True,
)
def return_split(request: Request, split_id: str) -> Answer:
    """Give what a split still holds back to its source."""
    body: SplitReturnBody = request.body
    amount = None if body.amount is None else body.amount.money
    return _answer(splitting.return_held(request.call, split_id, amount), SplitReturnView)


def _divided_answer(outcome: Outcome) -> Answer:
    facts = outcome.item.data
    shares, fees = share_views(facts["shares"]), share_views(facts["fees"])
    return _answer(outcome, SplitDividedView, shares=shares, fees=fees, kept_minor=facts["shares"].get(KEPT, 0))


def _answer(outcome: Outcome, view: type[msgspec.Struct], **more: Any) -> Answer:
    facts = outcome.item.data | {"entry_id": outcome.item.entry_id} | more
    return replayable(outcome, msgspec.convert(facts, view, from_attributes=True))


def _split_view(split: Split) -> SplitView:
    return msgspec.convert(splitting.split_facts(split), SplitView)


def _division_view(division: Division, split: Split) -> SplitDivisionView:
    receivers = [
        SplitReceiverView(account_id, minor, division.back.get(account_id, 0), division.refused.get(account_id))
        for account_id, minor in division.receivers.items()
    ]
    return SplitDivisionView(division.number, division.number <= split.paid_divisions, receivers)
