"""The trial balance: totals at two cuts, and whether the accounts' own balances agree with the entries."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import app
from chalicelib.core.errors import InvalidInput
from chalicelib.ledger.service import trial
from chalicelib.ledger.service.trial import TrialBalance
from chalicelib.ledger.store import discrepancies
from chalicelib.ledger.store.discrepancies import Noted
from chalicelib.ledger.worker.project import project
from tests.ledger.followed import Followed
from tests.support.api import Api, signing, token_for
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.events import stream_event

Change = Callable[[str, str], None]


@pytest.fixture(autouse=True)
def _stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    monkeypatch.setattr(discrepancies, "pause", lambda attempt: None)


@pytest.fixture
def books() -> Followed:
    """Books with 840 in the bank, of which 7 are fees."""
    books = Followed()
    for minor in (500, 300, 40):
        books.paid(books.bank, books.party, minor)
    books.paid(books.party, books.fees, 7)
    return books


@pytest.fixture
def bend(session_tables: Tables, books: Followed) -> Change:
    """Somebody who writes into the accounts past the code, which their stream tells of."""

    def change(account_id: str, expression: str, **values: Any) -> None:
        key = {"pk": {"S": f"{books.tenant}#{account_id}"}}
        before = books.images()[account_id]
        session_tables.client.update_item(
            TableName=session_tables.name("accounts"),
            Key=key,
            UpdateExpression=expression,
            ExpressionAttributeValues={f":{name}": {"N": str(value)} for name, value in values.items()},
        )
        project(stream_event((before, books.images()[account_id])), None)

    return change


def read(books: Followed, **cuts: Any) -> TrialBalance:
    return trial.trial_balance(books.tenant, **cuts)


def rows(told: TrialBalance) -> list[tuple[str, str, int, int, int]]:
    return [(t.kind, t.currency, t.moved.debits, t.moved.credits, t.difference) for t in told.totals]


def test_it_totals_debits_and_credits_by_kind_and_currency(books: Followed) -> None:
    told = read(books)

    assert rows(told) == [
        ("asset", "CNY", 840, 0, 0),
        ("income", "CNY", 0, 7, 0),
        ("liability", "CNY", 7, 840, 0),
    ]
    assert (told.proved, told.differences, told.discrepancies) == (True, {"CNY": 0}, ())
    assert (told.upto, told.head) == (7, 7)


def test_books_without_entries_are_proved_at_number_zero() -> None:
    told = trial.trial_balance("ten_nobody")

    assert (told.upto, told.totals, told.differences, told.proved) == (0, (), {}, True)


def test_up_to_a_number_it_totals_the_entries_up_to_it(books: Followed) -> None:
    assert rows(read(books, upto=5)) == [("asset", "CNY", 800, 0, 0), ("liability", "CNY", 0, 800, 0)]


def test_up_to_an_effective_instant_it_totals_what_took_effect_by_then(books: Followed) -> None:
    second = MONDAY + timedelta(seconds=2)

    assert rows(read(books, effective_up_to=second)) == [("asset", "CNY", 800, 0, 0), ("liability", "CNY", 0, 800, 0)]
    assert rows(read(books, upto=4, effective_up_to=second))[0] == ("asset", "CNY", 500, 0, 0)


def test_a_number_that_the_feed_has_not_given_is_refused(books: Followed) -> None:
    with pytest.raises(InvalidInput) as refused:
        read(books, upto=8)

    assert (refused.value.code, refused.value.facts["head"]) == ("up_to_beyond_feed", 7)


def test_a_bent_balance_is_found_at_once_by_kind_and_currency_and_named(books: Followed, bend: Change) -> None:
    bend(books.party, "SET balance = balance - :more", more=5)

    told = read(books)

    assert not told.proved
    assert rows(told) == [
        ("asset", "CNY", 840, 0, 0),
        ("income", "CNY", 0, 7, 0),
        ("liability", "CNY", 7, 840, -5),
    ]
    assert told.differences == {"CNY": -5}
    assert [(one.account_id, one.difference) for one in told.discrepancies] == [(books.party, -5)]


def test_a_balance_bent_under_the_name_of_an_entry_is_found(books: Followed, bend: Change) -> None:
    bend(books.bank, "SET balance = balance + :more, version = version + :one", more=5, one=1)

    told = read(books)

    assert not told.proved
    assert [one.account_id for one in told.discrepancies] == [books.bank]


def test_balances_bent_so_that_they_still_sum_to_zero_are_found(books: Followed, bend: Change) -> None:
    bend(books.party, "SET balance = balance - :more", more=5)
    bend(books.bank, "SET balance = balance + :more", more=5)

    told = read(books)

    assert (told.differences, told.proved) == ({"CNY": 0}, False)
    assert [total.difference for total in told.totals] == [5, 0, -5]


def test_a_bent_hot_account_is_found(books: Followed, bend: Change) -> None:
    bend(books.fees, "SET balance = balance + :more", more=1)

    assert [one.account_id for one in read(books).discrepancies] == [books.fees]


def test_a_bent_account_stays_found_however_it_goes_on(books: Followed, bend: Change) -> None:
    bend(books.party, "SET balance = balance - :more", more=5)
    books.paid(books.bank, books.party, 100)

    told = read(books)

    assert [(one.account_id, one.difference) for one in told.discrepancies] == [(books.party, -5)]


def test_an_account_put_right_differs_no_more(books: Followed, bend: Change) -> None:
    bend(books.party, "SET balance = balance - :more", more=5)
    bend(books.party, "SET balance = balance + :more", more=5)

    told = read(books)

    assert (told.proved, told.differences, told.discrepancies) == (True, {"CNY": 0}, ())


def test_an_account_that_is_gone_is_found(books: Followed, session_tables: Tables) -> None:
    before = books.images()[books.party]
    key = {"pk": {"S": f"{books.tenant}#{books.party}"}}
    session_tables.client.delete_item(TableName=session_tables.name("accounts"), Key=key)
    project(stream_event((before, None)), None)

    assert [(one.account_id, one.difference) for one in read(books).discrepancies] == [(books.party, 833)]


def test_records_that_come_again_and_late_note_nothing(books: Followed) -> None:
    before = books.images()
    books.paid(books.bank, books.party, 9)
    after = books.images()
    record = before[books.party], after[books.party]

    project(stream_event(record, record), None)

    assert discrepancies.noted_accounts(books.tenant, most=10) == ()


def test_an_account_is_noted_once_and_noted_again_after_its_end(books: Followed) -> None:
    noted = Noted(books.party, "liability", "CNY")
    ended = Noted(books.party, "liability", "CNY", open=False)

    for one in (noted, noted, ended, ended, noted):
        discrepancies.note(books.tenant, one)

    assert discrepancies.noted_accounts(books.tenant, most=10) == (noted,)


def test_what_is_not_projected_yet_is_no_difference(books: Followed) -> None:
    books.projecting = False
    books.paid(books.bank, books.party, 9)

    told = read(books)

    assert (told.proved, told.differences) == (True, {"CNY": 0})
    assert told.totals[0].moved.debits == 849


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.sampled_from(["there", "back", "fee"]), st.integers(1, 9)), max_size=12))
def test_whatever_is_booked_is_proved(steps: list[tuple[str, int]]) -> None:
    books = Followed()
    books.paid(books.bank, books.party, 100)
    moves = {"there": (books.bank, books.party), "back": (books.party, books.bank), "fee": (books.party, books.fees)}
    for step, minor in steps:
        if books.account(books.party).own_balance >= minor:
            books.paid(*moves[step], minor)

    told = read(books)

    own = {books.account(a).kind.value: books.account(a).balance for a in books.known}
    assert {total.kind: total.moved.net for total in told.totals if total.moved.net} == {
        k: v for k, v in own.items() if v
    }
    assert told.proved


class TestOverHttp:
    """The route."""

    @pytest.fixture(autouse=True)
    def _signed(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setenv("QUITTANCE_STAGE", "dev")
        with signing():
            yield

    def ask(self, books: Followed, query: str = "") -> Any:
        return Api(app, token_for(books.tenant)).get(f"/v1/trial-balance{query}")

    def test_it_shows_each_total_on_its_normal_side(self, books: Followed) -> None:
        body = self.ask(books, "?up_to=7").body

        assert (body["up_to"], body["head"], body["effective_up_to"], body["proved"]) == (7, 7, None, True)
        assert (body["differences"], body["discrepancies"], body["proof"]) == ({"CNY": 0}, [], None)
        assert [(t["kind"], t["balance_minor"], t["difference_minor"]) for t in body["totals"]] == [
            ("asset", 840, 0),
            ("income", 7, 0),
            ("liability", 833, 0),
        ]

    def test_a_date_is_its_whole_day_in_utc(self, books: Followed) -> None:
        assert self.ask(books, "?effective_up_to=2026-03-02").body["totals"][0]["debits_minor"] == 840
        assert self.ask(books, "?effective_up_to=2026-03-02").body["effective_up_to"] == "2026-03-02T23:59:59.999999Z"
        assert self.ask(books, "?effective_up_to=9999-12-31").body["totals"] == self.ask(books, "").body["totals"]
        assert self.ask(books, "?effective_up_to=2026-03-01").body["totals"] == []

    def test_an_instant_has_an_offset(self, books: Followed) -> None:
        assert self.ask(books, "?effective_up_to=2026-03-02T23:59:59%2B08:00").body["totals"][0]["debits_minor"] == 840

    @pytest.mark.parametrize(
        ("query", "code"),
        [
            ("?up_to=x", "invalid_up_to"),
            ("?up_to=-1", "invalid_up_to"),
            ("?up_to=99", "up_to_beyond_feed"),
            ("?up_to=999999999999999999", "up_to_beyond_feed"),
            ("?effective_up_to=yesterday", "invalid_instant"),
            ("?effective_up_to=2026-02-30", "invalid_date"),
            ("?effective_up_to=2026-03-02T10:00:00", "invalid_instant"),
        ],
    )
    def test_what_is_no_cut_is_refused(self, books: Followed, query: str, code: str) -> None:
        reply = self.ask(books, query)

        assert (reply.status, reply.body["code"]) == (400, code)

    def test_it_is_read_while_numbers_are_behind(self, books: Followed) -> None:
        with patch.object(books, "number"):
            books.numbering = False
            books.paid(books.bank, books.party, 1)

        body = self.ask(books).body

        assert (body["up_to"], body["proved"]) == (7, True)
