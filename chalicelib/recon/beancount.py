"""A period of the journal as a plain-text accounting file that `bean-check` proves with a tolerance of nothing. Pure.

Debits are positive there as here. An account is named after its kind, purpose, name and id; its own name, which may
hold what such names cannot, stands beside it as metadata. What an account had before the period is carried forward into
it, so that a month is a file by itself, and its balance after the period is asserted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta

from chalicelib.core.calendars import today_in
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
CARRIED_FORWARD = "Equity:Carried-Forward"


@dataclass(frozen=True, slots=True)
class AccountPosition:
    """An account with its balance at the beginning of a period and at its end, debits positive."""

    account: Account
    opening_minor: int
    closing_minor: int


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
        """The day it is dated: where the currency of its first leg is settled."""
        return max(today_in(self.legs[0][1].currency, self.occurred_at), FIRST_DAY)


def journal_head(title: str, day: date) -> str:
    """What stands before the entries: the options, and the account that carries balances into the period."""
    lines = [*_options(title), f"{_checked(day)} open {CARRIED_FORWARD}"]
    return "\n".join(lines) + "\n"


def journal_entry(entry: Booked, accounts: Mapping[str, Account]) -> str:
    """An entry; `accounts` has those of its legs."""
    names = {account_id: account_name(accounts[account_id]) for account_id, _ in entry.legs}
    return "\n".join(_transaction(entry, names)) + "\n"


def journal_account(position: AccountPosition, *, first: date, last: date) -> str:
    """An account opened on the first day with the balance that was carried into it, and its balance after the last."""
    account, name = position.account, account_name(position.account)
    lines = ["", *_opening(account, name, _checked(first))]
    if position.opening_minor:
        carried = Money(position.opening_minor, account.currency)
        back = Money(-position.opening_minor, account.currency)
        lines += [
            f'{_checked(first)} * "carried forward"',
            f"  {name}  {carried.text()} {account.currency}",
            f"  {CARRIED_FORWARD}  {back.text()} {account.currency}",
        ]
    closing = Money(position.closing_minor, account.currency)
    lines.append(f"{_checked(last) + timedelta(days=1)} balance {name}  {closing.text()} {account.currency}")
    return "\n".join(lines) + "\n"


def journal_foot(currencies: Iterable[str], *, last: date) -> str:
    """What stands behind the accounts: that what was carried forward sums to nothing in each currency."""
    day = _checked(last) + timedelta(days=1)
    return "".join(f"{day} balance {CARRIED_FORWARD}  0 {currency}\n" for currency in sorted(currencies))


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


def _opening(account: Account, name: str, day: date) -> Iterator[str]:
    yield f"{day} open {name} {account.currency}"
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


def _checked(day: date) -> date:
    """The day, or the first that the checker knows."""
    return max(day, FIRST_DAY)


def _quoted(text: str) -> str:
    """A string: control characters become spaces, so that no text of ours can begin a line of its own."""
    plain = re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029]+", " ", text)
    escaped = plain.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
