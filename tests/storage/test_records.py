"""Versioned documents: created once, replaced only from the state that was read, listed in order."""

from __future__ import annotations

from dataclasses import field
from typing import cast

import pytest

from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Failed, Stale, Write, commit
from chalicelib.storage.reads import fetch
from chalicelib.storage.records import Versioned, create, listing, load, replace, require, take
from chalicelib.storage.tables import RecordItem, record_key
from tests.storage.tills import Till, till_key


@dataclass(frozen=True, slots=True)
class Drawer:
    """A part of a chest, with a field of each sort of default."""

    name: str
    coins: int = 0
    slots: int = 3
    label: str | None = None
    opened: int | None = None


@dataclass(frozen=True, slots=True)
class Chest:
    """A document within which documents stand."""

    count: int
    drawers: tuple[Drawer, ...] = ()
    by_name: dict[str, Drawer] = field(default_factory=dict)


def refusal_of(write: Write) -> Exception:
    with pytest.raises(Failed) as failed:
        commit([write])
    [(failed_write, old)] = failed.value.reasons
    return failed_write.refuse(old)


def test_a_document_is_read_as_it_was_written_digit_for_digit(tenant: str) -> None:
    commit([create(till_key(tenant), Till(10**27), exists="till_exists")])

    assert load(till_key(tenant), Till, "till_not_found") == Versioned(Till(10**27), 1)


def test_a_document_leaves_out_what_is_nothing_and_would_be_nothing_anyhow(tenant: str) -> None:
    chest = Chest(0, (Drawer(""), Drawer("top", 2, 0, "tea")), {"left": Drawer("left", slots=3)})

    commit([create(till_key(tenant), chest, exists="till_exists")])

    item = cast("RecordItem", fetch([till_key(tenant)])[till_key(tenant)])
    drawers = '{"name":"","slots":3},{"name":"top","coins":2,"slots":0,"label":"tea"}'
    assert item.doc == f'{{"count":0,"drawers":[{drawers}],"by_name":{{"left":{{"name":"left","slots":3}}}}}}'
    assert load(till_key(tenant), Chest, "till_not_found").value == chest


@pytest.mark.parametrize("drawer", [Drawer("top", opened=0), Drawer("top", label=""), Drawer("top")], ids=str)
def test_a_document_keeps_an_empty_value_where_none_is_the_default(tenant: str, drawer: Drawer) -> None:
    commit([create(till_key(tenant), drawer, exists="till_exists")])

    assert load(till_key(tenant), Drawer, "till_not_found").value == drawer


def test_a_document_is_created_once(tenant: str) -> None:
    write = create(till_key(tenant), Till(1), exists="till_exists")
    commit([write])

    refusal = refusal_of(write)

    assert isinstance(refusal, Conflict)
    assert refusal.code == "till_exists"


def test_a_document_is_replaced_from_the_version_that_was_read(tenant: str) -> None:
    commit([create(till_key(tenant), Till(1), exists="till_exists")])
    commit([replace(till_key(tenant), Till(2), version=1)])

    assert isinstance(refusal_of(replace(till_key(tenant), Till(3), version=1)), Stale)
    assert load(till_key(tenant), Till, "till_not_found") == Versioned(Till(2), 2)


def test_a_missing_document_is_none_or_not_found_by_its_code(tenant: str) -> None:
    key = till_key(tenant)

    assert take(fetch([key]), key, Till) is None
    for ask in (lambda: load(key, Till, "till_not_found", till="t"), lambda: require({}, key, Till, "till_not_found")):
        with pytest.raises(NotFound) as refused:
            ask()
        assert refused.value.code == "till_not_found"


def test_a_list_shows_its_documents_page_by_page_either_way(tenant: str) -> None:
    for n in range(5):
        key = record_key(tenant, f"till_{n}")
        commit([create(key, Till(n), exists="till_exists", list_key=f"{tenant}#tills", list_sort=f"{n}")])
    commit([create(till_key(tenant), Till(9), exists="till_exists")])

    first = listing(f"{tenant}#tills", Till, after=None, limit=3)
    rest = listing(f"{tenant}#tills", Till, after=first.last_key, limit=3)
    newest = listing(f"{tenant}#tills", Till, after=None, limit=2, newest_first=True)

    assert [till.amount for till in first.values + rest.values] == [0, 1, 2, 3, 4]
    assert [till.amount for till in newest.values] == [4, 3]
    assert rest.last_key is None
