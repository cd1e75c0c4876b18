"""What may be said of an account beside its balance: labels, the instant its books are closed up to, who may stop it.

Leaves to the store: that each change is decided by the account as it stands at the write.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from enum import Enum
from typing import TypeVar

from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import OPEN_TO_CALLERS, Account, Kind, Purpose

T = TypeVar("T")


class Status(Enum):
    """What state an account can be in. Only an open one takes entries; a closed one stays closed."""

    OPEN = "open"
    FROZEN = "frozen"
    CLOSED = "closed"


MOST_LABELS = 20
MOST_VALUE = 100
MOST_LABEL_BYTES = 2048
"""Of all keys and values together, in UTF-8: labels stand in the item that each entry writes again, and pays for."""

LABEL_KEY = re.compile(r"[a-z0-9_.-]{1,40}")

FREEZABLE = OPEN_TO_CALLERS - {Purpose.BANK}
"""The purposes of accounts that can be frozen. What a bank says has moved must find a place in the books, so its own
account and suspense stay open."""

CLOSABLE = frozenset({Purpose.GENERAL})
"""The purposes of accounts that can be closed. Any other account is found by its purpose and owner alone, so that one
that is closed for ever could never be replaced."""

PERIOD_CLOSABLE = OPEN_TO_CALLERS | {Purpose.SUSPENSE}
"""The purposes of accounts whose books can be closed up to an instant."""


@dataclass(frozen=True, slots=True)
class Label:
    """One key and its value."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class AccountFilter:
    """Which accounts a list shows: those that agree in all that is not None."""

    kind: Kind | None = None
    currency: str | None = None
    status: str | None = None
    purpose: Purpose | None = None
    owner: str | None = None
    label: Label | None = None

    @property
    def passes_all(self) -> bool:
        """Whether nothing is asked, so that every account is shown."""
        return self == AccountFilter()

    def shows(self, account: Account) -> bool:
        """Whether an account agrees in all that is asked."""
        asked = (
            (self.kind, account.kind),
            (self.currency, account.currency),
            (self.status, account.status),
            (self.purpose, account.purpose),
            (self.owner, account.owner),
        )
        labelled = self.label is None or account.labels.get(self.label.key) == self.label.value
        return labelled and all(wanted in (None, given) for wanted, given in asked)


def check_labels(labels: Mapping[str, str]) -> dict[str, str]:
    """The labels, at most 20. Raises InvalidInput `too_many_labels`, `invalid_label`, `labels_too_large`."""
    if len(labels) > MOST_LABELS:
        sentence = f"at most {MOST_LABELS} labels"
        raise InvalidInput("too_many_labels", sentence, field="labels", maximum=MOST_LABELS)
    checked = {key: check_label(key, value, field="labels").value for key, value in labels.items()}
    if sum(len(text.encode()) for pair in checked.items() for text in pair) > MOST_LABEL_BYTES:
        sentence = f"at most {MOST_LABEL_BYTES} bytes in all"
        raise InvalidInput("labels_too_large", sentence, field="labels", maximum=MOST_LABEL_BYTES)
    return checked


def check_label(key: str, value: str, *, field: str) -> Label:
    """A label: a key of 1 to 40 of a-z, 0-9, dot, dash and underscore, a value of 1 to 100 printable characters.
    Raises InvalidInput `invalid_label` with the key where that is sound."""
    if not LABEL_KEY.fullmatch(key):
        rule = "a key has 1 to 40 of a-z, 0-9, dot, dash and underscore"
        raise InvalidInput("invalid_label", rule, field=field, rule=rule)
    if not (1 <= len(value) <= MOST_VALUE and value.isprintable()):
        rule = f"a value has 1 to {MOST_VALUE} printable characters"
        raise InvalidInput("invalid_label", rule, field=field, rule=rule, key=key)
    return Label(key, value)


def check_closed_until(closed_until: datetime, *, now: datetime) -> datetime:
    """The instant, unless it is still to come: InvalidInput `period_in_future`."""
    if closed_until > now:
        raise InvalidInput("period_in_future", "a period is closed when it is over", field="closed_until")
    return closed_until


def in_open_period(act: Callable[[datetime], T], dated: datetime, *, now: datetime) -> T:
    """What `act` gives for the instant at which something took effect or, where the books are closed up to there, for
    now: what has happened must be booked, and a closed period stays as it was told."""
    try:
        return act(dated)
    except Conflict as refusal:
        if refusal.code != "period_closed" or dated >= now:
            raise
    return act(now)
