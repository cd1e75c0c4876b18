"""The whole journal as a plain-text accounting file that `bean-check` proves with a tolerance of nothing. Pure.

Debits are positive there as here. An account is named after its kind, purpose, name and id; its own name, which may
hold what such names cannot, stands beside it as metadata. The last lines assert every balance of the books.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta

from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account, Kind

ROOTS = {
    Kind.ASSET: "Assets",
    Kind.LIABILITY: "Liabilities",
    Kind.EQUITY: "Equity",
    Kind.INCOME: "Income",
    Kind.EXPENSE: "Expenses",
}
FIRST_DAY = date(1700, 1, 1)
"""The checker knows no earlier day. What took effect before then is dated so, its instant stands in the metadata."""
MOST_NAME = 40


@dataclass(frozen=True, slots=True)
class Booked:
    """An entry to be written down: what it moved on each account, debits positive, and both its clocks."""

    entry_id: str
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    legs: tuple[tuple[str, Money], ...]
    subject: str | None = None
    reference: str | None = None

    @property
    def day(self) -> date:
        """The day it is dated."""
        return max(self.occurred_at.date(), FIRST_DAY)


def journal_text(title: str, accounts: Sequence[Account], entries: Iterable[Booked]) -> str:
    """The file. `accounts` with their balances hold every account of the entries."""
    ordered = sorted(entries, key=lambda entry: (entry.day, entry.recorded_at, entry.entry_id))
    names = {account.account_id: account_name(account) for account in accounts}
    first_day = ordered[0].day if ordered else FIRST_DAY
    last_day = ordered[-1].day if ordered else FIRST_DAY
    lines = [
        *_options(title),
        *(line for account in accounts for line in _opening(account, names, first_day)),
        *(line for entry in ordered for line in _transaction(entry, names)),
        "",
        *(_assertion(account, names, last_day + timedelta(days=1)) for account in accounts),
    ]
    return "\n".join(lines) + "\n"


def adds_up(accounts: Iterable[Account], entries: Iterable[Booked]) -> bool:
    """Whether the entries make exactly the accounts' balances. They do not while an entry is on one account's lines and
    not yet on another's, or moved an account that is not among these."""
    sums: dict[str, int] = defaultdict(int)
    for entry in entries:
        for account_id, amount in entry.legs:
            sums[account_id] += amount.minor
    balances = {account.account_id: account.balance for account in accounts}
    return sums.keys() <= balances.keys() and all(sums[each] == balance for each, balance in balances.items())


def account_name(account: Account) -> str:
    """`Assets:Bank:NL62MOCK0000000011-01h2…`: the id makes it the account's own whatever the name is."""
    purpose = account.purpose.value.replace("_", "-").title()
    name = re.sub(r"[^A-Za-z0-9]+", "-", account.name).strip("-")[:MOST_NAME].strip("-")
    own = account.account_id.removeprefix("acc_")
    named = f"{name[0].upper()}{name[1:]}-{own}" if name else f"Account-{own}"
    return f"{ROOTS[account.kind]}:{purpose}:{named}"


def _options(title: str) -> Iterator[str]:
    yield f'option "title" {_quoted(title)}'
    yield 'option "tolerance_multiplier" "0"'
    yield ""


def _opening(account: Account, names: Mapping[str, str], day: date) -> Iterator[str]:
    yield f"{day} open {names[account.account_id]} {account.currency}"
    yield f"  account_id: {_quoted(account.account_id)}"
    yield f"  name: {_quoted(account.name)}"


def _transaction(entry: Booked, names: Mapping[str, str]) -> Iterator[str]:
    yield ""
    yield f"{entry.day} * {_quoted(entry.kind)} ^{entry.entry_id}"
    yield f"  occurred_at: {_quoted(instant_text(entry.occurred_at))}"
    yield f"  recorded_at: {_quoted(instant_text(entry.recorded_at))}"
    if entry.subject:
        yield f"  subject: {_quoted(entry.subject)}"
    if entry.reference:
        yield f"  reference: {_quoted(entry.reference)}"
    for account_id, amount in entry.legs:
        yield f"  {names[account_id]}  {amount.text()} {amount.currency}"


def _assertion(account: Account, names: Mapping[str, str], day: date) -> str:
    balance = Money(account.balance, account.currency)
    return f"{day} balance {names[account.account_id]}  {balance.text()} {account.currency}"


def _quoted(text: str) -> str:
    """A string: control characters become spaces, so that no text of ours can begin a line of its own."""
    plain = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
