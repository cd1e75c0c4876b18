"""Routes that exist to be asked: each kind of answer and failure the decorator must deal with."""

from __future__ import annotations

from typing import Any

import msgspec
from botocore.exceptions import EndpointConnectionError
from chalice.app import Chalice

from chalicelib.core import errors
from chalicelib.core.errors import Conflict, Defect, Refusal
from chalicelib.web.endpoint import Answer, Request, Router
from chalicelib.web.parse import Body, MoneyBody

SECRET = "DE02120300000000202051"


class ThingBody(Body):
    """A thing."""

    amount: MoneyBody
    note: str | None = None


class ThingView(msgspec.Struct, frozen=True):
    """What became of the call: enough to see what the decorator handed down."""

    tenant: str
    actor: str
    key: str
    fingerprint: str
    thing_id: str


class Deep(Conflict):
    """A refusal of a kind that the table of statuses does not name."""


def application() -> Chalice:
    """A fresh application with the probe's routes."""
    app = Chalice(app_name="probe")
    app.api.binary_types = ["application/xml", "text/csv", "application/zip"]
    app.register_blueprint(_router().blueprint)
    return app


def _router() -> Router:
    router = Router(__name__)
    _things(router)
    _contents(router)
    _failures(router)
    return router


def _things(router: Router) -> None:
    @router.endpoint(
        "POST",
        "/v1/things/{thing_id}",
        scope="ledger:write",
        body=ThingBody,
        answer=ThingView,
        status=201,
        writes=True,
        parameters=("mode",),
    )
    def make_thing(request: Request, thing_id: str) -> ThingView:
        """Make a thing."""
        call = request.call
        return ThingView(call.tenant, call.actor, call.key, call.fingerprint.hex(), thing_id)

    @router.endpoint("GET", "/v1/things/{thing_id}", scope="ledger:read", answer=dict, parameters=("limit",))
    def get_thing(request: Request, thing_id: str) -> dict[str, Any]:
        """Read a thing."""
        return {"tenant": request.tenant, "thing_id": thing_id, "query": request.query, "big": 10**27}


def _contents(router: Router) -> None:
    @router.endpoint("GET", "/v1/csv", scope=None, answer=str, produces="text/csv; charset=utf-8")
    def get_csv(request: Request) -> str:
        """Read text of a type that is binary when uploaded."""
        return "päyee\n"

    @router.endpoint("GET", "/v1/zip", scope=None, answer=bytes, produces="application/zip")
    def get_zip(request: Request) -> bytes:
        """Read bytes."""
        return b"PK\xff"

    @router.endpoint("POST", "/v1/xml", scope=None, answer=dict, consumes=("application/xml",), most_bytes=8)
    def take_xml(request: Request) -> Answer:
        """Take bytes as they are."""
        return Answer({"raw": request.raw.hex()}, status=202, headers={"X-Taken": "1"})


def _failures(router: Router) -> None:
    @router.endpoint("GET", "/v1/refused/{kind}", scope=None, answer=dict)
    def refuse(request: Request, kind: str) -> None:
        """Refuse in the manner that is asked for."""
        if kind == "Deep":
            raise Deep("deep", "deep", status=200, type="other", title="other")
        refusal: type[Refusal] = getattr(errors, kind)
        raise refusal("some_code", "a sentence", fact=1)

    @router.endpoint("GET", "/v1/failed/{kind}", scope=None, answer=dict)
    def fail(request: Request, kind: str) -> Any:
        """Fail in the manner that is asked for."""
        if kind == "outage":
            raise EndpointConnectionError(endpoint_url=SECRET)
        if kind == "tenant":
            return {"tenant": request.tenant}
        if kind == "call":
            return {"call": request.call}
        raise Defect(SECRET)
