"""An account's life after it was opened: frozen, unfrozen, closed, labelled, its books closed up to an instant.

Each is one commit and, but for closing an account that is deferred or has something held, no read: the account as it
stands at the write decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.core.instants import instant_text
from chalicelib.ledger.account_life import check_closed_until, check_labels
from chalicelib.ledger.domain import is_deferred
from chalicelib.ledger.expiring import with_expired_returned
from chalicelib.ledger.store import account_life
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import account_key

SETTLING = timedelta(minutes=15)
"""How long a deferred account is frozen before it is closed. For seconds after the freeze a process may still book on
it by an older copy; the rest is for such an entry to be numbered, however far the sequencer is behind (an alarm tells
after five minutes). One that is numbered later than that would put money on a closed account."""


def freeze(call: Call, account_id: str, *, reason: str | None = None) -> Outcome:
    """Let an account take no more entries until it is unfrozen; what is held of it can still be let go.

    Raises NotFound `account_not_found`; Conflict `account_controlled`, `account_closed`, `already_frozen`.
    """
    write = account_life.freeze(call.tenant, account_id, now=call.now)
    return _change(call, "account.frozen", account_id, write, {"status": "frozen", "reason": reason})


def unfreeze(call: Call, account_id: str, *, reason: str | None = None) -> Outcome:
    """Let a frozen account take entries again.

    Raises NotFound `account_not_found`; Conflict `account_controlled`, `account_closed`, `already_open`.
    """
    write = account_life.unfreeze(call.tenant, account_id, now=call.now)
    return _change(call, "account.unfrozen", account_id, write, {"status": "open", "reason": reason})


def close(call: Call, account_id: str, *, reason: str | None = None) -> Outcome:
    """Close an account of the tenant's own for ever, at zero and with nothing held of it; holds whose time is over are
    returned first.

    A deferred account is closed when it has been frozen for 15 minutes, so that nobody goes by an older copy of it and
    whoever did is in the feed, and the entries numbered so far are in its balance. Raises NotFound `account_not_found`;
    Conflict `account_controlled`, `already_closed`, for a deferred account `account_not_frozen` and `entries_pending`,
    `balance_not_zero`, `held_not_zero`.
    """
    facts = {"status": "closed", "reason": reason}
    if is_deferred(account_id):
        return _close_deferred(call, account_id, facts)
    write = account_life.close(call.tenant, account_id, now=call.now)
    return with_expired_returned(call, lambda: _change(call, "account.closed", account_id, write, facts))


def set_labels(call: Call, account_id: str, labels: Mapping[str, str]) -> Outcome:
    """Give an account these labels in place of those it has.

    Raises InvalidInput `too_many_labels`, `invalid_label`, `labels_too_large`; NotFound `account_not_found`.
    """
    checked = check_labels(labels)
    write = account_life.set_labels(call.tenant, account_id, checked)
    return _change(call, "account.labelled", account_id, write, {"labels": checked})


def close_period(call: Call, account_id: str, closed_until: datetime) -> Outcome:
    """Refuse, from now on, entries of an account that took effect at or before an instant, which only moves forward.

    Raises InvalidInput `period_in_future`; NotFound `account_not_found`; Conflict `account_controlled`,
    `period_reopened`.
    """
    until = check_closed_until(closed_until, now=call.now)
    write = account_life.close_period(call.tenant, account_id, until)
    return _change(call, "account.period_closed", account_id, write, {"closed_until": instant_text(until)})


def _close_deferred(call: Call, account_id: str, facts: Mapping[str, object]) -> Outcome:
    item = _item(call, "account.closed", account_id, facts)

    def decide(found: Found) -> Plan:
        since = account_life.frozen_since(found, call.tenant, account_id)
        if call.now < since + SETTLING or account_life.has_pending(call.tenant, account_id):
            sentence = "entries from before it was frozen may be on their way: try again in some minutes"
            raise Conflict("entries_pending", sentence, account_id=account_id)
        return Plan(item, (account_life.close(call.tenant, account_id, now=call.now, frozen_at=since),))

    return once(call, decide, reads=(account_key(call.tenant, account_id),))


def _change(call: Call, kind: str, account_id: str, write: Write, facts: Mapping[str, object]) -> Outcome:
    item = _item(call, kind, account_id, facts)
    return once(call, lambda _: Plan(item, (write,)))


def _item(call: Call, kind: str, account_id: str, facts: Mapping[str, object]) -> JournalItem:
    data = {"account_id": account_id} | {name: value for name, value in facts.items() if value is not None}
    return journal_item(call, kind, subject=account_id, data=data)
