"""How a stored statement follows the one before it in its account."""

from __future__ import annotations

from chalicelib.recon import store
from chalicelib.recon.chaining import Link, chain
from chalicelib.recon.domain import Statement


def link_of(tenant: str, statement: Statement) -> Link | None:
    """A statement's link in its account's chain; None in quarantine, where it has none."""
    if statement.status == "quarantined":
        return None
    links = {link.statement.statement_id: link for link in chain(store.statements_up_to(tenant, statement))}
    return links.get(statement.statement_id)
