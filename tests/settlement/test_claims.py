"""A claim is paid in parts or waived, never beyond what is owed; each part can be undone once; and the books agree."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date
from functools import partial
from typing import Any

import pytest

from chalicelib.core.errors import Conflict, Defect, InvalidInput, NotFound, Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.claims import Claim
from chalicelib.settlement.service import claims
from chalicelib.storage.once import Outcome
from tests.settlement.claims import OWED, claim_ids, claimed
from tests.settlement.goods import Trading, trading
from tests.settlement.market import picture, refusal, state_of, trial_balance
from tests.settlement.test_races import at_once, codes, done
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points

Act = Callable[[], Outcome]


def settle(place: Trading, claim: Claim, minor: int, *, key: str | None = None, up_to: bool = False) -> Outcome:
    here = place.call(key, body=minor)
    return claims.settle_claim(here, claim.claim_id, place.money(minor), up_to=up_to)


def waive(place: Trading, claim: Claim, minor: int, *, key: str | None = None) -> Outcome:
    return claims.waive_claim(place.call(key, body=minor), claim.claim_id, place.money(minor), "as agreed")


def undo(place: Trading, claim: Claim, outcome: Outcome, *, key: str | None = None) -> Outcome:
    entry_id = outcome.item.entry_id
    return claims.undo_claim_part(place.call(key, body=entry_id), claim.claim_id, entry_id, "in error")


def stands(place: Trading, claim: Claim) -> tuple[int, int, int, str]:
    now = claims.get_claim(place.tenant, claim.claim_id)
    return now.settled_minor, now.waived_minor, now.open_minor, now.status


def in_books(place: Trading) -> tuple[int, int]:
    """What the marketplace claims, and what it has lost of claims."""
    return place.balance(Purpose.CLAIMS), place.balance(Purpose.CLAIM_LOSSES)


# ---- ending ----------------------------------------------------------------------------------------------------------


def test_a_claim_between_parties_is_paid_in_parts_from_one_account_to_the_other(place: Trading) -> None:
    claim = claimed(place)
    place.owe("seller", OWED)

    settle(place, claim, 400)

    assert (stands(place, claim), place.all_owed()) == ((400, 0, 600, "open"), {"seller": 600, "buyer": 400})
    settle(place, claim, 600)
    assert (stands(place, claim), place.all_owed()) == ((OWED, 0, 0, "settled"), {"buyer": OWED})


def test_a_claim_of_the_marketplace_is_an_asset_until_it_is_paid(place: Trading) -> None:
    claim = claimed(place, creditor=None)
    place.owe("seller", OWED)
    assert in_books(place) == (OWED, 0)

    settle(place, claim, OWED)

    assert (in_books(place), place.all_owed(), stands(place, claim)[3]) == ((0, 0), {}, "settled")


def test_a_claim_of_the_marketplace_that_is_waived_is_a_loss(place: Trading) -> None:
    claim = claimed(place, creditor=None)

    waive(place, claim, 300)

    assert (in_books(place), stands(place, claim)) == ((700, 300), (0, 300, 700, "open"))


def test_a_claim_between_parties_that_is_waived_moves_no_money(place: Trading) -> None:
    claim = claimed(place)

    waive(place, claim, OWED)

    assert (stands(place, claim), place.all_owed()) == ((0, OWED, 0, "waived"), {})


def test_up_to_pays_what_the_debtor_has_and_never_more_than_is_owed(place: Trading) -> None:
    claim = claimed(place)
    place.owe("seller", 300)

    first = settle(place, claim, OWED, up_to=True)
    place.owe("seller", 5_000)
    second = settle(place, claim, 9_000, up_to=True)

    assert [outcome.item.data["minor"] for outcome in (first, second)] == [300, 700]
    assert stands(place, claim) == (OWED, 0, 0, "settled")


def test_up_to_pays_nothing_out_of_nothing(place: Trading) -> None:
    claim = claimed(place)

    refused = refusal(lambda: settle(place, claim, 1, up_to=True))

    assert (refused.code, refused.facts["open"], refused.facts["available"]) == ("nothing_to_settle", OWED, 0)


REFUSED: list[tuple[str, type[Refusal], Callable[[Trading, Claim], Any]]] = [
    ("amount_not_positive", InvalidInput, lambda place, claim: settle(place, claim, 0)),
    ("amount_not_positive", InvalidInput, lambda place, claim: settle(place, claim, -1, up_to=True)),
    ("amount_not_positive", InvalidInput, lambda place, claim: waive(place, claim, 0)),
    ("claim_exceeded", Conflict, lambda place, claim: settle(place, claim, OWED + 1)),
    ("claim_exceeded", Conflict, lambda place, claim: waive(place, claim, OWED + 1)),
    ("insufficient_funds", Conflict, lambda place, claim: settle(place, claim, 1)),
    (
        "currency_mismatch",
        InvalidInput,
        lambda place, claim: claims.settle_claim(place.call(), claim.claim_id, Money(1, "EUR")),
    ),
    (
        "currency_mismatch",
        InvalidInput,
        lambda place, claim: claims.waive_claim(place.call(), claim.claim_id, Money(1, "EUR"), "x"),
    ),
]


@pytest.mark.parametrize(("code", "kind", "act"), REFUSED)
def test_what_breaks_a_rule_is_refused_and_changes_nothing(
    place: Trading, session_tables: Tables, code: str, kind: type[Refusal], act: Callable[[Trading, Claim], Any]
) -> None:
    claim = claimed(place)
    before = state_of(session_tables)

    refused = refusal(lambda: act(place, claim))

    assert (refused.code, type(refused), state_of(session_tables)) == (code, kind, before)


def test_what_is_not_there_is_not_found(place: Trading) -> None:
    claim, other = claimed(place), trading()
    nowhere = dataclasses.replace(claim, claim_id=f"clm_{'0' * 26}")

    for act in (
        lambda: settle(place, nowhere, 1),
        lambda: waive(place, nowhere, 1),
        lambda: claims.get_claim(other.tenant, claim.claim_id),
        lambda: settle(other, claim, 1),
    ):
        refused = refusal(act)
        assert (refused.code, type(refused)) == ("claim_not_found", NotFound)


# ---- undoing ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("creditor", ["buyer", None], ids=["a party's", "the marketplace's"])
@pytest.mark.parametrize("end", [settle, waive])
def test_what_was_settled_or_waived_is_owed_again_once_that_is_undone(
    place: Trading, creditor: str | None, end: Callable[..., Outcome]
) -> None:
    claim = claimed(place, creditor=creditor)
    place.owe("seller", OWED)
    before = (in_books(place), place.all_owed())
    ended = end(place, claim, OWED)

    undone = undo(place, claim, ended)

    assert (stands(place, claim), in_books(place), place.all_owed()) == ((0, 0, OWED, "open"), *before)
    assert (undone.item.data["undoes"], undone.item.data["minor"]) == (ended.item.entry_id, OWED)
    assert refusal(lambda: undo(place, claim, ended)).code == "claim_part_undone"


def test_only_what_ended_a_part_of_this_claim_can_be_undone(place: Trading) -> None:
    claim, other = claimed(place), claimed(place, debtor="carrier")
    ended = waive(place, other, 1)

    for outcome in (ended, undo(place, other, ended)):
        refused = refusal(lambda outcome=outcome: undo(place, claim, outcome))
        assert (refused.code, type(refused)) == ("claim_part_not_found", NotFound)


def test_a_payment_that_its_creditor_has_spent_cannot_be_undone(place: Trading) -> None:
    claim = claimed(place)
    place.owe("seller", OWED)
    ended = settle(place, claim, OWED)
    place.pay_out(ended)

    assert refusal(lambda: undo(place, claim, ended)).code == "insufficient_funds"
    assert stands(place, claim) == (OWED, 0, 0, "settled")


# ---- lists -----------------------------------------------------------------------------------------------------------


def test_claims_are_listed_by_due_day_of_all_of_a_debtor_or_of_a_trade(place: Trading) -> None:
    later = claimed(place, due_on=date(2026, 3, 20))
    trade = claimed(place, debtor="carrier", trade_id="trd_1", due_on=date(2026, 3, 10))
    first = claimed(place, due_on=date(2026, 3, 1), creditor=None)

    assert claim_ids(place) == [first.claim_id, trade.claim_id, later.claim_id]
    assert claim_ids(place, debtor=place.party("seller")) == [first.claim_id, later.claim_id]
    assert claim_ids(place, trade_id="trd_1") == [trade.claim_id]
    assert claim_ids(place, trade_id="trd_1", debtor=place.party("seller")) == []
    assert claim_ids(place, is_open=False) == []


def test_a_claim_that_ends_moves_to_the_lists_of_ended_ones_and_back(place: Trading) -> None:
    claim = claimed(place, trade_id="trd_1")
    mine: list[dict[str, str]] = [{}, {"debtor": place.party("seller")}, {"trade_id": "trd_1"}]

    ended = waive(place, claim, OWED)

    assert [claim_ids(place, **one) for one in mine] == [[]] * 3
    assert [claim_ids(place, is_open=False, **one) for one in mine] == [[claim.claim_id]] * 3
    undo(place, claim, ended)
    assert [claim_ids(place, **one) for one in mine] == [[claim.claim_id]] * 3


# ---- races and crashes -----------------------------------------------------------------------------------------------


def test_payments_and_waivers_at_one_moment_never_end_more_than_is_owed(place: Trading) -> None:
    claim = claimed(place)
    place.owe("seller", 10 * OWED)
    acts = [partial(end, place, claim, 100) for end in (settle, waive) for _ in range(16)]

    results = at_once(*acts)

    settled, waived, left, _ = stands(place, claim)
    assert (settled + waived, left, len(done(results))) == (OWED, 0, 10)
    assert place.all_owed() == {"seller": 10 * OWED - settled} | ({"buyer": settled} if settled else {})
    assert codes(results) == ["claim_exceeded"] * 22


def test_a_part_is_undone_once_by_many_at_one_moment(place: Trading) -> None:
    claim = claimed(place, creditor=None)
    ended = waive(place, claim, OWED)

    results = at_once(*(partial(undo, place, claim, ended) for _ in range(8)))

    assert (len(done(results)), codes(results)) == (1, ["claim_part_undone"] * 7)
    assert (stands(place, claim), in_books(place)) == ((0, 0, OWED, "open"), (OWED, 0))


def opened(place: Trading) -> Act:
    place.party("seller")

    def act() -> Outcome:
        claimed(place, key="act", creditor=None, trade_id="trd_1")
        return claims.waive_claim(place.call("after"), claim_ids(place)[0], place.money(1), "x")

    return act


def settled(place: Trading) -> Act:
    claim = claimed(place)
    place.owe("seller", OWED)
    return partial(settle, place, claim, OWED, key="act")


def waived(place: Trading) -> Act:
    return partial(waive, place, claimed(place, creditor=None, trade_id="trd_1"), OWED, key="act")


def settlement_undone(place: Trading) -> Act:
    claim = claimed(place)
    place.owe("seller", OWED)
    return partial(undo, place, claim, settle(place, claim, OWED), key="act")


def waiver_undone(place: Trading) -> Act:
    claim = claimed(place, creditor=None)
    return partial(undo, place, claim, waive(place, claim, 1), key="act")


COMMANDS = (opened, settled, waived, settlement_undone, waiver_undone)


@pytest.mark.parametrize("prepared", COMMANDS, ids=lambda command: command.__name__)
def test_a_process_killed_at_any_call_leaves_one_effect_after_a_retry(
    place: Trading, session_tables: Tables, prepared: Callable[[Trading], Act]
) -> None:
    prepared(place)()
    wanted = picture(session_tables, place.tenant)
    for point in crash_points():
        other = trading()
        act = prepared(other)
        with point:
            act()

        outcome = act()

        assert picture(session_tables, other.tenant) == wanted, point
        assert trial_balance(session_tables, other.tenant) == {"CNY": 0}, point
        again = act()
        assert (again.replayed, again.item) == (True, outcome.item), point


def test_a_claim_refuses_to_exist_where_it_makes_no_sense(place: Trading) -> None:
    claim = claimed(place)

    for changes in ({"settled_minor": OWED + 1}, {"waived_minor": -1}, {"creditor": claim.debtor}):
        with pytest.raises(Defect):
            dataclasses.replace(claim, **changes)
