"""Everything of a request but its body: keys, types, paths, queries, cursors. Each route refuses; none writes."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e.document import Operation, operations
from tests.e2e.market import Market
from tests.e2e.problems import assert_problem, sent
from tests.e2e.snapshot import difference, snapshot
from tests.e2e.web import PROBLEM, Reply, at_once
from tests.support.local_stack import LocalStack

ALL = operations()
WRITING = [operation for operation in ALL if operation.writes]
PAGED = [operation for operation in ALL if operation.is_paged]
CLIENT_ERRORS = range(400, 500)

ABSURD_IDS = [
    "%00",
    "%20",
    "a%20b",
    "%0d%0aSet-Cookie:x",
    "-starts-with-a-dash",
    ".hidden",
    "a%23b",
    "a%3Fb",
    "a%25b",
    "%ff",
    "%C3%A9",
    "%F0%9F%92%B0",
    "a'or'1'='1",
    "a;b",
    "a|b",
    "$ne",
    "{id}",
    "%7Bid%7D",
    "x" * 65,
    "x" * 5000,
]
"""Ids that no id can look like."""

LOST_IDS = ["..", "%2e%2e", "..%2F..%2Fetc%2Fpasswd", "a%2Fb", "", "a/b"]
"""Ids that make another path: the gateway's business, or another route's."""

BAD_KEYS = ["", " ", "x" * 129, "é".encode().decode("latin-1"), "a\tb", "\x7f"]

LIMITS = ["0", "-1", "101", "x", "", "1.5", "1e1", "0x10", "%2B5", "%205", "5%20", "1_0", "%D9%A1", "9" * 30, "null"]


@pytest.fixture(scope="module", autouse=True)
def nothing_is_written(local_stack: LocalStack, alpha: Market) -> Iterator[None]:
    """What holds for this module as a whole."""
    before = snapshot(local_stack)
    yield
    assert difference(before, snapshot(local_stack)) == {}


@pytest.fixture(scope="module")
def cursors(alpha: Market) -> dict[str, str]:
    """A cursor of each of the market's lists, by the route's name."""
    return {operation.name: own_cursor(alpha, operation) for operation in PAGED}


def ask(market: Market, operation: Operation, query: str) -> Reply:
    """The operation on a market's own things with a query, already encoded."""
    return market.web.send(operation.method, f"{operation.at(market.ids)}?{query}")


def own_cursor(market: Market, operation: Operation) -> str:
    """A cursor of a market's own list, from a page of one."""
    cursor = ask(market, operation, "limit=1").json["next_cursor"]
    assert cursor, f"{operation.name}: the market holds two of everything"
    return str(cursor)


@pytest.mark.parametrize("operation", WRITING, ids=lambda operation: operation.name)
def test_a_command_without_a_key_is_refused(operation: Operation, alpha: Market) -> None:
    reply = sent(alpha.web, operation, alpha, Idempotency_Key="")

    assert_problem(reply, 400, "idempotency_key_missing")


@pytest.mark.parametrize("operation", WRITING, ids=lambda operation: operation.name)
def test_a_key_that_is_none_is_refused(operation: Operation, alpha: Market) -> None:
    replies = at_once(lambda key: sent(alpha.web, operation, alpha, Idempotency_Key=key), BAD_KEYS)

    for key, reply in zip(BAD_KEYS, replies, strict=True):
        assert_problem(reply, 400, "", key)
        assert reply.json["field"] == "Idempotency-Key", key


@pytest.mark.parametrize(
    "operation", [operation for operation in ALL if operation.method == "POST"], ids=lambda operation: operation.name
)
def test_a_body_of_another_type_is_refused(operation: Operation, alpha: Market) -> None:
    kinds = ["text/html", "application/pdf", "multipart/form-data; boundary=x", "text/csv", "nonsense", "json", "*/*"]
    kinds += [kind for kind in ("application/json", "application/xml") if kind not in operation.kinds]

    replies = at_once(lambda kind: sent(alpha.web, operation, alpha, Content_Type=kind), kinds)

    for kind, reply in zip(kinds, replies, strict=True):
        assert_problem(reply, 400, "unsupported_media_type", kind)


@pytest.mark.parametrize("operation", [one for one in ALL if one.ids], ids=lambda operation: operation.name)
def test_an_absurd_id_is_refused_and_looked_up_nowhere(operation: Operation, alpha: Market) -> None:
    places = [(name, absurd) for name in operation.ids for absurd in ABSURD_IDS]
    others = [Market(**{**vars(alpha), "ids": alpha.ids | {name: absurd}}) for name, absurd in places]

    replies = at_once(lambda market: sent(market.web, operation, market), others)

    for (name, absurd), reply in zip(places, replies, strict=True):
        assert_problem(reply, 400, "invalid_id", absurd[:80])
        assert reply.json["field"] == name


@pytest.mark.parametrize("operation", [one for one in ALL if one.ids], ids=lambda operation: operation.name)
def test_an_id_that_makes_another_path_leads_nowhere(operation: Operation, alpha: Market) -> None:
    others = [Market(**{**vars(alpha), "ids": alpha.ids | {operation.ids[-1]: lost}}) for lost in LOST_IDS]

    replies = at_once(lambda market: sent(market.web, operation, market), others)

    for lost, reply in zip(LOST_IDS, replies, strict=True):
        assert reply.status in CLIENT_ERRORS or (operation.method == "GET" and lost == ""), (lost, reply)


@pytest.mark.parametrize("path", sorted({operation.path for operation in ALL}))
def test_a_method_that_a_path_does_not_have_does_nothing(path: str, alpha: Market) -> None:
    has = {operation.method for operation in ALL if operation.path == path}
    methods = [method for method in ("GET", "POST", "PUT", "PATCH", "DELETE") if method not in has]
    real = path.format(**alpha.ids)

    replies = at_once(lambda method: alpha.web.send(method, real, b"{}"), methods)

    assert {reply.status for reply in replies} <= set(CLIENT_ERRORS), replies


@pytest.mark.parametrize("operation", [one for one in ALL if one.method == "GET"], ids=lambda operation: operation.name)
def test_a_parameter_nobody_knows_is_named(operation: Operation, alpha: Market) -> None:
    for name in ("unheard_of", "Limit", "limit%00", "tenant"):
        reply = ask(alpha, operation, f"{name}=1")

        assert_problem(reply, 400, "unknown_parameter", name)
        assert quote(reply.json["field"]) == name


@pytest.mark.parametrize("operation", [one for one in ALL if one.query], ids=lambda operation: operation.name)
def test_a_parameter_given_twice_is_refused(operation: Operation, alpha: Market) -> None:
    name = operation.query[0]

    assert_problem(ask(alpha, operation, f"{name}=1&{name}=1"), 400, "duplicate_parameter")


@pytest.mark.parametrize("operation", PAGED, ids=lambda operation: operation.name)
def test_a_limit_that_is_none_is_refused(operation: Operation, alpha: Market) -> None:
    replies = at_once(lambda limit: ask(alpha, operation, f"limit={limit}"), LIMITS)

    for limit, reply in zip(LIMITS, replies, strict=True):
        assert_problem(reply, 400, "", limit)
        assert reply.json["field"] == "limit", limit


@pytest.mark.parametrize("operation", PAGED, ids=lambda operation: operation.name)
def test_a_made_up_cursor_is_refused(operation: Operation, alpha: Market) -> None:
    genuine = own_cursor(alpha, operation)
    content = json.loads(base64.urlsafe_b64decode(genuine + "=="))
    tagless = {name: value for name, value in content.items() if name != "l"}
    others = [
        {**content, "l": "0" * 12},
        tagless,
        {**content, "k": {}},
        {**content, "k": {"pk": {"S": "x"}}},
        {**content, "k": {name: {"N": "1"} for name in content["k"]}},
        {**content, "k": {name: {"S": ""} for name in content["k"]}},
        {**content, "k": {name: {"M": {}} for name in content["k"]}},
        {**content, "k": {name: {"S": "\x00\ud800"} for name in content["k"]}},
        {**content, "k": {**content["k"], "more": {"S": "x"}}},
        [content],
    ]
    cursors = ["", "x", "%00", "e30", "bnVsbA", "W10", "%ff%fe", genuine + "A", genuine[:-3], "A" * 5000]
    cursors += [_encoded(other) for other in others]

    replies = at_once(lambda cursor: ask(alpha, operation, f"cursor={cursor}"), cursors)

    for cursor, reply in zip(cursors, replies, strict=True):
        assert_problem(reply, 400, "invalid_cursor", cursor[:200])


@pytest.mark.parametrize("operation", PAGED, ids=lambda operation: operation.name)
def test_the_cursor_of_another_list_is_refused(operation: Operation, alpha: Market, cursors: dict[str, str]) -> None:
    others = [cursor for other, cursor in cursors.items() if other != operation.name]

    replies = at_once(lambda cursor: ask(alpha, operation, f"cursor={cursor}"), others)

    for cursor, reply in zip(others, replies, strict=True):
        assert_problem(reply, 400, "invalid_cursor", cursor)


@pytest.mark.parametrize("operation", PAGED, ids=lambda operation: operation.name)
def test_pages_of_one_hold_each_thing_once(operation: Operation, alpha: Market) -> None:
    whole = next(one for one in ask(alpha, operation, "limit=100").json.values() if isinstance(one, list))
    found: list[Any] = []
    cursor: str | None = ""
    while cursor is not None:
        page = ask(alpha, operation, "limit=1" + (f"&cursor={cursor}" if cursor else "")).json
        found += next(one for one in page.values() if isinstance(one, list))
        cursor = page["next_cursor"]

    assert found == whole


@pytest.mark.parametrize(
    "query",
    ["status=", "status=OPEN", "status=all", "status=open%00", "status=open&status=resolved"],
)
def test_a_status_of_breaks_that_is_none_is_refused(query: str, alpha: Market) -> None:
    assert_problem(alpha.web.get(f"/v1/breaks?{query}"), 400)


@pytest.mark.parametrize("iban", ["", "x", "%00", "NL00EETO0000000001", "x" * 5000, "%ff"])
def test_the_reconciliation_of_no_account_of_ours_is_refused(iban: str, alpha: Market) -> None:
    assert_problem(alpha.web.get(f"/v1/reconciliation?iban={iban}"), range(400, 405))


def test_a_path_nobody_knows_is_a_client_error(alpha: Market) -> None:
    for path in ("/", "/v1", "/v2/trades", "/v1/unheard-of", "/v1/trades/x/y/z"):
        assert alpha.web.get(path).status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND), path


def test_problems_are_not_cached(alpha: Market) -> None:
    reply = alpha.web.get("/v1/accounts/acc_none")

    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-type"] == PROBLEM


def _encoded(content: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")
