"""Templates that a tenant publishes, for ever, and questions about these and the house's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chalicelib.core.call import Call
from chalicelib.core.errors import InvalidInput
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item
from chalicelib.trades import store, templates
from chalicelib.trades.domain.checking import ID, check_template
from chalicelib.trades.domain.evidence import Document
from chalicelib.trades.domain.preview import Preview, preview
from chalicelib.trades.domain.template import Template
from chalicelib.trades.domain.terms import OpenTrade
from chalicelib.trades.store import Published

PUBLISHED = "trade_template.published"


def publish(call: Call, draft: Template) -> Outcome:
    """Publish a template under the next version of its id, whatever version the draft says. Facts: id and version.

    Raises InvalidInput `template_id_invalid`, `template_id_reserved` for an id of the house, and what `check_template`
    raises.
    """

    def decide(found: Found) -> Plan:
        if templates.house_template(draft.id) is not None:
            raise InvalidInput("template_id_reserved", "the house has this template", field="id", template_id=draft.id)
        before = store.take_newest(found, call.tenant, draft.id)
        version = 1 if before is None else before.value.template.version + 1
        template = replace(draft, version=version)
        check_template(template)
        published = Published(template, call.actor, call.now)
        data = {"template_id": template.id, "version": version}
        item = journal_item(call, PUBLISHED, subject=template.id, data=data)
        return Plan(item, store.publish_template(call.tenant, published, before))

    if not ID.fullmatch(draft.id):
        raise InvalidInput("template_id_invalid", "small letters, digits and hyphens, at most 40", field="id")
    return once(call, decide, reads=(store.template_key(call.tenant, draft.id),))


def get_template(tenant: str, template_id: str, version: int | None = None) -> Template:
    """A template, in its newest version unless told. Raises NotFound `template_not_found`."""
    found = fetch((store.template_key(tenant, template_id, version),))
    return store.take_template(found, tenant, template_id, version)


def list_own(tenant: str, *, after: Item | None, limit: int) -> Listing[Published]:
    """One page of the tenant's own templates, in their newest versions, by id."""
    return store.list_templates(tenant, after=after, limit=limit)


def list_house() -> tuple[Template, ...]:
    """The house's templates, by id."""
    return tuple(templates.all_templates().values())


def is_house(template: Template) -> bool:
    """Whether a template is the house's."""
    return template == templates.house_template(template.id)


def preview_deal(
    tenant: str,
    template_id: str,
    deal: OpenTrade,
    documents: Sequence[Document],
    *,
    version: int | None,
    now: datetime,
) -> Preview:
    """What a deal comes to under a template, without booking anything. Raises NotFound `template_not_found`, and what
    `preview` raises."""
    return preview(get_template(tenant, template_id, version), deal, documents, now=now)
