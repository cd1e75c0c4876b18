"""Holds that the sequencer never heard of: named by the proof, listed by the nightly one, and then returned as any."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.ledger.holds import CAPTURED, EXPIRED, PLACED, VOIDED, Terms, hold_id_of
from chalicelib.ledger.rebuild import Difference, OpenHolds
from chalicelib.ledger.service import feed, holds
from chalicelib.ledger.service.proving import Report, prove_tenant
from chalicelib.storage.journal import JournalItem
from tests.ledger.feeding import yuan
from tests.ledger.followed import Followed
from tests.ledger.proofs import item
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables

LATER = MONDAY + timedelta(hours=1)


@pytest.fixture
def books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Followed:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    books = Followed()
    books.paid(books.bank, books.party, 500)
    return books


def placed(books: Followed) -> str:
    """The id of a hold for a minute that has its number and stands in no list."""
    terms = Terms(books.party, books.bank, yuan(100), expires_at=MONDAY + timedelta(minutes=1))
    books.numbering = False
    entry = books.done(lambda: holds.place_hold(call(tenant=books.tenant), holds.PlaceHold(terms)).item)
    feed.number([entry])
    return hold_id_of(entry.entry_id)


def proved(books: Followed, *, mend: bool = False, minutes: int = 60) -> Report:
    return prove_tenant(books.tenant, MONDAY + timedelta(minutes=minutes), mend=mend)


def test_an_open_hold_in_no_list_is_named(books: Followed) -> None:
    hold_id = placed(books)

    assert proved(books).differences == (Difference("hold_unlisted", hold_id),)


def test_a_hold_that_may_still_be_listed_is_not_named(books: Followed) -> None:
    placed(books)

    assert proved(books, minutes=10).differences == ()


def test_the_nightly_proof_lists_a_lost_hold_and_the_sweep_returns_it(books: Followed) -> None:
    hold_id = placed(books)
    assert holds.expire_due(LATER).failures == ()
    assert books.account(books.party).held == 100

    report = proved(books, mend=True)
    holds.expire_due(LATER)

    assert (report.listed, report.differences) == (1, ())
    assert (books.account(books.party).held, holds.get_hold(books.tenant, hold_id).hold.is_open) == (0, False)


def test_a_lost_hold_that_is_closed_needs_no_list(books: Followed) -> None:
    hold_id = placed(books)
    void = books.done(lambda: holds.void_hold(call(tenant=books.tenant), hold_id).item)
    feed.number([void])

    assert proved(books, mend=True) == proved(books)
    assert proved(books).differences == ()


def step(hold_id: str, kind: str, status: str = "pending") -> JournalItem:
    return replace(item(1), kind=kind, subject=hold_id, data={"status": status})


STEPS = [
    step("hld_a", PLACED),
    step("hld_a", CAPTURED),
    step("hld_a", CAPTURED, "captured"),
    step("hld_b", PLACED),
    step("hld_b", VOIDED, "voided"),
    step("hld_c", PLACED),
    step("hld_c", CAPTURED),
    step("hld_d", PLACED),
    step("hld_d", EXPIRED, "expired"),
]


@given(st.permutations(STEPS))
def test_which_holds_are_open_does_not_depend_on_the_order_of_their_steps(steps: list[JournalItem]) -> None:
    found = OpenHolds()
    for one in steps:
        found.take(one)

    assert found.placed_before(MONDAY + timedelta(days=1)) == ["hld_c"]
    assert found.placed_before(MONDAY) == []
