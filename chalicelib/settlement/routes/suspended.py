"""Records that time could not act on, over HTTP: listed with the reason, and resumed."""

from __future__ import annotations

import msgspec

from chalicelib.settlement.routes.answers import facts_answer
from chalicelib.settlement.service.due import list_suspended, resume_record
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body

router = Router(__name__)


class SuspendedRecordView(msgspec.Struct, frozen=True):
    """A trade, netting window, split or payout that failed so often that it is not tried any more: the code of the last
    failure, how many attempts there were, and since when it is suspended."""

    record_id: str
    code: str
    attempts: int
    suspended_at: str


class SuspendedRecordPage(msgspec.Struct, frozen=True):
    """One page of suspended records."""

    records: list[SuspendedRecordView]
    next_cursor: str | None = None


class ResumeBody(Body):
    """An empty object."""


class ResumedRecordView(msgspec.Struct, frozen=True):
    """A record that is due again."""

    record_id: str


@router.endpoint(
    "GET",
    "/v1/suspended-records",
    scope="trades:read",
    answer=SuspendedRecordPage,
    parameters=("limit", "cursor"),
)
def list_suspended_records(request: Request) -> SuspendedRecordPage:
    """List records that are not tried any more, the longest suspended first."""
    name = f"{request.tenant}/suspended-records"
    page = list_suspended(request.tenant, after=start_of(name, request.query), limit=page_limit(request.query))
    views = [msgspec.convert(record, SuspendedRecordView, from_attributes=True) for record in page.values]
    return SuspendedRecordPage(views, cursor_for(name, page.last_key))


@router.endpoint(
    "POST",
    "/v1/suspended-records/{record_id}/resume",
    scope="trades:write",
    body=ResumeBody,
    answer=ResumedRecordView,
    writes=True,
)
def resume_suspended_record(request: Request, record_id: str) -> Answer:
    """Make a suspended record due again: it is tried within a minute."""
    return facts_answer(resume_record(request.call, record_id), ResumedRecordView)
