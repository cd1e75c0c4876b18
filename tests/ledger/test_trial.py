"""The trial balance of books with deferred accounts: exact whatever is numbered and folded, and never a false alarm."""

from __future__ import annotations

from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import app
from chalicelib.core.errors import Busy
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.service import trial
from chalicelib.ledger.store import feed as rows
from chalicelib.ledger.store import folding
from tests.ledger.feeding import Books
from tests.support.api import Api, signing, token_for
from tests.support.dynamodb_local import Tables


@pytest.fixture(autouse=True)
def _stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    monkeypatch.setattr(trial, "pause", lambda attempt: None)


def charged(*amounts: int) -> tuple[Books, str, str]:
    """A tenant whose purse paid these fees to a deferred account: the books, the purse and the fees."""
    books = Books()
    purse, fees = books.open(), books.open(Kind.INCOME, deferred=True)
    for minor in amounts:
        books.pay(purse, fees, minor)
    return books, purse, fees


def test_what_is_numbered_and_not_folded_is_part_of_the_sum_and_told() -> None:
    books, _, _ = charged(5, 6)
    books.number()

    told = trial.trial_balance(books.tenant)

    assert (told.differences, told.unfolded) == ({"CNY": 0}, {"CNY": -11})


def test_after_the_fold_nothing_is_left_over() -> None:
    books, _, _ = charged(5)
    books.number()
    books.fold()

    told = trial.trial_balance(books.tenant)

    assert (told.differences, told.unfolded) == ({"CNY": 0}, {})


def test_while_an_entry_has_no_number_yet_no_difference_is_told() -> None:
    books, _, _ = charged(5)

    with pytest.raises(Busy) as refused:
        trial.trial_balance(books.tenant)

    assert refused.value.code == "try_again"


def test_an_entry_that_gets_its_number_meanwhile_is_waited_for() -> None:
    books, _, _ = charged(5)

    with patch.object(trial, "pause", lambda attempt: books.number()):
        told = trial.trial_balance(books.tenant)

    assert told.differences == {"CNY": 0}


def test_a_difference_of_numbered_books_is_told(session_tables: Tables) -> None:
    books, purse, _ = charged(5)
    books.number()
    key = {"pk": {"S": f"{books.tenant}#{purse}"}}
    session_tables.client.update_item(
        TableName=session_tables.name("accounts"),
        Key=key,
        UpdateExpression="SET balance = balance + :one",
        ExpressionAttributeValues={":one": {"N": "1"}},
    )

    assert trial.trial_balance(books.tenant).differences == {"CNY": 1}


def test_what_the_index_does_not_show_yet_is_waited_for() -> None:
    books, _, _ = charged(5)
    books.number()

    with patch.object(rows, "_listed", lambda *_, **__: {}), pytest.raises(Busy):
        trial.trial_balance(books.tenant)


def test_more_than_can_be_read_at_once_is_no_difference() -> None:
    books, _, _ = charged(5, 6, 7)
    books.number()

    with patch.object(folding, "MOST_ENTRIES", 1), patch.object(folding, "MOST_TAIL_PAGES", 2), pytest.raises(Busy):
        trial.trial_balance(books.tenant)


def test_entries_between_deferred_accounts_alone_come_to_nothing_wherever_they_are() -> None:
    books, _, fees = charged()
    clearing = books.open(deferred=True)
    books.pay(clearing, fees, 9)

    assert trial.trial_balance(books.tenant).differences.get("CNY", 0) == 0


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.sampled_from(["pay", "back", "number", "fold"]), max_size=12))
def test_the_sum_is_zero_whatever_is_folded(steps: list[str]) -> None:
    books, purse, fees = charged(1)
    for i, step in enumerate(steps, start=2):
        if step in {"pay", "back"}:
            books.pay(*((purse, fees) if step == "pay" else (fees, purse)), i)
        else:
            getattr(books, step)()
    books.number()

    assert trial.trial_balance(books.tenant).differences == {"CNY": 0}


def test_over_http_it_says_what_is_not_folded() -> None:
    books, _, _ = charged(5)
    books.number()
    with signing(), patch.dict("os.environ", {"QUITTANCE_STAGE": "dev"}):
        told = Api(app, token_for(books.tenant)).get("/v1/trial-balance").body

    assert (told["differences"], told["unfolded"]) == ({"CNY": 0}, {"CNY": -5})
