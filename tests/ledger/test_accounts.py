"""Accounts over HTTP: labels, deferred ones, what a list shows, and the commands of an account's life."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import app
from chalicelib.core.errors import InvalidInput
from chalicelib.ledger.account_life import AccountFilter, Label, check_label
from chalicelib.ledger.domain import Account, Kind, Purpose
from chalicelib.ledger.store import accounts as stored
from tests.support.api import Api, Reply, signing, token_for
from tests.support.dynamodb_local import Tables


@dataclass(frozen=True)
class Office:
    """One tenant's API."""

    api: Api

    def open(self, **changes: Any) -> Reply:
        body = {"name": "any", "kind": "liability", "currency": "CNY"} | changes
        return self.api.post("/v1/accounts", body, key=str(uuid.uuid4()))

    def opened(self, **changes: Any) -> str:
        return str(self.open(**changes).body["account_id"])

    def change(self, account_id: str, what: str, body: dict[str, Any] | None = None, key: str | None = None) -> Reply:
        return self.api.post(f"/v1/accounts/{account_id}/{what}", body or {}, key=key or str(uuid.uuid4()))

    def account(self, account_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.api.get(f"/v1/accounts/{account_id}").body
        return found

    def listed(self, limit: int = 50, **filters: str) -> list[list[str]]:
        """The ids on each page of a list, to its end."""
        pages, cursor = [], ""
        while cursor is not None:
            asked = {"limit": str(limit), **filters} | ({"cursor": cursor} if cursor else {})
            body = self.api.get(f"/v1/accounts?{urlencode(asked)}").body
            pages.append([account["account_id"] for account in body["accounts"]])
            cursor = body["next_cursor"]
        return pages


@pytest.fixture
def office(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    with signing():
        yield Office(Api(app, token_for(f"ten_{uuid.uuid4().hex}")))


def test_an_account_is_opened_with_labels(office: Office) -> None:
    labels = {f"key-{i}": "x" * 100 for i in range(19)} | {"region": "华北, north"}

    reply = office.open(labels=labels)

    assert (reply.status, reply.body["labels"]) == (201, labels)
    assert office.account(reply.body["account_id"])["labels"] == labels


def test_a_deferred_account_says_so_and_up_to_where_it_counts(office: Office) -> None:
    reply = office.open(deferred=True)

    assert reply.body["account_id"].startswith("hot_")
    assert (reply.body["deferred"], reply.body["as_of"]) == (True, 0)
    assert office.account(reply.body["account_id"])["deferred"] is True


@pytest.mark.parametrize(
    ("changes", "code", "field"),
    [
        ({"labels": {f"k{i}": "v" for i in range(21)}}, "too_many_labels", "labels"),
        ({"labels": {"": "v"}}, "invalid_label", "labels"),
        ({"labels": {"Region": "v"}}, "invalid_label", "labels"),
        ({"labels": {"a b": "v"}}, "invalid_label", "labels"),
        ({"labels": {"k" * 41: "v"}}, "invalid_label", "labels"),
        ({"labels": {"k\n": "v"}}, "invalid_label", "labels"),
        ({"labels": {"k": ""}}, "invalid_label", "labels"),
        ({"labels": {"k": "v" * 101}}, "invalid_label", "labels"),
        ({"labels": {"k": "a\nb"}}, "invalid_label", "labels"),
        ({"labels": {"k": "a\u2028b"}}, "invalid_label", "labels"),
        ({"labels": {f"k{i}": "钢" * 50 for i in range(14)}}, "labels_too_large", "labels"),
        ({"labels": {"k": 1}}, "invalid_field", "labels[...]"),
        ({"deferred": True, "floor_minor": 0}, "deferred_with_limits", "deferred"),
        ({"deferred": True, "ceiling_minor": 10}, "deferred_with_limits", "deferred"),
        ({"deferred": "yes"}, "invalid_field", "deferred"),
    ],
)
def test_bad_terms_are_refused(office: Office, changes: dict[str, Any], code: str, field: str) -> None:
    reply = office.open(**changes)

    assert (reply.status, reply.code, reply.body["field"]) == (400, code, field)
    assert office.listed() == [[]]


def test_the_life_of_an_account_is_told_by_each_answer_and_by_the_account(office: Office) -> None:
    mill = office.opened()

    frozen = office.change(mill, "freeze", {"reason": "court order"})
    unfrozen = office.change(mill, "unfreeze")
    labelled = office.change(mill, "labels", {"labels": {"tier": "1"}})
    period = office.change(mill, "closed-period", {"closed_until": "2026-03-01T08:00:00+08:00"})
    closed = office.change(mill, "close")

    assert [reply.status for reply in (frozen, unfrozen, labelled, period, closed)] == [200] * 5
    assert (frozen.body["status"], frozen.body["reason"]) == ("frozen", "court order")
    assert (unfrozen.body["status"], closed.body["status"]) == ("open", "closed")
    assert (labelled.body["labels"], period.body["closed_until"]) == ({"tier": "1"}, "2026-03-01T00:00:00.000000Z")
    account = office.account(mill)
    assert [account[name] for name in ("status", "labels", "closed_until", "version")] == [
        "closed",
        {"tier": "1"},
        "2026-03-01T00:00:00.000000Z",
        0,
    ]
    entry = office.api.get(f"/v1/entries/{frozen.body['entry_id']}").body
    assert (entry["kind"], entry["subject"]) == ("account.frozen", mill)


def test_a_repeated_change_has_the_same_answer_though_the_account_has_changed(office: Office) -> None:
    mill = office.opened()
    first = office.change(mill, "freeze", key="k")
    office.change(mill, "unfreeze")

    again = office.change(mill, "freeze", key="k")

    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (200, first.body, "true")
    assert office.account(mill)["status"] == "open"


@pytest.mark.parametrize(
    ("what", "body", "status", "code", "field"),
    [
        ("unfreeze", {}, 409, "already_open", None),
        ("freeze", {"reason": ""}, 400, "invalid_field", "reason"),
        ("close", {"force": True}, 400, "invalid_field", "force"),
        ("labels", {}, 400, "invalid_field", "labels"),
        ("labels", {"labels": {"K": "v"}}, 400, "invalid_label", "labels"),
        ("closed-period", {"closed_until": "2026-03-01"}, 400, "invalid_instant", "closed_until"),
        ("closed-period", {"closed_until": "9999-03-01T00:00:00Z"}, 400, "period_in_future", "closed_until"),
    ],
)
def test_bad_changes_are_refused(
    office: Office, what: str, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    reply = office.change(office.opened(), what, body)

    assert (reply.status, reply.code, reply.body.get("field")) == (status, code, field)


def test_another_tenants_account_cannot_be_frozen(office: Office) -> None:
    mill = office.opened()

    reply = Office(Api(app, token_for("ten_other"))).change(mill, "freeze")

    assert (reply.status, reply.code, office.account(mill)["status"]) == (404, "account_not_found", "open")


def test_a_list_shows_what_agrees_with_all_that_is_asked(office: Office) -> None:
    bank = office.opened(kind="asset", labels={"region": "north"})
    mill = office.opened(labels={"region": "north", "tier": "a:b"})
    euros = office.opened(currency="EUR")
    office.change(euros, "freeze")

    def shown(**filters: str) -> list[str]:
        return sorted(account_id for page in office.listed(**filters) for account_id in page)

    assert shown(kind="asset") == [bank]
    assert shown(currency="EUR") == [euros]
    assert shown(status="frozen") == [euros]
    assert shown(label="region:north") == sorted([bank, mill])
    assert shown(label="tier:a:b") == [mill]
    assert shown(label="region:north", kind="liability") == [mill]
    assert shown(purpose="general", status="open") == sorted([bank, mill])
    assert shown(purpose="party") == shown(owner="pty_1") == shown(label="region:n") == []


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("kind", "bank", "invalid_kind"),
        ("kind", "", "invalid_kind"),
        ("currency", "DEM", "unknown_currency"),
        ("status", "shut", "invalid_status"),
        ("purpose", "fun", "invalid_purpose"),
        ("owner", "a#b", "invalid_owner"),
        ("owner", "", "invalid_owner"),
        ("label", "region", "invalid_label"),
        ("label", "Region:x", "invalid_label"),
        ("label", ":x", "invalid_label"),
        ("color", "red", "unknown_parameter"),
    ],
)
def test_what_no_account_could_be_is_refused(office: Office, name: str, value: str, code: str) -> None:
    reply = office.api.get(f"/v1/accounts?{name}={quote(value)}")

    assert (reply.status, reply.code, reply.body["field"]) == (400, code, name)


def test_a_cursor_is_good_for_its_filters_and_its_tenant_only(office: Office) -> None:
    for _ in range(2):
        office.opened()
    cursor = office.api.get("/v1/accounts?limit=1&kind=liability").body["next_cursor"]
    stranger = Api(app, token_for("ten_other"))

    replies = [
        office.api.get(f"/v1/accounts?limit=1&kind=liability&cursor={cursor}"),
        office.api.get(f"/v1/accounts?limit=1&kind=asset&cursor={cursor}"),
        office.api.get(f"/v1/accounts?limit=1&cursor={cursor}"),
        stranger.get(f"/v1/accounts?limit=1&kind=liability&cursor={cursor}"),
    ]

    assert [(reply.status, reply.body.get("code")) for reply in replies] == [(200, None)] + [
        (400, "invalid_cursor")
    ] * 3


def test_every_wanted_account_is_shown_once_though_few_are_looked_at_for_a_page(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored, "PAGE", 3)
    monkeypatch.setattr(stored, "MOST_PAGES", 2)
    kinds = ["asset"] * 2 + ["liability"] * 7 + ["asset", "liability"] * 3 + ["asset"]
    ids = [(office.opened(kind=kind), kind) for kind in kinds]
    wanted = sorted(account_id for account_id, kind in ids if kind == "asset")

    pages = {limit: office.listed(limit, kind="asset") for limit in (1, 2, 3, 50)}

    for limit, shown in pages.items():
        assert [account_id for page in shown for account_id in page] == wanted
        assert max(len(page) for page in shown) <= limit


@given(
    st.builds(
        AccountFilter,
        kind=st.none() | st.sampled_from(Kind),
        currency=st.none() | st.sampled_from(["CNY", "EUR"]),
        status=st.none() | st.sampled_from(["open", "frozen"]),
        purpose=st.none() | st.sampled_from([Purpose.GENERAL, Purpose.PARTY]),
        owner=st.none() | st.just("pty_1"),
        label=st.none() | st.just(Label("tier", "1")),
    )
)
def test_a_filter_shows_an_account_unless_one_thing_asked_differs(asked: AccountFilter) -> None:
    account = Account("acc_1", "any", Kind.ASSET, "CNY", labels={"tier": "1"})

    differs = {
        asked.kind not in (None, Kind.ASSET),
        asked.currency not in (None, "CNY"),
        asked.status not in (None, "open"),
        asked.purpose not in (None, Purpose.GENERAL),
        asked.owner is not None,
    }
    assert asked.shows(account) == (True not in differs)
    assert not asked.passes_all or asked.shows(account)


def test_a_key_that_is_not_sound_is_not_repeated(office: Office) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_label("<b>", "v", field="labels")

    assert "key" not in refused.value.facts
