"""The trades' own command, evidence, and their questions. What moves money with them is in `chalicelib.settlement`."""

from __future__ import annotations

from chalicelib.core.call import Call
from chalicelib.core.values import dataclass
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item
from chalicelib.trades import store, templates
from chalicelib.trades.domain import Trade, add_evidence, new_evidence
from chalicelib.trades.domain.evidence import Document, Evidence
from chalicelib.trades.domain.template import Template
from chalicelib.trades.domain.terms import Terms

EVIDENCE_RECORDED = "trade.evidence_recorded"


@dataclass(frozen=True, slots=True)
class RecordEvidence:
    """Add a document to a trade."""

    trade_id: str
    document: Document


@dataclass(frozen=True, slots=True)
class TradeFile:
    """All that is known of a trade."""

    trade: Trade
    terms: Terms
    evidence: tuple[Evidence, ...]


def record_evidence(call: Call, command: RecordEvidence) -> Outcome:
    """Add a document to a trade. Facts: the evidence's id, kind and digest, and the trade's state after.

    Raises NotFound `trade_not_found`, and what `add_evidence` raises.
    """
    piece = new_evidence(command.document, evidence_id=call.new_id("evd"), recorded_by=call.actor, now=call.now)

    def decide(found: Found) -> Plan:
        before = store.take_trade(found, call.tenant, command.trade_id)
        terms = store.take_terms(found, call.tenant, command.trade_id)
        earlier = store.take_evidence(found, call.tenant, command.trade_id)
        trade, evidence = add_evidence(terms, before.value, earlier.value, piece, now=call.now)
        item = journal_item(call, EVIDENCE_RECORDED, subject=trade.trade_id, data=_facts(trade, piece))
        writes = (
            store.save_trade(call.tenant, trade, version=before.version),
            store.save_evidence(call.tenant, trade.trade_id, evidence, version=earlier.version),
        )
        return Plan(item, writes)

    return once(call, decide, reads=store.trade_keys(call.tenant, command.trade_id))


def get_trade(tenant: str, trade_id: str) -> TradeFile:
    """A trade with its terms and evidence, read strongly. Raises NotFound `trade_not_found`."""
    found = fetch(store.trade_keys(tenant, trade_id))
    return TradeFile(
        trade=store.take_trade(found, tenant, trade_id).value,
        terms=store.take_terms(found, tenant, trade_id),
        evidence=store.take_evidence(found, tenant, trade_id).value,
    )


def list_trades(tenant: str, *, after: Item | None, limit: int) -> Listing[Trade]:
    """One page of a tenant's trades, the newest first."""
    return store.list_trades(tenant, after=after, limit=limit)


def list_templates() -> tuple[Template, ...]:
    """Every template, by id."""
    return tuple(templates.all_templates().values())


def get_template(template_id: str) -> Template:
    """A template. Raises NotFound `template_not_found`."""
    return templates.find_template(template_id)


def _facts(trade: Trade, piece: Evidence) -> dict[str, object]:
    return {
        "evidence_id": piece.evidence_id,
        "type": piece.kind.value,
        "sha256": piece.sha256,
        "state": trade.state.value,
    }
