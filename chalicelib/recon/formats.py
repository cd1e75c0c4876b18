"""Which files a bank's statements come in: bytes to statements, whatever the format. camt.053 so far."""

from __future__ import annotations

from chalicelib.core.errors import InvalidInput, TooLarge
from chalicelib.messages import model

MOST_BYTES = 4 * 1024 * 1024
MOST_STATEMENTS = 90
MOST_LINES = 20_000


def read_statements(raw: bytes) -> tuple[model.Statement, ...]:
    """The statements in a file.

    Raises MessageUnreadable (its codes say why), InvalidInput `not_a_statement`, `account_missing`, `currency_missing`,
    and TooLarge `too_many_statements`, `too_many_lines`.
    """
    # The parsers and the XML library below them are for those who upload: no other cold start loads them.
    from chalicelib.messages import detect  # noqa: PLC0415

    message = detect.read(raw)
    if not isinstance(message, model.AccountReport) or message.kind != "statement":
        raise InvalidInput("not_a_statement", "send a camt.053: a bank's statement")
    if len(message.statements) > MOST_STATEMENTS:
        raise TooLarge("too_many_statements", f"at most {MOST_STATEMENTS} statements a file", maximum=MOST_STATEMENTS)
    if sum(len(statement.entries) for statement in message.statements) > MOST_LINES:
        raise TooLarge("too_many_lines", f"at most {MOST_LINES} lines a file", maximum=MOST_LINES)
    for number, statement in enumerate(message.statements, start=1):
        _check_account(statement, number)
    return message.statements


def _check_account(statement: model.Statement, number: int) -> None:
    if not statement.account.number:
        raise InvalidInput("account_missing", "the statement names no account", statement=number)
    if not statement.account.currency:
        raise InvalidInput("currency_missing", "the statement names no currency", statement=number)
