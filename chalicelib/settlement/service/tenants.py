"""Which tenants there are, and whether one is: what is said of one that is not would be kept in nobody's books."""

from __future__ import annotations

from collections.abc import Iterator

from chalicelib.access.store import list_tenants, require_tenant, tenant_key
from chalicelib.storage.reads import fetch
from chalicelib.storage.tables import Item

PAGE = 100


def check_tenant(tenant_id: str) -> None:
    """Raise NotFound `tenant_not_found` where there is no such tenant."""
    require_tenant(fetch((tenant_key(tenant_id),)), tenant_id)


def every_tenant() -> Iterator[str]:
    """The ids of all tenants. A new one may be missing for a moment."""
    after: Item | None = None
    more = True
    while more:
        page = list_tenants(after=after, limit=PAGE)
        yield from (tenant.tenant_id for tenant in page.values)
        after = page.last_key
        more = after is not None
