"""What every account comes to by month, folded from the feed in its order: the positions that an export carries into
its period. Pure.

A month is the entries' effective one. With each month stands between which numbers its entries lie, so that who wants a
period reads that part of the feed and no other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace

from chalicelib.core.values import dataclass

Legs = Iterable[tuple[str, int]]
"""Accounts with what an entry moves on them, debits positive."""


@dataclass(frozen=True, slots=True)
class Carried:
    """`months` is what each account comes to in each month, of the entries numbered up to `number`; `first` and `last`
    the lowest and the highest number of each month's entries. `fold` adds to the same books."""

    number: int = 0
    months: dict[str, dict[str, int]] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    last: dict[str, int] = field(default_factory=dict)

    def fold(self, number: int, month: str, legs: Legs) -> Carried:
        """These with the next entry."""
        moved = False
        for account_id, amount in legs:
            moved = True
            account = self.months.setdefault(account_id, {})
            account[month] = account.get(month, 0) + amount
        if moved:
            self.first.setdefault(month, number)
            self.last[month] = number
        return replace(self, number=number)

    def before(self, account_id: str, month: str) -> int:
        """What an account comes to in the months before one."""
        return sum(amount for each, amount in self.months.get(account_id, {}).items() if each < month)

    def accounts_before(self, month: str) -> set[str]:
        """The accounts that do not come to nothing in the months before one."""
        return {account_id for account_id in self.months if self.before(account_id, month)}

    def numbers_within(self, first_month: str, last_month: str) -> tuple[int, int]:
        """The lowest and the highest number of the entries of some months; (1, 0) where there are none."""
        wanted = [month for month in self.first if first_month <= month <= last_month]
        if not wanted:
            return 1, 0
        return min(self.first[month] for month in wanted), max(self.last[month] for month in wanted)
