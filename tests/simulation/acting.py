"""A command as the product takes it: plain data turned into the service's own values, and its answer told plainly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from chalicelib.core.call import Call, fingerprint
from chalicelib.core.ids import serial
from chalicelib.core.money import Money
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.conditions import Condition, Rule
from chalicelib.ledger.domain import Kind, Posting, Side
from chalicelib.ledger.exchange import ExchangeOrder, Quote, Rate
from chalicelib.ledger.holds import Terms
from chalicelib.ledger.service import (
    account_life,
    accounts,
    batches,
    entries,
    exchange,
    hold_groups,
    holds,
    reversals,
    transfers,
)
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.once import Outcome
from tests.simulation.books import Body
from tests.simulation.commands import Command
from tests.simulation.deals import instant
from tests.simulation.trade_acting import SERVICES as TRADES


@dataclass
class Answer:
    """What the product says a command came to: its journal item, those of its parts, and whether it was done before."""

    item: JournalItem
    replayed: bool
    parts: tuple[JournalItem, ...] = field(default=())


def act(command: Command, *, now: int, entropy: bytes) -> Answer:
    """Do a command by the product's code. Raises what that raises."""
    call, do = call_of(command, now=now, entropy=entropy), command.body["do"]
    return _plain(TRADES[do](call, command.body)) if do in TRADES else _SERVICES[do](call, command.body)


def call_of(command: Command, *, now: int, entropy: bytes) -> Call:
    """The call that an edge would make of a command."""
    at = instant(now)
    mark = fingerprint("POST", f"/{command.body['do']}", command.body)
    return Call(command.tenant, f"c:{command.key}", mark, at, serial(at, entropy), "cli_simulation")


def _maybe(at: int | None) -> datetime | None:
    return None if at is None else instant(at)


def _plain(outcome: Outcome) -> Answer:
    return Answer(outcome.item, outcome.replayed)


def _postings(postings: Any) -> tuple[Posting, ...]:
    return tuple(Posting(account, Side(side), Money(minor, currency)) for account, side, minor, currency in postings)


def _post(body: Body) -> entries.PostEntry:
    conditions = tuple(Condition(account, Rule(rule), minor) for account, rule, minor in body["conditions"])
    postings = _postings(body["postings"])
    return entries.PostEntry("entry.posted", postings, _maybe(body["occurred"]), conditions=conditions)


def _open(call: Call, body: Body) -> Answer:
    terms = (Kind(body["kind"]), body["currency"], body["floor"], body["ceiling"])
    return _plain(accounts.open_account(call, accounts.OpenAccount("any", *terms, deferred=body["deferred"])))


def _batch(call: Call, body: Body) -> Answer:
    done = batches.post_batch(call, [Keyed(part["key"], _post(part)) for part in body["parts"]])
    return Answer(done.outcome.item, done.outcome.replayed, done.items)


def _placing(body: Body) -> holds.PlaceHold:
    amount = Money(body["minor"], body["currency"])
    return holds.PlaceHold(Terms(body["debit"], body["credit"], amount, Side(body["side"]), _maybe(body["expires"])))


def _amount(body: Body) -> Money | None:
    return None if body["minor"] is None else Money(body["minor"], body["currency"])


def _capture(call: Call, body: Body) -> Answer:
    command = holds.CaptureHold(body["hold"], _amount(body), body["close"], _maybe(body["occurred"]))
    return _plain(holds.capture_hold(call, command))


def _group(call: Call, body: Body) -> Answer:
    parts = body["parts"]
    if body["act"] == "place":
        done = hold_groups.place_group(call, [_placing(part) for part in parts])
    elif body["act"] == "void":
        done = hold_groups.void_group(call, [part["hold"] for part in parts])
    else:
        captures = [hold_groups.CapturePart(part["hold"], _amount(part), part["close"]) for part in parts]
        done = hold_groups.capture_group(call, captures)
    return Answer(done.outcome.item, done.outcome.replayed, done.parts)


def _reverse(call: Call, body: Body) -> Answer:
    postings = None if body["postings"] is None else _postings(body["postings"])
    command = reversals.ReverseEntry(body["entry"], postings, occurred_at=_maybe(body["occurred"]))
    return _plain(reversals.reverse_entry(call, command))


def _quote(call: Call, body: Body) -> Answer:
    terms = Quote(
        quote_id="",
        sell_currency=body["sell"],
        buy_currency=body["buy"],
        rate=Rate(*body["rate"]),
        valid_until=instant(body["until"]),
        market_rate=None if body["market"] is None else Rate(*body["market"]),
        single_use=body["once"],
    )
    return _plain(exchange.quote(call, terms))


def _exchange(call: Call, body: Body) -> Answer:
    amount, at = Money(body["minor"], body["currency"]), _maybe(body["occurred"])
    order = ExchangeOrder(body["from"], body["to"], body["fixed"], amount, at)
    return _plain(exchange.exchange(call, body["quote"], order))


_SERVICES: dict[str, Callable[[Call, Body], Answer]] = {
    "open": _open,
    "freeze": lambda call, body: _plain(account_life.freeze(call, body["account"])),
    "unfreeze": lambda call, body: _plain(account_life.unfreeze(call, body["account"])),
    "close": lambda call, body: _plain(account_life.close(call, body["account"])),
    "period": lambda call, body: _plain(account_life.close_period(call, body["account"], instant(body["until"]))),
    "labels": lambda call, body: _plain(account_life.set_labels(call, body["account"], body["labels"])),
    "entry": lambda call, body: _plain(entries.post_entry(call, _post(body))),
    "up_to": lambda call, body: _plain(transfers.transfer_up_to(call, _post(body))),
    "batch": _batch,
    "reverse": _reverse,
    "place": lambda call, body: _plain(holds.place_hold(call, _placing(body))),
    "capture": _capture,
    "void": lambda call, body: _plain(holds.void_hold(call, body["hold"])),
    "group": _group,
    "fx_accounts": lambda call, body: _plain(exchange.open_fx_accounts(call, body["currency"])),
    "quote": _quote,
    "exchange": _exchange,
}
