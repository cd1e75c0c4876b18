"""Which movement is meant: the same, another, or one that may be either."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from chalicelib.core.money import Money
from chalicelib.ledger.movements import (
    KnownMovement,
    MovementFacts,
    Source,
    Verdict,
    are_near,
    candidates,
    completed,
    contradicts,
    grade,
    is_sum_of,
    numbered_key,
)

MONDAY = date(2026, 3, 2)
FACTS = MovementFacts("acc_bank", Money(1000, "CNY"), "MB-1", MONDAY)
BARE = replace(FACTS, reference="")
FULL = replace(
    FACTS, end_to_end_id="E-1", uetr="u-1", counterparty_account="6222020200", payment_references=("RF18539007547034",)
)
OTHER = {
    "end_to_end_id": "E-2",
    "uetr": "u-2",
    "counterparty_account": "6222020299",
    "payment_references": ("RF471234567890",),
}
HERE = Source("message-2", "0/0")


def known(facts: MovementFacts, number: int = 0, **more: object) -> KnownMovement:
    source = more.pop("source", Source("message-1", f"0/{number}"))
    return KnownMovement(numbered_key(facts, number), facts, source, **more)  # type: ignore[arg-type]


def verdict(facts: MovementFacts, *others: KnownMovement, source: Source = HERE) -> str:
    return grade(facts, source, others)[0].value


def test_what_nobody_has_stated_is_a_movement_of_its_own() -> None:
    assert grade(FACTS, HERE, ()) == (Verdict.ANOTHER, None)


def test_a_real_reference_and_amount_that_agree_are_one_movement() -> None:
    assert grade(FACTS, HERE, (known(FACTS),)) == (Verdict.SAME, known(FACTS))


@pytest.mark.parametrize("field", OTHER)
def test_a_field_that_both_state_and_that_differs_makes_another(field: str) -> None:
    assert verdict(replace(FULL, **{field: OTHER[field]}), known(FULL)) == "another"


@pytest.mark.parametrize("field", OTHER)
def test_a_field_that_one_leaves_out_makes_no_other(field: str) -> None:
    empty: object = () if field == "payment_references" else ""
    assert verdict(replace(FULL, **{field: empty}), known(FULL)) == "same"
    assert verdict(FULL, known(replace(FULL, **{field: empty}))) == "same"


@pytest.mark.parametrize(
    ("days", "expected"), [(0, "same"), (4, "same"), (7, "same"), (8, "doubtful"), (60, "doubtful")]
)
def test_booking_days_of_one_movement_are_at_most_five_business_days_apart(days: int, expected: str) -> None:
    later = replace(FACTS, booked_on=MONDAY + timedelta(days=days))

    assert verdict(later, known(FACTS)) == verdict(FACTS, known(later)) == expected


def test_a_day_that_is_not_given_may_be_any() -> None:
    assert are_near(None, MONDAY) and are_near(MONDAY, None)


def test_another_amount_under_one_reference_may_be_the_same_and_in_the_other_direction_is_not() -> None:
    assert verdict(replace(FACTS, amount=Money(400, "CNY")), known(FACTS)) == "doubtful"
    assert verdict(replace(FACTS, amount=Money(-1000, "CNY")), known(FACTS)) == "another"
    assert verdict(replace(FULL, amount=Money(400, "CNY"), end_to_end_id="E-2"), known(FULL)) == "another"


def test_two_references_are_two_movements_unless_they_share_a_uetr() -> None:
    assert verdict(replace(FACTS, reference="MB-2"), known(FACTS)) == "another"
    assert verdict(replace(FULL, reference="MB-2", uetr=""), known(FULL)) == "another"
    assert verdict(replace(FULL, reference="MB-2"), known(FULL)) == "doubtful"


def test_equals_without_a_reference_are_counted_in_one_message_and_doubtful_in_another() -> None:
    first = known(BARE)

    assert verdict(BARE, first, source=Source("message-1", "0/1", equal_before=1)) == "another"
    assert verdict(BARE, first, source=Source("message-1", "0/0")) == "same"
    assert verdict(BARE, first) == "doubtful"
    assert verdict(replace(BARE, booked_on=MONDAY + timedelta(days=1)), first) == "another"


def test_of_two_equals_in_another_message_one_is_doubtful_where_one_is_known() -> None:
    first = known(BARE)

    assert [verdict(BARE, first, source=Source("m", f"0/{n}", equal_before=n)) for n in (0, 1)] == [
        "doubtful",
        "another",
    ]


def test_a_reference_on_one_side_alone_is_doubtful_on_the_same_day() -> None:
    assert verdict(BARE, known(FACTS)) == verdict(FACTS, known(BARE)) == "doubtful"
    assert verdict(replace(BARE, end_to_end_id="E-2"), known(FULL)) == "another"


def test_a_uetr_stands_for_a_reference_that_is_missing() -> None:
    assert verdict(replace(BARE, uetr="u-1"), known(FULL)) == "same"


def test_what_is_kept_aside_is_not_kept_twice() -> None:
    doubtful = known(BARE, 1, doubts="k")

    assert grade(BARE, Source("message-3", "0/0"), (known(BARE), doubtful)) == (Verdict.SAME, doubtful)
    assert verdict(BARE, known(BARE), doubtful, source=Source("message-3", "0/1", equal_before=1)) == "doubtful"
    assert verdict(BARE, known(BARE), doubtful, source=Source("message-3", "0/2", equal_before=2)) == "another"


def test_reports_of_one_series_repeat_each_other() -> None:
    report = Source("report-1", "0/0", series="s")

    assert verdict(BARE, known(BARE, source=report), source=Source("report-2", "0/0", series="s")) == "same"
    assert verdict(BARE, known(BARE, source=report), source=Source("report-2", "0/1", 1, series="s")) == "another"
    assert verdict(BARE, known(BARE, source=report), source=Source("report-2", "0/0", series="t")) == "doubtful"


def test_what_a_report_has_more_than_the_one_before_may_be_what_another_message_had() -> None:
    first, elsewhere = known(BARE, source=Source("report-1", "0/0", series="s")), known(BARE, 1)
    second, third = (Source("report-2", f"0/{n}", equal_before=n, series="s") for n in (1, 2))

    assert grade(BARE, second, (first, elsewhere)) == (Verdict.DOUBTFUL, elsewhere)
    assert grade(BARE, third, (first, elsewhere)) == (Verdict.ANOTHER, None)


def test_to_a_proved_statement_nothing_is_doubtful() -> None:
    def line(number: int) -> Source:
        return Source("statement", f"0/{number}", equal_before=number, is_proved=True)

    booked, doubtful = known(BARE), known(BARE, 1, doubts="k")

    assert grade(BARE, line(0), (doubtful, booked)) == (Verdict.SAME, booked)
    assert grade(BARE, line(1), (doubtful, booked)) == (Verdict.SAME, doubtful)
    assert grade(BARE, line(2), (doubtful, booked)) == (Verdict.ANOTHER, None)


def test_a_sum_and_its_parts_are_doubtful_to_a_statement_too() -> None:
    parts = [known(replace(FACTS, amount=Money(minor, "CNY")), number) for number, minor in enumerate((400, 600))]
    line = Source("statement", "0/0", is_proved=True)

    assert verdict(FACTS, *parts, source=line) == verdict(parts[0].facts, known(FACTS), source=line) == "doubtful"
    assert is_sum_of(FACTS, parts) and not is_sum_of(FACTS, parts[:1]) and not is_sum_of(FACTS, [known(FACTS)])


def test_what_equals_a_line_of_a_proved_statement_is_that_line() -> None:
    stated = known(BARE, source=Source("statement", "1", is_proved=True))

    assert verdict(BARE, stated) == verdict(FACTS, stated) == "same"


def test_one_account_may_be_given_as_an_iban_or_as_the_number_in_it() -> None:
    number = replace(FACTS, counterparty_account="0532013000")
    iban = replace(FACTS, counterparty_account="DE89370400440532013000")
    masked = replace(FACTS, counterparty_account="****3111")

    assert not contradicts(number, iban) and not contradicts(iban, masked)
    assert contradicts(iban, replace(FACTS, counterparty_account="0532013111"))


def test_the_later_word_completes_the_earlier_and_changes_nothing_of_it() -> None:
    assert completed(FACTS, replace(FULL, booked_on=MONDAY + timedelta(days=1))) == FULL


def test_a_line_takes_the_likeliest_movement_first() -> None:
    exact, day, far = known(FACTS), known(BARE), known(replace(FACTS, booked_on=date(2026, 1, 5)), 1)
    contradicting = known(replace(FULL, end_to_end_id="E-9"), 2)

    found = candidates(replace(FACTS, end_to_end_id="E-1"), (far, day, contradicting, exact))

    assert found == [exact, day, far]


def test_each_movement_has_a_key_of_its_own() -> None:
    keys = [numbered_key(facts, number) for facts in (FACTS, BARE) for number in (0, 1)]
    later = numbered_key(replace(BARE, booked_on=MONDAY + timedelta(days=1)), 0)

    assert len({*keys, later, numbered_key(replace(BARE, amount=Money(-1000, "CNY")), 0)}) == 6
    assert keys[0] == "bank:acc_bank:MB-1"
