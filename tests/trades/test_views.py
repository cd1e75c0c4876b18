"""Trades over HTTP: bodies are typed and told apart by their tag, answers show what was given and what stands."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from chalicelib.core.errors import InvalidInput
from chalicelib.trades.documents import BODIES, EvidenceBody, document_body, document_of
from chalicelib.trades.domain.evidence import Document, EvidenceKind, digest, kind_of
from chalicelib.trades.domain.opening import open_trade
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.trade import Dispute, Got, Progress, Trade
from chalicelib.trades.routes import calendars, evidence, templates, trades
from chalicelib.trades.views import evidence_view, trade_view
from chalicelib.web import openapi
from chalicelib.web.parse import parse
from tests.support.calls import MONDAY
from tests.trades.papers import certificate, index_fixings, one_of_each, pieces, recall_notice, weight_note
from tests.trades.sketches import AGREED, DEAL, IDENTITY

WEIGHT_NOTE = {
    "type": "weight_note",
    "unit": "t",
    "quantity_milli": 498_320,
    "document_reference": "WB-2026-0117",
    "issued_at": "2026-03-02T17:00:00+08:00",
}
FIXINGS = {
    "type": "index_fixings",
    "index": "Rebar",
    "currency": "CNY",
    "fixings": [{"date": "2026-03-02", "minor": 1}],
}
CERTIFICATE = {
    "type": "quality_certificate",
    "document_reference": "QC-88",
    "issued_at": "2026-03-02T09:00:00Z",
    "findings": [{"property": "moisture", "milli": 15_800}, {"property": "impurity", "milli": 1_300}],
}
READING = {
    "type": "meter_reading",
    "document_reference": "MR-5",
    "issued_at": "2026-03-02T09:00:00Z",
    "meter": "pile-3",
    "unit": "kWh",
    "from_milli": 1_000,
    "to_milli": 43_500,
}


def read(document: dict[str, Any]) -> Document:
    return document_of(parse(json.dumps({"document": document}).encode(), EvidenceBody).document)


def standing(**changes: Any) -> Trade:
    """A trade just agreed, with changes to its state."""
    return replace(open_trade(AGREED, DEAL, IDENTITY, now=MONDAY)[1], **changes)


# Documents


def test_a_weight_note_is_read_with_its_instant_in_utc() -> None:
    assert read(WEIGHT_NOTE) == weight_note()


def test_a_certificate_is_read_with_its_findings() -> None:
    assert read(CERTIFICATE) == certificate()


def test_a_document_may_be_of_a_lot() -> None:
    assert read(WEIGHT_NOTE | {"lot": "A1"}) == weight_note(lot="A1")


@pytest.mark.parametrize("document", one_of_each(), ids=lambda document: kind_of(document).value)
def test_a_document_is_shown_in_the_form_it_is_sent_in(document: Document) -> None:
    shown = msgspec.to_builtins(document_body(document))

    assert shown["type"] == kind_of(document).value
    assert read(shown) == document
    assert digest(read(shown)) == digest(document)


def test_every_kind_has_its_body_and_the_document_of_the_api_tells_them_apart() -> None:
    schemas = openapi.document(evidence.router.routes, {})["components"]["schemas"]
    tags = schemas["EvidenceBody"]["properties"]["document"]["discriminator"]["mapping"]

    assert set(BODIES) == set(EvidenceKind)
    assert set(tags) == {kind.value for kind in EvidenceKind}


BAD: list[tuple[str, str, dict[str, Any]]] = [
    ("invalid_field", "document.type", WEIGHT_NOTE | {"type": "assay"}),
    ("invalid_field", "document.type", {"unit": "t"}),
    ("invalid_field", "document.unit", {"type": "weight_note"}),
    ("invalid_field", "document.quantity_milli", WEIGHT_NOTE | {"quantity_milli": "498320"}),
    ("invalid_field", "document.document_reference", WEIGHT_NOTE | {"document_reference": ""}),
    ("invalid_field", "document.gross", WEIGHT_NOTE | {"gross": 1}),
    ("invalid_field", "document.lot", WEIGHT_NOTE | {"lot": "x" * 41}),
    ("float_not_allowed", "document.quantity_milli", WEIGHT_NOTE | {"quantity_milli": 498.32}),
    ("invalid_instant", "document.issued_at", WEIGHT_NOTE | {"issued_at": "2026-03-02T17:00:00"}),
    ("invalid_instant", "document.issued_at", WEIGHT_NOTE | {"issued_at": "yesterday"}),
    ("invalid_field", "document.currency", FIXINGS | {"currency": "yuan"}),
    ("invalid_field", "document.lot", FIXINGS | {"lot": "A1"}),
    ("invalid_date", "document.fixings[0].date", FIXINGS | {"fixings": [{"date": "2026-02-30", "minor": 1}]}),
    ("invalid_field", "document.fixings[0].minor", FIXINGS | {"fixings": [{"date": "2026-02-03", "minor": True}]}),
    ("invalid_field", "document.fixings", FIXINGS | {"fixings": FIXINGS["fixings"] * 201}),
    ("invalid_field", "document.findings[0].milli", CERTIFICATE | {"findings": [{"property": "ash"}]}),
    ("invalid_field", "document.findings[0].unit", CERTIFICATE | {"findings": [{"unit": "%"}]}),
    ("invalid_field", "document.findings", CERTIFICATE | {"findings": None}),
    ("invalid_field", "document.to_milli", {name: READING[name] for name in READING if name != "to_milli"}),
    ("invalid_field", "document.from_milli", READING | {"from_milli": None}),
]


@pytest.mark.parametrize(("code", "field", "document"), BAD, ids=[f"{i}-{code}" for i, (code, _, _) in enumerate(BAD)])
def test_a_body_that_is_no_document_is_refused_by_field(code: str, field: str, document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(document)

    assert (refused.value.code, refused.value.facts.get("field")) == (code, field)


def test_evidence_is_shown_with_its_digest() -> None:
    [given] = pieces(recall_notice())

    view = evidence_view(given)

    assert (view.sha256, view.recorded_by) == (given.sha256, "cli_test")
    assert msgspec.to_builtins(view.document)["lot"] == "A1"


# Trades


def test_a_trade_is_shown_with_what_is_due_and_held() -> None:
    assert msgspec.to_builtins(trade_view(standing(funded_minor=100_000_000))) == {
        "trade_id": IDENTITY.trade_id,
        "state": "agreed",
        "stage": "agreed",
        "waiting_reason": None,
        "currency": "CNY",
        "due_minor": 182_500_000,
        "outstanding_minor": 82_500_000,
        "price_minor": 182_500_000,
        "final_minor": None,
        "funded_minor": 100_000_000,
        "held_minor": 100_000_000,
        "retained_minor": 0,
        "disputed_minor": 0,
        "released_minor": 0,
        "refunded_minor": 0,
        "conceded_minor": 0,
        "claim_minor": 0,
        "reversed_minor": 0,
        "on_hold_minor": 0,
        "payouts_stopped_at": None,
        "milestones": [],
        "milestones_released": [],
        "lots_recalled": [],
        "shares": [],
        "dispute": None,
        "retained_until": None,
        "retention_ends_at": None,
        "expires_at": None,
        "top_up_at": None,
        "funds_trade_id": None,
    }


def test_a_trade_in_dispute_is_shown_with_the_stage_that_was_interrupted() -> None:
    dispute = Dispute("dsp_1", "buyer", 500, 0, MONDAY, State.RELEASING)
    view = trade_view(
        standing(
            stage=State.RELEASING,
            funded_minor=182_500_000,
            released_minor=700,
            retained_minor=30,
            got={"mill": Got(700, 100)},
            dispute=dispute,
        )
    )

    assert (view.state, view.stage, view.disputed_minor, view.retained_minor) == ("disputed", "releasing", 500, 30)
    assert msgspec.to_builtins(view.dispute) == {
        "dispute_id": "dsp_1",
        "role": "buyer",
        "minor": 500,
        "retained_minor": 0,
        "opened_at": "2026-03-02T09:00:00.000000Z",
    }
    assert msgspec.to_builtins(view.shares) == [{"role": "mill", "minor": 700, "back_minor": 100}]


def test_a_trade_is_shown_with_its_clocks() -> None:
    later = MONDAY + timedelta(days=3)
    view = trade_view(
        standing(
            progress={
                "delivery": Progress(("inspector",), MONDAY, later, calendar_version="CN.2"),
                "arrival/A1": Progress(days_left=2),
            },
            done=("shipment",),
            recalled=("B",),
            retained_until=date(2027, 3, 2),
            expires_at=later,
            top_up_at=later,
            funds="trd_up",
        )
    )

    assert msgspec.to_builtins(view.milestones) == [
        {
            "milestone": "delivery",
            "signed": ["inspector"],
            "accepted": False,
            "ready_at": "2026-03-02T09:00:00.000000Z",
            "deemed_at": "2026-03-05T09:00:00.000000Z",
            "days_left": None,
            "waiting_reason": None,
            "calendar_version": "CN.2",
        },
        {
            "milestone": "arrival/A1",
            "signed": [],
            "accepted": False,
            "ready_at": None,
            "deemed_at": None,
            "days_left": 2,
            "waiting_reason": None,
            "calendar_version": None,
        },
    ]
    assert (view.milestones_released, view.lots_recalled) == (["shipment"], ["B"])
    assert (view.retained_until, view.expires_at) == ("2027-03-02", "2026-03-05T09:00:00.000000Z")
    assert (view.top_up_at, view.funds_trade_id) == (view.expires_at, "trd_up")


def test_a_trade_says_that_it_waits_for_its_calendar() -> None:
    waits = Progress(ready_at=MONDAY, calendar_version="CN.2")
    retained = {"retained_until": date(2027, 1, 2), "retention_calendar": "CN.2"}

    milestone = trade_view(standing(progress={"delivery": waits}))
    over = trade_view(standing(progress={"delivery": waits}, done=("delivery",)))

    assert (milestone.waiting_reason, milestone.milestones[0].waiting_reason) == ("calendar_unknown",) * 2
    assert (over.waiting_reason, trade_view(standing()).waiting_reason) == (None, None)
    assert trade_view(standing(**retained)).waiting_reason == "calendar_unknown"
    assert trade_view(standing(**retained, retention_ends_at=MONDAY)).waiting_reason is None


def test_each_route_needs_its_scope_and_only_commands_write() -> None:
    routers = (trades.router, templates.router, calendars.router, evidence.router)
    routes = {(one.method, one.path): (one.scope, one.writes) for router in routers for one in router.routes}

    assert routes == {
        ("GET", "/v1/calendars"): ("trades:read", False),
        ("GET", "/v1/trade-templates"): ("trades:read", False),
        ("POST", "/v1/trade-templates"): ("trades:write", True),
        ("GET", "/v1/trade-templates/{template_id}"): ("trades:read", False),
        ("POST", "/v1/trade-templates/{template_id}/preview"): ("trades:read", False),
        ("GET", "/v1/trades"): ("trades:read", False),
        ("POST", "/v1/trades/{trade_id}/evidence"): ("trades:write", True),
    }


def test_fixings_are_shown_day_by_day() -> None:
    shown = msgspec.to_builtins(document_body(index_fixings(7, 8)))

    assert shown["fixings"] == [{"date": "2026-03-01", "minor": 7}, {"date": "2026-03-02", "minor": 8}]
