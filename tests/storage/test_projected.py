"""What is projected from elsewhere: many items at once, and single ones under a condition."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from chalicelib.core.errors import Busy
from chalicelib.storage.commit import MOST_PUTS, ROUNDS, Stale, put, update, write_if, write_items
from chalicelib.storage.reads import query
from chalicelib.storage.tables import Item, RecordItem, record_key
from tests.support.faults import Asked, Result, answer_lost, fault, lost_points, watching


def items(tenant: str, number: int) -> list[Item]:
    """So many records of one hash key."""
    rows = (RecordItem(pk=f"{tenant}#many", sk=f"{i:03d}", version=1, doc="{}") for i in range(number))
    return [row.serialize() for row in rows]


def kept_back(asked: Asked, send: Callable[[], Result]) -> Result:
    """The store writes what it is told, and says it has left out the last."""
    http, parsed = send()[0]
    [(table, puts)] = json.loads(asked.body)["RequestItems"].items()
    return (http, parsed | {"UnprocessedItems": {table: puts[-1:]}}), None


def stored(tenant: str) -> list[str]:
    return [row.sk for row in query(RecordItem, pk=f"{tenant}#many", limit=100).items if isinstance(row, RecordItem)]


def adding(tenant: str, last: int) -> Any:
    change, condition = "ADD #v :one SET doc = :doc", "attribute_not_exists(#v) OR #v < :last"
    values: Item = {":one": {"N": "1"}, ":doc": {"S": "{}"}, ":last": {"N": str(last)}}
    key, names = record_key(tenant, "many"), {"#v": "version"}
    return update("add", key, change=change, condition=condition, values=values, names=names, refuse=lambda _: Stale())


def test_many_items_are_written_in_portions(tenant: str) -> None:
    with watching() as calls:
        write_items(RecordItem, items(tenant, 2 * MOST_PUTS + 1))

    assert calls.operations == ["dynamodb.BatchWriteItem"] * 3
    assert len(stored(tenant)) == 2 * MOST_PUTS + 1


def test_no_items_are_no_call() -> None:
    with watching() as calls:
        write_items(RecordItem, [])

    assert calls.operations == []


def test_what_the_store_keeps_back_is_sent_again(tenant: str) -> None:
    with fault(kept_back, times=ROUNDS - 1) as calls:
        write_items(RecordItem, items(tenant, 3))

    assert (len(calls.operations), len(stored(tenant))) == (ROUNDS, 3)


def test_a_store_that_keeps_a_part_back_for_ever_is_busy(tenant: str) -> None:
    with fault(kept_back, times=99), pytest.raises(Busy):
        write_items(RecordItem, items(tenant, 3))


def test_lost_answers_of_many_items_are_absorbed(tenant: str) -> None:
    for point in lost_points():
        with point:
            write_items(RecordItem, items(tenant, 2))

        assert len(stored(tenant)) == 2


def test_a_single_write_says_whether_its_condition_held(tenant: str) -> None:
    [item] = items(tenant, 1)
    create = put("create", RecordItem, item, lambda _: Stale())

    assert [write_if(create), write_if(create)] == [True, False]
    assert [write_if(adding(tenant, 2)), write_if(adding(tenant, 2)), write_if(adding(tenant, 2))] == [
        True,
        True,
        False,
    ]


def test_a_single_write_whose_answer_was_lost_is_done_once(tenant: str) -> None:
    with fault(answer_lost):
        written = write_if(adding(tenant, 1))

    assert (written, write_if(adding(tenant, 1)), write_if(adding(tenant, 2))) == (False, False, True)
