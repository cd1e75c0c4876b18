"""How conditions on a balance are part of a write: of the account's own update, or of a check in the same commit.

The store keeps debits less credits and the account's kind, and a condition speaks of the account's own side. The kind
is not known when the write is made, so the expression has both cases. In each, all conditions on one account come to a
lowest and a highest balance:

    (kind IN (asset, expense) AND balance >= :normal_low) OR (NOT kind IN (asset, expense) AND balance <= :turned_high)
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.core.errors import Conflict, Defect, NotFound, Refusal
from chalicelib.core.values import dataclass
from chalicelib.ledger.conditions import Condition, Rule
from chalicelib.ledger.domain import Kind
from chalicelib.storage.commit import Write, check
from chalicelib.storage.tables import AccountItem, Item, account_key

_DEBIT_NORMAL = {
    f":debit_normal{i}": {"S": kind.value} for i, kind in enumerate(kind for kind in Kind if kind.debit_normal)
}
_IS_DEBIT_NORMAL = f"kind IN ({', '.join(_DEBIT_NORMAL)})"


@dataclass(frozen=True, slots=True)
class Guard:
    """A condition, and what entries before its own in the same commit move on the account (debits positive)."""

    condition: Condition
    prior: int = 0


def expression(guards: Sequence[Guard], values: Item) -> str:
    """The condition expression of an account's guards, of which there is one at least; its values are added to
    `values`."""
    values |= _DEBIT_NORMAL
    normal = _within("normal", *_bounds(guards, 1), values)
    turned = _within("turned", *_bounds(guards, -1), values)
    return f"(({_IS_DEBIT_NORMAL} AND {normal}) OR (NOT {_IS_DEBIT_NORMAL} AND {turned}))"


def _bounds(guards: Sequence[Guard], sign: int) -> tuple[int | None, int | None]:
    """The lowest and the highest stored balance of an account whose own side is debit (`sign` 1) or credit (-1)."""
    lows: list[int] = []
    highs: list[int] = []
    for guard in guards:
        limit = sign * guard.condition.minor - guard.prior
        if guard.condition.rule is not Rule.AT_MOST:
            (lows if sign > 0 else highs).append(limit)
        if guard.condition.rule is not Rule.AT_LEAST:
            (highs if sign > 0 else lows).append(limit)
    return max(lows, default=None), min(highs, default=None)


def _within(name: str, low: int | None, high: int | None, values: Item) -> str:
    parts: list[str] = []
    for bound, sign, end in ((low, ">=", "low"), (high, "<=", "high")):
        if bound is not None:
            parts.append(f"balance {sign} :{name}_{end}")
            values[f":{name}_{end}"] = {"N": str(bound)}
    return " AND ".join(parts)


def check_write(tenant: str, account_id: str, guards: Sequence[Guard]) -> Write:
    """The check of an account that the commit does not move: it may be frozen, closed or controlled."""
    values: Item = {}
    return check(
        f"condition {account_id}",
        account_key(tenant, account_id),
        condition=expression(guards, values),
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
