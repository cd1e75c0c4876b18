"""Evidence over HTTP: documents given to a trade."""

from __future__ import annotations

from chalicelib.storage.once import Outcome
from chalicelib.trades.documents import EvidenceBody, document_of
from chalicelib.trades.service import evidence
from chalicelib.trades.views import EvidenceReceipt
from chalicelib.web.endpoint import Answer, Request, Router, replayable

router = Router(__name__)


@router.endpoint(
    "POST",
    "/v1/trades/{trade_id}/evidence",
    scope="trades:write",
    body=EvidenceBody,
    answer=EvidenceReceipt,
    status=201,
    writes=True,
)
def record_evidence(request: Request, trade_id: str) -> Answer:
    """Add a document to a trade, told apart by its type: a weight note, index fixings, a quality certificate, ..."""
    body: EvidenceBody = request.body
    command = evidence.RecordEvidence(trade_id, document_of(body.document))
    return _receipt(evidence.record_evidence(request.call, command), trade_id)


def _receipt(outcome: Outcome, trade_id: str) -> Answer:
    item = outcome.item
    receipt = EvidenceReceipt(
        trade_id=trade_id, recorded_by=item.actor, recorded_at=item.recorded_at.isoformat(), **item.data
    )
    return replayable(outcome, receipt)
