"""`POST /v1/oauth/token`: OAuth 2 client credentials (RFC 6749, section 4.4)."""

from __future__ import annotations

import base64
import binascii
from typing import Literal
from urllib.parse import parse_qs, unquote_plus

import msgspec

from chalicelib.access.tokens import issue_token
from chalicelib.core.errors import InvalidInput
from chalicelib.web import clock
from chalicelib.web.endpoint import Request, Router
from chalicelib.web.parse import ID, Body

FORM = "application/x-www-form-urlencoded"
MOST_FORM = 4096

router = Router(__name__)


class TokenForm(Body, frozen=True, kw_only=True):
    """What the form holds. `client_id` and `client_secret` may come by HTTP Basic instead; `scope`, with spaces
    between, is all the client has unless told."""

    grant_type: Literal["client_credentials"]
    client_id: str | None = None
    client_secret: str | None = None
    scope: str | None = None


class TokenView(msgspec.Struct, frozen=True):
    """A bearer token; `expires_in` in seconds, `scope` with spaces between the scopes."""

    access_token: str
    token_type: str
    expires_in: int
    scope: str


@router.endpoint(
    "POST",
    "/v1/oauth/token",
    scope=None,
    content=TokenForm,
    answer=TokenView,
    consumes=(FORM,),
    most_bytes=MOST_FORM,
)
def create_token(request: Request) -> TokenView:
    """Get an access token for a client: `grant_type=client_credentials`, by HTTP Basic or in the form."""
    form = _form(request.raw)
    if form.get("grant_type") != "client_credentials":
        code = "unsupported_grant_type"
        raise InvalidInput(code, "grant_type is client_credentials", field="grant_type", error=code)
    client_id, secret = _credentials(form, request.headers)
    if not ID.fullmatch(client_id):
        client_id = ""
    token = issue_token(client_id, secret, form.get("scope", ""), now=clock.wall_clock())
    return TokenView(token.access_token, "Bearer", token.expires_in, token.scope)


def _form(raw: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(raw.decode(), strict_parsing=True, max_num_fields=8)
    except ValueError as error:
        raise InvalidInput("malformed_form", "the body is no form", field="body", error="invalid_request") from error
    for name, values in fields.items():
        if len(values) > 1:
            raise InvalidInput("duplicate_key", f"{name} stands twice", field=name, error="invalid_request")
    return {name: values[0] for name, values in fields.items()}


def _credentials(form: dict[str, str], headers: dict[str, str]) -> tuple[str, str]:
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return "", ""
    return unquote_plus(name), unquote_plus(secret)
