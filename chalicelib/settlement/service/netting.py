"""The closing of a netting window, step by step: shut, sum, net, open a trade for each payment, closed.

Each step is a commit of its own under the version of the window that it was decided from, and each trade has a key of
its own: so several at once, or one that is killed and begins again, come to the same trades, each opened once.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Busy, Conflict, Defect, Refusal
from chalicelib.settlement.domain.nets import Sums, Transfer, netted_by
from chalicelib.settlement.domain.netting import (
    Added,
    Netted,
    Roster,
    Stage,
    Window,
    trade_of,
    trade_serial,
    window_state,
)
from chalicelib.settlement.service.netting_windows import close_netting_window
from chalicelib.settlement.service.opening import open_with_expected_payment
from chalicelib.settlement.store import netting as store
from chalicelib.storage.commit import Failed, Write, commit
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Due, Versioned
from chalicelib.storage.tables import Key

ACTOR = "netting"
CLOSED = "netting_window.closed"
REFUSED = "netting_window.settlements_refused"

MOST_STEPS = 10
"""Steps of one call of `advance`."""

SUMMED_AT_ONCE = 1000
"""Obligations that one step sums."""

OPENED_AT_ONCE = 10
"""Trades that one step opens."""

MOST_RESTARTS = 5


def advance(tenant: str, net_id: str, *, now: datetime) -> bool:
    """Go on with the closing of a window, as far as ten steps lead: ten thousand obligations summed, or a hundred
    trades opened. Whether more is left to do now; call it again then, at once or a day later.

    A payment that can have no trade (a role's fixed share is more than it, say) is passed over: the window keeps the
    code, and stays as it is once all others have theirs. Raises NotFound `netting_window_not_found`, Busy `try_again`.
    """
    for _ in range(MOST_STEPS):
        if not _step(tenant, net_id, now):
            return False
    return True


def _step(tenant: str, net_id: str, now: datetime) -> bool:
    """One step. Whether there may be another."""
    record = store.take_window(fetch((store.window_key(tenant, net_id),)), tenant, net_id)
    window = record.value
    if window.stage is Stage.OPEN:
        return _shut(tenant, window, now)
    if window.stage is Stage.SUMMING:
        return _sum(tenant, record)
    if window.stage is Stage.SETTLING:
        return _settle(tenant, record, now)
    return False


def _shut(tenant: str, window: Window, now: datetime) -> bool:
    if window.takes_at(now):
        return False
    with suppress(Conflict):  # somebody has closed it meanwhile
        close_netting_window(_call(tenant, f"net:{window.net_id}:closing", now), window.net_id)
    return True


def _sum(tenant: str, record: Versioned[Window]) -> bool:
    """Sum one page of obligations more; after the last, net them."""
    window = record.value
    found = fetch(_summing_keys(tenant, window.net_id))
    sums, roster = store.take_sums(found, tenant, window.net_id), store.take_roster(found, tenant, window.net_id).value
    start = store.start_after(tenant, window.net_id, window.after)
    page = store.page_of(tenant, window.net_id, after=start, limit=SUMMED_AT_ONCE)
    owed = (_owed(roster, added) for added in page.values)
    later = sums.value.and_also(owed)
    save_sums = store.save_sums(tenant, window.net_id, later, version=sums.version)
    if page.last_key is not None:
        after = page.values[-1].obligation.reference
        return _save(save_sums, store.save_window(tenant, replace(window, after=after), version=record.version))
    passed = store.passed(found, tenant, window.net_id)
    if later.count != passed:
        return _sum_anew(tenant, record, sums, counted=later.count, passed=passed)
    netted = Netted(netted_by(window.mode, later))
    settling = replace(
        window,
        stage=Stage.SETTLING,
        obligations=later.count,
        total_minor=later.minor,
        transfers=len(netted.transfers),
    )
    writes = (save_sums, store.create_netted(tenant, window.net_id, netted))
    return _save(*writes, store.save_window(tenant, settling, version=record.version))


def _summing_keys(tenant: str, net_id: str) -> tuple[Key, ...]:
    return (store.sums_key(tenant, net_id), store.roster_key(tenant, net_id), *store.gate_keys(tenant, net_id))


def _owed(roster: Roster, added: Added) -> Transfer:
    one = added.obligation
    payer, payee = roster.place(one.payer), roster.place(one.payee)
    if payer is None or payee is None:
        raise Defect(f"obligation {one.reference} is of a party that is not in its window's roster")
    return Transfer(payer, payee, one.amount.minor)


def _sum_anew(tenant: str, record: Versioned[Window], sums: Versioned[Sums], *, counted: int, passed: int) -> bool:
    """A query is no snapshot: the last obligations may have passed the gate a moment before they can be seen. Begin
    from the first one again, and say so where that does not help."""
    window = record.value
    if window.restarts == MOST_RESTARTS:
        raise Defect(f"window {window.net_id}: {passed} obligations passed its gates, {counted} are there")
    anew = replace(window, after="", restarts=window.restarts + 1)
    nothing = store.save_sums(tenant, window.net_id, Sums(), version=sums.version)
    return _save(nothing, store.save_window(tenant, anew, version=record.version))


def _settle(tenant: str, record: Versioned[Window], now: datetime) -> bool:
    window = record.value
    if window.is_tried:
        return _stop(tenant, window, now) if window.refused else _close(tenant, window.net_id, now)
    found = fetch((store.netted_key(tenant, window.net_id), store.roster_key(tenant, window.net_id)))
    roster = store.take_roster(found, tenant, window.net_id).value
    transfers = store.take_netted(found, tenant, window.net_id).transfers
    places = window.untried(OPENED_AT_ONCE)
    refused = _open_trades(tenant, window, {place: transfers[place] for place in places}, roster, now)
    return _save(store.save_window(tenant, window.after_trying(places, refused), version=record.version))


def _open_trades(
    tenant: str, window: Window, transfers: Mapping[int, Transfer], roster: Roster, now: datetime
) -> dict[int, str]:
    """Open the trades of payments, by their places. The code of each that could have none."""
    refused: dict[int, str] = {}
    for place, transfer in transfers.items():
        try:
            _open_trade(tenant, window, transfer, roster, now)
        except Busy:
            raise
        except Refusal as refusal:  # whatever it is, it is this payment's: the others do not wait for it
            refused[place] = refusal.code
    return refused


def _open_trade(tenant: str, window: Window, transfer: Transfer, roster: Roster, now: datetime) -> None:
    payer, payee = roster.parties[transfer.payer], roster.parties[transfer.payee]
    key = f"net:{window.net_id}:{payer}:{payee}"
    own = trade_serial(window, payer=payer, payee=payee)
    call = replace(_call(tenant, key, now, minor=transfer.minor), serial=own)
    command = trade_of(window, payer=payer, payee=payee, minor=transfer.minor)
    open_with_expected_payment(call, window.template_id, command, version=window.template_version)


def _stop(tenant: str, window: Window, now: datetime) -> bool:
    """Say once which payments could have no trade, and leave the window until somebody closes it once more."""
    call = _call(tenant, f"net:{window.net_id}:refused:{window.passes}", now)

    def decide(found: Found) -> Plan:
        record = store.take_window(found, tenant, window.net_id)
        if record.value != window:
            raise window_state(record.value)
        facts = {"net_id": window.net_id, "refused": window.refused}
        save = store.save_window(tenant, window, version=record.version, due=Due(None))
        return Plan(journal_item(call, REFUSED, subject=window.net_id, data=facts), (save,))

    with suppress(Conflict):  # somebody has closed it once more meanwhile
        once(call, decide, reads=(store.window_key(tenant, window.net_id),))
        return False
    return True


def _close(tenant: str, net_id: str, now: datetime) -> bool:
    call = _call(tenant, f"net:{net_id}:closed", now)

    def decide(found: Found) -> Plan:
        record = store.take_window(found, tenant, net_id)
        closed = replace(record.value, stage=Stage.CLOSED)
        facts = {
            "net_id": net_id,
            "obligations": closed.obligations,
            "total_minor": closed.total_minor,
            "currency": closed.currency,
            "settlements": closed.transfers,
        }
        save = store.save_window(tenant, closed, version=record.version, due=Due(None))
        return Plan(journal_item(call, CLOSED, subject=net_id, data=facts), (save,))

    once(call, decide, reads=(store.window_key(tenant, net_id),))
    return False


def _save(*writes: Write) -> bool:
    """Write a step. Where somebody else has done it, look again: either way there may be another."""
    with suppress(Failed):
        commit(writes)
    return True


def _call(tenant: str, key: str, now: datetime, *, minor: int = 0) -> Call:
    """A call of this worker's own. Its ids follow from its key, so that a second try has the same."""
    entropy = sha256(f"{tenant}:{key}".encode()).digest()
    return worker_call(tenant=tenant, key=key, content={"minor": minor}, now=now, entropy=entropy, actor=ACTOR)
