"""The five tables and the shape of their items. Keys are built here and nowhere else.

    accounts   pk = tenant#account             balance, rooms, version; streamed to the projector
    journal    pk = tenant#entry               the entry, its idempotency record and its event in one item; streamed
    history    pk = tenant#account, version    one line for each version of an account, written by the projector
               pk = tenant#account#days        what entries of one day, by `occurred_at`, come to
    feed       pk = tenant#entry               an entry's number in its tenant's feed; pk = tenant: the last given
    records    pk, sk                          every other aggregate: a JSON document with a version
               pk = tenant#totals..., number   totals by kind and currency up to a number of the feed
               pk = tenant#account, month#…    what a bank account's month comes to in reconciliation

A model's `Meta.table_name` is the short name; `physical_name` puts the stage's prefix before it.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, NamedTuple

from pynamodb.attributes import (
    Attribute,
    BinaryAttribute,
    BooleanAttribute,
    JSONAttribute,
    ListAttribute,
    MapAttribute,
    UnicodeAttribute,
)
from pynamodb.constants import NUMBER
from pynamodb.models import Model

Item = dict[str, dict[str, Any]]
"""An item as the wire has it: attribute name to `{type: value}`."""

INDEX_SORT = {
    "by_tenant": ("account_id", "S"),
    "by_list": ("list_sort", "S"),
    "by_due": ("due_at", "S"),
    "by_occurred": ("occurred", "S"),
    "by_number": ("number", "N"),
}
"""Name and wire type of the sort attribute of each index."""


class IntegerAttribute(Attribute[int]):
    """A whole number, digit for digit. PynamoDB's own number attribute would give a float for anything else."""

    attr_type = NUMBER

    def serialize(self, value: int) -> str:
        return str(int(value))

    def deserialize(self, value: str) -> int:
        return int(value)


class AccountItem(Model):
    """An account with what its conditions compare. `balance` is debits less credits; the rooms say how much more may
    be debited or credited before a limit is passed, so that a condition needs no arithmetic and no read. `held` is
    what holds have reserved of it. `as_of` is there on deferred accounts: every entry numbered up to it is in the
    balance, and none after it. `status_at` is when the status last changed, if it has."""

    class Meta:
        table_name = "accounts"

    pk = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute()
    account_id = UnicodeAttribute()
    name = UnicodeAttribute()
    kind = UnicodeAttribute()
    currency = UnicodeAttribute()
    status = UnicodeAttribute()
    status_at = UnicodeAttribute(null=True)
    purpose = UnicodeAttribute()
    owner = UnicodeAttribute(null=True)
    labels = JSONAttribute(null=True)
    floor = IntegerAttribute(null=True)
    ceiling = IntegerAttribute(null=True)
    balance = IntegerAttribute()
    held = IntegerAttribute()
    debit_room = IntegerAttribute()
    credit_room = IntegerAttribute()
    version = IntegerAttribute()
    last_commit = UnicodeAttribute()
    last_at = UnicodeAttribute()
    closed_until = UnicodeAttribute()
    as_of = IntegerAttribute(null=True)


class LegMap(MapAttribute[str, Any]):
    """One posting of a journal item: `amount` is positive for a debit, negative for a credit."""

    account = UnicodeAttribute()
    amount = IntegerAttribute()
    currency = UnicodeAttribute()


class JournalRow(Model):
    """An entry, its idempotency record and its event. Written once, never changed."""

    class Meta:
        table_name = "journal"

    pk = UnicodeAttribute(hash_key=True)
    key = UnicodeAttribute()
    fingerprint = BinaryAttribute(legacy_encoding=False)
    kind = UnicodeAttribute()
    actor = UnicodeAttribute()
    recorded_at = UnicodeAttribute()
    occurred_at = UnicodeAttribute()
    legs: ListAttribute[LegMap] = ListAttribute(of=LegMap, null=True)
    subject = UnicodeAttribute(null=True)
    reference = UnicodeAttribute(null=True)
    metadata = JSONAttribute(null=True)
    data = JSONAttribute(null=True)


class HistoryRow(Model):
    """What one entry did to one account: signed amount and running balance, debits positive, what it reserved (`held`),
    and both clocks. `occurred` orders the index of lines by effective time: the instant and the version. `hash` chains
    a line to the one before it and `debits` sums all debits so far; both are missing while that line is."""

    class Meta:
        table_name = "history"

    pk = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute(range_key=True)
    entry_id = UnicodeAttribute()
    amount = IntegerAttribute()
    balance = IntegerAttribute()
    held = IntegerAttribute()
    at = UnicodeAttribute()
    occurred = UnicodeAttribute()
    reference = UnicodeAttribute(null=True)
    digest = UnicodeAttribute()
    debits = IntegerAttribute(null=True)
    hash = UnicodeAttribute(null=True)
    refilled = BooleanAttribute(null=True)


class DayRow(Model):
    """What the lines of one day, by their entries' effective time, move in all, and the debits among it. `version` is
    the day as a number (20260302), `upto` the last line's version that is in it."""

    class Meta:
        table_name = "history"

    pk = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute(range_key=True)
    total = IntegerAttribute()
    debits = IntegerAttribute()
    upto = IntegerAttribute()


class FeedRow(Model):
    """The number of an entry in its tenant's feed. The row of the tenant itself has the last number given, and no
    `tenant`, so that no index lists it."""

    class Meta:
        table_name = "feed"

    pk = UnicodeAttribute(hash_key=True)
    tenant = UnicodeAttribute(null=True)
    number = IntegerAttribute()


class RecordItem(Model):
    """A versioned JSON document. `list_key` and `list_sort` are there on those that some list shows, `due_key` and
    `due_at` on those that time will do something to. `due_tries`, `due_version` and `due_code` are on those of which
    that has failed: how often in a row at this version, and how last."""

    class Meta:
        table_name = "records"

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    version = IntegerAttribute()
    doc = UnicodeAttribute()
    list_key = UnicodeAttribute(null=True)
    list_sort = UnicodeAttribute(null=True)
    due_key = UnicodeAttribute(null=True)
    due_at = UnicodeAttribute(null=True)
    due_tries = IntegerAttribute(null=True)
    due_version = IntegerAttribute(null=True)
    due_code = UnicodeAttribute(null=True)


class MonthRow(Model):
    """What a bank account's month comes to in reconciliation: how many items and their sum, by what became of them.
    Each number is only ever added to; see `chalicelib.recon.positions`."""

    class Meta:
        table_name = "records"

    pk = UnicodeAttribute(hash_key=True)
    sk = UnicodeAttribute(range_key=True)
    lines = IntegerAttribute(default=0)
    lines_minor = IntegerAttribute(default=0)
    entries = IntegerAttribute(default=0)
    entries_minor = IntegerAttribute(default=0)
    matched_lines = IntegerAttribute(default=0)
    matched_lines_minor = IntegerAttribute(default=0)
    matched_entries = IntegerAttribute(default=0)
    matched_entries_minor = IntegerAttribute(default=0)
    cleared_lines = IntegerAttribute(default=0)
    cleared_lines_minor = IntegerAttribute(default=0)
    cleared_entries = IntegerAttribute(default=0)
    cleared_entries_minor = IntegerAttribute(default=0)


class Key(NamedTuple):
    """Where an item lives. `sort` is the text of the sort key, or None where the table has none."""

    model: type[Model]
    pk: str
    sort: str | None = None

    def wire(self) -> Item:
        """The key attributes as the wire has them."""
        attributes: Item = {"pk": {"S": self.pk}}
        if sort_key := _sort_key(self.model):
            name, kind = sort_key
            attributes[name] = {kind: self.sort}
        return attributes


def key_of(model: type[Model], item: Item) -> Key:
    """The key of an item as the wire has it."""
    sort_key = _sort_key(model)
    sort = None if sort_key is None else item[sort_key[0]][sort_key[1]]
    return Key(model, item["pk"]["S"], sort)


def key_shape(model: type[Model]) -> dict[str, str]:
    """Name and wire type of a table's key attributes."""
    sort_key = _sort_key(model)
    return {"pk": "S"} | (dict([sort_key]) if sort_key else {})


@cache
def _sort_key(model: type[Model]) -> tuple[str, str] | None:
    """Name and wire type of a table's sort key."""
    attribute = model._range_key_attribute()  # type: ignore[no-untyped-call]
    return None if attribute is None else (attribute.attr_name, attribute.attr_type)


def physical_name(model: type[Model]) -> str:
    """The table's name in this stage: `quittance-local-journal`."""
    return f"{os.environ['QUITTANCE_TABLE_PREFIX']}-{model.Meta.table_name}"


def account_key(tenant: str, account_id: str) -> Key:
    """Where an account lives."""
    return Key(AccountItem, f"{tenant}#{account_id}")


def journal_key(tenant: str, entry_id: str) -> Key:
    """Where a journal item lives."""
    return Key(JournalRow, f"{tenant}#{entry_id}")


def line_key(account: str, version: int) -> Key:
    """Where the history line of an account's version is. `account` is the hash key that accounts and lines share."""
    return Key(HistoryRow, account, str(version))


def days_key(account: str, day: int = 0) -> Key:
    """Where the total of an account's day is (`day` as 20260302). `account` is the hash key of account and lines."""
    return Key(DayRow, f"{account}#days", str(day))


def totals_key(tenant: str, number: int) -> Key:
    """Where a tenant's totals of each currency up to a number of its feed are."""
    return record_key(tenant, "totals", f"{number:018d}")


def period_key(tenant: str, currency: str, period: str, number: int) -> Key:
    """Where the totals of a period's parts in one currency up to a number are (`period`: 202603; empty: all years)."""
    return record_key(tenant, f"totals#{currency}#{period}", f"{number:018d}")


def number_key(tenant: str, entry_id: str) -> Key:
    """Where an entry's number in the feed is."""
    return Key(FeedRow, f"{tenant}#{entry_id}")


def feed_key(tenant: str) -> Key:
    """Where the last number of a tenant's feed is."""
    return Key(FeedRow, tenant)


def month_key(tenant: str, account_id: str, month: str) -> Key:
    """Where the figures of a bank account's month are (`month` as 2026-03)."""
    return Key(MonthRow, f"{tenant}#{account_id}", f"month#{month}")


def record_key(owner: str, record_id: str, part: str = "state") -> Key:
    """Where a record lives. `owner` is the tenant, or a word for what stands above tenants (`bank`, `client`)."""
    return Key(RecordItem, f"{owner}#{record_id}", part)
