"""The canonical document of an entry: the same whoever reads it, another for whatever differs."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.money import MAX_MINOR
from chalicelib.ledger.documents import canonical, digest, document, document_digest
from chalicelib.storage.journal import JournalItem, Leg, from_wire, to_wire

ITEM = JournalItem(
    tenant="ten_steel",
    entry_id="ent_1",
    key="c:INV-7",
    fingerprint=b"\x01\xff",
    kind="transfer.posted",
    actor="cli_1",
    recorded_at=datetime(2026, 3, 2, 9, 0, tzinfo=UTC),
    occurred_at=datetime(2026, 3, 1, 8, 30, 0, 5, tzinfo=UTC),
    legs=(Leg("acc_b", 500, "CNY"), Leg("acc_a", -500, "CNY")),
    reference="货款 7",
    metadata={"b": "2", "a": "1"},
    data={"trade": {"z": [1, None], "y": True}},
)

CANONICAL = (
    '{"actor":"cli_1","data":{"trade":{"y":true,"z":[1,null]}},"entry_id":"ent_1","fingerprint":"01ff",'
    '"key_digest":"' + sha256(b"c:INV-7").hexdigest() + '","kind":"transfer.posted","metadata":{"a":"1","b":"2"},'
    '"occurred_at":"2026-03-01T08:30:00.000005Z","postings":[{"account_id":"acc_b","amount_minor":500,'
    '"currency":"CNY"},{"account_id":"acc_a","amount_minor":-500,"currency":"CNY"}],'
    '"recorded_at":"2026-03-02T09:00:00.000000Z","reference":"货款 7","subject":null,"tenant":"ten_steel","version":1}'
)

texts = st.text(st.characters(codec="utf-8"), max_size=20)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_MINOR, MAX_MINOR) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


def test_an_entry_has_these_bytes_and_no_others() -> None:
    assert canonical(document(ITEM)).decode() == CANONICAL
    assert digest(ITEM) == sha256(CANONICAL.encode()).digest()


def test_a_document_that_was_sent_as_json_has_the_digest_of_its_entry() -> None:
    told = json.loads(json.dumps(document(ITEM), indent=2, sort_keys=False))

    assert document_digest(told) == digest(ITEM)


def test_the_idempotency_key_is_not_told() -> None:
    assert "INV-7" not in str(document(ITEM))


CHANGES: list[dict[str, Any]] = [
    {"tenant": "ten_other"},
    {"entry_id": "ent_2"},
    {"key": "w:INV-7"},
    {"fingerprint": b"\x01\xfe"},
    {"kind": "entry.posted"},
    {"actor": "cli_2"},
    {"recorded_at": ITEM.recorded_at + timedelta(microseconds=1)},
    {"occurred_at": ITEM.occurred_at + timedelta(microseconds=1)},
    {"legs": ITEM.legs[::-1]},
    {"legs": (Leg("acc_b", 501, "CNY"), Leg("acc_a", -501, "CNY"))},
    {"subject": ""},
    {"reference": None},
    {"metadata": {"a": "1"}},
    {"data": {"trade": {"z": [1, 0], "y": True}}},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_whatever_differs_makes_another_digest(change: dict[str, Any]) -> None:
    assert digest(replace(ITEM, **change)) != digest(ITEM)


def test_no_field_of_a_journal_item_stays_out() -> None:
    assert {name for change in CHANGES for name in change} == {field.name for field in fields(ITEM)}


def test_an_instant_of_another_zone_is_the_same_instant() -> None:
    china = timezone(timedelta(hours=8))

    assert digest(replace(ITEM, occurred_at=ITEM.occurred_at.astimezone(china))) == digest(ITEM)


@given(st.dictionaries(texts, values, max_size=4), st.dictionaries(texts, texts, max_size=4), texts)
def test_an_entry_has_the_same_digest_when_it_is_read_again(
    data: dict[str, Any], metadata: dict[str, str], reference: str
) -> None:
    item = replace(ITEM, data=data, metadata=metadata, reference=reference)

    assert digest(from_wire(to_wire(item))) == digest(item)
