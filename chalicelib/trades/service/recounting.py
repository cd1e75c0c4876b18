"""Clocks are counted anew by another version of their calendar: of one trade, or of all after a deployment."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from hashlib import sha256
from typing import Any

from chalicelib.core.call import Call, worker_call
from chalicelib.core.instants import instant_text
from chalicelib.core.runs import attempt_each
from chalicelib.core.values import dataclass
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Plan, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.trades import store
from chalicelib.trades.domain.recounting import Change, recounted
from chalicelib.trades.domain.terms import Terms
from chalicelib.trades.domain.trade import Trade

RECOUNTED = "trade.clocks_recounted"
ACTOR = "calendars"
MOST_PAGES = 2_000
PAGE = 100


@dataclass(frozen=True, slots=True)
class Recount:
    """How many trades one run has looked at, whose clocks it has counted anew, and the trades that failed."""

    trades: int = 0
    recounted: int = 0
    failures: tuple[tuple[str, Exception], ...] = ()

    def __add__(self, other: Recount) -> Recount:
        failures = (*self.failures, *other.failures)
        return Recount(self.trades + other.trades, self.recounted + other.recounted, failures)


class _Unchanged(Exception):
    """Every clock of the trade ends when it did."""


def recount_trade(tenant: str, trade_id: str, *, now: datetime) -> bool:
    """Count a trade's running clocks by their calendar as it is now. Returns whether an end has changed; the event
    names each. Raises NotFound `trade_not_found`."""
    found = fetch(store.deal_keys(tenant, trade_id))
    trade, terms = store.take_trade(found, tenant, trade_id), store.take_terms(found, tenant, trade_id)
    if not recounted(terms, trade.value, now)[1]:
        return False
    try:
        _recount(_call(tenant, trade_id, trade.version, terms, now), trade_id)
    except _Unchanged:
        return False
    return True


def recount_all(versions: str, now: datetime) -> Recount:
    """Count the running clocks of every trade by these versions of all calendars: pass by pass, until one has found
    nothing to count. A run that was stopped is gone on with by the next where it stood. A trade that fails does not
    stop the others, and has another pass, later each time."""
    run, mark = Recount(), store.load_recounting(versions)
    for _ in range(MOST_PAGES):
        if mark.value.is_done or (mark.value.begins_at is not None and now < mark.value.begins_at):
            break
        page = store.running_trades(mark.value, limit=PAGE)
        of_page = _counted(page.trades, now)
        run += of_page
        onward = page.next.onward(counted=of_page.recounted, failed=len(of_page.failures), now=now)
        after = store.save_recounting(onward, mark)
        if after is None:
            break
        mark = after
    return run


def _counted(trades: tuple[tuple[str, str], ...], now: datetime) -> Recount:
    page = attempt_each(trades, lambda each: recount_trade(*each, now=now))
    failures = tuple((failure.subject[1], failure.error) for failure in page.failures)
    return Recount(page.attempted, page.done, failures)


def _call(tenant: str, trade_id: str, version: int, terms: Terms, now: datetime) -> Call:
    key = f"recount:{trade_id}:{version}:{terms.days.version}"
    entropy = sha256(key.encode()).digest()
    return worker_call(tenant=tenant, key=key, content=None, now=now, entropy=entropy, actor=ACTOR)


def _recount(call: Call, trade_id: str) -> None:
    def decide(found: Found) -> Plan:
        before = store.take_trade(found, call.tenant, trade_id)
        terms = store.take_terms(found, call.tenant, trade_id)
        after, changes = recounted(terms, before.value, call.now)
        if not changes:
            raise _Unchanged
        facts = _facts(terms, after, changes)
        item = journal_item(call, RECOUNTED, subject=trade_id, reference=terms.reference, data=facts)
        return Plan(item, (store.save_trade(call.tenant, after, version=before.version),))

    once(call, decide, reads=store.deal_keys(call.tenant, trade_id))


def _facts(terms: Terms, after: Trade, changes: tuple[Change, ...]) -> dict[str, Any]:
    return {
        "state": after.state.value,
        "expires_at": _text(after.expires_at),
        "calendar": terms.template.calendar,
        "calendar_version": terms.days.version,
        "clocks": list(_clocks(changes)),
    }


def _clocks(changes: tuple[Change, ...]) -> Iterator[dict[str, str | None]]:
    for one in changes:
        yield {"clock": one.clock, "before": _text(one.before), "after": _text(one.after)}


def _text(instant: datetime | None) -> str | None:
    return None if instant is None else instant_text(instant)
