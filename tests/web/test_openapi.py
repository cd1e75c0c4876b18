"""The API's description: valid, complete, and the one that is committed."""

from __future__ import annotations

import re

import pytest
from openapi_spec_validator import validate

import app
from chalicelib.access.domain import SCOPES
from chalicelib.web.endpoint import Route
from infra import openapi
from tests.support.api import Api

ROUTES = tuple(route for router in app.ROUTERS for route in router.routes)
OPEN = {
    ("GET", "/v1/health"),
    ("GET", "/v1/openapi.json"),
    ("POST", "/v1/oauth/token"),
    ("POST", "/v1/banks/{bank_id}/callbacks"),
    ("GET", "/v1/checkpoints/key"),
}
"""Routes that anybody may call: the bank's callback proves itself by its signature, and a public key is public."""

PREVIEWS = {("POST", "/v1/trade-templates/{template_id}/preview"), ("POST", "/v1/splits/preview")}
"""Questions with a body: they write nothing, so that asking again is a new question."""


def named(route: Route) -> tuple[str, str]:
    return route.method, route.path


def test_the_document_is_valid_openapi() -> None:
    validate(app.openapi_document())


def test_the_committed_document_is_the_one_that_is_served() -> None:
    assert openapi.DOCUMENT.read_text() == openapi.render(), "run `make openapi`"
    assert Api(app.app).get("/v1/openapi.json").body == app.openapi_document()


def test_every_route_of_the_application_is_an_endpoint() -> None:
    served = {(method, path) for path, methods in app.app.routes.items() for method in methods}

    assert served == {named(route) for route in ROUTES}
    assert len({route.name for route in ROUTES}) == len(ROUTES)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_has_a_scope_that_exists_or_is_open_on_purpose(route: Route) -> None:
    assert (route.scope is None) == (named(route) in OPEN)
    assert route.scope is None or route.scope in SCOPES
    ends = (":read", ":write") if named(route) in PREVIEWS else (":read",) if route.method == "GET" else (":write",)
    assert route.scope is None or route.scope.endswith(ends)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_post_takes_an_idempotency_key_but_previews_and_those_that_have_their_own(route: Route) -> None:
    assert route.method in {"GET", "POST"}
    assert route.writes == (route.method == "POST" and named(route) not in OPEN | PREVIEWS)


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_every_route_but_the_open_ones_refuses_who_shows_no_token(route: Route) -> None:
    if named(route) in OPEN:
        return
    url = re.sub(r"{\w+}", "x", route.path)

    reply = Api(app.app).send(route.method, url, headers={}, body=b"" if route.method == "POST" else None)

    assert (reply.status, reply.code) == (401, "token_missing")


def test_every_scope_is_wanted_by_some_route() -> None:
    assert {route.scope for route in ROUTES} - {None} == set(SCOPES)


def test_the_health_of_the_api_can_be_asked_by_anybody() -> None:
    assert Api(app.app).get("/v1/health").body == {"status": "ok"}
