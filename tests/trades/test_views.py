"""Trades over HTTP: bodies are typed and told apart by their tag, answers show what was given."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from chalicelib.core.errors import InvalidInput
from chalicelib.trades.domain.evidence import Document
from chalicelib.trades.routes import router
from chalicelib.trades.views import EvidenceBody, document_body, document_of, evidence_view, trade_view
from chalicelib.web import openapi
from chalicelib.web.parse import parse
from tests.trades.deals import delivery_note, index_fixings, opened, piece, ready, weight_note

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


def read(document: dict[str, Any]) -> Document:
    return document_of(parse(json.dumps({"document": document}).encode(), EvidenceBody).document)


def test_a_weight_note_is_read_with_its_instant_in_utc() -> None:
    assert read(WEIGHT_NOTE) == weight_note()


@pytest.mark.parametrize("document", [weight_note(), index_fixings(), delivery_note()])
def test_a_document_is_shown_in_the_form_it_is_sent_in(document: Document) -> None:
    shown = msgspec.to_builtins(document_body(document))

    assert read(shown) == document


@pytest.mark.parametrize(
    ("code", "field", "document"),
    [
        ("invalid_field", "document.type", WEIGHT_NOTE | {"type": "assay"}),
        ("invalid_field", "document.type", {"unit": "t"}),
        ("invalid_field", "document.unit", {"type": "weight_note"}),
        ("invalid_field", "document.quantity_milli", WEIGHT_NOTE | {"quantity_milli": "498320"}),
        ("invalid_field", "document.document_reference", WEIGHT_NOTE | {"document_reference": ""}),
        ("invalid_field", "document.gross", WEIGHT_NOTE | {"gross": 1}),
        ("float_not_allowed", "document.quantity_milli", WEIGHT_NOTE | {"quantity_milli": 498.32}),
        ("invalid_instant", "document.issued_at", WEIGHT_NOTE | {"issued_at": "2026-03-02T17:00:00"}),
        ("invalid_instant", "document.issued_at", WEIGHT_NOTE | {"issued_at": "yesterday"}),
        ("invalid_date", "document.fixings[0].date", FIXINGS | {"fixings": [{"date": "2026-02-30", "minor": 1}]}),
        ("invalid_field", "document.fixings[0].minor", FIXINGS | {"fixings": [{"date": "2026-02-03", "minor": True}]}),
    ],
)
def test_a_body_that_is_no_document_is_refused_by_field(code: str, field: str | None, document: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(document)

    assert (refused.value.code, refused.value.facts.get("field")) == (code, field)


def test_evidence_is_shown_with_its_digest() -> None:
    given = piece(weight_note())

    view = evidence_view(given)

    assert (view.sha256, view.recorded_by) == (given.sha256, "cli_test")
    assert msgspec.to_builtins(view.document)["type"] == "weight_note"


def test_a_trade_is_shown_with_what_is_due_and_held() -> None:
    _, trade, _ = ready()

    assert msgspec.to_builtins(trade_view(trade)) == {
        "trade_id": trade.trade_id,
        "state": "funded",
        "currency": "CNY",
        "due_minor": 182_500_000,
        "outstanding_minor": 0,
        "funded_minor": 182_500_000,
        "held_minor": 182_500_000,
        "released_minor": 0,
        "refunded_minor": 0,
        "final_minor": None,
        "milestones_released": [],
    }


def test_terms_are_shown_with_their_waterfall_and_rules() -> None:
    shown = msgspec.to_builtins(opened()[0])

    assert shown["quantity"] == {"unit": "t", "mode": "weighed", "tolerance_per_mille": 3}
    assert shown["waterfall"]["shares"][1] == {"role": "platform", "kind": "bps", "minor": 0, "bps": 30}


def test_each_route_needs_its_scope_and_only_evidence_writes() -> None:
    routes = {(route.method, route.path): (route.scope, route.writes) for route in router.routes}

    assert routes == {
        ("GET", "/v1/trade-templates"): ("trades:read", False),
        ("GET", "/v1/trade-templates/{template_id}"): ("trades:read", False),
        ("GET", "/v1/trades"): ("trades:read", False),
        ("GET", "/v1/trades/{trade_id}"): ("trades:read", False),
        ("POST", "/v1/trades/{trade_id}/evidence"): ("trades:write", True),
    }


def test_the_document_of_the_api_tells_the_kinds_of_evidence_apart() -> None:
    schemas = openapi.document(router.routes, {})["components"]["schemas"]
    tags = schemas["EvidenceBody"]["properties"]["document"]["discriminator"]["mapping"]

    assert set(tags) == {"weight_note", "index_fixings", "delivery_note"}
