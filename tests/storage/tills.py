"""The smallest aggregate there can be: a till with an amount, and commands that open it and take from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import create, load, replace, require
from chalicelib.storage.tables import Key, record_key
from tests.support.calls import call


@dataclass(frozen=True, slots=True)
class Till:
    """What is in a till."""

    amount: int


def till_key(tenant: str) -> Key:
    """Where a tenant's till is kept."""
    return record_key(tenant, "till")


def opening(command: Call, amount: int) -> Outcome:
    """Open the till: a command that reads nothing."""
    write = create(till_key(command.tenant), Till(amount), exists="till_exists")
    return once(command, lambda _: Plan(journal_item(command, "till.opened", data={"amount": amount}), (write,)))


def taking(command: Call, amount: int, *, meanwhile: Callable[[], object] = lambda: None) -> Outcome:
    """Take from the till, never below zero: a command that decides from what it read. `meanwhile` comes after that."""
    key = till_key(command.tenant)

    def decide(found: Found) -> Plan:
        till = require(found, key, Till, "till_not_found")
        meanwhile()
        if till.value.amount < amount:
            raise Conflict("till_short", "not enough", requested=amount, remaining=till.value.amount)
        write = replace(key, Till(till.value.amount - amount), version=till.version)
        return Plan(journal_item(command, "till.taken", data={"amount": amount}), (write,))

    return once(command, decide, (key,))


def in_till(tenant: str) -> int:
    """What is in a tenant's till now."""
    return load(till_key(tenant), Till, "till_not_found").value.amount


def opened_till(tenant: str, amount: int) -> None:
    """A till with an amount in it."""
    opening(call(tenant=tenant), amount)
