"""Templates: the house's are understood to the word; a tenant's own are checked, numbered, kept for ever, its alone."""

from __future__ import annotations

import json
import tomllib
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest

from app import app
from chalicelib.core.call import Call
from chalicelib.core.errors import Busy, InvalidInput, KeyReused, NotFound
from chalicelib.ledger.store.entries import load_entry
from chalicelib.storage.reads import fetch
from chalicelib.trades import store
from chalicelib.trades.domain.template import Template
from chalicelib.trades.service import templates
from chalicelib.trades.templates import FOLDER, all_templates, find_template, house_template, read_template
from tests.support.api import Api, Reply, signing, token_for
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching
from tests.trades.sketches import AGREED

STEEL = "steel"
THREADS = 16


def names_in(value: object, path: str = "") -> set[str]:
    """Every named value of a document, as `quantity.unit`."""
    if isinstance(value, dict):
        return {name for key, inner in value.items() for name in {f"{path}.{key}"} | names_in(inner, f"{path}.{key}")}
    return {name for inner in value for name in names_in(inner, path)} if isinstance(value, list | tuple) else set()


# The house's own


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_word_of_a_template_is_understood(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    template = read_template(text)

    assert names_in(tomllib.loads(text)) <= names_in(msgspec.to_builtins(template))
    assert template.id == path.stem


def test_templates_are_listed_by_id_and_found_by_it() -> None:
    assert list(all_templates()) == sorted(path.stem for path in FOLDER.glob("*.toml"))
    assert all_templates()[STEEL] is find_template(STEEL)


@pytest.mark.parametrize("template_id", ["../templates/steel", "steel.toml", "", "Steel", "brass"])
def test_an_unknown_template_is_not_found(template_id: str) -> None:
    with pytest.raises(NotFound) as refusal:
        find_template(template_id)

    assert (refusal.value.code, refusal.value.facts) == ("template_not_found", {"template_id": template_id})
    assert house_template(template_id) is None


# A tenant's own


@pytest.fixture
def tenant(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> str:
    """A tenant of its own on the session's tables."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    return f"ten_{uuid.uuid4().hex}"


def published(tenant: str, draft: Template = AGREED, command: Call | None = None) -> Any:
    """The facts of a template just published."""
    return templates.publish(command or call(tenant=tenant), draft).item.data


def versions(tenant: str, most: int) -> list[int]:
    """The versions up to `most` that can be read."""
    found = []
    for version in range(1, most + 1):
        try:
            found.append(templates.get_template(tenant, AGREED.id, version).version)
        except NotFound:
            continue
    return found


def test_a_template_is_published_under_the_next_version_whatever_it_says(tenant: str) -> None:
    first = published(tenant, replace(AGREED, version=7))
    second = published(tenant, replace(AGREED, title="Changed"))

    assert [first, second] == [{"template_id": "sketch", "version": 1}, {"template_id": "sketch", "version": 2}]
    assert templates.get_template(tenant, "sketch").title == "Changed"
    assert templates.get_template(tenant, "sketch", 1) == replace(AGREED, version=1)
    assert templates.get_template(tenant, "sketch", 2) == templates.get_template(tenant, "sketch")


def test_a_template_of_another_tenant_is_not_there(tenant: str) -> None:
    published(tenant)

    with pytest.raises(NotFound):
        templates.get_template(f"{tenant}x", "sketch")
    assert templates.list_own(f"{tenant}x", after=None, limit=5).values == ()


@pytest.mark.parametrize(
    ("template_id", "version"), [("sketch", 2), ("steel", 99), ("brass", None), ("../steel", None)]
)
def test_a_version_that_was_never_published_is_not_found(tenant: str, template_id: str, version: int | None) -> None:
    published(tenant)

    with pytest.raises(NotFound) as refusal:
        templates.get_template(tenant, template_id, version)

    assert refusal.value.code == "template_not_found"
    assert refusal.value.facts["template_id"] == template_id


@pytest.mark.parametrize(
    ("code", "draft"),
    [
        ("template_id_invalid", replace(AGREED, id="Not an id", title="")),
        ("template_id_reserved", replace(AGREED, id="steel", title="")),
        ("template_title_missing", replace(AGREED, title="")),
        ("split_empty", replace(AGREED, split=())),
    ],
)
def test_what_cannot_be_published_is_refused_and_leaves_its_key_free(tenant: str, code: str, draft: Template) -> None:
    with pytest.raises(InvalidInput) as refusal:
        published(tenant, draft, call("k", tenant=tenant))

    assert refusal.value.code == code
    assert published(tenant, AGREED, call("k", tenant=tenant)) == {"template_id": "sketch", "version": 1}


def test_a_repeated_call_publishes_once_and_another_template_under_its_key_is_refused(tenant: str) -> None:
    first = templates.publish(call("k", tenant=tenant, body=1), AGREED)

    again = templates.publish(call("k", tenant=tenant, body=1, days=2), AGREED)

    assert (again.item, again.replayed) == (first.item, True)
    with pytest.raises(KeyReused):
        templates.publish(call("k", tenant=tenant, body=2), AGREED)
    assert versions(tenant, 3) == [1]


def test_publishing_is_one_read_and_one_commit(tenant: str) -> None:
    with watching() as calls:
        published(tenant)

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_many_at_once_get_versions_of_their_own_without_a_gap(tenant: str) -> None:
    def publish(number: int) -> int | None:
        try:
            return int(published(tenant, replace(AGREED, title=f"Draft {number}"))["version"])
        except Busy:
            return None

    with ThreadPoolExecutor(THREADS) as pool:
        given = [version for version in pool.map(publish, range(THREADS)) if version is not None]

    assert given
    assert sorted(given) == list(range(1, len(given) + 1)) == versions(tenant, THREADS)
    assert templates.get_template(tenant, "sketch").version == len(given)


def test_a_process_killed_at_any_call_has_published_once_after_a_retry(tenant: str) -> None:
    for i, point in enumerate(crash_points(), 1):
        command = call(tenant=tenant)
        with point:
            published(tenant, AGREED, command)

        facts = published(tenant, AGREED, command)

        assert facts["version"] == i == templates.get_template(tenant, "sketch").version, point
        entry = load_entry(tenant, command.entry_id)
        assert entry is not None, point
        assert (entry.kind, entry.subject) == ("trade_template.published", "sketch"), point


def test_a_lost_answer_is_absorbed(tenant: str) -> None:
    for i, point in enumerate(lost_points(), 1):
        with point:
            facts = published(tenant)

        assert facts["version"] == i, point
    assert versions(tenant, i + 1) == list(range(1, i + 1))


def test_an_opening_finds_the_tenants_template_or_the_houses_in_its_own_batch(tenant: str) -> None:
    published(tenant)
    published(tenant, replace(AGREED, title="Changed"))

    def taken(template_id: str, version: int | None = None) -> Template:
        found = fetch([store.template_key(tenant, template_id, version)])
        return store.take_template(found, tenant, template_id, version)

    assert taken("sketch").title == "Changed"
    assert taken("sketch", 1).title == AGREED.title
    assert taken("steel") == taken("steel", find_template("steel").version) == find_template("steel")


# Over HTTP


@dataclass
class Desk:
    """A tenant behind the API."""

    tenant: str
    api: Api

    def send(self, body: object, key: str = "k") -> Reply:
        """A template to be published."""
        return self.api.post("/v1/trade-templates", body, key=key)


@pytest.fixture
def desk(tenant: str) -> Iterator[Desk]:
    with signing():
        yield Desk(tenant, Api(app, token_for(tenant)))


def body(**changes: Any) -> dict[str, Any]:
    """The sketch as JSON, without a version."""
    told = json.loads(msgspec.json.encode(AGREED))
    return {name: value for name, value in told.items() if name != "version"} | changes


def test_a_template_is_published_and_read_as_it_was_sent(desk: Desk) -> None:
    first, again = desk.send(body()), desk.send(body())
    read = desk.api.get("/v1/trade-templates/sketch")

    assert (first.status, first.body["template_id"], first.body["version"]) == (201, "sketch", 1)
    assert (again.status, again.body, again.headers["idempotent-replayed"]) == (201, first.body, "true")
    assert read.body == {"template": body() | {"version": 1}, "house": False}


def test_the_calendars_that_a_template_may_name_are_listed_with_how_far_they_are_known(desk: Desk) -> None:
    listed = {one["calendar"]: one for one in desk.api.get("/v1/calendars").body["calendars"]}

    assert sorted(listed) == ["CN", "CN_EXCHANGE", "LONDON", "NEW_YORK", "TARGET", "weekdays"]
    china = listed["CN"]
    days_left = (date(2026, 12, 31) - datetime.now(ZoneInfo("Asia/Shanghai")).date()).days
    assert (china["known_from"], china["known_through"], china["version"]) == ("2023-01-01", "2026-12-31", 2)
    assert (china["zone"], china["currencies"]) == ("Asia/Shanghai", ["CNY"])
    assert abs(china["days_left"] - days_left) <= 1
    assert china["source"].startswith("State Council")


def test_a_template_names_the_days_of_its_price_and_of_its_retention(desk: Desk) -> None:
    price = {"mode": "month_average", "quotation_calendar": "LONDON+NEW_YORK", "unpublished": "previous"}
    milestone = {"name": "end", "needs": ["index_fixings"], "ends_in": "final_settlement"}
    retention = {"bps": 500, "days": 30, "convention": "modified_following"}
    given = body(price=price, milestones=[milestone], retention=retention, calendar="CN+LONDON")

    reply = desk.send(given)
    template = desk.api.get("/v1/trade-templates/sketch").body["template"]
    unknown = desk.send(given | {"price": price | {"quotation_calendar": "LME"}}, key="other")
    wrong = desk.send(given | {"retention": retention | {"convention": "nearest"}}, key="third")

    assert reply.status == 201
    assert (template["calendar"], template["retention"]["convention"]) == ("CN+LONDON", "modified_following")
    assert {name: template["price"][name] for name in price} == price
    assert (unknown.status, unknown.code, unknown.body["field"]) == (
        400,
        "unknown_calendar",
        "price.quotation_calendar",
    )
    assert (wrong.status, wrong.code) == (400, "invalid_field")


def test_a_template_may_leave_out_what_has_a_usual_value(desk: Desk) -> None:
    needed = {"id", "title", "currencies", "quantity", "price", "roles", "milestones", "split"}
    short = {name: value for name, value in body().items() if name in needed}

    reply = desk.send(short | {"quantity": {"unit": "t"}, "price": {}})

    assert reply.status == 201
    assert desk.api.get("/v1/trade-templates/sketch").body["template"] == body() | {"version": 1}


def test_a_template_of_the_house_can_be_sent_under_another_id(desk: Desk) -> None:
    for name, template in all_templates().items():
        told = json.loads(msgspec.json.encode(replace(template, id=f"my-{name}")))
        del told["version"]

        assert desk.send(told, name).status == 201, name


def test_versions_are_read_by_number(desk: Desk) -> None:
    desk.send(body(), "a")
    desk.send(body(title="Changed"), "b")
    url = "/v1/trade-templates/sketch"

    titles = [desk.api.get(f"{url}?version={version}").body["template"]["title"] for version in (1, 2)]
    wrong = [desk.api.get(f"{url}?version={version}") for version in ("3", "0", "-1", "x", "1e3", "9" * 12)]

    assert titles == [AGREED.title, "Changed"]
    assert [reply.code for reply in wrong] == ["template_not_found", *["invalid_version"] * 5]
    assert [reply.status for reply in wrong] == [404, *[400] * 5]


def test_the_house_is_listed_first_and_then_ones_own_in_pages(desk: Desk) -> None:
    for i, name in enumerate(("b-own", "a-own", "c-own")):
        desk.send(body(id=name), f"{i}")

    first = desk.api.get("/v1/trade-templates?limit=2").body
    second = desk.api.get(f"/v1/trade-templates?limit=2&cursor={first['next_cursor']}").body
    house = [one["id"] for one in first["templates"] if one["house"]]

    assert house == list(all_templates())
    assert [one["id"] for one in first["templates"] if not one["house"]] == ["a-own", "b-own"]
    assert [one["id"] for one in second["templates"]] == ["c-own"]
    assert second["templates"][0] == {
        "id": "c-own",
        "version": 1,
        "title": AGREED.title,
        "currencies": ["CNY"],
        "house": False,
    }


BAD: list[tuple[str, str | None, dict[str, Any]]] = [
    ("invalid_field", "version", {"version": 1}),
    ("invalid_field", "colour", {"colour": "red"}),
    ("invalid_field", "quantity.tolerence", {"quantity": {"unit": "t", "tolerence": 3}}),
    ("invalid_field", "roles[0].part", {"roles": [{"name": "buyer", "title": "Buyer", "part": "payer"}]}),
    ("invalid_field", "roles[1].paid", {"roles": [body()["roles"][0], body()["roles"][1] | {"paid": 1}]}),
    ("invalid_field", "split[0].role", {"split": [{"kind": "fixed"}]}),
    ("invalid_field", "split[0].shares[0].kind", {"split": [body()["split"][0] | {"shares": [{"role": "x"}]}]}),
    ("invalid_field", "milestones[0].needs[0]", {"milestones": [body()["milestones"][0] | {"needs": ["letter"]}]}),
    ("float_not_allowed", "split[0].bps", {"split": [{"role": "mill", "kind": "bps", "bps": 0.3}]}),
    ("invalid_field", "deposit.bps", {"deposit": {"kind": "refundable"}}),
    ("fee_invalid", None, {"fees": [{"role": "platform", "bps": 10_001}]}),
    ("template_id_invalid", "id", {"id": "My template"}),
    ("template_id_reserved", "id", {"id": "steel"}),
    ("unknown_calendar", "calendar", {"calendar": "Mars"}),
    ("split_two_remainders", "split", {"split": [{"role": role, "kind": "remainder"} for role in ("mill", "carrier")]}),
    (
        "template_milestone_unreachable",
        "milestones",
        {"milestones": [body()["milestones"][0] | {"after": ["delivery"]}]},
    ),
    ("template_split_role_unknown", "split", {"split": [{"role": "smelter", "kind": "remainder"}]}),
]


@pytest.mark.parametrize(("code", "field", "changes"), BAD, ids=[f"{i}-{code}" for i, (code, _, _) in enumerate(BAD)])
def test_a_body_that_is_no_template_is_refused_by_field(
    desk: Desk, code: str, field: str | None, changes: dict[str, Any]
) -> None:
    reply = desk.send(body() | changes)

    assert (reply.status, reply.code, reply.body.get("field")) == (400, code, field)
    assert desk.api.get("/v1/trade-templates/sketch").status == 404


def test_a_template_that_lacks_a_part_is_refused(desk: Desk) -> None:
    for name in ("id", "title", "currencies", "quantity", "price", "roles", "milestones", "split"):
        reply = desk.send({key: value for key, value in body().items() if key != name})

        assert (reply.status, reply.code, reply.body["field"]) == (400, "invalid_field", name)


def test_publishing_needs_the_scope_of_writing(desk: Desk) -> None:
    reader = Api(app, token_for(desk.tenant, "trades:read"))

    reply = reader.post("/v1/trade-templates", body(), key="k")

    assert (reply.status, reply.code) == (403, "scope_missing")


def test_a_template_is_published_with_who_and_when(tenant: str) -> None:
    published(tenant)

    [one] = templates.list_own(tenant, after=None, limit=5).values

    assert (one.published_by, one.published_at, one.template.version) == ("cli_test", MONDAY, 1)
