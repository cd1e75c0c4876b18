"""Trades and templates as answers have them: where a trade stands, its terms, its evidence; templates and previews."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from chalicelib.core.instants import instant_text
from chalicelib.trades.documents import AnyDocumentBody, document_body
from chalicelib.trades.domain.evidence import Evidence
from chalicelib.trades.domain.retention import retention_ends, retention_waits
from chalicelib.trades.domain.template import Template
from chalicelib.trades.domain.trade import Dispute, Progress, Trade


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


class MilestoneView(msgspec.Struct, frozen=True):
    """How far a milestone (`name`, or `name/lot`) has come. From `ready_at` on only its signers keep it waiting, and at
    `deemed_at` their silence is acceptance; a dispute stops that clock with `days_left` business days on it.
    `waiting_reason` is `calendar_unknown` where the clock would end on a day that the calendar does not know yet: it is
    counted once it does. `calendar_version` is what the clock was counted by."""

    milestone: str
    signed: list[str]
    accepted: bool
    ready_at: str | None
    deemed_at: str | None
    days_left: int | None
    waiting_reason: str | None
    calendar_version: str | None


class DisputeView(msgspec.Struct, frozen=True):
    """An amount that is frozen until it is divided, `retained_minor` of it from the retention."""

    dispute_id: str
    role: str
    minor: int
    retained_minor: int
    opened_at: str


class GotView(msgspec.Struct, frozen=True):
    """What a role got out of the escrow in all, and what of it refunds have taken back."""

    role: str
    minor: int
    back_minor: int


class TradeView(msgspec.Struct, frozen=True):
    """Where a trade stands, in minor units of its currency. In a dispute `stage` is where it was interrupted.

    `due_minor` is what the buyer owes the escrow in all, `outstanding_minor` what of it is still to come;
    funded = released + refunded + held. Of what is held `retained_minor` stays back against defects and
    `disputed_minor` is frozen. `price_minor` is the price as it is known now, `final_minor` what settlements have fixed
    of it; `claim_minor` is what the seller owes the buyer outside the escrow. `reversed_minor` was paid in and taken
    back by a bank; `on_hold_minor` does not leave until it is clear whose payment a bank has taken back. From
    `payouts_stopped_at` on nothing that was released before is paid out, until what a bank took back is there again.
    Times are null where nothing is to come.
    `waiting_reason` is `calendar_unknown` while a clock waits for days that its calendar does not know yet.
    """

    trade_id: str
    state: str
    stage: str
    waiting_reason: str | None
    currency: str
    due_minor: int
    outstanding_minor: int
    price_minor: int
    final_minor: int | None
    funded_minor: int
    held_minor: int
    retained_minor: int
    disputed_minor: int
    released_minor: int
    refunded_minor: int
    conceded_minor: int
    claim_minor: int
    reversed_minor: int
    on_hold_minor: int
    payouts_stopped_at: str | None
    milestones: list[MilestoneView]
    milestones_released: list[str]
    lots_recalled: list[str]
    shares: list[GotView]
    dispute: DisputeView | None
    retained_until: str | None
    retention_ends_at: str | None
    expires_at: str | None
    top_up_at: str | None
    funds_trade_id: str | None


class TradePage(msgspec.Struct, frozen=True):
    """One page of trades, the newest first."""

    trades: list[TradeView]
    next_cursor: str | None


class TemplateView(msgspec.Struct, frozen=True):
    """A template, as its author wrote it; `house`: everybody has it."""

    template: Template
    house: bool


class TemplateSummary(msgspec.Struct, frozen=True):
    """A template's newest version, in short."""

    id: str
    version: int
    title: str
    currencies: list[str]
    house: bool


class TemplatePage(msgspec.Struct, frozen=True):
    """The house's templates, on the first page, and then a page of the tenant's own, by id."""

    templates: list[TemplateSummary]
    next_cursor: str | None


class TemplatePublishedView(msgspec.Struct, frozen=True):
    """A template as it was published: what was sent, under the next version of its id. It never changes."""

    template_id: str
    version: int
    published_at: str


CALENDAR_UNKNOWN = "calendar_unknown"
"""Why a clock waits."""


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
        stage=trade.stage.value,
        waiting_reason=CALENDAR_UNKNOWN if trade.waits_for_calendar or retention_waits(trade) else None,
        currency=trade.currency,
        due_minor=trade.due_minor,
        outstanding_minor=trade.outstanding.minor,
        price_minor=trade.price_minor,
        final_minor=trade.final_minor,
        funded_minor=trade.funded_minor,
        held_minor=trade.held_minor,
        retained_minor=trade.retained_minor,
        disputed_minor=trade.frozen_minor,
        released_minor=trade.released_minor,
        refunded_minor=trade.refunded_minor,
        conceded_minor=trade.conceded_minor,
        claim_minor=trade.claim_minor,
        reversed_minor=trade.reversed_minor,
        on_hold_minor=trade.reversal_hold_minor,
        payouts_stopped_at=_text(trade.payouts_stopped_at),
        milestones=[_milestone_view(key, one) for key, one in trade.progress.items()],
        milestones_released=list(trade.done),
        lots_recalled=list(trade.recalled),
        shares=[GotView(role, got.minor, got.back_minor) for role, got in trade.got.items()],
        dispute=_dispute_view(trade.dispute) if trade.dispute else None,
        retained_until=_text(trade.retained_until),
        retention_ends_at=_text(retention_ends(trade)),
        expires_at=_text(trade.expires_at),
        top_up_at=_text(trade.top_up_at),
        funds_trade_id=trade.funds,
    )


def template_summary(template: Template, *, house: bool) -> TemplateSummary:
    """A template as lists show it."""
    return TemplateSummary(template.id, template.version, template.title, list(template.currencies), house)


def _milestone_view(key: str, progress: Progress) -> MilestoneView:
    return MilestoneView(
        milestone=key,
        signed=list(progress.signed),
        accepted=progress.accepted,
        ready_at=_text(progress.ready_at),
        deemed_at=_text(progress.deemed_at),
        days_left=progress.days_left,
        waiting_reason=CALENDAR_UNKNOWN if progress.waits_for_calendar else None,
        calendar_version=progress.calendar_version or None,
    )


def _dispute_view(dispute: Dispute) -> DisputeView:
    opened_at = instant_text(dispute.opened_at)
    return DisputeView(dispute.dispute_id, dispute.role, dispute.minor, dispute.retained_minor, opened_at)


def _text(time: datetime | date | None) -> str | None:
    if isinstance(time, datetime):
        return instant_text(time)
    return None if time is None else time.isoformat()
