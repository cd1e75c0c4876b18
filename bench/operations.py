"""The operations whose capacity is counted: each a function that does it once, prepared by what it needs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from chalicelib.banking import paying, payout_changes
from chalicelib.banking.callbacks import receive_callback
from chalicelib.banking.payout_states import Event
from chalicelib.banking.payout_status import News
from chalicelib.core.money import Money
from chalicelib.credit.service import accrual_call, accrue_line
from chalicelib.credit.store import load_line
from chalicelib.ledger.domain import Kind, Posting, credit, debit
from chalicelib.ledger.service.accounts import OpenAccount, get_account, open_account
from chalicelib.ledger.service.entries import PostEntry, get_entry, post_entry
from chalicelib.ledger.service.feed import number
from chalicelib.ledger.service.projection import project
from chalicelib.settlement.service import settling
from chalicelib.settlement.worker.payments import pay
from chalicelib.storage.client import dynamodb
from chalicelib.storage.tables import Key, account_key, physical_name
from tests.banking.build import BANK, signed
from tests.settlement.desk import moved, notification
from tests.settlement.market import DRAWN, PAID, THURSDAY, Deal, Market, deliverable, market
from tests.support.calls import MONDAY
from tests.trades.papers import index_fixings, weight_note

Operation = tuple[str, Callable[[], object]]
RECEIVERS = 5


def operations() -> Iterator[Operation]:
    """Every operation by name, in an order in which each finds what it needs."""
    place = market(seal=True)
    yield from entry_operations(place)
    yield from _trade(place)
    yield from release_operations(place)


def entry_operations(place: Market) -> Iterator[Operation]:
    accounts = [_account(place) for _ in range(RECEIVERS + 1)]
    two = _entry(debit(accounts[0], _cny(700)), credit(accounts[1], _cny(700)))
    first = place.call(str(uuid.uuid4()))
    yield "transfer", lambda: post_entry(first, two)
    yield "replay of a transfer", lambda: post_entry(first, two)
    six = _entry(debit(accounts[0], _cny(500)), *(credit(account, _cny(100)) for account in accounts[1:]))
    yield "entry of six postings", lambda: post_entry(place.call(str(uuid.uuid4())), six)
    yield "number an entry", lambda: number([get_entry(place.tenant, first.entry_id)])
    yield "write a line of history", _line_of_history(account_key(place.tenant, accounts[0]))
    yield "read a balance", lambda: get_account(place.tenant, accounts[0])


def _trade(place: Market) -> Iterator[Operation]:
    place.lend()
    line = place.line()
    for role in ("buyer", "mill", "carrier"):
        place.party(role)
    opened: list[Deal] = []
    yield "open a trade", lambda: opened.append(place.deal())
    deal = opened[0]
    yield "take a callback", lambda: _callback(place)
    yield "fund a trade by bank", lambda: place.pay(deal.reference, PAID)
    yield "draw into an escrow", lambda: place.draw(line, deal, DRAWN)
    yield "accrue a day of a line", lambda: _accrue(place, line.line_id, MONDAY.date() + timedelta(days=1))
    yield "add evidence", lambda: place.evidence(deal, weight_note(498_320))
    place.evidence(deal, index_fixings(currency="CNY"))
    settled: list[str] = []
    yield "final settlement", lambda: settled.append(place.settle(deal).item.entry_id)
    now = MONDAY + timedelta(days=THURSDAY)
    yield "pay two parties", lambda: pay(place.tenant, settled[0], now=now)
    payouts = paying.list_payouts(place.tenant, after=None, limit=10).values
    first = payouts[0]
    yield (
        "accept a payout",
        lambda: payout_changes.apply_payout_status(BANK, News(first.payout_id, Event.ACCEPTED), now=now),
    )
    debited = place.movement(-first.amount_minor, end_to_end_id=first.payout_id)
    yield "settle a payout", lambda: payout_changes.settle_payout(debited, now=now)


def release_operations(place: Market) -> Iterator[Operation]:
    deal = deliverable(place, currency="CNY")
    here = replace(place.call(str(uuid.uuid4())), actor=place.call().new_id("cli"))
    yield "release to five parties", lambda: settling.release_milestone(here, deal.trade_id, "delivery")


def _account(place: Market) -> str:
    opened = open_account(place.call(), OpenAccount("one of the bench", Kind.LIABILITY, "CNY"))
    return str(opened.item.data["account_id"])


def _entry(*postings: Posting) -> PostEntry:
    return PostEntry("entry.posted", postings)


def _cny(minor: int) -> Money:
    return Money(minor, "CNY")


def _line_of_history(account: Key) -> Callable[[], None]:
    """The projection of an account's latest change."""
    after = raw(account)
    before = after | {"version": {"N": str(int(after["version"]["N"]) - 1)}, "balance": {"N": "0"}}
    return lambda: project([(before, after)])


def raw(key: Key) -> dict[str, Any]:
    """An item as a stream would carry it."""
    answer = dynamodb().get_item(TableName=physical_name(key.model), Key=key.wire(), ConsistentRead=True)
    return dict(answer["Item"])


def _callback(place: Market) -> None:
    entry = moved(100, reference="RF18539007547034")
    body = notification(entry, iban=place.account.iban)
    message_id = str(uuid.uuid4())
    wall = datetime.now(UTC)
    receive_callback(BANK, body, signed(body, message_id=message_id, issued_at=wall), wall_now=wall, now=MONDAY)


def _accrue(place: Market, line_id: str, day: date) -> None:
    line = load_line(place.tenant, line_id)
    accrue_line(accrual_call(line, day, now=MONDAY + timedelta(days=THURSDAY)), line, day)
