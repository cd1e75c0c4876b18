"""What a caller asks for when it wants an entry, and what of it can be judged without looking at the books."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime

from chalicelib.core.values import dataclass
from chalicelib.ledger.conditions import Condition, check_conditions
from chalicelib.ledger.domain import Entry, Posting, check_occurred_at


@dataclass(frozen=True, slots=True)
class PostEntry:
    """Book balanced postings, if the conditions are met. `occurred_at` None means now."""

    kind: str
    postings: tuple[Posting, ...]
    occurred_at: datetime | None = None
    reference: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    conditions: tuple[Condition, ...] = ()

    def entry(self, *, now: datetime) -> Entry:
        """The entry asked for. Raises InvalidInput where its instant, its postings, its metadata or its conditions
        break a rule, in this order (TooLarge for too many of them)."""
        occurred_at = check_occurred_at(self.occurred_at or now, now=now)
        entry = Entry(self.kind, self.postings, occurred_at, reference=self.reference, metadata=self.metadata)
        if self.conditions:
            check_conditions(self.conditions, self.postings)
        return entry
