"""A bank's message, fact by fact: each movement and each word on a payout is one command under a key of its own.

Money that has moved at the bank is booked, if need be in suspense. What cannot be read, belongs to nobody or
contradicts the books goes to quarantine with its reason. What cannot be done yet makes the queue deliver the message
again. No fact holds up another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial

from chalicelib.banking import paying
from chalicelib.banking.domain import BankAccount
from chalicelib.banking.movements import movement_of, sources_of
from chalicelib.banking.payouts import news_of
from chalicelib.banking.quarantine import quarantine
from chalicelib.core.errors import Conflict, InvalidInput, NotFound, Refusal
from chalicelib.core.values import dataclass
from chalicelib.ledger.movements import Source
from chalicelib.messages.detect import read
from chalicelib.messages.model import AccountReport, Entry, ReturnReport, Statement, StatusReport
from chalicelib.queues import Message, Worker
from chalicelib.queues.budget import Budget
from chalicelib.queues.worker import MOST_RECEIVES
from chalicelib.settlement.booking import CLOSED_MEANWHILE, book_stated
from chalicelib.settlement.service.identity import identify_movement
from chalicelib.settlement.service.movements import account_at_bank
from chalicelib.settlement.service.payouts import payout_tenant
from chalicelib.settlement.worker.decisions import follow_decision
from chalicelib.storage import blobs
from chalicelib.web import clock

BOOKED = "booked"
ENTROPY_BYTES = 10
MOST_READ_SECONDS = 10
"""CPU time that a message may take to be read. What takes longer goes to quarantine: it would take as long again."""

FROZEN = "account_frozen"
"""A refusal that ends when the account is unfrozen: the message comes again, and waits among the dead letters."""

worker = Worker(__name__)


@dataclass(frozen=True, slots=True)
class BankMessage:
    """A message that was taken: whose it is by signature, and where its bytes lie. `last_try`: the queue will not
    deliver it again, so what is unknown now stays unknown."""

    bank_id: str
    message_id: str
    blob: str
    last_try: bool = False


@dataclass(frozen=True, slots=True)
class At:
    """The instant a message is worked on, and the chance that new ids are made of: both taken once, at the edge."""

    now: datetime
    entropy: bytes


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a message tells: what to do about it, whose it is if known, and which part of the message it is."""

    act: Callable[[], object]
    tenant: Callable[[], str | None]
    part: str


@worker.queue("callbacks")
def callbacks(message: Message) -> None:
    """Book what a bank's signed message tells of, or what a decision on a possible duplicate asks for."""
    body = message.body
    if "entry_id" in body:
        follow_decision(body["tenant"], body["entry_id"], now=clock.now())
        return
    received = BankMessage(
        bank_id=body["bank_id"],
        message_id=body["message_id"],
        blob=body["blob"],
        last_try=message.receive_count >= MOST_RECEIVES,
    )
    process(received, At(clock.now(), os.urandom(ENTROPY_BYTES)))


def process(message: BankMessage, at: At) -> None:
    """Do all that a message tells, once. Raises the first failure that may pass by itself, after all else is done."""
    try:
        facts = tuple(_facts(message, at))
    except InvalidInput as unreadable:
        _quarantine(message, unreadable, at, tenant=None, part="")
        return
    failures = [failure for fact in facts if (failure := _attempt(message, fact, at)) is not None]
    if failures:
        raise failures[0]


def _attempt(message: BankMessage, fact: Fact, at: At) -> Exception | None:
    """Do one fact. Returns what went wrong with it, whatever it is: the message's other facts are done all the same."""
    try:
        _do(message, fact, at)
    except Exception as failure:
        return failure
    return None


def _do(message: BankMessage, fact: Fact, at: At) -> None:
    try:
        fact.act()
    except NotFound as unknown:
        if not message.last_try:
            raise
        _quarantine(message, unknown, at, tenant=fact.tenant(), part=fact.part)
    except (InvalidInput, Conflict) as never:
        if never.code in {FROZEN, CLOSED_MEANWHILE}:
            raise
        _quarantine(message, never, at, tenant=fact.tenant(), part=fact.part)


def _facts(message: BankMessage, at: At) -> Iterator[Fact]:
    match read(blobs.read(message.blob), Budget(MOST_READ_SECONDS).check):
        case AccountReport(statements=statements):
            for i, statement in enumerate(statements):
                yield from _movements(message, statement, at, part=str(i))
        case StatusReport() as report:
            for i, news in enumerate(news_of(report)):
                act = partial(paying.apply_payout_status, message.bank_id, news, now=at.now)
                yield Fact(act, partial(payout_tenant, message.bank_id, news.payout_id), str(i))
        case ReturnReport():
            # The money of a return, and its reason, are told by the account's own message; nothing is booked here.
            return


def _movements(message: BankMessage, statement: Statement, at: At, *, part: str) -> Iterator[Fact]:
    account = account_at_bank(message.bank_id, statement.account.number)
    stated = [(e, source) for e, source in sources_of(statement, message.blob, part) if e.status == BOOKED]
    if account is None:
        if stated:
            yield Fact(_refuse_account, lambda: None, part)
        return
    for entry, source in stated:
        act = partial(_book, message, account, at, entry, source)
        yield Fact(act, partial(str, account.tenant_id), source.part)


def _refuse_account() -> None:
    raise InvalidInput("unknown_bank_account", "no tenant has this account", field="Acct")


def _book(message: BankMessage, account: BankAccount, at: At, entry: Entry, source: Source) -> None:
    """Book what has moved, unless it may be a movement that the books have: then it is kept aside."""
    known = identify_movement(movement_of(account, entry), source, message.message_id, now=at.now)
    if known is not None:
        book_stated(known, now=at.now, entropy=at.entropy, is_last_try=message.last_try)


def _quarantine(message: BankMessage, reason: Refusal, at: At, *, tenant: str | None, part: str) -> None:
    quarantine(
        bank_id=message.bank_id,
        message_id=message.message_id,
        blob=message.blob,
        reason=reason.code,
        now=at.now,
        tenant=tenant,
        facts=reason.facts,
        part=part,
    )
