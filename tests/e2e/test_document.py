"""docs/openapi.json is what the routes say and what the deployed API serves."""

from __future__ import annotations

import json

from infra import openapi
from tests.e2e.document import DOCUMENT, operations
from tests.e2e.web import Web


def test_the_committed_document_is_that_of_the_routes() -> None:
    assert openapi.DOCUMENT.read_text(encoding="utf-8") == openapi.render(), "write it anew: make openapi"


def test_the_deployed_api_serves_the_committed_document(open_web: Web) -> None:
    assert open_web.get("/v1/openapi.json").json == DOCUMENT


def test_every_command_asks_for_a_key_token_callbacks_and_previews_aside() -> None:
    without = {operation.name for operation in operations() if operation.method == "POST" and not operation.writes}

    previews = {"POST /v1/trade-templates/{template_id}/preview", "POST /v1/splits/preview"}
    assert without == {"POST /v1/oauth/token", "POST /v1/banks/{bank_id}/callbacks", *previews}


def test_every_route_but_the_open_five_asks_for_a_scope() -> None:
    opened = {operation.path for operation in operations() if not operation.scope}

    assert opened == {
        "/v1/banks/{bank_id}/callbacks",
        "/v1/checkpoints/key",
        "/v1/health",
        "/v1/oauth/token",
        "/v1/openapi.json",
    }


def test_every_reference_of_the_document_leads_somewhere() -> None:
    text = json.dumps(DOCUMENT)
    schemas = DOCUMENT["components"]["schemas"]
    named = {part.split('"')[0] for part in text.split('"#/components/schemas/')[1:]}

    assert named <= set(schemas)
