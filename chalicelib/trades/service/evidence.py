"""Evidence is added to a trade: one commit of the document, the trade's state and the journal."""

from __future__ import annotations

from chalicelib.core.call import Call
from chalicelib.core.values import dataclass
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.trades import store
from chalicelib.trades.domain.evidence import Document, Evidence
from chalicelib.trades.domain.proof import add_evidence, new_evidence
from chalicelib.trades.domain.trade import Trade

EVIDENCE_RECORDED = "trade.evidence_recorded"


@dataclass(frozen=True, slots=True)
class RecordEvidence:
    """Add a document to a trade."""

    trade_id: str
    document: Document


def record_evidence(call: Call, command: RecordEvidence) -> Outcome:
    """Add a document to a trade. Facts: the evidence's id, kind and digest, and the trade's state after.

    Raises NotFound `trade_not_found`, what `add_evidence` raises, and Conflict `evidence_too_much` where all documents
    of the trade come to more than there is room for.
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


def _facts(trade: Trade, piece: Evidence) -> dict[str, object]:
    return {
        "evidence_id": piece.evidence_id,
        "type": piece.kind.value,
        "sha256": piece.sha256,
        "state": trade.state.value,
    }
