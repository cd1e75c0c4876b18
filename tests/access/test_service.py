"""Tenants and clients are made once, and tokens are given to whom they belong."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.access import service, store
from chalicelib.access.domain import SCOPES, Client, digest_of, granted, known_scopes
from chalicelib.access.tokens import issue_token
from chalicelib.core.errors import Conflict, InvalidInput, NotFound, Refusal, Unauthenticated
from chalicelib.security.tokens import verify_token
from tests.access.conftest import SECRET, Known
from tests.support.calls import call
from tests.support.faults import crash_points

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def test_a_token_speaks_for_the_clients_tenant_with_all_its_scopes(known: Known) -> None:
    token = issue_token(known.client_id, SECRET, "", now=NOW)

    principal = verify_token(token.access_token, now=NOW)
    assert (principal.tenant, principal.client_id) == (known.tenant_id, known.client_id)
    assert principal.scopes == {"ledger:read", "ledger:write"}
    assert (token.expires_in, token.scope) == (900, "ledger:read ledger:write")


def test_a_token_of_fewer_scopes_is_given_when_asked_for(known: Known) -> None:
    assert issue_token(known.client_id, SECRET, "ledger:read", now=NOW).scope == "ledger:read"


@pytest.mark.parametrize("secret", ["", "S3cret with spaces & a :colon", f"{SECRET} ", "é"])
def test_a_wrong_secret_and_an_unknown_client_look_alike(known: Known, secret: str) -> None:
    refusals = []
    for client_id in (known.client_id, "cli_none", ""):
        with pytest.raises(Unauthenticated) as refused:
            issue_token(client_id, secret, "", now=NOW)
        refusals.append((refused.value.code, refused.value.sentence, refused.value.facts))

    assert refusals == [("client_unknown", refusals[0][1], {"error": "invalid_client"})] * 3


def test_the_list_of_tenants_has_each_that_was_created(known: Known) -> None:
    listed, after = [], None
    for _ in range(100):
        page = store.list_tenants(after=after, limit=100)
        listed += [tenant.tenant_id for tenant in page.values]
        after = page.last_key
        if after is None:
            break

    assert listed.count(known.tenant_id) == 1


def test_no_client_has_an_empty_secret_by_default() -> None:
    with pytest.raises(Unauthenticated):
        granted(None, secret="", wanted="")


def test_a_scope_the_client_lacks_is_refused() -> None:
    client = Client("cli_1", "ten_a", digest_of("x"), ("ledger:read",))

    with pytest.raises(InvalidInput) as refused:
        granted(client, secret="x", wanted="ledger:read trades:write")

    assert (refused.value.code, refused.value.facts["error"]) == ("scope_not_allowed", "invalid_scope")


def test_scopes_are_known_by_name_or_all_at_once() -> None:
    assert known_scopes(("*",)) == tuple(SCOPES)
    assert known_scopes(("ledger:read",)) == ("ledger:read",)
    for wanted in (("ledger:all",), ("*", "ledger:read")):
        with pytest.raises(InvalidInput):
            known_scopes(wanted)


def test_a_tenant_of_one_name_is_made_once(known: Known) -> None:
    name = f"Grain {known.tenant_id}"
    service.create_tenant(call("a", tenant=known.tenant_id), name)

    with pytest.raises(Conflict) as refused:
        service.create_tenant(call("b", tenant=known.tenant_id), name)

    assert refused.value.code == "tenant_exists"


def test_a_client_needs_a_tenant_that_exists(books: None) -> None:
    with pytest.raises(NotFound) as refused:
        service.create_client(call(tenant="ten_none"), "ten_none", ("*",), secret="x")

    assert refused.value.facts == {"tenant_id": "ten_none"}


def test_a_client_made_again_under_its_key_keeps_its_first_secret(known: Known) -> None:
    command = call(tenant=known.tenant_id)
    first = service.create_client(command, known.tenant_id, ("*",), secret="first")
    again = service.create_client(command, known.tenant_id, ("*",), secret="second")

    client_id = first.item.data["client_id"]
    assert again.item == first.item
    assert issue_token(client_id, "first", "", now=NOW)
    with pytest.raises(Refusal):
        issue_token(client_id, "second", "", now=NOW)


def test_a_secret_is_kept_as_a_digest_only(known: Known) -> None:
    client = store.find_client(known.client_id)

    assert client is not None
    assert SECRET not in repr(client)


def test_a_process_killed_at_any_call_leaves_one_client(known: Known) -> None:
    for point in crash_points():
        command = call(tenant=known.tenant_id)
        with point:
            service.create_client(command, known.tenant_id, ("*",), secret="x")

        outcome = service.create_client(command, known.tenant_id, ("*",), secret="x")

        assert issue_token(outcome.item.data["client_id"], "x", "", now=NOW), point
