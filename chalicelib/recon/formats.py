"""Which files a bank's statements come in: bytes to statements, whatever the format. camt.053 so far."""

from __future__ import annotations

from collections.abc import Collection

from chalicelib.core.errors import InvalidInput, TooLarge
from chalicelib.messages import model
from chalicelib.messages.watch import Watch, unwatched

MOST_BYTES = 4 * 1024 * 1024
MOST_STATEMENTS = 90
MOST_LINES = 20_000
UNKNOWN_STATUS = frozenset({"status_unknown", "status_missing"})
"""Problems of entries that the statement's own balances decide: where it foots without them, they are not booked."""


def read_statements(raw: bytes, watch: Watch = unwatched) -> tuple[model.Statement, ...]:
    """The statements in a file, those too that cannot be taken (see `fault_of`).

    Raises MessageUnreadable (its codes say why), InvalidInput `not_a_statement`, and what `watch` raises.
    """
    # The parsers and the XML library below them are for those who upload: no other cold start loads them.
    from chalicelib.messages import detect  # noqa: PLC0415

    message = detect.read(raw, watch)
    if not isinstance(message, model.AccountReport) or message.kind != "statement":
        raise InvalidInput("not_a_statement", "send a camt.053: a bank's statement")
    return message.statements


def check_amounts(own: Collection[model.Statement]) -> None:
    """Raise TooLarge `too_many_statements` or `too_many_lines` where a file has more statements of the tenant's own
    accounts, or more entries in them, than it may. Those of others do not count."""
    if len(own) > MOST_STATEMENTS:
        raise TooLarge("too_many_statements", f"at most {MOST_STATEMENTS} statements a file", maximum=MOST_STATEMENTS)
    if sum(len(statement.entries) for statement in own) > MOST_LINES:
        raise TooLarge("too_many_lines", f"at most {MOST_LINES} lines a file", maximum=MOST_LINES)


def fault_of(statement: model.Statement, number: int) -> InvalidInput | None:
    """Why the statement of this place in its file, from 1, cannot be taken, or None.

    `account_missing`, `currency_missing`, `element_twice`, `currency_mismatch`, or the code of a balance or entry that
    cannot be read, with its place. It is refused by itself: the others of its file are taken.
    """
    try:
        _check_account(statement, number)
        _check_unambiguous(statement, number)
    except InvalidInput as fault:
        return fault
    return None


def _check_unambiguous(statement: model.Statement, number: int) -> None:
    """Refuse what says one thing twice, or in two currencies, or cannot be read: it is not guessed at."""
    if statement.twice:
        raise InvalidInput("element_twice", "one thing is said twice", element=statement.twice, statement=number)
    if statement.problem:
        raise InvalidInput(
            statement.problem, "a balance cannot be read", element=statement.problem_at, statement=number
        )
    for place, entry in enumerate(statement.entries, start=1):
        if entry.problem and entry.problem not in UNKNOWN_STATUS:
            facts = {"element": entry.problem_at, "statement": number, "entry": place}
            raise InvalidInput(entry.problem, "an entry cannot be read", **facts)
    own = statement.account.currency
    if any(balance.currency != own for balance in statement.balances):
        raise InvalidInput("currency_mismatch", "balances in another currency", element="Bal/Amt", statement=number)
    booked = {entry.currency for entry in statement.entries if entry.status == "booked"}
    if booked and own not in booked:
        raise InvalidInput("currency_mismatch", "no entry in its currency", element="Ntry/Amt", statement=number)


def _check_account(statement: model.Statement, number: int) -> None:
    if not statement.account.number:
        raise InvalidInput("account_missing", "the statement names no account", statement=number)
    if not statement.account.currency:
        raise InvalidInput("currency_missing", "the statement names no currency", statement=number)
