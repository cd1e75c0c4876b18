"""What changes an account beside its balance: one conditional update each, decided by the account as it stands then.

None of them raises the account's version: no line of its history belongs to them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection
from datetime import datetime
from functools import partial
from typing import cast

from chalicelib.core.errors import Conflict, NotFound, Refusal
from chalicelib.core.instants import instant_text, parse_instant
from chalicelib.core.values import dataclass
from chalicelib.ledger.account_life import CLOSABLE, FREEZABLE, PERIOD_CLOSABLE
from chalicelib.ledger.domain import Kind, Purpose
from chalicelib.ledger.store import feed, folding
from chalicelib.storage.commit import Stale, Write, update
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import AccountItem, Item, account_key

_SET_STATUS = "SET #status = :wanted, status_at = :now"
_STATUS = {"#status": "status"}


@dataclass(frozen=True, slots=True)
class Rule:
    """When a change may be made: on an account of one of these purposes that meets a condition. `broken` says what an
    account of such a purpose fails in."""

    purposes: Collection[Purpose]
    condition: str
    values: Item
    broken: Callable[[AccountItem], Refusal | Stale]


def freeze(tenant: str, account_id: str, *, now: datetime) -> Write:
    """Let an account take no more entries, until it is unfrozen.

    condition: open, of a purpose that can be frozen; else Conflict `account_controlled`, `account_closed`,
    `already_frozen`
    """
    return _set_status(tenant, account_id, given="open", wanted="frozen", now=now)


def unfreeze(tenant: str, account_id: str, *, now: datetime) -> Write:
    """Let a frozen account take entries again.

    condition: frozen, of a purpose that can be; else Conflict `account_controlled`, `account_closed`, `already_open`
    """
    return _set_status(tenant, account_id, given="frozen", wanted="open", now=now)


def close(tenant: str, account_id: str, *, now: datetime, frozen_at: datetime | None = None) -> Write:
    """Close an account for ever.

    condition: not closed (or, told when, frozen since then), at zero, nothing held, of a purpose that can be closed;
    else Conflict `account_controlled`, `already_closed`, `balance_not_zero`, `held_not_zero`, or Stale
    """
    condition = "#status <> :wanted AND balance = :zero AND held = :zero"
    values: Item = {":wanted": {"S": "closed"}, ":zero": {"N": "0"}, ":now": {"S": instant_text(now)}}
    if frozen_at is not None:
        condition += " AND #status = :frozen AND status_at = :since"
        values |= {":frozen": {"S": "frozen"}, ":since": {"S": instant_text(frozen_at)}}
    return _change(tenant, account_id, _SET_STATUS, Rule(CLOSABLE, condition, values, _not_closable), _STATUS)


def set_labels(tenant: str, account_id: str, labels: dict[str, str]) -> Write:
    """Give an account these labels and no others; they rule nothing, so any account may have them.

    condition: attribute_exists(pk)
    """
    return update(
        f"label {account_id}",
        account_key(tenant, account_id),
        change="SET labels = :labels",
        condition="attribute_exists(pk)",
        values={":labels": {"S": json.dumps(labels)}},
        refuse=lambda _: _none(account_id),
    )


def close_period(tenant: str, account_id: str, closed_until: datetime) -> Write:
    """Let an account take no entry that took effect at or before an instant.

    condition: closed_until <= the instant, of a purpose whose periods can be closed; else Conflict
    `account_controlled`, `period_reopened`
    """
    values: Item = {":until": {"S": instant_text(closed_until)}}
    rule = Rule(PERIOD_CLOSABLE, "closed_until <= :until", values, _reopened)
    return _change(tenant, account_id, "SET closed_until = :until", rule)


def frozen_since(found: Found, tenant: str, account_id: str) -> datetime:
    """Since when an account among what a batch read found is frozen. Raises NotFound `account_not_found`, Conflict
    `already_closed`, `account_not_frozen`."""
    item = cast("AccountItem | None", found.get(account_key(tenant, account_id)))
    if item is None:
        raise _none(account_id)
    if item.status == "closed":
        raise _in_other_status(item, wanted="closed")
    if item.status != "frozen" or item.status_at is None:
        raise Conflict("account_not_frozen", "a deferred account is frozen before it is closed", account_id=account_id)
    return parse_instant(item.status_at)


def has_pending(tenant: str, account_id: str) -> bool:
    """Whether numbered entries may still move a deferred account: one that no fold has taken does, or there are more of
    them than one look shows."""
    head = feed.head(tenant)
    position = folding.load_position(tenant)
    upto = 0 if position is None else position.value.upto
    run = feed.run_after(tenant, upto, limit=folding.MOST_ENTRIES)
    moved = (leg.account_id for entry in run for leg in entry.item.legs)
    return upto + len(run) < head or account_id in moved


def _set_status(tenant: str, account_id: str, *, given: str, wanted: str, now: datetime) -> Write:
    values: Item = {":given": {"S": given}, ":wanted": {"S": wanted}, ":now": {"S": instant_text(now)}}
    rule = Rule(FREEZABLE, "#status = :given", values, partial(_in_other_status, wanted=wanted))
    return _change(tenant, account_id, _SET_STATUS, rule, _STATUS)


def _change(tenant: str, account_id: str, change: str, rule: Rule, names: dict[str, str] | None = None) -> Write:
    """The update under the rule.

    condition: purpose IN (the rule's) AND the rule's own condition
    """
    purposes: Item = {f":purpose{i}": {"S": name} for i, name in enumerate(sorted(p.value for p in rule.purposes))}
    return update(
        f"change {account_id}",
        account_key(tenant, account_id),
        change=change,
        condition=f"purpose IN ({', '.join(purposes)}) AND {rule.condition}",
        names=names,
        values=rule.values | purposes,
        refuse=lambda old: _refusal(old, account_id, rule),
    )


def _refusal(old: Item | None, account_id: str, rule: Rule) -> Refusal | Stale:
    """Which part of the condition failed on the account as it stood."""
    if old is None:
        return _none(account_id)
    item = AccountItem.from_raw_data(old)
    if Purpose(item.purpose) not in rule.purposes:
        sentence = "what this account is for does not allow it"
        return Conflict("account_controlled", sentence, account_id=account_id, purpose=item.purpose)
    return rule.broken(item)


def _none(account_id: str) -> Refusal:
    return NotFound("account_not_found", "no such account", account_id=account_id)


def _in_other_status(item: AccountItem, *, wanted: str) -> Refusal:
    if item.status == wanted:
        return Conflict(f"already_{wanted}", f"the account is {wanted} already", account_id=item.account_id)
    return Conflict("account_closed", "the account is closed", account_id=item.account_id)


def _not_closable(item: AccountItem) -> Refusal | Stale:
    if item.status == "closed":
        return _in_other_status(item, wanted="closed")
    if item.balance:
        own = item.balance if Kind(item.kind).debit_normal else -item.balance
        facts = {"account_id": item.account_id, "balance_minor": own}
        return Conflict("balance_not_zero", "an account is closed at zero", **facts)
    if item.held:
        facts = {"account_id": item.account_id, "held_minor": item.held}
        return Conflict("held_not_zero", "an account is closed when nothing is held of it", **facts)
    return Stale()


def _reopened(item: AccountItem) -> Refusal:
    facts = {"account_id": item.account_id, "closed_until": item.closed_until}
    return Conflict("period_reopened", "a closed period stays closed", **facts)
