"""Where tenants and clients are kept: they stand above tenants, so no tenant owns their records."""

from __future__ import annotations

from chalicelib.access.domain import Client, Tenant
from chalicelib.storage.commit import Write
from chalicelib.storage.reads import Found, get
from chalicelib.storage.records import Listing, create, listing, require, take
from chalicelib.storage.tables import Item, Key, record_key

TENANTS = "tenants"
"""The list of all tenants, by which scheduled work finds them."""


def tenant_key(tenant_id: str) -> Key:
    """Where a tenant is kept."""
    return record_key("tenant", tenant_id)


def client_key(client_id: str) -> Key:
    """Where a client is kept."""
    return record_key("client", client_id)


def find_client(client_id: str) -> Client | None:
    """The client with this id, or None."""
    key = client_key(client_id)
    item = get(key)
    record = None if item is None else take({key: item}, key, Client)
    return record.value if record else None


def require_tenant(found: Found, tenant_id: str) -> Tenant:
    """The tenant among what a batch read found. Raises NotFound `tenant_not_found`."""
    return require(found, tenant_key(tenant_id), Tenant, "tenant_not_found", tenant_id=tenant_id).value


def create_tenant(tenant: Tenant) -> Write:
    """Create a tenant; Conflict `tenant_exists` where it stands."""
    key = tenant_key(tenant.tenant_id)
    return create(key, tenant, exists="tenant_exists", list_key=TENANTS, list_sort=tenant.tenant_id)


def list_tenants(*, after: Item | None, limit: int) -> Listing[Tenant]:
    """One page of all tenants by id. Eventual: a new one may be missing for a moment."""
    return listing(TENANTS, Tenant, after=after, limit=limit)


def create_client(client: Client) -> Write:
    """Create a client; Conflict `client_exists` where it stands."""
    return create(client_key(client.client_id), client, exists="client_exists")
