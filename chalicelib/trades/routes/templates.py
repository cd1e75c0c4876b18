"""Trade templates over HTTP."""

from __future__ import annotations

from chalicelib.trades.service import templates
from chalicelib.trades.views import TemplateList, TemplateView
from chalicelib.web.endpoint import Request, Router

router = Router(__name__)


@router.endpoint("GET", "/v1/trade-templates", scope="trades:read", answer=TemplateList)
def list_trade_templates(request: Request) -> TemplateList:
    """List trade templates."""
    return TemplateList(list(templates.list_templates()))


@router.endpoint("GET", "/v1/trade-templates/{template_id}", scope="trades:read", answer=TemplateView)
def get_trade_template(request: Request, template_id: str) -> TemplateView:
    """Read a trade template."""
    return TemplateView(templates.get_template(template_id))
