"""Reversals of entries over HTTP."""

from __future__ import annotations

import msgspec

from chalicelib.ledger.domain import Posting
from chalicelib.ledger.routes.entries import EntryView, PostingBody, PostingView, entry_view, instant_of
from chalicelib.ledger.service import reversals
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body, ShortText

router = Router(__name__)


class ReversalBody(Body):
    """What to take back: these legs, each on the other side than the entry has it, or all that is left."""

    postings: list[PostingBody] | None = None
    reason: ShortText | None = None
    occurred_at: str | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)


class ReversalsView(msgspec.Struct, frozen=True):
    """Which entries took an entry back, and what of it is left, on the entry's own side. Of one that is not
    `reversible`, nothing can be."""

    entry_id: str
    reversible: bool
    reversal_ids: list[str]
    remaining: list[PostingView]


@router.endpoint(
    "POST",
    "/v1/entries/{entry_id}/reversals",
    scope="ledger:write",
    body=ReversalBody,
    answer=EntryView,
    status=201,
    writes=True,
)
def reverse_entry(request: Request, entry_id: str) -> Answer:
    """Take an entry back by a new one, whole or in part, and never more than is left of it."""
    body: ReversalBody = request.body
    command = reversals.ReverseEntry(
        entry_id=entry_id,
        postings=None if body.postings is None else tuple(leg.posting for leg in body.postings),
        reason=body.reason,
        occurred_at=instant_of(body.occurred_at),
        metadata=body.metadata,
    )
    outcome = reversals.reverse_entry(request.call, command)
    return replayable(outcome, entry_view(outcome.item))


@router.endpoint("GET", "/v1/entries/{entry_id}/reversals", scope="ledger:read", answer=ReversalsView)
def get_reversals(request: Request, entry_id: str) -> ReversalsView:
    """Read how much of an entry is taken back."""
    told = reversals.get_reversals(request.tenant, entry_id)
    left = [_posting_view(posting) for posting in told.remaining]
    return ReversalsView(entry_id, told.reversible, list(told.state.entry_ids), left)


def _posting_view(posting: Posting) -> PostingView:
    return PostingView(posting.account_id, posting.side.value, posting.amount.minor, posting.amount.currency)
