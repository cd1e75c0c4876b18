"""Where a netting window is kept: everything under one key, so that its obligations are one query.

state        the window and how far its closing has come
roster       its parties
gate#0..7    what an obligation must pass; its version counts those that have
obl#...      one obligation each, by reference
sums         what the obligations come to, for each payer and payee
netted       the payments that are left
"""

from __future__ import annotations

import re
from dataclasses import replace as changed
from typing import cast
from zlib import crc32

import msgspec

from chalicelib.core.errors import Conflict, NotFound, at_index
from chalicelib.core.values import dataclass
from chalicelib.settlement.domain.nets import Sums
from chalicelib.settlement.domain.netting import Added, Netted, Roster, Window, window_closed
from chalicelib.storage.commit import Stale, Write, update
from chalicelib.storage.reads import Found, Page, query
from chalicelib.storage.records import Due, Listing, Versioned, create, listing, replace, require, take
from chalicelib.storage.tables import Item, Key, RecordItem, record_key

GATES = 8
"""Items that obligations pass, chosen by their call, so that calls at one instant seldom meet at one."""

_NET_ID = re.compile(r"net_[0-9a-z]{26}")
_OBLIGATION = "obl#"
_OPEN, _SHUT = '"open"', '"shut"'


@dataclass(frozen=True, slots=True)
class AddedPage:
    """Obligations in the order of their references, and where the next page begins (None: nowhere)."""

    values: tuple[Added, ...]
    last_key: Item | None


def window_key(tenant: str, net_id: str) -> Key:
    """Where a window is. Raises NotFound `netting_window_not_found` for what is no window's id."""
    return _key(tenant, net_id, "state")


def roster_key(tenant: str, net_id: str) -> Key:
    """Where a window's parties are. Raises NotFound `netting_window_not_found`."""
    return _key(tenant, net_id, "roster")


def sums_key(tenant: str, net_id: str) -> Key:
    """Where a window's sums are. Raises NotFound `netting_window_not_found`."""
    return _key(tenant, net_id, "sums")


def netted_key(tenant: str, net_id: str) -> Key:
    """Where a window's payments are. Raises NotFound `netting_window_not_found`."""
    return _key(tenant, net_id, "netted")


def obligation_key(tenant: str, net_id: str, reference: str) -> Key:
    """Where an obligation is. Raises NotFound `netting_window_not_found`."""
    return _key(tenant, net_id, f"{_OBLIGATION}{reference}")


def gate_keys(tenant: str, net_id: str) -> tuple[Key, ...]:
    """Where a window's gates are. Raises NotFound `netting_window_not_found`."""
    return tuple(_key(tenant, net_id, f"gate#{number}") for number in range(GATES))


def take_window(found: Found, tenant: str, net_id: str) -> Versioned[Window]:
    """The window a batch found. Raises NotFound `netting_window_not_found`."""
    return require(found, window_key(tenant, net_id), Window, "netting_window_not_found", net_id=net_id)


def take_roster(found: Found, tenant: str, net_id: str) -> Versioned[Roster]:
    """The parties a batch found. Raises NotFound `netting_window_not_found`."""
    return require(found, roster_key(tenant, net_id), Roster, "netting_window_not_found", net_id=net_id)


def take_sums(found: Found, tenant: str, net_id: str) -> Versioned[Sums]:
    """The sums a batch found: none, at version 0, where nothing has been summed."""
    return take(found, sums_key(tenant, net_id), Sums) or Versioned(Sums(), 0)


def take_netted(found: Found, tenant: str, net_id: str) -> Netted:
    """The payments a batch found: none where nothing has been netted."""
    record = take(found, netted_key(tenant, net_id), Netted)
    return record.value if record else Netted()


def take_obligation(found: Found, tenant: str, net_id: str, reference: str) -> Added:
    """The obligation a batch found. Raises NotFound `obligation_not_found`."""
    key = obligation_key(tenant, net_id, reference)
    return require(found, key, Added, "obligation_not_found", reference=reference).value


def passed(found: Found, tenant: str, net_id: str) -> int:
    """How many obligations have passed the gates that a batch found."""
    gates = (cast("RecordItem", found[key]) for key in gate_keys(tenant, net_id))
    return sum(gate.version - 1 for gate in gates)


def create_window(tenant: str, window: Window) -> tuple[Write, ...]:
    """Write a new window with no party and open gates. Conflict `netting_window_exists` where its id is taken."""
    taken = "netting_window_exists"
    state = create(
        window_key(tenant, window.net_id),
        window,
        exists=taken,
        list_key=_list_key(tenant),
        list_sort=window.net_id,
        due_at=window.closes_at,
    )
    gates = (create(key, "open", exists=taken) for key in gate_keys(tenant, window.net_id))
    return (state, create(roster_key(tenant, window.net_id), Roster(), exists=taken), *gates)


def save_window(tenant: str, window: Window, *, version: int, due: Due | None = None) -> Write:
    """Write a window's next state over the version that was read; `due` says anew when time goes on with it."""
    return replace(window_key(tenant, window.net_id), window, version=version, due=due)


def save_roster(tenant: str, net_id: str, roster: Roster, *, version: int) -> Write:
    """Write a window's parties over the version that was read."""
    return replace(roster_key(tenant, net_id), roster, version=version)


def save_sums(tenant: str, net_id: str, sums: Sums, *, version: int) -> Write:
    """Write a window's sums over the version that was read (0: there were none)."""
    key = sums_key(tenant, net_id)
    if version:
        return replace(key, sums, version=version)
    return changed(create(key, sums, exists="sums_exist"), refuse=lambda _: Stale())


def create_netted(tenant: str, net_id: str, netted: Netted) -> Write:
    """Write a window's payments. They are written once, with the stage that says so."""
    return changed(create(netted_key(tenant, net_id), netted, exists="netted_exists"), refuse=lambda _: Stale())


def pass_gate(tenant: str, net_id: str, count: int, *, told_apart_by: str) -> Write:
    """Let so many obligations in, through one of the gates.

    condition: the gate is open; else Conflict `window_closed`
    """
    number = crc32(told_apart_by.encode()) % GATES
    return update(
        f"pass gate {number}",
        gate_keys(tenant, net_id)[number],
        change="SET version = version + :count",
        condition="doc = :open",
        values={":count": {"N": str(count)}, ":open": {"S": _OPEN}},
        refuse=lambda _: window_closed(),
    )


def shut_gates(tenant: str, net_id: str) -> tuple[Write, ...]:
    """Let nothing in any more.

    condition: the gate is open; else decide again
    """
    return tuple(
        update(
            f"shut {key.sort}",
            key,
            change="SET doc = :shut",
            condition="doc = :open",
            values={":shut": {"S": _SHUT}, ":open": {"S": _OPEN}},
            refuse=lambda _: Stale(),
        )
        for key in gate_keys(tenant, net_id)
    )


def create_obligation(tenant: str, net_id: str, added: Added, *, index: int) -> Write:
    """Write an obligation. Conflict `obligation_twice`, with its place in the call, where its reference is taken."""
    reference = added.obligation.reference
    twice = Conflict("obligation_twice", "the window has an obligation of this reference", reference=reference)
    write = create(obligation_key(tenant, net_id, reference), added, exists="obligation_twice")
    return changed(write, refuse=lambda _: at_index(twice, "obligations", index))


def list_windows(tenant: str, *, after: Item | None, limit: int) -> Listing[Window]:
    """One page of a tenant's windows, the newest first."""
    return listing(_list_key(tenant), Window, after=after, limit=limit, newest_first=True)


def page_of(tenant: str, net_id: str, *, after: Item | None, limit: int) -> AddedPage:
    """One page of a window's obligations by reference, read strongly."""
    key = window_key(tenant, net_id)
    page: Page = query(RecordItem, pk=key.pk, after=after, limit=limit, starts_with=_OBLIGATION)
    docs = (cast("RecordItem", item).doc for item in page.items)
    return AddedPage(tuple(msgspec.json.decode(doc, type=Added) for doc in docs), page.last_key)


def start_after(tenant: str, net_id: str, reference: str) -> Item | None:
    """Where the page after a reference begins (empty: the first page)."""
    return obligation_key(tenant, net_id, reference).wire() if reference else None


def _key(tenant: str, net_id: str, part: str) -> Key:
    """Other records share the table: only what looks like a window's id may name one."""
    if not _NET_ID.fullmatch(net_id):
        raise NotFound("netting_window_not_found", "netting window not found", net_id=net_id)
    return record_key(tenant, net_id, part)


def _list_key(tenant: str) -> str:
    return f"{tenant}#netting-windows"
