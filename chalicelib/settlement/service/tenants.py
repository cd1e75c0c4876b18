"""Whether a tenant is there: what is said of one that is not would be kept in nobody's books."""

from __future__ import annotations

from chalicelib.access.store import require_tenant, tenant_key
from chalicelib.storage.reads import fetch


def check_tenant(tenant_id: str) -> None:
    """Raise NotFound `tenant_not_found` where there is no such tenant."""
    require_tenant(fetch((tenant_key(tenant_id),)), tenant_id)
