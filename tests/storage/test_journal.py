"""The journal item: what it keeps, and that six postings stay within one kilobyte."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.call import Call
from chalicelib.core.ids import derived_id, serial
from chalicelib.core.money import MAX_MINOR
from chalicelib.storage.journal import JournalItem, Leg, from_wire, journal_item, to_wire
from chalicelib.storage.tables import Item
from tests.support.calls import MONDAY

WRITE_UNIT = 1024
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
legs = st.builds(Leg, texts, st.integers(-MAX_MINOR, MAX_MINOR), st.sampled_from(["CNY", "JPY"]))
facts = st.dictionaries(texts, st.one_of(st.integers(), texts, st.none()), max_size=3)


def command(key: str = "c:0f8fad5b-d9cb-469f-a165-70867728950e") -> Call:
    """A call with a key of 36 characters and ids of their usual length."""
    tenant, actor = derived_id("ten", "Steel Marketplace"), f"cli_{serial(MONDAY, bytes(10))}"
    return Call(tenant, key, bytes(32), datetime(2026, 3, 2, 9, 0, 0, 123456, UTC), serial(MONDAY, bytes(10)), actor)


def size(value: dict[str, object]) -> int:
    """Bytes of an attribute value as DynamoDB counts them (its documentation, "item sizes and formats")."""
    [(kind, content)] = value.items()
    match kind, content:
        case "S", str():
            return len(content.encode())
        case "B", bytes():
            return len(content)
        case "N", str():
            return (len(content.strip("-0")) + 1) // 2 + 1 + content.startswith("-")
        case "L", list():
            return 3 + sum(1 + size(part) for part in content)
        case "M", dict():
            return 3 + sum(1 + len(name) + size(part) for name, part in content.items())
    raise AssertionError(kind)


def item_size(item: Item) -> int:
    return sum(len(name) + size(value) for name, value in item.items())


def six_postings() -> tuple[Leg, ...]:
    amounts = (181_537_976, -4_250_000, -544_613, -176_743_363, 123_456_789, -123_456_789)
    return tuple(Leg(derived_id("acc", str(i)), amount, "CNY") for i, amount in enumerate(amounts))


@given(st.lists(legs, max_size=6).map(tuple), facts, st.one_of(st.none(), texts))
def test_an_item_survives_the_wire(postings: tuple[Leg, ...], data: dict[str, object], reference: str | None) -> None:
    item = journal_item(command(), "entry.posted", legs=postings, data=data, reference=reference, subject=reference)

    assert from_wire(to_wire(item)) == item


def test_it_carries_the_calls_key_mark_actor_and_instant() -> None:
    item = journal_item(command(), "entry.posted")

    assert isinstance(item, JournalItem)
    assert (item.entry_id, item.fingerprint, item.actor) == (command().entry_id, bytes(32), command().actor)
    assert (item.recorded_at, item.occurred_at) == (command().now, command().now)


def test_six_postings_with_usual_ids_are_one_write_unit() -> None:
    item = journal_item(command(), "trade.settled", legs=six_postings(), subject=derived_id("trd", "x"))

    assert item_size(to_wire(item)) <= WRITE_UNIT


def test_a_transfer_leaves_room_for_a_long_reference_and_key() -> None:
    item = journal_item(command(f"c:{'k' * 128}"), "transfer.posted", legs=six_postings()[:2], reference="r" * 140)

    assert item_size(to_wire(item)) <= WRITE_UNIT
