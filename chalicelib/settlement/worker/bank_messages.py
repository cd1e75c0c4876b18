"""A bank's message, fact by fact: each movement and each word on a payout is one command under a key of its own.

Money that has moved at the bank is booked, if need be in suspense. What cannot be read, belongs to nobody or
contradicts the books goes to quarantine with its reason. What cannot be done yet makes the queue deliver the message
again. No fact holds up another one.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import datetime
from functools import partial

from chalicelib.banking import payout_changes
from chalicelib.banking.domain import BankAccount
from chalicelib.banking.movements import movement_of
from chalicelib.banking.quarantine import quarantine
from chalicelib.core.errors import Conflict, InvalidInput, NotFound, Refusal
from chalicelib.core.ids import derived_id
from chalicelib.core.values import dataclass
from chalicelib.ledger.movements import Source
from chalicelib.messages import detect
from chalicelib.messages.model import Entry
from chalicelib.queues import Message, Worker
from chalicelib.queues.budget import Budget, Deadline
from chalicelib.queues.send import send_message
from chalicelib.queues.worker import MOST_RECEIVES
from chalicelib.settlement.booking import CLOSED_MEANWHILE, book_stated
from chalicelib.settlement.service.identity import identify_movement
from chalicelib.settlement.service.payouts import payout_tenant
from chalicelib.settlement.worker.decisions import follow_decision
from chalicelib.settlement.worker.pieces import MAX_ITEMS, Item, Problem, cut, items_of, load_piece
from chalicelib.storage import blobs
from chalicelib.web import clock

ENTROPY_BYTES = 10
MOST_READ_SECONDS = 10
"""CPU time that a message may take to be read. What takes longer goes to quarantine: it would take as long again."""

MOST_SHARE_SECONDS = 20
"""How long one invocation takes up items of a piece. What is left is handed on."""

LANES = 4
"""How many pieces of one message are done at a time."""

FROZEN = "account_frozen"
"""A refusal that ends when the account is unfrozen: the message comes again, and waits among the dead letters."""

worker = Worker(__name__)


@dataclass(frozen=True, slots=True)
class BankMessage:
    """A message that was taken: whose it is by signature, and where its bytes lie. `last_try`: the queue will not
    deliver it again, so what is unknown now stays unknown."""

    callback_id: str
    bank_id: str
    message_id: str
    blob: str
    last_try: bool = False


@dataclass(frozen=True, slots=True)
class Share:
    """What of a message a worker is to do: the items of a piece from `first` on, or that one alone (`is_alone`)."""

    piece: str
    first: int = 0
    is_alone: bool = False


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
    """Book what a bank's signed message tells of, or a share of it, or what a decision on a possible duplicate asks
    for."""
    body = message.body
    if "entry_id" in body:
        follow_decision(body["tenant"], body["entry_id"], now=clock.now())
        return
    received = BankMessage(
        callback_id=body["callback_id"],
        bank_id=body["bank_id"],
        message_id=body["message_id"],
        blob=body["blob"],
        last_try=message.receive_count >= MOST_RECEIVES,
    )
    at = At(clock.now(), os.urandom(ENTROPY_BYTES))
    if "piece" in body:
        process_share(received, Share(body["piece"], body["first"], body["is_alone"]), at)
    else:
        process(received, at)


def process(message: BankMessage, at: At) -> None:
    """Do all that a message tells, once: at once where it is little, else in pieces, each of which is a message of its
    own. Raises the first failure that may pass by itself, after all else is done."""
    try:
        read = detect.read(blobs.read(message.blob), Budget(MOST_READ_SECONDS).check)
        items = tuple(items_of(read, bank_id=message.bank_id, blob=message.blob))
    except InvalidInput as unreadable:
        _quarantine(message, unreadable, at, tenant=None, part="")
        return
    if len(items) > MAX_ITEMS:
        for number, piece in enumerate(cut(items, f"callbacks/{message.bank_id}/pieces")):
            _hand_on(message, Share(piece), lane=str(number % LANES))
        return
    failures = [failure for item in items if (failure := _attempt(message, _fact(message, item, at), at)) is not None]
    if failures:
        raise failures[0]


def process_share(message: BankMessage, share: Share, at: At) -> None:
    """Do the items of a piece. One that fails is handed on as a message of its own, which is tried again, and waits
    among the dead letters, by itself; when the time is over, so is what is left."""
    items = load_piece(share.piece)
    if share.is_alone:
        _do(message, _fact(message, items[share.first], at), at)
        return
    deadline = Deadline(MOST_SHARE_SECONDS)
    for place in range(share.first, len(items)):
        if deadline.has_passed():
            _hand_on(message, replace(share, first=place), lane=f"from {place}")
            return
        if _attempt(message, _fact(message, items[place], at), at) is not None:
            _hand_on(message, replace(share, first=place, is_alone=True), lane=items[place].part)


def _hand_on(message: BankMessage, share: Share, *, lane: str) -> None:
    """Queue a share. Those of one lane wait for one another: the bank's account is written by few at a time."""
    name = derived_id("shr", message.callback_id, share.piece, str(share.first), str(share.is_alone))
    body = asdict(message) | asdict(share)
    del body["last_try"]
    url = os.environ["QUITTANCE_CALLBACK_QUEUE_URL"]
    send_message(url, body, group=derived_id("lane", message.callback_id, lane), deduplication_id=name)


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


def _fact(message: BankMessage, item: Item, at: At) -> Fact:
    if item.news is not None:
        act = partial(payout_changes.apply_payout_status, message.bank_id, item.news, now=at.now)
        return Fact(act, partial(payout_tenant, message.bank_id, item.news.payout_id), item.part)
    if item.problem is not None or item.account is None or item.entry is None or item.source is None:
        return Fact(partial(_refuse, item), partial(_tenant, message.bank_id, item), item.part)
    book = partial(_book, message, item.account, at, item.entry, item.source)
    return Fact(book, partial(str, item.account.tenant_id), item.part)


def _refuse(item: Item) -> None:
    problem = item.problem or Problem("unknown_bank_account", {"field": "Acct"})
    raise InvalidInput(problem.code, problem.code.replace("_", " "), **problem.facts)


def _tenant(bank_id: str, item: Item) -> str | None:
    """Whose an item is that is not booked, or None: nobody's that can be named."""
    if item.payout_id:
        return payout_tenant(bank_id, item.payout_id)
    return None if item.account is None else item.account.tenant_id


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
