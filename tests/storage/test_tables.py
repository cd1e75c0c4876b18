"""Names and keys, and integers that stay exact."""

from __future__ import annotations

import pytest

from chalicelib.storage.tables import (
    AccountItem,
    HistoryRow,
    IntegerAttribute,
    JournalRow,
    Key,
    RecordItem,
    account_key,
    journal_key,
    key_of,
    line_key,
    physical_name,
    record_key,
)


def test_a_tables_name_begins_with_the_stages_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", "quittance-dev")

    names = [physical_name(model) for model in (AccountItem, JournalRow, HistoryRow, RecordItem)]

    assert names == [f"quittance-dev-{name}" for name in ("accounts", "journal", "history", "records")]


@pytest.mark.parametrize(
    "key",
    [
        account_key("ten_a", "acc_1"),
        journal_key("ten_a", "ent_1"),
        line_key("ten_a#acc_1", 7),
        record_key("ten_a", "trd_1"),
        record_key("bank", "bank_1", "key#1"),
    ],
)
def test_a_key_survives_the_wire(key: Key) -> None:
    assert key_of(key.model, key.wire()) == key


def test_a_number_is_exact_to_the_last_digit_and_nothing_but_whole() -> None:
    number = IntegerAttribute()

    assert number.deserialize(number.serialize(-(10**37) - 1)) == -(10**37) - 1
    with pytest.raises(ValueError, match="invalid literal"):
        number.deserialize("1.5")
