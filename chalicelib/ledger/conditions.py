"""Conditions of an entry: it is booked only if accounts stand where its sender believes them to stand.

Leaves to the store: how a condition is part of the write itself, so that nothing is read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum

from chalicelib.core.errors import InvalidInput, TooLarge
from chalicelib.core.money import MAX_MINOR
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, is_deferred

MOST_CONDITIONS = 10
MOST_ITEMS = 100
"""How many items one commit has: the store's limit."""


class Rule(Enum):
    """How a balance is compared with the amount of a condition."""

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    EXACTLY = "exactly"


@dataclass(frozen=True, slots=True)
class Condition:
    """What an account's posted balance must be before the entry: `minor` units of its currency, on its own side."""

    account_id: str
    rule: Rule
    minor: int

    def met(self, own_balance: int) -> bool:
        """Whether an account with this balance on its own side satisfies it."""
        if self.rule is Rule.AT_LEAST:
            return own_balance >= self.minor
        if self.rule is Rule.AT_MOST:
            return own_balance <= self.minor
        return own_balance == self.minor


def check_conditions(conditions: Sequence[Condition], postings: Sequence[Posting]) -> None:
    """Nothing, where an entry of these postings may have these conditions.

    Raises InvalidInput `too_many_conditions`, then for the first that breaks a rule `account_deferred` (such an
    account's balance is not known at the time of the write) or `amount_too_large`; then TooLarge `entry_too_large`,
    where the accounts moved and asked for are more than one commit has items for.
    """
    if len(conditions) > MOST_CONDITIONS:
        sentence = f"at most {MOST_CONDITIONS} conditions"
        raise InvalidInput("too_many_conditions", sentence, field="conditions", maximum=MOST_CONDITIONS)
    for i, condition in enumerate(conditions):
        if is_deferred(condition.account_id):
            facts = {"field": f"conditions[{i}].account_id", "account_id": condition.account_id}
            raise InvalidInput("account_deferred", "the balance of this account follows the feed", **facts)
        if abs(condition.minor) > MAX_MINOR:
            raise InvalidInput("amount_too_large", "more than 28 digits", field=f"conditions[{i}]", maximum=MAX_MINOR)
    items = 1 + len({posting.account_id for posting in postings} | {asked.account_id for asked in conditions})
    if items > MOST_ITEMS:
        sentence = f"an entry is at most {MOST_ITEMS} items: itself, the accounts it moves, and those it asks for"
        raise TooLarge("entry_too_large", sentence, items=items, maximum=MOST_ITEMS)
