"""How a condition on a balance is part of a write: of the account's own update, or of a check in the same commit.

The store keeps debits less credits and the account's kind, and a condition speaks of the account's own side. The kind
is not known when the write is made, so the expression has both cases:

    (kind IN (asset, expense) AND balance >= :own) OR (NOT kind IN (asset, expense) AND balance <= :turned)
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.core.errors import Conflict, Defect, NotFound, Refusal
from chalicelib.core.values import dataclass
from chalicelib.ledger.conditions import Condition, Rule
from chalicelib.ledger.domain import Kind
from chalicelib.storage.commit import Write, check
from chalicelib.storage.tables import AccountItem, Item, account_key

_DEBIT_NORMAL = {f":normal{i}": {"S": kind.value} for i, kind in enumerate(kind for kind in Kind if kind.debit_normal)}
_IS_DEBIT_NORMAL = f"kind IN ({', '.join(_DEBIT_NORMAL)})"
_COMPARED = {Rule.AT_LEAST: (">=", "<="), Rule.AT_MOST: ("<=", ">="), Rule.EXACTLY: ("=", "=")}


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition, and what entries before its own in the same commit move on the account (debits positive)."""

    condition: Condition
    prior: int = 0


def expressions(guards: Sequence[Guard], values: Item) -> list[str]:
    """The condition expressions of one account's guards, whose values are added to `values`."""
    if guards:
        values |= _DEBIT_NORMAL
    return [_expression(number, guard, values) for number, guard in enumerate(guards)]


def _expression(number: int, guard: Guard, values: Item) -> str:
    own, turned = f":own{number}", f":turned{number}"
    values[own] = {"N": str(guard.condition.minor - guard.prior)}
    values[turned] = {"N": str(-guard.condition.minor - guard.prior)}
    raised, lowered = _COMPARED[guard.condition.rule]
    return (
        f"(({_IS_DEBIT_NORMAL} AND balance {raised} {own}) OR (NOT {_IS_DEBIT_NORMAL} AND balance {lowered} {turned}))"
    )


def check_write(tenant: str, account_id: str, guards: Sequence[Guard]) -> Write:
    """The check of an account that the commit does not move: it may be frozen, closed or controlled."""
    values: Item = {}
    return check(
        f"condition {account_id}",
        account_key(tenant, account_id),
        condition=" AND ".join(expressions(guards, values)),
        values=values,
        refuse=lambda old: _refusal(account_id, old, guards),
    )


def unmet(item: AccountItem, guards: Sequence[Guard]) -> Refusal | None:
    """The refusal of the first guard that the account as it stood does not satisfy."""
    for guard in guards:
        condition = guard.condition
        moved = item.balance + guard.prior
        own = moved if Kind(item.kind).debit_normal else -moved
        if not condition.met(own):
            facts = {"rule": condition.rule.value, "wanted_minor": condition.minor, "actual_minor": own}
            return Conflict("condition_not_met", "a condition is not met", account_id=condition.account_id, **facts)
    return None


def _refusal(account_id: str, old: Item | None, guards: Sequence[Guard]) -> Refusal | Defect:
    if old is None:
        return NotFound("account_not_found", "no such account", account_id=account_id)
    return unmet(AccountItem.from_raw_data(old), guards) or unexplained(account_id)


def unexplained(account_id: str) -> Defect:
    """The defect that a write's condition failed on an account that breaks no rule."""
    return Defect(f"a condition on {account_id} failed, and no rule is broken")
