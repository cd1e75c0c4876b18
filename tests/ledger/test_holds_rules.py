"""The rules of holds, without a store: what each step leaves, what is refused and in which order."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.errors import Conflict, Defect, InvalidInput, Refusal
from chalicelib.core.money import MAX_MINOR, Money
from chalicelib.ledger import holds
from chalicelib.ledger.domain import Side
from chalicelib.ledger.holds import Hold, Status, Step, Terms
from chalicelib.ledger.reservations import held_changes
from tests.support.calls import MONDAY

HOUR = timedelta(hours=1)
TERMS = Terms("acc_payer", "acc_payee", Money(40, "CNY"), expires_at=MONDAY + HOUR)
HOLD = Hold("hld_" + "1" * 26, TERMS, placed_at=MONDAY, remaining=40)

CLOSED = {
    "hold_captured": holds.capture(HOLD, None, close=True, now=MONDAY).hold,
    "hold_voided": holds.void(HOLD, now=MONDAY).hold,
    "hold_expired": holds.expire(HOLD, now=MONDAY + HOUR).hold,
}


def yuan(minor: int) -> Money:
    return Money(minor, "CNY")


@pytest.mark.parametrize("code", CLOSED)
@pytest.mark.parametrize("late", [timedelta(0), 2 * HOUR])
def test_what_is_closed_stays_as_it_was_closed(code: str, late: timedelta) -> None:
    hold, now = CLOSED[code], MONDAY + late
    for act in (
        lambda: holds.capture(hold, yuan(1), close=True, now=now),
        lambda: holds.void(hold, now=now),
        lambda: holds.expire(hold, now=now),
    ):
        with pytest.raises(Conflict) as refused:
            act()

        assert (refused.value.code, refused.value.facts) == (code, {"hold_id": hold.hold_id})


def test_the_refusals_of_a_capture_come_in_the_order_of_their_rules() -> None:
    euros, expired = Money(41, "EUR"), MONDAY + HOUR

    def code(hold: Hold, amount: Money, *, now: object = MONDAY) -> str:
        with pytest.raises(Refusal) as refused:
            holds.capture(hold, amount, close=True, now=now)  # type: ignore[arg-type]
        return refused.value.code

    assert code(CLOSED["hold_captured"], euros, now=expired) == "hold_captured"
    assert code(HOLD, euros, now=expired) == "hold_expired"
    assert code(HOLD, euros) == "currency_mismatch"
    assert code(HOLD, yuan(41)) == "capture_exceeds_hold"


def test_more_than_remains_is_refused_with_both_amounts() -> None:
    part = holds.capture(HOLD, yuan(30), close=False, now=MONDAY).hold

    with pytest.raises(Conflict) as refused:
        holds.capture(part, yuan(11), close=True, now=MONDAY)

    assert refused.value.facts == {"hold_id": HOLD.hold_id, "requested": 11, "remaining": 10}


def test_a_hold_expires_at_its_instant_and_not_before() -> None:
    before = MONDAY + HOUR - timedelta(microseconds=1)

    with pytest.raises(Conflict) as refused:
        holds.expire(HOLD, now=before)

    assert refused.value.code == "hold_not_due"
    assert holds.seen_at(HOLD, before) == HOLD
    assert holds.seen_at(HOLD, MONDAY + HOUR) == CLOSED["hold_expired"]
    assert holds.capture(HOLD, None, close=True, now=before).booked == 40


def test_a_hold_without_an_expiry_never_expires() -> None:
    forever = replace(HOLD, terms=replace(TERMS, expires_at=None))

    assert not forever.is_due(MONDAY + timedelta(days=9999))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"amount": yuan(0), "credit_account_id": "acc_payer"}, "amount_not_positive"),
        ({"amount": yuan(-1)}, "amount_not_positive"),
        ({"credit_account_id": "acc_payer", "debit_account_id": "acc_payer"}, "account_on_both_sides"),
        ({"debit_account_id": "hot_fees"}, "account_deferred"),
        ({"credit_account_id": "hot_fees", "reserved": Side.CREDIT}, "account_deferred"),
    ],
)
def test_terms_that_can_be_no_hold_are_refused(changes: dict[str, object], code: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        holds.check_terms(replace(TERMS, **changes))  # type: ignore[arg-type]

    assert refused.value.code == code


def test_money_may_be_promised_to_a_deferred_account() -> None:
    assert holds.check_terms(replace(TERMS, credit_account_id="hot_fees")).other_account_id == "hot_fees"


@pytest.mark.parametrize("ahead", [timedelta(0), -HOUR, timedelta(days=366, microseconds=1)])
def test_an_expiry_that_has_passed_or_is_more_than_366_days_ahead_is_refused(ahead: timedelta) -> None:
    refusal = holds.expiry_refusal(replace(TERMS, expires_at=MONDAY + ahead), now=MONDAY)

    assert refusal is not None
    assert (refusal.code, refusal.facts) == ("invalid_expiry", {"field": "expires_at"})


@pytest.mark.parametrize("ahead", [timedelta(microseconds=1), timedelta(days=366)])
def test_an_expiry_within_366_days_is_accepted(ahead: timedelta) -> None:
    assert holds.expiry_refusal(replace(TERMS, expires_at=MONDAY + ahead), now=MONDAY) is None


@pytest.mark.parametrize(("minor", "close"), [(-1, True), (-1, False), (0, False)])
def test_a_capture_of_nothing_or_less_is_refused_unless_it_closes(minor: int, close: bool) -> None:
    with pytest.raises(InvalidInput) as refused:
        holds.check_capture(yuan(minor), close=close)

    assert refused.value.code == "amount_not_positive"


def test_a_closing_capture_of_nothing_has_no_postings() -> None:
    holds.check_capture(yuan(0), close=True)

    step = holds.capture(HOLD, yuan(0), close=True, now=MONDAY)

    assert (step.postings(), step.booked, step.let_go, step.hold.status) == ((), 0, 40, Status.CAPTURED)


def test_terms_are_read_back_from_the_facts_of_their_placing() -> None:
    for terms in (TERMS, replace(TERMS, expires_at=None, reserved=Side.CREDIT, amount=yuan(MAX_MINOR))):
        assert holds.terms_of(holds.placed_facts(terms)) == terms


def test_ids_of_a_hold_and_of_its_placing_follow_from_each_other() -> None:
    entry_id = "ent_" + "z" * 26

    assert holds.placing_entry_id(holds.hold_id_of(entry_id)) == entry_id
    assert holds.is_hold_id(holds.hold_id_of(entry_id))
    assert not any(holds.is_hold_id(text) for text in (entry_id, "hld_", "hld_" + "1" * 26 + "\n", "hld_#" + "1" * 25))


@pytest.mark.parametrize(
    "wrong",
    [
        {"remaining": 41},
        {"remaining": -1},
        {"remaining": 0},
        {"captured": 1},
        {"status": Status.VOIDED},
        {"closed_at": MONDAY},
    ],
)
def test_a_hold_that_does_not_add_up_refuses_to_exist(wrong: dict[str, object]) -> None:
    with pytest.raises(Defect):
        replace(HOLD, **wrong)  # type: ignore[arg-type]


@given(
    amount=st.integers(1, MAX_MINOR),
    asked=st.lists(st.tuples(st.sampled_from(["capture", "all", "close", "void", "expire"]), st.integers(1, 100))),
    credit=st.booleans(),
)
def test_what_is_captured_released_and_left_always_is_the_amount(
    amount: int, asked: list[tuple[str, int]], credit: bool
) -> None:
    terms = replace(TERMS, amount=yuan(amount), reserved=Side.CREDIT if credit else Side.DEBIT)
    hold = Hold(HOLD.hold_id, terms, placed_at=MONDAY, remaining=amount)
    reserved = dict([_change(holds.placed_facts(terms))])
    booked = 0
    for how, percent in asked:
        try:
            step = _step(hold, how, amount * percent // 100)
        except Refusal:
            continue
        account_id, change = _change(holds.step_facts(step))
        reserved[account_id] += change
        booked += step.booked
        hold = step.hold

        assert 0 <= step.booked <= step.let_go
        assert sum(posting.signed for posting in step.postings()) == 0
        assert hold.captured + hold.released + hold.remaining == amount
        assert (hold.captured, reserved) == (booked, {terms.reserved_account_id: hold.remaining})


def _change(facts: dict[str, object]) -> tuple[str, int]:
    [change] = held_changes((), facts).items()
    return change


def _step(hold: Hold, how: str, minor: int) -> Step:
    match how:
        case "capture":
            return holds.capture(hold, yuan(minor), close=False, now=MONDAY) if minor else holds.void(hold, now=MONDAY)
        case "close":
            return holds.capture(hold, yuan(minor), close=True, now=MONDAY)
        case "all":
            return holds.capture(hold, None, close=True, now=MONDAY)
        case "void":
            return holds.void(hold, now=MONDAY)
    return holds.expire(hold, now=MONDAY + HOUR)
