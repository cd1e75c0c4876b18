"""Which entry explains a line, and why none does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.recon.domain import Resolution, StatementLine
from chalicelib.recon.matching import Booking, Known, ledger_break, rematch, resolve
from tests.recon.build import BANK
from tests.recon.values import NOW, booking, line, outcome

LATER = NOW + timedelta(days=2)


def test_a_line_is_matched_by_reference_and_amount_and_says_so() -> None:
    match = outcome(line(100), booking(100)).match

    assert match is not None
    assert (match.entry_id, match.rule) == ("ent_1", "bank_reference_and_amount")
    assert match.why == {"bank_reference": "R1", "amount_minor": 100}


REASONS = [
    ("duplicate_line", line(), booking(99), "stl_first", {"bank_reference": "R1", "first_line_id": "stl_first"}),
    ("duplicate_line", line(), None, "stl_first", {"bank_reference": "R1", "first_line_id": "stl_first"}),
    ("no_bank_reference", line(bank_reference=""), None, None, {}),
    ("amount_differs", line(), booking(99), None, {"entry_id": "ent_1", "line_minor": 100, "entry_minor": 99}),
    ("amount_differs", line(), booking(-100), None, {"entry_id": "ent_1", "line_minor": 100, "entry_minor": -100}),
    ("no_entry", line(), None, None, {"bank_reference": "R1"}),
]


@pytest.mark.parametrize(("reason", "of", "booked", "stated_by", "facts"), REASONS)
def test_a_break_says_why_in_the_order_of_the_rules(
    reason: str, of: StatementLine, booked: Booking | None, stated_by: str | None, facts: dict[str, object]
) -> None:
    found = outcome(of, booked, stated_by).found_break

    assert found is not None
    assert (found.reason, found.facts, found.status, found.opened_at) == (reason, facts, "open", NOW)
    assert (found.side, found.source_id, found.amount_minor) == ("line", of.line_id, of.amount_minor)


def test_a_line_of_nothing_needs_no_entry() -> None:
    match = outcome(line(0)).match

    assert match is not None
    assert (match.entry_id, match.rule) == ("", "moves_nothing")


def test_an_open_break_is_matched_once_its_entry_is_there() -> None:
    after = rematch(outcome(line()), Known(booking()), by="cli", now=LATER)

    assert after.match is not None and after.found_break is not None
    assert after.match.entry_id == "ent_1"
    assert after.found_break.resolution == Resolution("matched", "ent_1", "", "", "cli", LATER)
    assert (after.found_break.reason, after.found_break.opened_at) == ("no_entry", NOW)


def test_a_break_that_stays_keeps_its_age_and_says_todays_reason() -> None:
    after = rematch(outcome(line()), Known(booking(99)), by="cli", now=LATER)

    assert after.match is None and after.found_break is not None
    assert (after.found_break.reason, after.found_break.opened_at) == ("amount_differs", NOW)
    assert rematch(outcome(line()), Known(None), by="cli", now=LATER) == outcome(line())


def test_a_resolution_matches_the_line_to_the_entry_it_booked() -> None:
    resolution = Resolution("booked", "ent_9", "acc_fees", "bank charge", "cli", LATER)

    after = resolve(outcome(line()), resolution)

    assert after.match is not None and after.found_break is not None
    assert (after.match.rule, after.match.entry_id) == ("resolution", "ent_9")
    assert after.match.why == {"account_id": "acc_fees", "comment": "bank charge"}
    assert (after.found_break.status, after.found_break.resolution) == ("resolved", resolution)


def test_what_is_matched_stays_as_it_is() -> None:
    matched = outcome(line(), booking())
    resolution = Resolution("booked", "ent_9", "acc_fees", "", "cli", LATER)

    assert rematch(matched, Known(None), by="cli", now=LATER) is matched
    assert resolve(matched, resolution) is matched


def test_an_entry_no_line_tells_of_is_a_break_as_old_as_itself() -> None:
    found = ledger_break(replace(booking(7), entry_id="ent_" + "a" * 26), BANK)

    assert (found.side, found.reason, found.amount_minor) == ("ledger", "no_line", 7)
    assert (found.opened_at, found.source_id) == (booking().occurred_at, "ent_" + "a" * 26)
    assert found.break_id == f"brk_{'a' * 26}_{BANK.removeprefix('acc_')}"


@given(st.integers(-5, 5), st.none() | st.integers(-5, 5), st.booleans(), st.sampled_from(["", "R1"]))
def test_a_line_is_matched_just_when_its_own_entry_has_its_amount(
    minor: int, booked: int | None, told: bool, reference: str
) -> None:
    entry = None if booked is None else booking(booked)

    found = outcome(line(minor, reference), entry, "stl_first" if told else None)

    assert (found.match is not None) == (minor in (0, booked))
    assert (found.match is None) == (found.found_break is not None)
