"""Batches, single items and pages."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from botocore.exceptions import ClientError

from chalicelib.core.errors import Busy, Defect, InvalidInput
from chalicelib.storage.commit import write_item
from chalicelib.storage.reads import BATCH, ROUNDS, fetch, get, index_page, query
from chalicelib.storage.tables import HistoryRow, Item, RecordItem, account_key, record_key
from tests.storage.tills import opened_till, till_key
from tests.support.faults import Asked, Result, fault, lost_points, watching


def line(tenant: str, version: int) -> None:
    """One line of history of the tenant's account."""
    row = HistoryRow(
        pk=f"{tenant}#acc",
        version=version,
        entry_id="e",
        amount=1,
        balance=version,
        held=0,
        at="t",
        occurred=f"t#{version:012d}",
        digest="d",
    )
    write_item(HistoryRow, row.serialize())


def listed(tenant: str, name: str) -> None:
    """One record that the tenant's list shows."""
    key = record_key(tenant, name)
    row = RecordItem(pk=key.pk, sk=key.sort, version=1, doc="{}", list_key=f"{tenant}#list", list_sort=name)
    write_item(RecordItem, row.serialize())


def versions(page_items: tuple[object, ...]) -> list[int]:
    return [item.version for item in page_items if isinstance(item, HistoryRow)]


def held_back(asked: Asked, send: Callable[[], Result]) -> Result:
    """The store answers none of the keys, and says so."""
    result, _ = send()
    http, parsed = result
    return (http, parsed | {"Responses": {}, "UnprocessedKeys": json.loads(asked.body)["RequestItems"]}), None


def test_a_batch_is_one_call_over_several_tables_and_leaves_out_what_is_missing(tenant: str) -> None:
    opened_till(tenant, 1)
    keys = [till_key(tenant), record_key(tenant, "none"), account_key(tenant, "none"), till_key(tenant)]

    with watching() as calls:
        found = fetch(keys)

    assert calls.operations == ["dynamodb.BatchGetItem"]
    assert list(found) == [till_key(tenant)]


def test_an_empty_batch_is_no_call() -> None:
    with watching() as calls:
        assert fetch([]) == {}

    assert calls.operations == []


def test_more_keys_than_one_batch_takes_is_our_defect(tenant: str) -> None:
    with pytest.raises(Defect):
        fetch(record_key(tenant, str(i)) for i in range(BATCH + 1))


def test_what_the_store_holds_back_is_asked_for_again(tenant: str) -> None:
    opened_till(tenant, 1)

    with fault(held_back, times=2) as calls:
        found = fetch([till_key(tenant)])

    assert (len(calls.operations), list(found)) == (3, [till_key(tenant)])


def test_what_the_store_keeps_holding_back_is_busy(tenant: str) -> None:
    with fault(held_back, times=99) as calls, pytest.raises(Busy):
        fetch([till_key(tenant)])

    assert len(calls.operations) == ROUNDS


def test_a_read_whose_answer_is_lost_is_made_again(tenant: str) -> None:
    opened_till(tenant, 1)

    for point in lost_points():
        with point:
            found = fetch([till_key(tenant)])
            item = get(till_key(tenant))

        assert item is not None and list(found) == [till_key(tenant)], point


def test_a_missing_item_is_none(tenant: str) -> None:
    assert get(till_key(tenant)) is None


def test_pages_follow_one_another_to_the_end(tenant: str) -> None:
    for version in (1, 2, 3, 4, 5):
        line(tenant, version)

    first = query(HistoryRow, pk=f"{tenant}#acc", limit=2, newest_first=True)
    second = query(HistoryRow, pk=f"{tenant}#acc", limit=3, newest_first=True, after=first.last_key)
    third = query(HistoryRow, pk=f"{tenant}#acc", limit=3, newest_first=True, after=second.last_key)

    assert (versions(first.items), versions(second.items)) == ([5, 4], [3, 2, 1])
    assert (third.items, third.last_key) == ((), None)


def test_a_query_keeps_to_the_beginning_of_the_sort_key(tenant: str) -> None:
    for part in ("line#1", "line#2", "state"):
        key = record_key(tenant, "sheet", part)
        write_item(RecordItem, RecordItem(pk=key.pk, sk=part, version=1, doc="{}").serialize())

    page = query(RecordItem, pk=f"{tenant}#sheet", limit=10, starts_with="line#")

    assert [item.sk for item in page.items if isinstance(item, RecordItem)] == ["line#1", "line#2"]


def test_an_index_lists_keys_in_its_own_order(tenant: str) -> None:
    for name in ("b", "c", "a"):
        listed(tenant, name)

    pages = [
        index_page(
            RecordItem,
            "by_list",
            hash_name="list_key",
            hash_value=f"{tenant}#list",
            after=None,
            limit=10,
            newest_first=newest_first,
        )
        for newest_first in (False, True)
    ]

    assert [key.pk.rpartition("#")[2] for key in pages[0].keys] == ["a", "b", "c"]
    assert pages[1].keys == pages[0].keys[::-1]


@pytest.mark.parametrize(
    "after",
    [
        {"pk": {"S": "ten_other#acc"}, "version": {"N": "1"}},
        {"pk": {"S": "ten_other#acc"}},
        {},
        {"pk": {"S": "TENANT#acc"}},
        {"pk": {"S": "TENANT#acc"}, "version": {"S": "1"}},
        {"pk": {"S": "TENANT#acc"}, "version": {"N": "9" * 40}},
        {"pk": {"S": "TENANT#acc"}, "version": {"N": "1"}, "more": {"S": "x"}},
        {"version": {"S": "1"}},
        {"other": {"S": "x"}},
    ],
)
def test_a_start_outside_the_list_is_the_callers_error(tenant: str, after: Item) -> None:
    after = {name: {kind: text.replace("TENANT", tenant)} for name, of in after.items() for kind, text in of.items()}

    with pytest.raises(InvalidInput) as refused:
        query(HistoryRow, pk=f"{tenant}#acc", limit=2, after=after)

    assert refused.value.code == "invalid_cursor"


@pytest.mark.parametrize(
    "changed", [{"list_key": {"S": "ten_other#list"}}, {"list_sort": {"S": ""}}, {"more": {"S": "x"}}]
)
def test_a_start_outside_an_index_is_the_callers_error(tenant: str, changed: Item) -> None:
    name = f"{tenant}#list"
    start: Item = {"pk": {"S": f"{tenant}#a"}, "sk": {"S": "state"}, "list_key": {"S": name}, "list_sort": {"S": "a"}}
    order = {"hash_name": "list_key", "hash_value": name, "limit": 1, "newest_first": False}
    assert not index_page(RecordItem, "by_list", after=start, **order).keys

    with pytest.raises(InvalidInput) as refused:
        index_page(RecordItem, "by_list", after=start | changed, **order)

    assert refused.value.code == "invalid_cursor"


@pytest.mark.parametrize(
    "change",
    [
        {"list_key": {"S": "ten_other#list"}},
        {"list_key": {"S": ""}},
        {"list_sort": {"N": "1"}},
        {"other": {"S": "x"}},
        {"pk": {}},
    ],
)
def test_a_start_outside_an_indexs_list_is_the_callers_error(tenant: str, change: Item) -> None:
    listed(tenant, "a")
    after = {"pk": {"S": f"{tenant}#a"}, "sk": {"S": "state"}, "list_sort": {"S": "a"}}

    with pytest.raises(InvalidInput):
        index_page(
            RecordItem,
            "by_list",
            hash_name="list_key",
            hash_value=f"{tenant}#list",
            after={"list_key": {"S": f"{tenant}#list"}} | after | change,
            limit=10,
            newest_first=False,
        )


def test_any_other_request_the_store_does_not_understand_is_ours(tenant: str) -> None:
    with pytest.raises(ClientError):
        query(HistoryRow, pk="", limit=2)
