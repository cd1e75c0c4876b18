"""What the gateway answers without asking us has the form of our own problems, on AWS and on the local stack."""

from __future__ import annotations

import json
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.infra.app_template import app_resources
from tests.support.local_stack import LocalStack

EXPECTED = {
    "MISSING_AUTHENTICATION_TOKEN": ("404", "no_such_route"),
    "RESOURCE_NOT_FOUND": ("404", "no_such_route"),
    "UNAUTHORIZED": ("403", "access_denied"),
    "ACCESS_DENIED": ("403", "access_denied"),
    "REQUEST_TOO_LARGE": ("413", "body_too_large"),
    "THROTTLED": ("429", "too_many_requests"),
    "INTEGRATION_TIMEOUT": ("504", "timed_out"),
    "DEFAULT_4XX": (None, "request_refused"),
    "DEFAULT_5XX": (None, "gateway_error"),
}


def answers(stage: str) -> dict[str, Any]:
    """The gateway's own answers by their kind."""
    return dict(app_resources(stage)["RestAPI"]["Properties"]["GatewayResponses"])


def test_every_kind_has_its_status_and_code() -> None:
    bodies = {
        kind: json.loads(answer["ResponseTemplates"]["application/json"]) for kind, answer in answers("prod").items()
    }

    assert {kind: (answers("prod")[kind].get("StatusCode"), body["code"]) for kind, body in bodies.items()} == EXPECTED
    for kind, body in bodies.items():
        status = EXPECTED[kind][0]
        assert body["type"] == f"urn:quittance:problem:{body['code']}"
        assert body["title"]
        assert body.get("status") == (int(status) if status else None)


def test_every_kind_is_a_problem_that_no_cache_keeps() -> None:
    for kind, answer in answers("prod").items():
        headers = answer["ResponseParameters"]["Headers"]
        assert headers["Content-Type"] == "'application/problem+json'", kind
        assert headers["Cache-Control"] == "'no-store'", kind
        assert ("Retry-After" in headers) == (kind in ("THROTTLED", "INTEGRATION_TIMEOUT")), kind


def test_on_aws_they_are_deployed_with_the_api_and_not_beside_it() -> None:
    for stage in ("dev", "prod"):
        assert "AWS::ApiGateway::GatewayResponse" not in {r["Type"] for r in app_resources(stage).values()}


@pytest.mark.parametrize(("method", "path"), [("GET", "/nothing"), ("GET", "/v1/nothing"), ("DELETE", "/v1/parties")])
def test_an_unknown_route_is_a_problem_too(local_stack: LocalStack, method: str, path: str) -> None:
    with pytest.raises(HTTPError) as answered:
        urlopen(Request(local_stack.description["api_url"] + path, method=method))

    assert answered.value.code == 404
    assert answered.value.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answered.value.read())["code"] == "no_such_route"
