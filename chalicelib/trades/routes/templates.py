"""Trade templates over HTTP: the house's and the tenant's own, publishing, and what a deal would come to."""

from __future__ import annotations

import re

from chalicelib.core.errors import InvalidInput, about
from chalicelib.core.instants import instant_text
from chalicelib.trades.deal_bodies import deal_of
from chalicelib.trades.documents import EvidenceBody, document_of
from chalicelib.trades.domain.evidence import Document
from chalicelib.trades.preview_view import PreviewView, preview_view
from chalicelib.trades.service import templates
from chalicelib.trades.template_bodies import PreviewBody, TemplateBody, template_of
from chalicelib.trades.views import TemplatePage, TemplatePublishedView, TemplateView, template_summary
from chalicelib.web import clock
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import read_json

router = Router(__name__)


@router.endpoint("GET", "/v1/trade-templates", scope="trades:read", answer=TemplatePage, parameters=("limit", "cursor"))
def list_trade_templates(request: Request) -> TemplatePage:
    """List trade templates: the house's, then the tenant's own in pages."""
    name = f"{request.tenant}/trade-templates"
    after = start_of(name, request.query)
    page = templates.list_own(request.tenant, after=after, limit=page_limit(request.query))
    house = () if after else templates.list_house()
    listed = [template_summary(template, house=True) for template in house]
    listed += [template_summary(published.template, house=False) for published in page.values]
    return TemplatePage(listed, cursor_for(name, page.last_key))


@router.endpoint(
    "POST",
    "/v1/trade-templates",
    scope="trades:write",
    body=TemplateBody,
    answer=TemplatePublishedView,
    status=201,
    writes=True,
)
def publish_trade_template(request: Request) -> Answer:
    """Publish a template of one's own, or the next version of it."""
    outcome = templates.publish(request.call, template_of(request.body, read_json(request.raw)))
    item = outcome.item
    view = TemplatePublishedView(published_at=instant_text(item.recorded_at), **item.data)
    return replayable(outcome, view)


@router.endpoint(
    "GET", "/v1/trade-templates/{template_id}", scope="trades:read", answer=TemplateView, parameters=("version",)
)
def get_trade_template(request: Request, template_id: str) -> TemplateView:
    """Read a trade template, in its newest version unless told."""
    template = templates.get_template(request.tenant, template_id, _version(request.query))
    return TemplateView(template, templates.is_house(template))


@router.endpoint(
    "POST", "/v1/trade-templates/{template_id}/preview", scope="trades:read", body=PreviewBody, answer=PreviewView
)
def preview_trade(request: Request, template_id: str) -> PreviewView:
    """Compute a whole settlement from sample evidence, without booking anything."""
    body: PreviewBody = request.body
    documents = [_document(one, i) for i, one in enumerate(body.evidence)]
    previewed = templates.preview_deal(
        request.tenant, template_id, deal_of(body.deal), documents, version=body.version, now=clock.now()
    )
    return preview_view(previewed)


def _document(body: EvidenceBody, index: int) -> Document:
    with about("evidence", index):
        return document_of(body.document)


def _version(query: dict[str, str]) -> int | None:
    """The `version` parameter, or None. Raises InvalidInput `invalid_version`."""
    if "version" not in query:
        return None
    if not re.fullmatch("[1-9][0-9]{0,8}", query["version"]):
        raise InvalidInput("invalid_version", "a version is a number from 1 on", field="version")
    return int(query["version"])
