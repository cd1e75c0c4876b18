"""Claims are set off against what a release pays their debtor only where the trade's terms have agreed: never beyond
what is owed or agreed, the oldest first, between the same legal persons, in the release's own commit, and undone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.claims import Claim, Reason
from chalicelib.settlement.domain.set_off import may_be_set_off, set_off
from chalicelib.settlement.service import claims, settling
from chalicelib.settlement.store.set_offs import MAX_CLAIMS
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.template import SetOffRule
from tests.settlement.claims import DUE_ON, claimed
from tests.settlement.goods import FREIGHT, GOODS, SELLERS, Trading, trading
from tests.settlement.market import THURSDAY, Deal, differences_of, picture, refusal, trial_balance
from tests.settlement.test_costs import Bill
from tests.settlement.test_races import at_once, codes, done
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, fault

AGREED = replace(GOODS, id="test-set-off", set_off=SetOffRule(10_000))
HALF = replace(GOODS, id="test-half-set-off", set_off=SetOffRule(5_000))
LATER = THURSDAY + 10
"""A day on which the claims of the tests are due."""


def release(place: Trading, deal: Deal, *, days: int = LATER, key: str | None = None) -> Outcome:
    return settling.release_milestone(place.call(key, days=days), deal.trade_id, "delivery")


def left(place: Trading, claim: Claim) -> tuple[int, int, int, str]:
    """What of a claim is settled, of that set off, and still owed, and how it stands."""
    now = claims.get_claim(place.tenant, claim.claim_id)
    return now.settled_minor, now.set_off_minor, now.open_minor, now.status


def parts(outcome: Outcome) -> list[tuple[str, int]]:
    return [(one["claim_id"], one["minor"]) for one in outcome.item.data.get("set_offs", [])]


def sound(place: Trading, tables: Tables) -> bool:
    return (trial_balance(tables, place.tenant), differences_of(tables, place.tenant)) == ({"CNY": 0}, [])


# ---- what is set off -------------------------------------------------------------------------------------------------


def test_a_release_pays_the_claims_that_its_terms_set_off(place: Trading, session_tables: Tables) -> None:
    of_buyer = claimed(place, minor=1_000)
    of_market = claimed(place, creditor=None, minor=2_000, due_on=date(2026, 3, 8))

    outcome = release(place, place.signed(AGREED))

    assert parts(outcome) == [(of_market.claim_id, 2_000), (of_buyer.claim_id, 1_000)]
    assert left(place, of_buyer) == (1_000, 1_000, 0, "settled")
    assert left(place, of_market) == (2_000, 2_000, 0, "settled")
    assert place.all_owed() == {"buyer": 1_000, "carrier": FREIGHT, "seller": SELLERS - 3_000}
    assert place.balance(Purpose.CLAIMS) == 0
    assert {one.amount_minor for one in place.pay_out(outcome)} == {1_000, FREIGHT, SELLERS - 3_000}
    assert sound(place, session_tables)


def test_nothing_is_set_off_unless_the_terms_agree(place: Trading) -> None:
    claim = claimed(place, minor=1_000)

    outcome = release(place, place.signed())

    assert (parts(outcome), left(place, claim)) == ([], (0, 0, 1_000, "open"))
    assert place.owed("seller") == SELLERS


def test_terms_that_say_nothing_read_nothing(place: Trading) -> None:
    deals, bills = {template.id: place.signed(template) for template in (GOODS, AGREED)}, []
    for deal in deals.values():
        bill = Bill()
        with fault(bill.take, times=100):
            release(place, deal)
        bills.append(bill.reads)

    assert bills == [1, 3]


def test_a_part_of_what_is_paid_at_most_is_set_off(place: Trading, session_tables: Tables) -> None:
    claim = claimed(place, minor=SELLERS)

    release(place, place.signed(HALF))

    assert left(place, claim) == (SELLERS // 2, SELLERS // 2, SELLERS - SELLERS // 2, "open")
    release(place, place.signed(HALF))
    assert (left(place, claim)[2:], place.owed("seller")) == ((0, "settled"), SELLERS)
    assert sound(place, session_tables)


@pytest.mark.parametrize(
    ("changes", "days"),
    [
        ({"creditor": "carrier"}, LATER),
        ({"debtor": "buyer", "creditor": "seller"}, LATER),
        ({"debtor": "surveyor"}, LATER),
        ({"due_on": DUE_ON}, THURSDAY),
    ],
    ids=["another creditor", "on the buyer", "on one who gets nothing", "not due"],
)
def test_what_is_not_owed_between_the_two_now_is_not_set_off(
    place: Trading, changes: dict[str, object], days: int
) -> None:
    claim = claimed(place, **changes)  # type: ignore[arg-type]

    outcome = release(place, place.signed(AGREED), days=days)

    assert (parts(outcome), left(place, claim)[2]) == ([], 1_000)


def test_a_claim_of_a_trade_in_dispute_waits(place: Trading) -> None:
    other = place.paid()
    claim = claimed(place, trade_id=other.trade_id)
    place.dispute(other, 100)
    assert parts(release(place, place.signed(AGREED))) == []

    place.resolve(other, buyer=100)

    assert parts(release(place, place.signed(AGREED))) == [(claim.claim_id, 1_000)]


def test_a_trades_own_claim_is_paid_on_it_too(place: Trading, session_tables: Tables) -> None:
    other = place.paid()
    place.expire(other, days=20)
    owed = place.trade(other).claim_minor
    assert owed > 0

    outcome = release(place, place.signed(AGREED), days=30)

    assert [minor for _, minor in parts(outcome)] == [owed]
    assert place.trade(other).claim_minor == 0
    assert sound(place, session_tables)


def test_claims_beyond_those_of_one_release_wait_for_the_next(place: Trading) -> None:
    every = [claimed(place, minor=10, key=f"claim-{number}") for number in range(MAX_CLAIMS + 2)]

    first = release(place, place.signed(AGREED))
    second = release(place, place.signed(AGREED))

    assert (len(parts(first)), len(parts(second))) == (MAX_CLAIMS, 2)
    assert {left(place, claim)[3] for claim in every} == {"settled"}


# ---- undone, at once, killed -----------------------------------------------------------------------------------------


def undo(place: Trading, claim: Claim, outcome: Outcome, *, key: str | None = None) -> Outcome:
    return claims.undo_claim_part(place.call(key, days=LATER), claim.claim_id, outcome.item.entry_id, "in error")


def test_a_set_off_is_undone_once_and_is_owed_again(place: Trading, session_tables: Tables) -> None:
    claim, of_market = claimed(place, minor=1_000), claimed(place, creditor=None, minor=2_000)
    outcome = release(place, place.signed(AGREED))

    undo(place, claim, outcome)
    undo(place, of_market, outcome)

    assert (left(place, claim), left(place, of_market)) == ((0, 0, 1_000, "open"), (0, 0, 2_000, "open"))
    assert place.all_owed() == {"carrier": FREIGHT, "seller": SELLERS}
    assert (place.balance(Purpose.CLAIMS), place.account_of("buyer").held) == (2_000, 0)
    assert refusal(lambda: undo(place, claim, outcome)).code == "claim_part_undone"
    assert sound(place, session_tables)


def test_a_claim_that_a_release_did_not_touch_has_no_part_to_undo(place: Trading) -> None:
    outcome = release(place, place.signed(AGREED))

    assert refusal(lambda: undo(place, claimed(place), outcome)).code == "claim_part_not_found"


def test_releases_at_once_never_set_off_more_than_is_owed(place: Trading, session_tables: Tables) -> None:
    for number in range(4):
        claim = claimed(place, minor=SELLERS + 5, key=f"round-{number}")
        deals = [place.signed(AGREED) for _ in range(3)]

        results = at_once(*(partial(release, place, deal) for deal in deals))

        assert (codes(results), len(done(results))) == ([], 3)
        assert left(place, claim) == (SELLERS + 5, SELLERS + 5, 0, "settled")
        assert sum(minor for one in done(results) for _, minor in parts(one)) == SELLERS + 5
    assert sound(place, session_tables)


def test_a_release_and_a_payment_of_the_claim_at_once_pay_it_once(place: Trading, session_tables: Tables) -> None:
    place.owe("seller", 1_000)
    claim = claimed(place, minor=1_000)
    pay = partial(claims.settle_claim, place.call(), claim.claim_id, place.money(1_000))

    results = at_once(partial(release, place, place.signed(AGREED)), pay)

    assert set(codes(results)) <= {"claim_exceeded"}
    assert left(place, claim)[2:] == (0, "settled")
    assert place.owed("seller") + place.owed("buyer") == SELLERS + 1_000
    assert sound(place, session_tables)


def test_a_release_killed_at_any_commit_sets_off_once(place: Trading, session_tables: Tables) -> None:
    claimed(place, minor=1_000)
    release(place, place.signed(AGREED))
    wanted = picture(session_tables, place.tenant)
    for point in crash_points(only="dynamodb.TransactWriteItems"):
        other = trading()
        claimed(other, minor=1_000)
        deal = other.signed(AGREED)
        with point:
            release(other, deal, key="once")

        release(other, deal, key="once")

        assert picture(session_tables, other.tenant) == wanted, point
        assert sound(other, session_tables), point


# ---- the rule by itself ----------------------------------------------------------------------------------------------


def owed(number: int, minor: int, **changes: object) -> Claim:
    usual = Claim(f"clm_{number}", "pty_s", "pty_b", None, "CNY", minor, Reason.OVERPAID, DUE_ON, "ent_1", MONDAY)
    return replace(usual, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, True),
        ({"creditor": None}, True),
        ({"creditor": "pty_c"}, False),
        ({"currency": "EUR"}, False),
        ({"due_on": date(2026, 3, 10)}, False),
        ({"settled_minor": 5}, False),
    ],
)
def test_a_claim_is_set_off_between_the_same_persons_in_one_currency_once_due(
    changes: dict[str, object], expected: bool
) -> None:
    assert may_be_set_off(owed(1, 5, **changes), payer="pty_b", currency="CNY", today=DUE_ON) is expected


@given(st.lists(st.integers(1, 1_000), max_size=8), st.integers(1, 5_000), st.integers(1, 10_000))
def test_parts_are_within_the_claims_and_the_agreed_part_and_the_oldest_is_whole_first(
    minors: list[int], minor: int, max_bps: int
) -> None:
    every = [owed(number, each, due_on=date(2026, 3, 1 + number)) for number, each in enumerate(minors)]

    found = set_off(reversed(every), Money(minor, "CNY"), max_bps)

    assert sum(one.minor for one in found) == min(sum(minors), minor * max_bps // 10_000)
    assert [one.claim for one in found] == every[: len(found)]
    assert all(one.minor == one.claim.open_minor for one in found[:-1])
    assert all(0 < one.minor <= one.claim.open_minor for one in found)
