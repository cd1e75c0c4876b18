"""An account's life after it was opened: frozen, unfrozen, closed, labelled, its books closed up to an instant.

Each is one commit and no read: the account as it stands at the write decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from chalicelib.core.call import Call
from chalicelib.core.instants import instant_text
from chalicelib.ledger.account_life import check_closed_until, check_labels
from chalicelib.ledger.store import account_life
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once


def freeze(call: Call, account_id: str, *, reason: str | None = None) -> Outcome:
    """Let an account take no more entries until it is unfrozen; what is held of it can still be let go.

    Raises NotFound `account_not_found`; Conflict `account_controlled`, `account_closed`, `already_frozen`.
    """
    write = account_life.freeze(call.tenant, account_id)
    return _change(call, "account.frozen", account_id, write, {"status": "frozen", "reason": reason})


def unfreeze(call: Call, account_id: str, *, reason: str | None = None) -> Outcome:
    """Let a frozen account take entries again.

    Raises NotFound `account_not_found`; Conflict `account_controlled`, `account_closed`, `already_open`.
    """
    write = account_life.unfreeze(call.tenant, account_id)
    return _change(call, "account.unfrozen", account_id, write, {"status": "open", "reason": reason})


def close(call: Call, account_id: str, *, reason: str | None = None) -> Outcome:
    """Close an account of the tenant's own for ever, at zero and with nothing held of it.

    Raises NotFound `account_not_found`; Conflict `account_controlled`, `already_closed`, `balance_not_zero`,
    `held_not_zero`.
    """
    write = account_life.close(call.tenant, account_id)
    return _change(call, "account.closed", account_id, write, {"status": "closed", "reason": reason})


def set_labels(call: Call, account_id: str, labels: Mapping[str, str]) -> Outcome:
    """Give an account these labels in place of those it has.

    Raises InvalidInput `too_many_labels`, `invalid_label`; NotFound `account_not_found`.
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


def _change(call: Call, kind: str, account_id: str, write: Write, facts: Mapping[str, object]) -> Outcome:
    data = {"account_id": account_id} | {name: value for name, value in facts.items() if value is not None}
    item = journal_item(call, kind, subject=account_id, data=data)
    return once(call, lambda _: Plan(item, (write,)))
