"""Holds placed, captured and voided in groups: all or none, in one commit, refused as if one came after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.core.errors import Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, Side
from chalicelib.ledger.holds import Status
from chalicelib.ledger.service import account_life
from chalicelib.ledger.service.accounts import get_account
from chalicelib.ledger.service.hold_groups import CapturePart, GroupOutcome, capture_group, place_group, void_group
from chalicelib.ledger.service.holds import PlaceHold, void_hold
from chalicelib.storage.once import Outcome
from tests.ledger.holding import Desk, code_of, new_desk, refusal_of, yuan
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching

NONE = "hld_" + "0" * 26


@pytest.fixture(autouse=True)
def stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


@pytest.fixture
def desk() -> Desk:
    return new_desk(100)


def places(desk: Desk, *minors: int, key: str | None = None, **changes: Any) -> GroupOutcome:
    """A group of holds of these amounts."""
    return place_group(desk.call(key), [PlaceHold(desk.terms(minor, **changes)) for minor in minors])


def placed(desk: Desk, *minors: int, **changes: Any) -> list[str]:
    """The ids of holds placed together."""
    return [str(item.subject) for item in places(desk, *minors, **changes).parts]


def captures(desk: Desk, *parts: CapturePart, key: str | None = None) -> GroupOutcome:
    return capture_group(desk.call(key), parts)


def told(act: Callable[[], Any]) -> tuple[str, object]:
    """The code and the index of a refusal."""
    refusal = refusal_of(act)
    return refusal.code, refusal.facts.get("index")


def test_a_group_places_all_its_holds_in_one_call(desk: Desk) -> None:
    with watching() as calls:
        group = places(desk, 10, 20, 30)

    holds = [desk.state(str(item.subject)) for item in group.parts]
    account = get_account(desk.tenant, desk.payer)
    assert calls.operations == ["dynamodb.TransactWriteItems"]
    assert [hold.remaining for hold in holds] == [10, 20, 30]
    assert (account.held, account.version, account.own_balance) == (60, 4, 100)
    assert group.outcome.item.data == {"entries": [item.entry_id for item in group.parts]}
    assert (group.outcome.item.kind, group.outcome.item.legs) == ("hold_group.placed", ())


def test_a_group_captures_parts_of_its_holds_and_moves_each_account_once(desk: Desk) -> None:
    first, second, third = placed(desk, 10, 20, 30)

    group = captures(desk, CapturePart(first), CapturePart(second, yuan(5), close=False), CapturePart(third, yuan(0)))

    states = [desk.state(hold_id) for hold_id in (first, second, third)]
    assert [(hold.status.value, hold.captured, hold.remaining) for hold in states] == [
        ("captured", 10, 0),
        ("pending", 5, 15),
        ("captured", 0, 0),
    ]
    assert (desk.held(), desk.posted(), desk.posted(desk.payee)) == (15, 85, 15)
    assert [item.subject for item in group.parts] == [first, second, third]
    assert [account.version for account in (get_account(desk.tenant, desk.payer),)] == [7]
    assert get_account(desk.tenant, desk.payee).version == 2


def test_a_group_voids_all_its_holds_though_their_accounts_are_frozen(desk: Desk) -> None:
    ids = placed(desk, 10, 20)
    account_life.freeze(desk.call(), desk.payer, reason=None)

    void_group(desk.call(), ids)

    assert [desk.state(hold_id).status for hold_id in ids] == [Status.VOIDED] * 2
    assert desk.held() == 0


def test_money_may_pass_through_an_account_of_the_group(desk: Desk) -> None:
    """The payee gets 10 and gives 10 in one commit: on it both come to nothing."""
    mill = desk.account(floor=0)
    [first] = placed(desk, 10)
    desk.pay(desk.bank, desk.payee, 10)
    [second] = placed(desk, 10, debit_account_id=desk.payee, credit_account_id=mill)
    version = get_account(desk.tenant, desk.payee).version

    captures(desk, CapturePart(first), CapturePart(second))

    payee = get_account(desk.tenant, desk.payee)
    assert (payee.own_balance, payee.held, payee.version - version) == (10, 0, 2)
    assert (desk.posted(), desk.posted(mill)) == (90, 10)


def test_an_account_on_which_a_group_comes_to_nothing_must_be_open_all_the_same(desk: Desk) -> None:
    mill = desk.account(floor=0)
    [first] = placed(desk, 10)
    desk.pay(desk.bank, desk.payee, 10)
    [second] = placed(desk, 10, debit_account_id=desk.payee, credit_account_id=mill)
    account_life.freeze(desk.call(), desk.payee, reason=None)

    assert told(lambda: captures(desk, CapturePart(first), CapturePart(second))) == ("account_frozen", 0)
    assert (desk.held(), desk.held(desk.payee)) == (10, 10)


def test_the_refusals_of_a_group_name_the_hold_in_the_order_of_their_rules(desk: Desk) -> None:
    first, second, third = placed(desk, 10, 20, 30)
    void_hold(desk.call(), third)
    good = CapturePart(first)

    def refused(*parts: CapturePart) -> tuple[str, object]:
        return told(lambda: captures(desk, *parts))

    assert refused() == ("too_few_holds", None)
    assert refused(*[CapturePart(f"hld_{number:026}") for number in range(21)]) == ("too_many_holds", None)
    assert refused(good, CapturePart(NONE), good) == ("duplicate_hold", 2)
    assert refused(CapturePart("acc_x"), CapturePart(first, yuan(0), close=False)) == ("amount_not_positive", 1)
    assert refused(good, CapturePart("acc_x"), CapturePart(third)) == ("hold_not_found", 1)
    assert refused(good, CapturePart(NONE), CapturePart(third)) == ("hold_not_found", 1)
    assert refused(good, CapturePart(third), CapturePart(second, yuan(21))) == ("hold_voided", 1)
    assert refused(good, CapturePart(second, Money(21, "EUR"))) == ("currency_mismatch", 1)
    assert refused(good, CapturePart(second, yuan(21))) == ("capture_exceeds_hold", 1)
    assert told(lambda: void_group(desk.call(), [first, third])) == ("hold_voided", 1)
    assert told(lambda: void_group(desk.call(), [first, first])) == ("duplicate_hold", 1)
    assert (desk.held(), desk.posted()) == (30, 100)


def test_the_field_of_a_refusal_is_told_within_the_group(desk: Desk) -> None:
    first = refusal_of(lambda: places(desk, 1, 0))
    late = refusal_of(lambda: place_group(desk.call(), [PlaceHold(desk.terms(1)), PlaceHold(desk.terms(1, seconds=0))]))

    assert (first.code, first.facts) == ("amount_not_positive", {"field": "holds[1].amount", "index": 1})
    assert (late.code, late.facts) == ("invalid_expiry", {"field": "holds[1].expires_at", "index": 1})


def test_what_is_refused_is_named_as_the_request_names_it(desk: Desk) -> None:
    [hold_id] = placed(desk, 10)
    void_hold(desk.call(), hold_id)

    captured = refusal_of(lambda: captures(desk, CapturePart(hold_id)))
    voided = refusal_of(lambda: void_group(desk.call(), [hold_id]))

    assert [refusal.facts["field"] for refusal in (captured, voided)] == ["captures[0]", "hold_ids[0]"]


def test_the_hold_with_which_an_account_runs_short_is_named(desk: Desk) -> None:
    refusal = refusal_of(lambda: places(desk, 40, 40, 40, 40))

    assert (refusal.code, refusal.facts["index"], refusal.facts["available"]) == ("insufficient_funds", 2, 100)
    assert desk.held() == 0


def test_a_hold_that_is_only_let_go_of_is_not_the_one_that_a_frozen_account_refuses(desk: Desk) -> None:
    first, second = placed(desk, 10, 20)
    account_life.freeze(desk.call(), desk.payer, reason=None)

    refusal = told(lambda: captures(desk, CapturePart(first, yuan(0)), CapturePart(second)))

    assert refusal == ("account_frozen", 1)


def test_holds_of_a_group_that_contradict_each_other_are_refused(desk: Desk) -> None:
    here = PlaceHold(desk.terms(1))
    turned = PlaceHold(desk.terms(1, debit_account_id=desk.bank, credit_account_id=desk.payer, reserved=Side.CREDIT))
    euros = PlaceHold(desk.terms(1, amount=Money(1, "EUR")))
    nobody = PlaceHold(desk.terms(1, debit_account_id="acc_none"))

    assert told(lambda: place_group(desk.call(), [here, turned])) == ("hold_on_wrong_side", 1)
    assert told(lambda: place_group(desk.call(), [here, here, euros])) == ("account_in_two_currencies", 2)
    assert told(lambda: place_group(desk.call(), [here, nobody])) == ("account_not_found", 1)


def test_money_promised_to_deferred_accounts_is_captured_in_a_group_without_moving_them(desk: Desk) -> None:
    fees = desk.account(Kind.INCOME, deferred=True)
    first, second = placed(desk, 10, 20, credit_account_id=fees)
    [third] = placed(desk, 5, credit_account_id="hot_none")

    assert told(lambda: captures(desk, CapturePart(first), CapturePart(third))) == ("account_not_found", 1)
    captures(desk, CapturePart(first), CapturePart(second))
    assert (desk.posted(), desk.held(), get_account(desk.tenant, fees).version) == (70, 5, 0)


def test_twenty_holds_of_twenty_pairs_are_captured_in_one_commit(desk: Desk) -> None:
    pairs = [(desk.account(), desk.account()) for _ in range(20)]
    holds = [PlaceHold(desk.terms(5, debit_account_id=payer, credit_account_id=payee)) for payer, payee in pairs]
    ids = [str(item.subject) for item in place_group(desk.call(), holds).parts]

    with watching() as calls:
        capture_group(desk.call(), [CapturePart(hold_id) for hold_id in ids])

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert {(desk.held(payer), desk.posted(payer), desk.posted(payee)) for payer, payee in pairs} == {(0, -5, 5)}


def test_a_group_that_is_sent_again_has_the_same_answer_and_one_effect(desk: Desk) -> None:
    first, again = places(desk, 10, 20, key="p"), places(desk, 10, 20, key="p")
    ids = [str(item.subject) for item in first.parts]
    captured = captures(desk, *map(CapturePart, ids), key="c")
    captured_again = captures(desk, *map(CapturePart, ids), key="c")

    assert (first.parts, captured.parts) == (again.parts, captured_again.parts)
    assert [group.outcome.replayed for group in (first, again, captured, captured_again)] == [False, True] * 2
    assert (desk.held(), desk.posted()) == (0, 70)


def test_a_group_killed_at_any_call_is_done_once_and_whole(desk: Desk) -> None:
    for number, point in enumerate(crash_points()):
        with point:
            places(desk, 1, 2, key=f"p{number}")
        ids = placed(desk, 1, 2, key=f"p{number}")
        assert desk.held() == 3, point

        captures(desk, *map(CapturePart, ids))
        assert desk.posted(desk.payee) == 3 * (number + 1), point


def test_a_group_capture_killed_at_any_call_or_with_a_lost_answer_is_done_once(desk: Desk) -> None:
    done = 0
    for points in (crash_points, lost_points):
        for number, point in enumerate(points()):
            ids = placed(desk, 1, 2)
            key = f"{points.__name__}{number}"
            with point:
                captures(desk, *map(CapturePart, ids), key=key)

            captures(desk, *map(CapturePart, ids), key=key)

            done += 3
            assert (desk.posted(desk.payee), desk.held()) == (done, 0), point


def test_thirty_two_groups_over_the_same_holds_capture_each_once(desk: Desk) -> None:
    first, second, third = placed(desk, 10, 20, 30)
    pairs = [(first, second), (second, third), (third, first)]

    def act(number: int) -> str:
        return code_of(lambda: captures(desk, *map(CapturePart, pairs[number % 3])))

    with ThreadPoolExecutor(32) as pool:
        codes = list(pool.map(act, range(32)))

    states = [desk.state(hold_id) for hold_id in (first, second, third)]
    assert codes.count("done") == 1
    assert sorted(hold.status.value for hold in states) == ["captured", "captured", "pending"]
    assert desk.posted(desk.payee) == sum(hold.captured for hold in states)
    assert desk.held() == sum(hold.remaining for hold in states)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    asked=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 60)), min_size=1, max_size=5),
    taken=st.lists(st.tuples(st.integers(0, 70), st.booleans()), min_size=5, max_size=5),
)
def test_a_group_does_what_its_holds_would_one_after_the_other(
    desk: Desk, asked: list[tuple[int, int, int]], taken: list[tuple[int, bool]]
) -> None:
    """Two tenants with the same accounts: one is sent groups, the other the same holds singly."""
    grouped, single = _rich(), _rich()
    pairs = [(debited, credited, minor) for debited, credited, minor in asked if debited != credited]
    if not pairs:
        return
    commands = [_commands(desk_of, accounts, pairs) for desk_of, accounts in (grouped, single)]
    try:
        ids = [str(item.subject) for item in place_group(grouped[0].call(), commands[0]).parts]
    except Refusal as refusal:
        assert _singly(single[0], commands[1]) == (refusal.facts["index"], refusal.code)
        return
    assert _singly(single[0], commands[1]) == (len(pairs), "done")
    parts = [CapturePart(hold_id, yuan(minor), close) for hold_id, (minor, close) in zip(ids, taken, strict=False)]
    code = code_of(lambda: capture_group(grouped[0].call(), parts))
    total = sum(desk_of.held(account) for desk_of, accounts in (grouped,) for account in accounts)
    left = sum(grouped[0].state(hold_id).remaining for hold_id in ids)
    assert total == left
    booked = sum(grouped[0].state(hold_id).captured for hold_id in ids)
    assert booked == (sum(minor for minor, _ in taken[: len(ids)]) if code == "done" else 0)


def _rich() -> tuple[Desk, list[str]]:
    desk = new_desk()
    accounts = [desk.account(floor=0) for _ in range(3)] + [desk.account(Kind.ASSET)]
    for account in accounts[:3]:
        desk.pay(accounts[3], account, 100)
    return desk, accounts


def _commands(desk: Desk, accounts: list[str], pairs: list[tuple[int, int, int]]) -> list[PlaceHold]:
    return [
        PlaceHold(desk.terms(minor, debit_account_id=accounts[debited], credit_account_id=accounts[credited]))
        for debited, credited, minor in pairs
    ]


def _singly(desk: Desk, commands: list[PlaceHold]) -> tuple[int, str]:
    """At which of the holds, sent one after the other, the first refusal comes, and its code."""
    for index, command in enumerate(commands):
        code = code_of(lambda command=command: _place(desk, command))
        if code != "done":
            return index, code
    return len(commands), "done"


def _place(desk: Desk, command: PlaceHold) -> Outcome:
    return place_group(desk.call(), [command]).outcome
