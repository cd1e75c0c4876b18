"""An account's past over HTTP: what is shown, on which side, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from app import app
from chalicelib.core.instants import instant_text
from chalicelib.ledger.domain import Account, Kind
from tests.ledger.past import Books, stage, told
from tests.support.api import Api, Reply, signing, token_for
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables

FIRST, SECOND = (instant_text(MONDAY + timedelta(seconds=seconds)) for seconds in (10, 20))
PATHS = ("history", "balance", "statement")


class Site(Books):
    """Books whose mill got 500, gave 200 and reserved 50, asked of over HTTP."""

    def __init__(self, tables: Tables) -> None:
        super().__init__(tables)
        self.api = Api(app, token_for(self.tenant, "ledger:read"))
        paid, given = self.post(500, seconds=10), self.post(-200, seconds=20, days=-1)
        told(paid, given, self.moved(0, lines=1, commit=self.journal(0, "hold").entry_id, held=50))

    def get(self, what: str, query: str = "", account_id: str | None = None) -> Reply:
        return self.api.get(f"/v1/accounts/{account_id or self.mill}/{what}" + (f"?{query}" if query else ""))


@pytest.fixture
def site(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("QUITTANCE_STAGE", "dev")
    with stage(session_tables), signing():
        yield Site(session_tables)


def test_a_line_is_shown_on_the_accounts_own_side_with_both_times(site: Site) -> None:
    body = site.get("history", "order=oldest").body
    first, second, third = site.lines()

    assert body["lines"][1] == {
        "version": 2,
        "entry_id": second.entry_id,
        "amount_minor": -200,
        "balance_minor": 300,
        "held_minor": 0,
        "at": SECOND,
        "occurred_at": instant_text(MONDAY - timedelta(days=1) + timedelta(seconds=20)),
        "reference": None,
        "digest": second.digest,
        "hash": second.hash,
        "refilled": False,
    }
    assert [(line["amount_minor"], line["held_minor"]) for line in body["lines"]] == [(500, 0), (-200, 0), (0, 50)]
    assert (body["complete"], body["next_cursor"]) == (True, None)
    assert [line["hash"] for line in body["lines"]] == [first.hash, second.hash, third.hash]


def test_history_is_told_the_newest_first_unless_asked_otherwise(site: Site) -> None:
    orders = {query: site.get("history", query) for query in ("", "order=newest", "order=oldest", "clock=occurred")}

    assert {query: [line["version"] for line in reply.body["lines"]] for query, reply in orders.items()} == {
        "": [3, 2, 1],
        "order=newest": [3, 2, 1],
        "order=oldest": [1, 2, 3],
        "clock=occurred": [1, 3, 2],
    }


def test_history_of_a_period_begins_with_its_first_instant_and_ends_before_its_last(site: Site) -> None:
    assert [line["version"] for line in site.get("history", f"from={FIRST}&to={SECOND}").body["lines"]] == [1]
    assert [line["version"] for line in site.get("history", f"from={SECOND}").body["lines"]] == [3, 2]


def test_a_balance_is_told_on_the_accounts_own_side(site: Site) -> None:
    assert site.get("balance", f"at={FIRST}").body == {
        "account_id": site.mill,
        "currency": "CNY",
        "clock": "recorded",
        "at": FIRST,
        "balance_minor": 500,
        "version": 1,
        "final": True,
    }
    assert site.get("balance", f"at={FIRST}&clock=occurred").body["balance_minor"] == 300
    told = site.get("balance", account_id=site.bank).body
    assert (told["balance_minor"], told["version"], told["final"]) == (0, 0, False)


def test_a_balance_without_an_instant_is_of_now(site: Site) -> None:
    body = site.get("balance").body

    assert (body["balance_minor"], body["final"]) == (300, False)
    assert datetime.fromisoformat(body["at"]) > datetime.now(UTC) - timedelta(minutes=1)


def test_an_instant_of_another_zone_is_the_same_instant(site: Site) -> None:
    there = (MONDAY + timedelta(seconds=10)).isoformat().replace("09:00:10+00:00", "17:00:10%2B08:00")

    assert site.get("balance", f"at={there}").body["at"] == FIRST


def test_a_statement_runs_from_its_opening_to_its_closing_balance(site: Site) -> None:
    body = site.get("statement", f"from={SECOND}").body

    assert {name: value for name, value in body.items() if name != "lines"} == {
        "account_id": site.mill,
        "currency": "CNY",
        "clock": "recorded",
        "from": SECOND,
        "to": None,
        "opening_minor": 500,
        "closing_minor": 300,
        "debits_minor": 200,
        "credits_minor": 0,
        "brought_forward_minor": 500,
        "complete": True,
        "next_cursor": None,
    }
    assert [(line["amount_minor"], line["balance_minor"]) for line in body["lines"]] == [(-200, 300), (0, 300)]


def test_a_statement_by_effect_has_the_balance_run_in_its_own_order(site: Site) -> None:
    body = site.get("statement", "clock=occurred").body

    lines = [(line["version"], line["amount_minor"], line["balance_minor"]) for line in body["lines"]]
    assert lines == [(2, -200, -200), (3, 0, -200), (1, 500, 300)]
    assert (body["opening_minor"], body["closing_minor"], body["complete"]) == (0, 300, True)
    assert (body["debits_minor"], body["credits_minor"]) == (200, 500)


@pytest.mark.parametrize("clock", ["recorded", "occurred"])
@pytest.mark.parametrize("what", ["history", "statement"])
def test_pages_of_one_hold_each_line_once(site: Site, what: str, clock: str) -> None:
    whole = site.get(what, f"clock={clock}").body["lines"]
    found, cursor = [], ""
    for _ in whole:
        page = site.get(what, f"clock={clock}&limit=1{cursor}").body
        found += page["lines"]
        assert page["complete"]
        cursor = f"&cursor={page['next_cursor']}"

    assert found == whole


def test_a_cursor_is_good_for_the_same_question_only(site: Site) -> None:
    cursor = site.get("history", "limit=1").body["next_cursor"]
    other = Site(site.tables)
    own = Account("acc_other", "other", Kind.ASSET, "CNY")

    refused = [
        site.get("history", f"order=oldest&cursor={cursor}"),
        site.get("history", f"clock=occurred&cursor={cursor}"),
        site.get("history", f"from={FIRST}&cursor={cursor}"),
        site.get("statement", f"cursor={cursor}"),
        site.get("history", f"cursor={cursor}", account_id=site.bank),
        site.get("history", f"cursor={cursor}", account_id=site.opened(own)),
        other.get("history", f"cursor={cursor}"),
    ]

    assert [(reply.status, reply.code) for reply in refused] == [(400, "invalid_cursor")] * len(refused)


AHEAD = "9999-01-01T00:00:00Z"


@pytest.mark.parametrize(
    ("what", "query", "code", "field"),
    [
        ("history", "order=up", "invalid_order", "order"),
        ("history", "clock=sun", "invalid_clock", "clock"),
        ("balance", "clock=", "invalid_clock", "clock"),
        ("statement", "clock=Recorded", "invalid_clock", "clock"),
        ("history", "from=yesterday", "invalid_instant", "from"),
        ("statement", "to=2026-03-02", "invalid_instant", "to"),
        ("balance", "at=2026-03-02T09:00:00", "invalid_instant", "at"),
        ("balance", f"at={AHEAD}", "instant_in_future", "at"),
        ("history", f"from={AHEAD}", "instant_in_future", "from"),
        ("statement", f"to={AHEAD}", "instant_in_future", "to"),
        ("history", f"from={SECOND}&to={FIRST}", "invalid_period", "from"),
        ("statement", f"from={SECOND}&to={FIRST}", "invalid_period", "from"),
        ("balance", "from=" + FIRST, "unknown_parameter", "from"),
        ("history", "limit=0", "invalid_limit", "limit"),
    ],
)
def test_bad_questions_are_refused_by_rule_and_field(site: Site, what: str, query: str, code: str, field: str) -> None:
    reply = site.get(what, query)

    assert (reply.status, reply.code, reply.body["field"]) == (400, code, field)


def test_rules_are_told_in_their_order(site: Site) -> None:
    broken = ["order=up", "clock=sun", "from=x", f"to={AHEAD}", "cursor=x"]
    codes = [site.get("history", "&".join(broken[i:]), account_id="acc_none").code for i in range(len(broken) + 1)]

    assert codes == [
        "invalid_order",
        "invalid_clock",
        "invalid_instant",
        "instant_in_future",
        "invalid_cursor",
        "account_not_found",
    ]


@pytest.mark.parametrize("what", PATHS)
def test_the_past_of_anothers_account_looks_like_that_of_none(site: Site, what: str) -> None:
    other = Site(site.tables)

    hidden, none = site.get(what, account_id=other.mill), site.get(what, account_id="acc_none")

    assert (hidden.status, hidden.code) == (none.status, none.code) == (404, "account_not_found")
    assert set(hidden.body) == set(none.body)


@pytest.mark.parametrize("what", PATHS)
def test_who_may_not_read_the_ledger_is_told_nothing(site: Site, what: str) -> None:
    api = Api(app, token_for(site.tenant, "ledger:write"))

    reply = api.get(f"/v1/accounts/{site.mill}/{what}")

    assert (reply.status, reply.body["scope"]) == (403, "ledger:read")
