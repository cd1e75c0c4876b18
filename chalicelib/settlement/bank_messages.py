"""A bank's message, fact by fact: each movement and each word on a payout is one command under a key of its own.

What cannot be read, belongs to nobody or contradicts the books goes to quarantine with its reason, and the rest of the
message is done all the same. What cannot be done yet makes the queue deliver the message again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from chalicelib.banking import callbacks, paying
from chalicelib.banking.domain import BankAccount
from chalicelib.banking.movements import Movement, movement_of
from chalicelib.banking.payouts import news_of
from chalicelib.core.call import worker_call
from chalicelib.core.errors import Busy, Conflict, InvalidInput, NotFound, Refusal
from chalicelib.messages.detect import read
from chalicelib.messages.model import AccountReport, Entry, ReturnReport, Statement, StatusReport
from chalicelib.settlement.service.movements import account_at_bank, book_movement
from chalicelib.storage import blobs


@dataclass(frozen=True, slots=True)
class BankMessage:
    """A message that was taken: whose it is by signature, and where its bytes lie."""

    bank_id: str
    message_id: str
    blob: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a message tells: what to do about it, whose it is if known, and which part of the message it is."""

    act: Callable[[], object]
    tenant: str | None
    part: str


def process(message: BankMessage, *, now: datetime, entropy: bytes) -> None:
    """Do all that a message tells, once. Raises the first refusal that may pass by itself, after all else is done."""
    try:
        facts = tuple(_facts(message, now, entropy))
    except InvalidInput as unreadable:
        _quarantine(message, unreadable, now, tenant=None, part="")
        return
    waiting = [refusal for fact in facts if (refusal := _attempt(message, fact, now)) is not None]
    if waiting:
        raise waiting[0]


def _attempt(message: BankMessage, fact: Fact, now: datetime) -> Refusal | None:
    """Do one fact. Returns the refusal that says: not yet."""
    try:
        fact.act()
    except (Busy, NotFound) as not_yet:
        return not_yet
    except (InvalidInput, Conflict) as never:
        _quarantine(message, never, now, tenant=fact.tenant, part=fact.part)
    return None


def _facts(message: BankMessage, now: datetime, entropy: bytes) -> Iterator[Fact]:
    content = read(blobs.read(message.blob))
    match content:
        case AccountReport():
            for statement in content.statements:
                yield from _movements(message, statement, now, entropy)
        case StatusReport():
            for news in news_of(content):
                yield Fact(
                    lambda news=news: paying.apply_payout_status(message.bank_id, news, now=now),  # type: ignore[misc]
                    None,
                    news.payout_id,
                )
        case ReturnReport():
            # The money of a return, and its reason, are told by the account's own message; nothing is booked here.
            return


def _movements(message: BankMessage, statement: Statement, now: datetime, entropy: bytes) -> Iterator[Fact]:
    account = account_at_bank(message.bank_id, statement.account.number)
    for i, entry in enumerate(statement.entries):
        if entry.status == "booked":
            part = f"{statement.statement_id}/{i}"
            yield Fact(
                lambda entry=entry: _book(account, entry, now, entropy),  # type: ignore[misc]
                account.tenant_id if account else None,
                part,
            )


def _book(account: BankAccount | None, entry: Entry, now: datetime, entropy: bytes) -> None:
    if account is None:
        raise InvalidInput("unknown_bank_account", "no tenant has this account at the bank", field="Acct")
    movement = movement_of(account, entry)
    if movement.is_payout_debit:
        paying.settle_payout(movement, now=now)
    elif movement.is_payout_return:
        paying.return_payout(movement, now=now)
    else:
        _book_movement(movement, now, entropy)


def _book_movement(movement: Movement, now: datetime, entropy: bytes) -> None:
    call = worker_call(
        tenant=movement.account.tenant_id,
        key=movement.key,
        content=movement.content,
        now=now,
        entropy=entropy,
        actor=movement.account.bank_id,
    )
    book_movement(call, movement)


def _quarantine(message: BankMessage, reason: Refusal, now: datetime, *, tenant: str | None, part: str) -> None:
    callbacks.quarantine(
        bank_id=message.bank_id,
        message_id=message.message_id,
        blob=message.blob,
        reason=reason.code,
        now=now,
        tenant=tenant,
        facts={name: value for name, value in reason.facts.items() if isinstance(value, str | int)},
        part=part,
    )
