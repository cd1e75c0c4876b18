"""Tenants and their clients, made by operators. Tokens are issued in `tokens.py`."""

from __future__ import annotations

from chalicelib.access import store
from chalicelib.access.domain import Client, Tenant, digest_of, known_scopes
from chalicelib.core.call import Call
from chalicelib.core.ids import derived_id
from chalicelib.core.instants import instant_text
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found


def create_tenant(call: Call, name: str) -> Outcome:
    """Create the tenant of this name; its id derives from the name, so that saying it twice makes one."""
    tenant = Tenant(derived_id("ten", name), name, instant_text(call.now))

    def decide(_: Found) -> Plan:
        item = journal_item(call, "tenant.created", subject=tenant.tenant_id, data={"tenant_id": tenant.tenant_id})
        return Plan(item, (store.create_tenant(tenant),))

    return once(call, decide)


def create_client(call: Call, tenant_id: str, scopes: tuple[str, ...], *, secret: str) -> Outcome:
    """Create a client of a tenant with a secret that only the caller keeps. Raises NotFound `tenant_not_found`.

    A replay answers the client of the first call, and its secret is the first call's too, not `secret`.
    """
    client = Client(call.new_id("cli"), tenant_id, digest_of(secret), known_scopes(scopes))

    def decide(found: Found) -> Plan:
        store.require_tenant(found, tenant_id)
        facts = {"client_id": client.client_id, "tenant_id": tenant_id}
        item = journal_item(call, "client.created", subject=client.client_id, data=facts)
        return Plan(item, (store.create_client(client),))

    return once(call, decide, (store.tenant_key(tenant_id),))
