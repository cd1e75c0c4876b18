"""A bank's message in pieces: what it states, each with its place, a hundred to a piece.

A piece holds all that its items need, so that the worker that does it reads no more than the piece. It is named after
its content: cut again, it is the same piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from chalicelib.banking.domain import BankAccount
from chalicelib.banking.movements import sources_of
from chalicelib.banking.payout_status import News, news_of, words_of
from chalicelib.core.errors import InvalidInput
from chalicelib.core.values import dataclass
from chalicelib.ledger.movements import Source
from chalicelib.messages.model import AccountReport, Entry, Message, PaymentReturn, Statement, StatusReport
from chalicelib.settlement.service.movements import account_at_bank
from chalicelib.storage import blobs

MAX_ITEMS = 100
"""Items of one piece: what a worker does in some seconds."""

BOOKED = "booked"
OF_ENTRIES = frozenset({"status_unknown", "status_missing"})
"""Warnings that are about one entry, which is itself kept where somebody sees it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why something is kept where somebody sees it instead of being booked: a stable code, and its facts."""

    code: str
    facts: dict[str, str | int]


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a message states, and its place in the message. `entry`, `source` and `account` of a movement; `news`
    of a payout; a `problem` of what is not booked, which is the account's tenant's or, of a return, the payout's."""

    part: str
    account: BankAccount | None = None
    entry: Entry | None = None
    source: Source | None = None
    news: News | None = None
    problem: Problem | None = None
    payout_id: str = ""


def items_of(message: Message, *, bank_id: str, blob: str) -> Iterator[Item]:
    """All that a message states, in its order. Entries that its own rules call pending or informational are left out;
    of a statement of an account that is no tenant's there is one item, if anything moved on it."""
    if isinstance(message, AccountReport):
        for number, statement in enumerate(message.statements):
            account = account_at_bank(bank_id, statement.account.number)
            yield from _of_statement(statement, account, blob, str(number))
    elif isinstance(message, StatusReport):
        yield from _of_report(message)
    else:
        yield from (_of_return(returned, str(number)) for number, returned in enumerate(message.returns))


def _of_statement(statement: Statement, account: BankAccount | None, blob: str, part: str) -> Iterator[Item]:
    stated = [
        (entry, source)
        for entry, source in sources_of(statement, blob, part)
        if entry.status == BOOKED or entry.problem
    ]
    if statement.twice:
        owner = None if "Acct" in statement.twice else account
        yield Item(part, owner, problem=Problem("element_twice", {"element": statement.twice}))
    elif account is None and stated:
        yield Item(part, problem=Problem("unknown_bank_account", {"field": "Acct"}))
    elif account is not None:
        for entry, source in stated:
            yield Item(source.part, account, entry, source, problem=_problem(statement, account, entry, source))
        if statement.problem:
            problem = Problem(statement.problem, {"element": statement.problem_at})
            yield Item(f"{part}/balance", account, problem=problem)
        if deviations := ", ".join(warning for warning in statement.warnings if warning not in OF_ENTRIES):
            # What was read is booked all the same: somebody sees how the message deviates from its standard.
            yield Item(f"{part}/warnings", account, problem=Problem("message_deviates", {"warnings": deviations}))


def _problem(statement: Statement, account: BankAccount, entry: Entry, source: Source) -> Problem | None:
    """Why an entry cannot be booked: what it is, whether it has moved, or in which currency, is not guessed at."""
    facts: dict[str, str | int] = {"entry": int(source.part.rpartition("/")[2]) + 1}
    facts |= {"minor": entry.amount_minor, "currency": entry.currency} if entry.amount_minor else {}
    facts |= {"bank_reference": entry.own_reference} if entry.own_reference else {}
    if entry.problem:
        return Problem(entry.problem, {_kind_of(entry.problem_at): entry.problem_at, **facts})
    if statement.account.currency not in ("", account.currency):
        return Problem("currency_mismatch", {"field": "Acct/Ccy", "expected": account.currency, **facts})
    return None


def _kind_of(place: str) -> str:
    """Whether a place is a field of JSON, which is counted, or an element of XML."""
    return "field" if "[" in place else "element"


def _of_report(report: StatusReport) -> Iterator[Item]:
    """The news of each payout; one that cannot be read holds up no other."""
    for word in words_of(report):
        try:
            news = news_of(word)
        except InvalidInput as unread:
            facts = {name: value for name, value in unread.facts.items() if isinstance(value, str | int)}
            yield Item(word.part, problem=Problem(unread.code, facts), payout_id=word.payout_id)
            continue
        if news is not None:
            yield Item(word.part, news=news)


def _of_return(returned: PaymentReturn, part: str) -> Item:
    """A return (pacs.004) moves nothing by itself: its money comes with the account's own message."""
    payout_id = returned.end_to_end_id or returned.instruction_id
    facts: dict[str, str | int] = {"return_id": returned.return_id, "reason": returned.reason}
    if returned.problem:
        return Item(
            part, problem=Problem(returned.problem, {"element": returned.problem_at, **facts}), payout_id=payout_id
        )
    facts |= {"minor": returned.amount_minor, "currency": returned.currency}
    return Item(part, problem=Problem("return_without_movement", facts), payout_id=payout_id)


def cut(items: Sequence[Item], folder: str) -> Iterator[str]:
    """Keep the items in pieces; the key of each, in order."""
    for start in range(0, len(items), MAX_ITEMS):
        content = msgspec.json.encode(items[start : start + MAX_ITEMS])
        key = f"{blobs.content_key(folder, content)}.json"
        blobs.put_once(key, content, content_type="application/json")
        yield key


def load_piece(key: str) -> tuple[Item, ...]:
    """The items of a piece."""
    return msgspec.json.decode(blobs.read(key), type=tuple[Item, ...])
