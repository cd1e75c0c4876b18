"""Statements as values: ids, digests, lines, and how the statements of one account follow one another."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.messages import camt, model
from chalicelib.messages.proof import prove
from chalicelib.recon.chaining import chain, is_certain
from chalicelib.recon.domain import (
    Break,
    Reconciled,
    Resolution,
    Statement,
    Upload,
    check_comment,
    check_open,
    content_digest,
    counted,
    lines_of,
    new_statement,
    stored,
)
from tests.recon.build import FIRST_DAY, Line, Sheet
from tests.recon.build import camt as file_of
from tests.recon.values import NOW, UPLOAD, booking, line, outcome, statement_of, told

amounts = st.integers(-(10**12), 10**12).filter(bool)


def made(message: model.Statement, upload: Upload = UPLOAD) -> Statement:
    return new_statement(message, prove(message), upload)


def continuities(*sheets: Sheet) -> list[tuple[str, int]]:
    return [(link.continuity, link.jump_minor) for link in chain([statement_of(sheet) for sheet in sheets])]


# ---- a statement


def test_a_statement_is_known_by_account_and_the_banks_id() -> None:
    first, again = made(told(Sheet(lines=[Line(5, "A")]))), made(told(Sheet(lines=[Line(7, "B")])))
    other_account = made(told(Sheet(lines=[Line(5, "A")])), replace(UPLOAD, bank_account_id="acc_other"))

    assert first.statement_id == again.statement_id
    assert first.content_sha256 != again.content_sha256
    assert other_account.statement_id != first.statement_id


def test_a_statement_without_an_id_is_known_by_its_content() -> None:
    first, other = (made(told(Sheet(name="", lines=[Line(minor, "A")]))) for minor in (5, 7))

    assert first.statement_id == made(told(Sheet(name="", lines=[Line(5, "A")]))).statement_id
    assert first.statement_id != other.statement_id


def test_a_broken_statement_never_has_the_id_of_the_sound_one() -> None:
    broken, sound = made(told(Sheet(lines=[Line(5, "A")], closing=6))), made(told(Sheet(lines=[Line(5, "A")])))

    assert (broken.status, broken.proof, broken.reason, broken.difference_minor) == (
        "quarantined",
        "broken",
        "does_not_foot",
        -1,
    )
    assert broken.statement_id != sound.statement_id


def test_the_digest_does_not_see_the_envelope() -> None:
    message = told(Sheet(lines=[Line(5, "A")]))

    assert content_digest(replace(message, message_id="M-2", created_at=None)) == content_digest(message)


@pytest.mark.parametrize(
    "changed",
    [
        Sheet(lines=[Line(6, "A")]),
        Sheet(lines=[Line(5, "B")]),
        Sheet(lines=[Line(5, "A")], opening=1),
        Sheet(lines=[Line(5, "A")], sequence=2),
        Sheet(lines=[Line(5, "A")], day=FIRST_DAY + timedelta(days=1)),
        Sheet(lines=[Line(5, "A")], currency="EUR"),
        Sheet(lines=[Line(2, "A"), Line(3, "A")]),
    ],
)
def test_the_digest_sees_every_figure(changed: Sheet) -> None:
    assert content_digest(told(changed)) != content_digest(told(Sheet(lines=[Line(5, "A")])))


def test_an_empty_statement_is_loaded_at_once() -> None:
    assert (made(told(Sheet())).status, made(told(Sheet(lines=[Line(5)]))).status) == ("loaded", "loading")


def test_only_booked_entries_are_lines_and_the_banks_order_stays() -> None:
    sheet = Sheet(lines=[Line(-5, "A", "RF18", "rent"), Line(9, "P", status="PDNG"), Line(7, "B")])

    first, second = lines_of(statement_of(sheet), told(sheet))

    assert (first.number, first.amount_minor, first.bank_reference) == (1, -5, "A")
    assert (first.reference, first.description) == ("RF18", "rent")
    assert (second.number, second.amount_minor, second.bank_reference) == (2, 7, "B")
    assert first.line_id == "stl_" + statement_of(sheet).statement_id.removeprefix("stm_") + "_1"


def test_an_entrys_only_detail_may_hold_the_banks_reference() -> None:
    message = told(Sheet(lines=[Line(5)]))
    (entry,) = message.entries
    named = replace(entry, details=(replace(entry.details[0], bank_reference="D1"),))
    batch = replace(entry, details=named.details * 2)

    lines = [
        lines_of(statement_of(Sheet(lines=[Line(5)])), replace(message, entries=(each,)))[0] for each in (named, batch)
    ]

    assert [each.bank_reference for each in lines] == ["D1", ""]
    assert [each.movement_facts.reference for each in lines] == ["D1", ""]


def test_a_period_is_as_stated_or_by_balances_or_by_entries_or_the_day_of_upload() -> None:
    message = told(Sheet(lines=[Line(5)], day=date(2026, 2, 3)))
    no_period = replace(message, starts_at=None, ends_at=None, starts_on=None, ends_on=None)
    no_days = replace(no_period, balances=tuple(replace(balance, on=None) for balance in message.balances))
    nothing = replace(no_days, entries=())

    ends = [made(each).ends_on for each in (message, no_period, no_days, nothing)]

    assert ends == [date(2026, 2, 3)] * 3 + [NOW.date()]


@pytest.mark.parametrize("zone", ["+08:00", "-05:00", "Z", ""])
def test_the_days_of_a_period_are_as_the_bank_wrote_them(zone: str) -> None:
    written = file_of(Sheet(lines=[Line(5)], day=date(2026, 2, 3)))
    for end in (b"</FrDtTm>", b"</ToDtTm>"):
        written = written.replace(b"Z" + end, zone.encode() + end)

    [message] = camt.read(written, "BkToCstmrStmt").statements

    assert (message.starts_on, message.ends_on) == (date(2026, 2, 3), date(2026, 2, 3))
    assert (made(message).starts_on, made(message).ends_on) == (date(2026, 2, 3), date(2026, 2, 3))


# ---- the chain


def test_the_first_statement_brings_its_opening_balance_forward() -> None:
    assert continuities(Sheet(opening=700)) == [("first", 700)]


def test_statements_that_open_where_the_last_closed_are_chained_in_whatever_order_they_came() -> None:
    first = Sheet(opening=10, lines=[Line(5)])
    second = first.next(Line(7))
    third = second.next()

    assert continuities(third, first, second) == [("first", 10), ("chained", 0), ("chained", 0)]


def test_a_missing_statement_is_a_gap_of_what_it_moved() -> None:
    first = Sheet(lines=[Line(5)])
    third = first.next(Line(7)).next(Line(1))

    assert continuities(first, third) == [("first", 0), ("gap", 7)]


def test_a_number_left_out_is_a_gap_even_where_the_balances_agree() -> None:
    first = Sheet(lines=[Line(5)])

    assert continuities(first, first.next(skip=1)) == [("first", 0), ("gap", 0)]


def test_numbers_may_begin_anew_or_be_missing_where_the_balances_agree() -> None:
    first = Sheet(number=365, lines=[Line(5)])

    assert continuities(first, replace(first.next(), sequence=1))[1] == ("chained", 0)
    assert [
        link.continuity
        for link in chain([statement_of(first, sequence=None), statement_of(first.next(skip=3), sequence=None)])
    ] == ["first", "chained"]


def test_the_same_days_told_again_overlap() -> None:
    first = Sheet(lines=[Line(5)])
    again = replace(first, number=2, name="S-1-again")

    assert continuities(first, again) == [("first", 0), ("overlap", -5)]


def test_a_broken_statement_is_no_link() -> None:
    first = Sheet(lines=[Line(5)])
    broken = replace(first.next(Line(7)), closing=99)

    assert continuities(first, broken) == [("first", 0)]


def test_where_the_bank_states_no_balance_it_is_computed() -> None:
    first = Sheet(lines=[Line(5)])
    unproved = statement_of(first.next(Line(7)), opening_minor=None, closing_minor=None, proof="unproved")
    third = statement_of(first.next(Line(7)).next(Line(1)))

    links = chain([statement_of(first), unproved, third])

    assert [(link.continuity, link.jump_minor, link.closing_minor) for link in links] == [
        ("first", 0, 5),
        ("chained", 0, 12),
        ("chained", 0, 13),
    ]


@given(st.lists(st.lists(amounts, max_size=4), min_size=1, max_size=8), st.data())
def test_a_chain_loses_nothing_and_a_left_out_statement_is_the_gap_it_leaves(
    days: list[list[int]], data: st.DataObject
) -> None:
    sheets = [Sheet(lines=[Line(minor) for minor in days[0]])]
    for day in days[1:]:
        sheets.append(sheets[-1].next(*(Line(minor) for minor in day)))
    statements = [statement_of(sheet) for sheet in sheets]
    links = chain(statements)
    missing = data.draw(st.integers(0, len(days) - 1))

    without = chain(statements[:missing] + statements[missing + 1 :])

    assert {link.continuity for link in links[1:]} <= {"chained"}
    assert links[-1].closing_minor == sum(minor for day in days for minor in day)
    assert sum(link.jump_minor for link in without) == (sum(days[missing]) if missing < len(days) - 1 else 0)
    assert all(link.continuity == "gap" for link in without[missing : missing + 1] if missing)


# ---- counts


def test_the_last_lines_make_a_statement_loaded() -> None:
    statement = made(told(Sheet(lines=[Line(5), Line(6), Line(7)])))

    part = stored(statement, matched=1, breaks=1)
    whole = stored(part, matched=1, breaks=0)

    assert (part.status, part.stored, part.matched, part.open_breaks) == ("loading", 2, 1, 1)
    assert (whole.status, whole.stored, whole.matched, whole.open_breaks) == ("loaded", 3, 2, 1)


def test_counts_that_do_not_add_up_are_a_defect() -> None:
    with pytest.raises(Defect):
        counted(statement_of(Sheet(lines=[Line(5)])), matched=1)


# ---- breaks


def test_a_break_ages_in_whole_days_until_it_is_resolved() -> None:
    found = outcome(line()).found_break
    assert found is not None
    resolution = Resolution("matched", "ent_1", "", "", "cli", NOW + timedelta(days=3))

    assert [found.age_days(NOW + timedelta(hours=hours)) for hours in (-1, 0, 23, 24, 49)] == [0, 0, 0, 1, 2]
    assert replace(found, resolution=resolution).age_days(NOW + timedelta(days=30)) == 3


def test_a_line_is_matched_or_an_open_break_and_never_both_or_neither() -> None:
    found = outcome(line())
    assert found.found_break is not None

    with pytest.raises(Defect):
        Reconciled(found.line, None, None)
    with pytest.raises(Defect):
        replace(found, match=outcome(line(), booking()).match)


def test_a_resolved_break_is_refused() -> None:
    found: Break | None = outcome(line()).found_break
    assert found is not None and check_open(found) is found
    resolution = Resolution("matched", "ent_1", "", "", "cli", NOW)

    with pytest.raises(Conflict) as refused:
        check_open(replace(found, resolution=resolution))

    assert (refused.value.code, refused.value.facts) == ("break_resolved", {"break_id": found.break_id})


@pytest.mark.parametrize(
    ("comment", "code"), [("", "comment_missing"), (" \n", "comment_missing"), ("x" * 501, "comment_too_long")]
)
def test_a_comment_says_something_in_bounds(comment: str, code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_comment(comment)

    assert refused.value.code == code


# ---- several of one day, and ids that come again


def day(opening: int, *minors: int, name: str = "S") -> Sheet:
    """A statement of the first day without a number."""
    return Sheet(name=f"{name}-{opening}-{sum(minors)}", opening=opening, lines=[Line(m, f"{m}") for m in minors])


def in_chain(*sheets: Sheet) -> list[tuple[int, int]]:
    links = chain([statement_of(sheet, sequence=None) for sheet in sheets])
    assert {link.continuity for link in links} <= {"first", "chained"}
    return [(link.closing_minor - link.statement.booked_minor, link.closing_minor) for link in links]


@pytest.mark.parametrize("name", ["a", "b", "c", "d"])
def test_statements_of_one_day_stand_as_their_balances_chain(name: str) -> None:
    sheets = [day(0, 1000, name=name), day(1000, 2000, name=name), day(3000, -3000, name=name)]

    for order in permutations(sheets):
        assert in_chain(*order) == [(0, 1000), (1000, 3000), (3000, 0)]


def test_a_statement_that_ends_where_it_began_stands_where_it_fits() -> None:
    sheets = [day(0, 5, -5), day(0, 1000), day(1000, 7, -7), day(1000, -1000), day(0, 1000, name="T")]

    for order in permutations(sheets):
        assert in_chain(*order)[-1][1] == 1000


def test_a_chain_that_begins_elsewhere_is_not_torn_where_the_last_day_closed() -> None:
    before = Sheet(number=0, lines=[Line(5, "x")], day=FIRST_DAY - timedelta(days=1), name="before")
    sheets = [day(500, -495), day(5, 700)]

    links = chain([statement_of(sheet, sequence=None) for sheet in (before, *sheets)])

    assert [(link.continuity, link.jump_minor) for link in links] == [("first", 0), ("gap", 495), ("chained", 0)]


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=7), st.randoms())
def test_whatever_one_day_holds_chains_from_the_day_before_in_any_order(moves: list[int], random: Random) -> None:
    before = Sheet(number=0, opening=0, lines=[Line(2, "x")], day=FIRST_DAY - timedelta(days=1), name="before")
    sheets, balance = [], 2
    for number, minor in enumerate(moves):
        sheets.append(Sheet(name=f"N{number}", opening=balance, lines=[Line(minor, "x")]))
        balance += minor
    random.shuffle(sheets)

    links = chain([statement_of(sheet, sequence=None) for sheet in (*sheets, before)])

    assert [link.jump_minor for link in links] == [0] * len(links)
    assert links[-1].closing_minor == balance


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=7), st.integers(-3, 3), st.randoms())
def test_where_a_day_closes_for_certain_needs_nothing_before_it(moves: list[int], before: int, random: Random) -> None:
    sheets, balance = [], 0
    for number, minor in enumerate(moves):
        sheets.append(Sheet(name=f"N{number}", opening=balance, lines=[Line(minor, "x")]))
        balance += minor
    random.shuffle(sheets)
    statements = [statement_of(sheet, sequence=None) for sheet in sheets]
    earlier = Sheet(number=0, lines=[Line(before, "x")], day=FIRST_DAY - timedelta(days=1), name="before")

    if is_certain(statements):
        links = chain([statement_of(earlier, sequence=None), *statements])
        assert links[-1].closing_minor == chain(statements)[-1].closing_minor == balance


@pytest.mark.parametrize(
    ("sheets", "expected"),
    [
        ([day(0, 5)], True),
        ([day(0, 5), day(5, 7)], True),
        ([day(5, 7), day(0, 5), day(5, 1, -1)], True),
        ([day(0, 5), day(5, -5)], False),
        ([day(0, 5), day(6, 7)], False),
        ([day(0, 5), day(0, 6)], False),
        ([], False),
    ],
)
def test_days_are_certain_where_they_lead_from_one_balance_to_another(sheets: list[Sheet], expected: bool) -> None:
    statements = [statement_of(sheet, sequence=None) for sheet in sheets]

    assert is_certain(statements) is expected
    assert not is_certain([*statements, statement_of(day(0, 1), proof="unproved")])


def test_an_id_that_comes_again_in_another_period_is_another_statement() -> None:
    first = Sheet(name="1", lines=[Line(5, "A")])
    anew = replace(first, day=FIRST_DAY + timedelta(days=365), opening=5)

    assert made(told(first)).statement_id != made(told(anew)).statement_id


def test_an_id_that_is_the_accounts_number_tells_no_two_statements_of_a_day_apart() -> None:
    sheets = [day(0, 1000), day(1000, 2000), day(3000, 7, -7), day(3000, 8, -8)]
    ids = {made(replace(told(sheet), statement_id="NL62", electronic_sequence=None)).statement_id for sheet in sheets}

    assert len(ids) == 4


def test_a_corrected_statement_has_the_id_of_the_one_it_corrects() -> None:
    numbered = [made(told(Sheet(lines=[Line(minor, "A")]))) for minor in (5, 7)]
    bare = [
        made(replace(told(Sheet(lines=[Line(minor, "A")])), electronic_sequence=None)).statement_id for minor in (5, 7)
    ]

    assert numbered[0].statement_id == numbered[1].statement_id
    assert bare[0] == bare[1]
