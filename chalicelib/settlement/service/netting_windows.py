"""Netting windows: open one, add obligations, close it, and what is asked of them. `netting.py` closes them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from chalicelib.banking import store as banking_store
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, about
from chalicelib.core.values import dataclass
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.domain.nets import Sums
from chalicelib.settlement.domain.netting import (
    Added,
    Netted,
    Obligation,
    OpenWindow,
    Roster,
    Stage,
    Window,
    check_obligations,
    close_window,
    open_window,
    parties_of,
    take_obligations,
)
from chalicelib.settlement.store import netting as store
from chalicelib.settlement.store.expected import check_banked
from chalicelib.settlement.store.netting import AddedPage
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Due, Listing
from chalicelib.storage.tables import Item, Key, account_key
from chalicelib.trades import store as trades_store

OPENED = "netting_window.opened"
ADDED = "netting_window.obligations_added"
CLOSING = "netting_window.closing"


@dataclass(frozen=True, slots=True)
class Whole:
    """All that is known of a window but its obligations. `passed` is how many of these it has."""

    window: Window
    roster: Roster
    passed: int
    sums: Sums
    netted: Netted


@dataclass(frozen=True, slots=True)
class Traced:
    """An obligation, and the window it is in."""

    added: Added
    whole: Whole


def open_netting_window(call: Call, command: OpenWindow) -> Outcome:
    """Open a window for obligations of one currency, whose payments become trades under one template.

    Raises NotFound `template_not_found`; what `open_window` of the rules raises; NotFound `party_not_found`; Conflict
    `currency_not_banked` where nobody could pay its trades, `party_account_missing` for a party of another role that
    could not be paid.
    """
    tenant, net_id = call.tenant, call.new_id("net")
    parties = tuple(dict.fromkeys(command.parties.values()))

    def decide(found: Found) -> Plan:
        template = trades_store.take_template(found, tenant, command.template_id)
        window = open_window(template, command, net_id, now=call.now)
        for party_id in parties:
            banking_store.take_party(found, tenant, party_id)
        check_banked(found, tenant, window.currency)
        for party_id in parties:
            _check_account(found, tenant, party_id, window.currency)
        item = journal_item(call, OPENED, subject=net_id, data=_opened_facts(window))
        return Plan(item, store.create_window(tenant, window))

    reads = (
        trades_store.template_key(tenant, command.template_id),
        banking_store.paying_key(tenant, command.currency),
        *(banking_store.party_key(tenant, party_id) for party_id in parties),
        *_account_keys(tenant, parties, command.currency),
    )
    return once(call, decide, reads=reads)


def add_obligations(call: Call, net_id: str, obligations: Sequence[Obligation]) -> Outcome:
    """Add obligations to a window: all or none of at most 90, each an item of its own, in one commit.

    Raises what `check_obligations` raises, NotFound `netting_window_not_found`, what `take_obligations` raises,
    Conflict `party_account_missing` for a party that could not be paid and `obligation_twice`, both with the place of
    the obligation, and `window_closed` where it was closed meanwhile.
    """
    tenant = call.tenant
    check_obligations(obligations)
    parties, currency = parties_of(obligations), obligations[0].amount.currency
    reads = (store.window_key(tenant, net_id), store.roster_key(tenant, net_id))

    def decide(found: Found) -> Plan:
        window = store.take_window(found, tenant, net_id).value
        before = store.take_roster(found, tenant, net_id)
        roster = take_obligations(window, before.value, obligations, now=call.now)
        _check_accounts(found, tenant, obligations)
        met = () if roster == before.value else (store.save_roster(tenant, net_id, roster, version=before.version),)
        added = (
            store.create_obligation(tenant, net_id, Added(one, call.actor, call.now), index=index)
            for index, one in enumerate(obligations)
        )
        gate = store.pass_gate(tenant, net_id, len(obligations), told_apart_by=call.entry_id)
        item = journal_item(call, ADDED, subject=net_id, data=_added_facts(net_id, obligations))
        return Plan(item, (gate, *met, *added))

    return once(call, decide, reads=(*reads, *_account_keys(tenant, parties, currency)))


def close_netting_window(call: Call, net_id: str) -> Outcome:
    """Close a window to obligations now; or let those of its payments that could have no trade be tried once more.

    What follows is done by `netting.advance`. Raises NotFound `netting_window_not_found`, Conflict `window_state`.
    """
    tenant = call.tenant

    def decide(found: Found) -> Plan:
        record = store.take_window(found, tenant, net_id)
        closing = close_window(record.value, now=call.now)
        gates = store.shut_gates(tenant, net_id) if record.value.stage is Stage.OPEN else ()
        save = store.save_window(tenant, closing, version=record.version, due=Due(call.now))
        item = journal_item(call, CLOSING, subject=net_id, data={"net_id": net_id, "state": closing.stage.value})
        return Plan(item, (save, *gates))

    return once(call, decide, reads=(store.window_key(tenant, net_id),))


def list_netting_windows(tenant: str, *, after: Item | None, limit: int) -> Listing[Window]:
    """One page of a tenant's windows, the newest first."""
    return store.list_windows(tenant, after=after, limit=limit)


def get_netting_window(tenant: str, net_id: str) -> Whole:
    """A window, its parties, sums and payments. Raises NotFound `netting_window_not_found`."""
    return _whole(fetch(_whole_keys(tenant, net_id)), tenant, net_id)


def list_obligations(tenant: str, net_id: str, *, after: Item | None, limit: int) -> AddedPage:
    """One page of a window's obligations, by reference. Raises NotFound `netting_window_not_found`."""
    store.take_window(fetch((store.window_key(tenant, net_id),)), tenant, net_id)
    return store.page_of(tenant, net_id, after=after, limit=limit)


def get_obligation(tenant: str, net_id: str, reference: str) -> Traced:
    """An obligation and its window. Raises NotFound `netting_window_not_found`, `obligation_not_found`."""
    found = fetch((*_whole_keys(tenant, net_id), store.obligation_key(tenant, net_id, reference)))
    whole = _whole(found, tenant, net_id)
    return Traced(store.take_obligation(found, tenant, net_id, reference), whole)


def _whole_keys(tenant: str, net_id: str) -> tuple[Key, ...]:
    return (
        store.window_key(tenant, net_id),
        store.roster_key(tenant, net_id),
        store.sums_key(tenant, net_id),
        store.netted_key(tenant, net_id),
        *store.gate_keys(tenant, net_id),
    )


def _whole(found: Found, tenant: str, net_id: str) -> Whole:
    return Whole(
        store.take_window(found, tenant, net_id).value,
        store.take_roster(found, tenant, net_id).value,
        store.passed(found, tenant, net_id),
        store.take_sums(found, tenant, net_id).value,
        store.take_netted(found, tenant, net_id),
    )


def _account_keys(tenant: str, parties: Iterable[str], currency: str) -> tuple[Key, ...]:
    return tuple(account_key(tenant, party_account_id(tenant, party_id, currency)) for party_id in parties)


def _check_accounts(found: Found, tenant: str, obligations: Sequence[Obligation]) -> None:
    for index, one in enumerate(obligations):
        with about("obligations", index):
            _check_account(found, tenant, one.payer, one.amount.currency, field="payer_party_id")
            _check_account(found, tenant, one.payee, one.amount.currency, field="payee_party_id")


def _check_account(found: Found, tenant: str, party_id: str, currency: str, **facts: str) -> None:
    if account_key(tenant, party_account_id(tenant, party_id, currency)) not in found:
        sentence = "open the party's account in this currency first"
        raise Conflict("party_account_missing", sentence, party_id=party_id, currency=currency, **facts)


def _opened_facts(window: Window) -> dict[str, Any]:
    return {
        "net_id": window.net_id,
        "state": window.stage.value,
        "mode": window.mode.value,
        "template_id": window.template_id,
        "template_version": window.template_version,
        "currency": window.currency,
        "closes_at": window.closes_at.isoformat(),
    }


def _added_facts(net_id: str, obligations: Sequence[Obligation]) -> dict[str, Any]:
    total = sum(one.amount.minor for one in obligations)
    currency = obligations[0].amount.currency
    return {"net_id": net_id, "added": len(obligations), "added_minor": total, "currency": currency}
