"""Trades as requests and answers have them: typed documents in, state and evidence out."""

from __future__ import annotations

from typing import Annotated

import msgspec

from chalicelib.core.instants import parse_date, parse_instant
from chalicelib.trades.domain.evidence import DeliveryNote, Document, Evidence, Fixing, IndexFixings, WeightNote
from chalicelib.trades.domain.template import Template
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade
from chalicelib.web.parse import Body

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=140)]
Time = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]


class WeightNoteBody(Body, tag_field="type", tag="weight_note"):
    """What the weighbridge found, in whole thousandths of `unit`. `issued_at` is an ISO 8601 instant."""

    unit: Text
    quantity_milli: int
    document_reference: Text
    issued_at: Time


class FixingBody(Body):
    """The index on one day (ISO 8601 date), in minor units for one unit of the goods."""

    date: Time
    minor: int


class IndexFixingsBody(Body, tag_field="type", tag="index_fixings"):
    """An index on the days of the pricing window."""

    index: Text
    currency: str
    fixings: list[FixingBody]


class DeliveryNoteBody(Body, tag_field="type", tag="delivery_note"):
    """The receiver's word that the goods are there. `issued_at` is an ISO 8601 instant."""

    document_reference: Text
    issued_at: Time


AnyDocumentBody = WeightNoteBody | IndexFixingsBody | DeliveryNoteBody


class EvidenceBody(Body):
    """A document, told apart by its `type`."""

    document: AnyDocumentBody


class EvidenceReceipt(msgspec.Struct, frozen=True):
    """What was recorded: the document's digest, who gave it and when, and the trade's state after."""

    trade_id: str
    evidence_id: str
    type: str
    sha256: str
    recorded_by: str
    recorded_at: str
    state: str


class EvidenceView(msgspec.Struct, frozen=True):
    """A document with its digest, who gave it and when."""

    evidence_id: str
    sha256: str
    recorded_by: str
    recorded_at: str
    document: AnyDocumentBody


class TradeView(msgspec.Struct, frozen=True):
    """Where a trade stands, in minor units of its currency. `due_minor` is what the buyer owes the escrow in all,
    `outstanding_minor` what of it is still to come; funded = released + refunded + held."""

    trade_id: str
    state: str
    currency: str
    due_minor: int
    outstanding_minor: int
    funded_minor: int
    held_minor: int
    released_minor: int
    refunded_minor: int
    final_minor: int | None
    milestones_released: list[str]


class TradeDetail(msgspec.Struct, frozen=True):
    """A trade: where it stands, what was agreed, and the evidence so far."""

    trade: TradeView
    terms: Terms
    evidence: list[EvidenceView]


class TradePage(msgspec.Struct, frozen=True):
    """One page of trades, the newest first."""

    trades: list[TradeView]
    next_cursor: str | None


class TemplateView(msgspec.Struct, frozen=True):
    """A template, as its author wrote it."""

    template: Template


class TemplateList(msgspec.Struct, frozen=True):
    """Every template."""

    templates: list[Template]


def document_of(body: AnyDocumentBody) -> Document:
    """The document a body describes. Raises InvalidInput `invalid_instant`, `invalid_date`."""
    if isinstance(body, WeightNoteBody):
        issued_at = parse_instant(body.issued_at, "document.issued_at")
        return WeightNote(body.unit, body.quantity_milli, body.document_reference, issued_at)
    if isinstance(body, DeliveryNoteBody):
        return DeliveryNote(body.document_reference, parse_instant(body.issued_at, "document.issued_at"))
    fixings = (
        Fixing(parse_date(fixing.date, f"document.fixings[{i}].date"), fixing.minor)
        for i, fixing in enumerate(body.fixings)
    )
    return IndexFixings(body.index, body.currency, tuple(fixings))


def document_body(document: Document) -> AnyDocumentBody:
    """A document as answers show it: the form it was sent in."""
    if isinstance(document, WeightNote):
        return WeightNoteBody(
            unit=document.unit,
            quantity_milli=document.quantity_milli,
            document_reference=document.document_reference,
            issued_at=document.issued_at.isoformat(),
        )
    if isinstance(document, DeliveryNote):
        return DeliveryNoteBody(
            document_reference=document.document_reference, issued_at=document.issued_at.isoformat()
        )
    fixings = [FixingBody(date=fixing.date.isoformat(), minor=fixing.minor) for fixing in document.fixings]
    return IndexFixingsBody(index=document.index, currency=document.currency, fixings=fixings)


def evidence_view(piece: Evidence) -> EvidenceView:
    """A piece of evidence as answers show it."""
    return EvidenceView(
        evidence_id=piece.evidence_id,
        sha256=piece.sha256,
        recorded_by=piece.recorded_by,
        recorded_at=piece.recorded_at.isoformat(),
        document=document_body(piece.document),
    )


def trade_view(trade: Trade) -> TradeView:
    """A trade's state as answers show it."""
    return TradeView(
        trade_id=trade.trade_id,
        state=trade.state.value,
        currency=trade.currency,
        due_minor=trade.due_minor,
        outstanding_minor=trade.outstanding.minor,
        funded_minor=trade.funded_minor,
        held_minor=trade.held_minor,
        released_minor=trade.released_minor,
        refunded_minor=trade.refunded_minor,
        final_minor=trade.final_minor,
        milestones_released=list(trade.done),
    )
