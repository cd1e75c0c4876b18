"""The table of states and commands: every cell of it, tried on trades that commands have brought to each state."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import copy
from pathlib import Path

import pytest

from chalicelib.core.errors import Conflict, Defect, Refusal
from chalicelib.trades.domain.funding import takes_money
from chalicelib.trades.domain.milestones import points
from chalicelib.trades.domain.states import CLOSED, ENDED, IN_FULL, TRANSITIONS, Command, State, table_text
from chalicelib.trades.domain.template import Ending, Fault
from chalicelib.trades.domain.trade import check_state, move
from tests.trades.lives import Life, refusal_of
from tests.trades.papers import delivery_photo
from tests.trades.standing import standing

Act = Callable[[Life], object]


def link(life: Life) -> None:
    check_state(life.trade, Command.LINK)
    life.trade = move(life.trade, Command.LINK, life.trade.stage, funds="trd_upstream")


def pay(life: Life, minor: int) -> None:
    """Money is never refused; what the trade does not take stays beside it."""
    if not takes_money(life.trade):
        check_state(life.trade, Command.FUND)
    life.fund(minor)


def at_each_point(life: Life) -> Iterator[tuple[Command, Act]]:
    """Every milestone signed, accepted, released or settled, each of a lot where it is per lot."""
    for one in points(life.terms):
        name, lot, key = one.milestone.name, one.lot, one.key
        for role in one.milestone.signers:
            yield Command.SIGN, lambda life, name=name, role=role, lot=lot: life.sign(name, role, lot=lot)
        yield Command.ACCEPT, lambda life, key=key: life.later(30).accept(key)
        if one.milestone.ends_in is Ending.RELEASE:
            yield Command.RELEASE, lambda life, name=name, lot=lot: life.release(name, lot)
        else:
            yield Command.FINAL_SETTLEMENT, lambda life, lot=lot: life.settle(lot)


def with_amounts(life: Life) -> Iterator[tuple[Command, Act]]:
    """Every command that has an amount, with a little and with all there is."""
    trade, deposit = life.trade, life.terms.deposit.minor
    for minor in {1, deposit, trade.outstanding.minor or 1}:
        yield Command.FUND, lambda life, minor=minor: pay(life, minor)
    for minor in {1, trade.free_minor or 1}:
        yield Command.REFUND, lambda life, minor=minor: life.refund(minor)
        yield Command.DISPUTE, lambda life, minor=minor: life.dispute(minor)
    for role in ("buyer", "seller", "kept"):
        yield Command.RESOLVE, lambda life, role=role: life.resolve({role: trade.frozen_minor or 1})
    for minor in {1, trade.held_minor or 1, max(trade.held_minor - deposit, 0) + 1}:
        if minor <= (trade.held_minor or 1):
            yield Command.UNFUND, lambda life, minor=minor: life.unfund(minor)
    yield Command.UNWIND, lambda life: life.unwind(1)
    yield Command.SETTLE_CLAIM, lambda life: life.settle_claim(1)


def acts(life: Life) -> Iterator[tuple[Command, Act]]:
    """Everything that can be done to a trade, each in a form that is right in itself."""
    yield Command.AGREE, lambda life: life.agree()
    yield Command.ADD_EVIDENCE, lambda life: life.give(delivery_photo())
    yield Command.RELEASE_RETENTION, lambda life: life.later(400).release_retention()
    yield Command.EXPIRE, lambda life: life.later(400).expire()
    yield Command.LINK, link
    for fault in Fault:
        yield Command.CANCEL, lambda life, fault=fault: life.cancel(fault)
    yield from at_each_point(life)
    yield from with_amounts(life)


def tried(state: State, command: Command) -> Iterator[tuple[Life, Refusal | None]]:
    """A command in all its forms on a state in all its shapes: the trade after, or the refusal."""
    for shape in standing()[state]:
        for kind, act in acts(shape):
            if kind is command:
                life = copy(shape)
                try:
                    act(life)
                except Refusal as refusal:
                    yield life, refusal
                else:
                    yield life, None


@pytest.mark.parametrize("state", State)
def test_each_shape_stands_in_its_state(state: State) -> None:
    assert {life.state for life in standing()[state]} == {state}


CELLS = [(state, command) for state in State for command in Command]
ALLOWED = [cell for cell in CELLS if cell[1] in TRANSITIONS[cell[0]]]
REFUSED = [cell for cell in CELLS if cell[1] not in TRANSITIONS[cell[0]]]


def cell_name(value: State | Command) -> str:
    return value.value


@pytest.mark.parametrize(("state", "command"), ALLOWED, ids=cell_name)
def test_an_allowed_command_leads_to_each_state_that_the_table_says_and_to_no_other(
    state: State, command: Command
) -> None:
    reached = {life.state for life, refusal in tried(state, command) if refusal is None}

    assert reached == set(TRANSITIONS[state][command])


@pytest.mark.parametrize(("state", "command"), REFUSED, ids=cell_name)
def test_a_command_that_is_not_in_the_table_is_refused_with_the_state(state: State, command: Command) -> None:
    refusals = [refusal for _, refusal in tried(state, command)]

    assert {(type(one), one.code if one else "") for one in refusals} == {(Conflict, "trade_state")}
    assert all(one and one.facts == {"state": state.value, "command": command.value} for one in refusals)


@pytest.mark.parametrize("state", State)
def test_in_a_dispute_only_what_the_interrupted_state_allows_is_allowed(state: State) -> None:
    shapes = [life for life in standing()[State.DISPUTED] if life.trade.stage is state]
    wanted = set(TRANSITIONS[State.DISPUTED]) & set(TRANSITIONS[state])
    for life in shapes:
        for command in set(Command) - wanted - {Command.RESOLVE}:
            refusal = refusal_of(check_state, life.trade, command)
            assert (refusal.code, refusal.facts) == ("trade_state", {"state": "disputed", "command": command.value})


def test_every_state_is_in_the_table_and_can_be_reached() -> None:
    reached = {to for row in TRANSITIONS.values() for states in row.values() for to in states}

    assert set(TRANSITIONS) == set(State)
    assert reached | {State.DRAFT} == set(State)


def test_what_has_ended_moves_no_escrow_money_and_what_works_is_never_waiting() -> None:
    after_the_end = {command for state in ENDED for command in TRANSITIONS[state]}

    assert after_the_end == {Command.UNWIND, Command.SETTLE_CLAIM}
    assert {state for state in IN_FULL if Command.FUND in TRANSITIONS[state]} == set()
    assert {state for state in CLOSED if Command.RELEASE in TRANSITIONS[state]} == set()


def test_a_move_that_is_not_in_the_table_is_our_defect() -> None:
    trade = Life().trade
    with pytest.raises(Defect):
        move(trade, Command.RELEASE, State.COMPLETED)
    with pytest.raises(Defect):
        move(trade, Command.FUND, State.COMPLETED)


def test_the_table_as_text_names_every_command_of_every_state() -> None:
    head, rule, *rows = table_text().splitlines()

    assert (head, rule) == ("| state | commands: where they lead |", "| --- | --- |")
    assert rows[0] == "| **draft** | agree: agreed; cancel: cancelled; expire: expired |"
    assert rows[-3] == "| **refunded** |  |"
    for state, row in zip(TRANSITIONS, rows, strict=True):
        named = [name for group in row.split("| ")[2].split(";") for name in group.partition(":")[0].split(",")]
        assert {name.strip() for name in named} - {"", "|"} == {command.value for command in TRANSITIONS[state]}


def test_the_page_on_trades_has_the_table() -> None:
    page = Path(__file__).parents[2] / "docs" / "trades.md"

    assert table_text() in page.read_text(encoding="utf-8")
