"""Splits in the books: one commit each, what accounts refuse, the account of what is held, receivers by the page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, Purpose, purpose_account
from chalicelib.ledger.holds import Terms
from chalicelib.ledger.lines import check_chain
from chalicelib.ledger.service.holds import PlaceHold, index, place_hold
from chalicelib.ledger.store import accounts
from chalicelib.ledger.store.projection import all_lines
from chalicelib.ledger.worker import project
from chalicelib.splits.domain.fees import SplitFee
from chalicelib.splits.domain.split import Division, State
from chalicelib.splits.domain.waterfall import KEPT, MOST_SHARES, Waterfall
from chalicelib.splits.service import splitting
from chalicelib.storage.due import due_in_turn
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from tests.ledger.books import refused
from tests.splits.desk import FUNDS, Desk, bps, cny, fixed, rest, split_id_of
from tests.support.calls import MONDAY
from tests.support.events import stream_event
from tests.support.faults import watching


def test_an_amount_is_divided_in_one_commit_with_one_read_before(desk: Desk) -> None:
    mill, carrier, platform, bank = desk.receivers(4)
    fees = (SplitFee(bank, minor=7), SplitFee(platform, bps=30, borne_by=mill))
    command = desk.opening(10_000, fixed(carrier, 425), bps(KEPT, 1000), rest(mill), fees=fees, reference="INV 7")

    with watching() as calls:
        outcome = splitting.open_split(desk.call(), command)

    split = desk.read(split_id_of(outcome))
    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert desk.balances(desk.source, carrier, mill, platform, bank) == [FUNDS - 10_007, 425, 8_545, 30, 7]
    assert (split.state, split.held_minor, desk.held(split.split_id)) == (State.OPEN, 1_000, 1_000)
    assert outcome.item.data["shares"] == {carrier: 425, KEPT: 1_000, mill: 8_545}
    assert outcome.item.data["fees"] == {bank: 7, platform: 30}
    assert (outcome.item.subject, outcome.item.reference) == (split.split_id, "INV 7")
    assert desk.divisions(split.split_id) == (Division(1, {carrier: 425, mill: 8_545}),)
    assert desk.adds_up(split.split_id)


def test_eighty_receivers_with_five_fees_and_something_kept_are_one_commit(desk: Desk) -> None:
    receivers = desk.receivers(MOST_SHARES)
    fees = tuple(SplitFee(account_id, minor=1) for account_id in desk.receivers(5))
    shares = [*(fixed(account_id, 10) for account_id in receivers[1:]), bps(KEPT, 100), rest(receivers[0])]

    with watching() as calls:
        split_id = desk.opened(10_000, *shares, fees=fees)

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert desk.balances(*receivers) == [9_110, *[10] * 79]
    assert desk.adds_up(split_id)


def test_where_nothing_is_kept_no_account_is_opened(desk: Desk) -> None:
    split_id = desk.opened(100, rest(desk.receiver()))

    assert (desk.read(split_id).clearing_account_id, desk.held(split_id)) == ("", 0)


def test_the_history_of_what_is_held_begins_with_the_entry_that_opened_its_account(desk: Desk) -> None:
    split_id = desk.opened(100, rest(KEPT))
    clearing = desk.read(split_id).clearing_account_id
    first = image(desk, clearing)
    desk.divide(split_id, fixed(desk.receiver(), 30), rest(KEPT))
    second = image(desk, clearing)

    project.project(stream_event((None, first), (first, second)), None)

    lines = tuple(all_lines(desk.tenant, clearing, behind=0, most=1))
    assert [(line.version, line.amount, line.balance) for line in lines] == [(1, -100, -100), (2, 30, -70)]
    assert check_chain(lines) is None
    assert desk.account(clearing).purpose is Purpose.SPLIT


def image(desk: Desk, account_id: str) -> dict[str, Any]:
    key = {"pk": {"S": f"{desk.tenant}#{account_id}"}}
    tables = desk.books.tables
    found: dict[str, Any] = tables.client.get_item(TableName=tables.name("accounts"), Key=key, ConsistentRead=True)
    return dict(found["Item"])


def test_what_is_held_moves_by_the_splits_commands_alone(desk: Desk) -> None:
    clearing = desk.read(desk.opened(100, rest(KEPT))).clearing_account_id

    by_hand = refused(lambda: desk.books.post(clearing, desk.source, 1))
    as_source = refused(lambda: splitting.open_split(desk.call(), command_of(clearing, desk.receiver())))

    assert [one.code for one in (by_hand, as_source)] == ["account_controlled"] * 2


def command_of(source: str, receiver: str, minor: int = 10) -> splitting.OpenSplit:
    return splitting.OpenSplit(source, cny(minor), Waterfall((rest(receiver),)))


@pytest.mark.parametrize("act", ["opened", "divided", "refunded", "returned", "added"])
def test_a_repeated_command_has_the_same_answer_and_one_effect(desk: Desk, act: str) -> None:
    one, two = desk.receivers(2)
    split_id = desk.opened(100, fixed(one, 40), rest(KEPT))
    acts = {
        "opened": lambda: desk.split(100, rest(one), key="k"),
        "divided": lambda: desk.divide(split_id, rest(two), key="k"),
        "refunded": lambda: desk.refund(split_id, 40, key="k"),
        "returned": lambda: desk.give_back(split_id, key="k"),
        "added": lambda: desk.add(split_id, {two: 60}, key="k"),
    }
    first = acts[act]()
    stood = desk.balances(desk.source, one, two)

    again = acts[act]()

    assert (again.replayed, again.item) == (True, first.item)
    assert desk.balances(desk.source, one, two) == stood
    assert desk.adds_up(split_id)


def test_what_is_held_is_divided_refunded_and_returned(desk: Desk) -> None:
    mill, carrier = desk.receivers(2)
    split_id = desk.opened(1_000, bps(mill, 5_000), bps(KEPT, 5_000))

    divided = desk.divide(split_id, bps(carrier, 2_000), rest(KEPT), minor=400)
    refunded = desk.refund(split_id, 50, division=2)
    returned = desk.give_back(split_id, 120)
    desk.give_back(split_id)
    desk.refund(split_id, 500)

    assert (divided.item.data["division"], divided.item.data["shares"]) == (2, {carrier: 80, KEPT: 320})
    assert refunded.item.data["given_back"] == {carrier: 50}
    assert returned.item.data["minor"] == 120
    assert desk.balances(desk.source, mill, carrier) == [FUNDS - 30, 0, 30]
    assert (desk.read(split_id).state, desk.held(split_id)) == (State.CLOSED, 0)
    assert desk.adds_up(split_id)


def missing(desk: Desk) -> str:
    return "acc_none"


def of_wrong_kind(desk: Desk) -> str:
    return desk.books.opened(Kind.ASSET)


def controlled(desk: Desk) -> str:
    account = purpose_account(desk.tenant, Purpose.ESCROW, "EUR", name="escrow", owner="trd_one")
    here = desk.call()
    write = accounts.open_account(desk.tenant, account, opened_by=here)
    once(here, lambda _: Plan(journal_item(here, "account.opened"), (write,)))
    return account.account_id


def in_euro(desk: Desk) -> str:
    account_id = desk.receiver(currency="EUR")
    desk.books.altered(account_id, status="frozen")
    return account_id


def frozen(desk: Desk) -> str:
    account_id = desk.receiver()
    desk.books.altered(account_id, status="frozen", closed_until="9999-01-01T00:00:00.000000Z")
    return account_id


def closed(desk: Desk) -> str:
    account_id = desk.receiver()
    desk.books.altered(account_id, status="closed")
    return account_id


def closed_for_the_period(desk: Desk) -> str:
    account_id = desk.receiver()
    desk.books.altered(account_id, closed_until="9999-01-01T00:00:00.000000Z")
    return account_id


def full(desk: Desk) -> str:
    return desk.receiver(ceiling=1)


UNFIT = {
    "account_not_found": missing,
    "account_wrong_kind": of_wrong_kind,
    "account_controlled": controlled,
    "currency_mismatch": in_euro,
    "account_frozen": frozen,
    "account_closed": closed,
    "period_closed": closed_for_the_period,
    "ceiling_reached": full,
}
"""Accounts that cannot be paid, each by the code of the first rule it breaks."""


@pytest.mark.parametrize("code", UNFIT)
def test_an_account_that_cannot_be_paid_refuses_the_whole(desk: Desk, code: str) -> None:
    good, bad = desk.receiver(), UNFIT[code](desk)
    call = desk.call()
    split_id = desk.opened(100, rest(KEPT))

    opening = refused(lambda: splitting.open_split(call, desk.opening(10, fixed(good, 5), rest(bad))))
    later = refused(lambda: desk.divide(split_id, fixed(good, 5), rest(bad)))

    assert [(one.code, one.facts["account_id"]) for one in (opening, later)] == [(code, bad)] * 2
    assert (desk.wrote(call), desk.balances(good, desk.source)) == (False, [0, FUNDS - 100])


@pytest.mark.parametrize("code", [code for code in UNFIT if code != "ceiling_reached"])
def test_an_account_that_cannot_pay_is_refused(desk: Desk, code: str) -> None:
    bad = UNFIT[code](desk)

    answer = refused(lambda: splitting.open_split(desk.call(), command_of(bad, desk.receiver())))

    assert (answer.code, answer.facts["account_id"]) == (code, bad)


def test_a_source_without_the_money_and_its_fees_is_refused(desk: Desk) -> None:
    shares, fees = [rest(desk.receiver())], (SplitFee(desk.receiver(), minor=1),)

    answer = refused(lambda: desk.split(FUNDS, *shares, fees=fees))

    facts = {"account_id": desk.source, "requested": FUNDS + 1, "available": FUNDS}
    assert (answer.code, answer.facts) == ("insufficient_funds", facts)
    assert desk.split(FUNDS, *shares).item.data["split"]["state"] == "closed"


def test_money_that_an_expired_hold_reserves_is_there(desk: Desk) -> None:
    receiver = desk.receiver()
    until = MONDAY + timedelta(seconds=1)
    hold = place_hold(desk.call(), PlaceHold(Terms(desk.source, receiver, cny(FUNDS), expires_at=until)))
    index(desk.tenant, str(hold.item.subject))
    early, late = desk.call(), desk.call(now=until + timedelta(seconds=1))
    command = desk.opening(FUNDS, rest(receiver))

    answer = refused(lambda: splitting.open_split(early, command))
    splitting.open_split(late, command)

    assert (answer.code, desk.balances(receiver)) == ("insufficient_funds", [FUNDS])


def test_who_has_spent_its_share_cannot_give_it_back_and_others_can_in_its_place(desk: Desk) -> None:
    spent, saved = desk.receivers(2)
    split_id = desk.opened(100, bps(spent, 5_000), bps(saved, 5_000))
    desk.books.post(spent, desk.receiver(), 41)

    answer = refused(lambda: desk.refund(split_id, 20))
    desk.refund(split_id, 20, saved)

    assert (answer.code, answer.facts) == ("insufficient_funds", {"account_id": spent, "requested": 10, "available": 9})
    assert desk.balances(spent, saved, desk.source) == [9, 30, FUNDS - 80]
    assert desk.adds_up(split_id)


def test_what_is_not_there_is_not_found(desk: Desk) -> None:
    split_id = desk.opened(10, rest(desk.receiver()))
    acts = (
        lambda: desk.read("spl_none"),
        lambda: desk.refund("spl_none", 1),
        lambda: desk.give_back(desk.source),
        lambda: desk.divide("spl_none", rest(KEPT)),
        lambda: desk.add("spl_none", {"a": 1}),
        lambda: desk.pay_due("spl_none"),
        lambda: desk.refund(split_id, 1, division=2),
    )

    codes = [refused(act).code for act in acts]

    assert codes == [*["split_not_found"] * 6, "division_not_found"]


def test_splits_are_listed_the_newest_first(desk: Desk) -> None:
    receiver = desk.receiver()
    older, newer = (
        split_id_of(splitting.open_split(desk.call(days=days), desk.opening(1, rest(receiver)))) for days in (0, 1)
    )

    page = splitting.list_splits(desk.tenant, after=None, limit=1)
    other = splitting.list_splits(desk.tenant, after=page.last_key, limit=9)

    assert [split.split_id for split in (*page.values, *other.values)] == [newer, older]


def test_a_preview_books_nothing_and_says_what_would_be_booked(desk: Desk) -> None:
    one, two, bank = desk.receivers(3)
    fees = (SplitFee(bank, minor=3, borne_by=one),)

    with watching() as calls:
        preview = splitting.preview(cny(101), Waterfall((bps(one, 5_000), rest(two))), fees)

    told = desk.split(101, bps(one, 5_000), rest(two), fees=fees).item.data
    assert calls.operations == []
    assert {role: part.minor for role, part in preview.borne.shares} == told["shares"] == {one: 47, two: 51}
    assert {role: part.minor for role, part in preview.borne.fees} == told["fees"] == {bank: 3}
    assert refused(lambda: splitting.preview(cny(0), Waterfall((rest(one),)), ())).code == "amount_not_positive"


def due(desk: Desk, split_id: str) -> bool:
    return any(each.key.pk == f"{desk.tenant}#{split_id}" for each in due_in_turn(MONDAY))


def test_many_receivers_are_paid_by_pages_eighty_to_an_entry(desk: Desk) -> None:
    first, second = desk.receivers(81), desk.receivers(2)
    split_id = desk.opened(10_000, rest(KEPT))
    before = due(desk, split_id)

    added = desk.add(split_id, dict.fromkeys(first, 3))
    desk.add(split_id, dict.fromkeys(second, 5))
    waiting, during = desk.read(split_id), due(desk, split_id)
    with watching() as calls:
        paid = desk.pay_due(split_id)

    split = desk.read(split_id)
    facts = added.item.data
    assert (facts["first_division"], facts["last_division"], facts["added"], facts["added_minor"]) == (1, 2, 81, 243)
    assert (waiting.state, waiting.planned_minor, desk.balances(*first[:1])) == (State.DISTRIBUTING, 253, [3])
    assert (before, during, due(desk, split_id)) == (False, True, False)
    assert (paid, calls.operations.count("dynamodb.TransactWriteItems")) == (3, 3)
    assert desk.balances(*first, *second) == [*[3] * 81, 5, 5]
    assert (split.state, split.held_minor, split.receivers, split.paid_divisions) == (State.OPEN, 9_747, 83, 3)
    assert (desk.pay_due(split_id), desk.adds_up(split_id)) == (0, True)


def test_receivers_that_cannot_be_paid_are_left_out_with_the_reason_and_their_share_stays_held(desk: Desk) -> None:
    good = desk.receiver()
    bad = {make(desk): code for code, make in UNFIT.items()}
    split_id = desk.opened(100, rest(KEPT))
    desk.add(split_id, {good: 2} | dict.fromkeys(bad, 2))

    desk.pay_due(split_id)

    [division] = desk.divisions(split_id)
    assert (division.refused, division.received) == (bad, ((good, 2),))
    assert desk.balances(good) == [2]
    assert (desk.read(split_id).free, desk.held(split_id)) == (cny(98), 98)
    assert desk.adds_up(split_id)
    assert refused(lambda: desk.refund(split_id, 3)).facts["left"] == 2


def test_a_division_of_which_nobody_can_be_paid_is_passed_over(desk: Desk) -> None:
    split_id = desk.opened(100, rest(KEPT))
    desk.add(split_id, {"acc_none": 100})

    desk.pay_due(split_id)
    desk.give_back(split_id)

    assert desk.balances(desk.source) == [FUNDS]
    assert (desk.read(split_id).state, desk.adds_up(split_id)) == (State.CLOSED, True)


def test_a_split_of_another_tenant_is_not_there(desk: Desk) -> None:
    split_id = desk.opened(10, rest(KEPT))

    assert refused(lambda: splitting.get_split("ten_other", split_id)).code == "split_not_found"
    assert splitting.list_divisions("ten_other", split_id, after=None, limit=9).values == ()


def test_an_amount_in_a_currency_of_its_own_is_divided_in_it(desk: Desk) -> None:
    source = desk.books.opened(funds=500, floor=0, currency="JPY")
    one = desk.receiver(currency="JPY")
    command = splitting.OpenSplit(source, Money(500, "JPY"), Waterfall((bps(one, 100), rest(KEPT))))

    split_id = split_id_of(splitting.open_split(desk.call(), command))

    assert (desk.balances(source, one), desk.held(split_id)) == ([0, 5], 495)
