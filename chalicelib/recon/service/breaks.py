"""Breaks of the line's side: looked at again, or resolved by booking their line. Those of the ledger's side are shown
only: they end when a statement tells of them.

A break is looked at again on command alone. Reading never writes, and an upload leaves other statements' lines alone:
each match is somebody's act, with a key and an instant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

import msgspec

from chalicelib.core.calendars import booked_instant
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, Defect, InvalidInput, NotFound
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.account_life import in_open_period
from chalicelib.ledger.domain import Entry, Purpose, credit, debit, entry_of, movement_content
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.ledger.store.entries import find_entry, plan_entry
from chalicelib.recon import store
from chalicelib.recon.domain import (
    Break,
    Reconciled,
    Resolution,
    StatementLine,
    check_comment,
    check_open,
    counted,
    line_break_id,
)
from chalicelib.recon.matching import Known, ledger_break, rematch, resolve
from chalicelib.recon.service.counting import count_match, match_keys
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, also_journal, once
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Listing, Versioned
from chalicelib.storage.tables import Item, Key, journal_key

RESOLVED = "break.resolved"
REMATCHED = "break.rematched"
BOOKED = "break.booked"


Receive = Callable[[StatementLine, str, str], Sequence[Write] | None]
"""What a line booked against an account by an entry is received as; None where that account follows no receipts."""


@dataclass(frozen=True, slots=True)
class ResolveBreak:
    """Book a break's line against an account of the tenant's choice, and say why."""

    break_id: str
    account_id: str
    comment: str


@dataclass(frozen=True, slots=True)
class _Target:
    """A break's line, and where all is kept that a command on it reads and writes."""

    break_id: str
    line: StatementLine
    line_key: Key
    statement_key: Key
    entry_id: str
    place: store.Place

    def reads(self, tenant: str) -> list[Key]:
        return [
            self.line_key,
            self.statement_key,
            store.mark_key(tenant, self.line),
            journal_key(tenant, self.entry_id),
            *match_keys(tenant, self.line.bank_account_id, line_id=self.line.line_id, entry_id=self.entry_id),
        ]


def resolve_break(call: Call, command: ResolveBreak, receive: Receive | None = None) -> Outcome:
    """Book a break's line: Dr bank, Cr the account when money came in, the other way round when it went out.

    `receive` says what else is written where the account is one that follows receipts; for any other it says None.
    It is booked under the movement's key, as a callback would, in the same commit as the caller's key: told again by
    the bank, it is the same movement. Facts: `break` after. Raises InvalidInput `comment_missing`, `comment_too_long`,
    `account_is_the_bank`; NotFound `break_not_found`; Conflict `break_not_bookable` (of the ledger's side),
    `break_resolved`, `movement_already_booked` (the break can be matched again), and what booking an entry raises.
    """
    comment = check_comment(command.comment)
    target = _target(call.tenant, command.break_id)
    if command.account_id == target.line.bank_account_id:
        raise InvalidInput("account_is_the_bank", "a line is booked against another account", field="account_id")
    resolution = Resolution("booked", target.entry_id, command.account_id, comment, call.actor, call.now)

    def decide(found: Found, occurred_at: datetime) -> Plan:
        before = _open(found, target)
        _check_bookable(found, call.tenant, target)
        after = resolve(before.value, resolution)
        received = receive(target.line, command.account_id, target.entry_id) if receive else None
        booking = _book(call, target.line, resolution, occurred_at, by_hand=received is None)
        booked = also_journal(booking.item, lambda _: _already_booked(target))
        writes = (booked, *booking.writes, *(received or ()), *_changes(found, call.tenant, target, before, after))
        return Plan(journal_item(call, RESOLVED, subject=command.break_id, data=_facts(after)), writes)

    def book(occurred_at: datetime) -> Outcome:
        return once(call, lambda found: decide(found, occurred_at), target.reads(call.tenant))

    return in_open_period(book, booked_instant(target.line.currency, target.line.booked_on, call.now), now=call.now)


def rematch_break(call: Call, break_id: str) -> Outcome:
    """Look at an open break again: its entry may have been booked since. Facts: `break` after, resolved or open as it
    was with the reason that holds now. Raises NotFound `break_not_found`, Conflict `break_not_bookable`,
    `break_resolved`."""
    target = _target(call.tenant, break_id)

    def decide(found: Found) -> Plan:
        before = _open(found, target)
        known = Known(store.take_booking(found, call.tenant, target.line), _stated_by(before.value))
        after = rematch(before.value, known, by=call.actor, now=call.now)
        writes = _changes(found, call.tenant, target, before, after) if after != before.value else ()
        return Plan(journal_item(call, REMATCHED, subject=break_id, data=_facts(after)), writes)

    return once(call, decide, target.reads(call.tenant))


def break_of(data: dict[str, object]) -> Break:
    """The break in the facts of a command on it."""
    return msgspec.convert(data["break"], Break)


def get_break(tenant: str, break_id: str) -> Break:
    """A break of either side. Raises NotFound `break_not_found`; an entry that a line tells of by now is none."""
    keys = store.line_of_break(tenant, break_id)
    if keys is not None:
        found = store.take_line(fetch(keys), keys[0], break_id).value.found_break
    else:
        found = _ledger_break(tenant, break_id)
    if found is None:
        raise NotFound("break_not_found", "break not found", break_id=break_id)
    return found


def break_of_movement(tenant: str, bank_account_id: str, movement_key: str) -> str | None:
    """The break that the line of a movement is or was; None where no line has the movement."""
    mark = store.find_marks(tenant, bank_account_id, [movement_key]).get(movement_key)
    return None if mark is None else line_break_id(mark.line_id)


def list_breaks(tenant: str, status: str, *, after: Item | None, limit: int) -> Listing[Break]:
    """One page of the line's side's breaks, `open` or `resolved`, the oldest first."""
    page = store.list_breaks(tenant, status, after=after, limit=limit)
    breaks = (reconciled.found_break for reconciled in page.values)
    # The index may be a moment behind: what has been resolved since is left out.
    return Listing(tuple(each for each in breaks if each is not None and each.status == status), page.last_key)


def _ledger_break(tenant: str, break_id: str) -> Break | None:
    named = store.entry_of_break(break_id)
    if named is None:
        return None
    entry_id, account_id = named
    account = load_accounts(tenant, [account_id]).get(account_id)
    item = find_entry(tenant, entry_id)
    if account is None or account.purpose is not Purpose.BANK or item is None:
        return None
    booking = store.booking_of(item, account_id)
    if booking.amount_minor == 0 or store.is_explained(tenant, account_id, entry_id):
        return None
    return ledger_break(booking, account_id)


def _target(tenant: str, break_id: str) -> _Target:
    keys = store.line_of_break(tenant, break_id)
    if keys is None:
        get_break(tenant, break_id)
        raise Conflict("break_not_bookable", "a break of the ledger's side ends with a line", break_id=break_id)
    found = fetch(keys)
    line = store.take_line(found, keys[0], break_id).value.line
    place = store.take_place(found, keys[1], break_id)
    return _Target(
        break_id=break_id,
        line=line,
        line_key=keys[0],
        statement_key=store.statement_key(tenant, place),
        entry_id=store.movement_id(tenant, line),
        place=place,
    )


def _open(found: Found, target: _Target) -> Versioned[Reconciled]:
    record = store.take_line(found, target.line_key, target.break_id)
    if record.value.found_break is not None:
        check_open(record.value.found_break)
    return record


def _check_bookable(found: Found, tenant: str, target: _Target) -> None:
    if journal_key(tenant, target.entry_id) in found:
        raise _already_booked(target)


def _stated_by(reconciled: Reconciled) -> str | None:
    """The id of another statement's line that states the same as a break's, as it was found when it was stored."""
    found = reconciled.found_break
    return None if found is None or "first_line_id" not in found.facts else str(found.facts["first_line_id"])


def _already_booked(target: _Target) -> Conflict:
    facts = {"break_id": target.break_id, "entry_id": target.entry_id}
    return Conflict("movement_already_booked", "the movement stands in the books: match the break again", **facts)


def _book(call: Call, line: StatementLine, resolution: Resolution, occurred_at: datetime, *, by_hand: bool) -> Plan:
    """The plan of the movement's own journal item, as a callback would write it."""
    amount = Money(line.amount_minor, line.currency)
    booking = worker_call(
        tenant=call.tenant,
        key=line.movement_key,
        content=movement_content(amount),
        now=call.now,
        entropy=b"",
        actor=call.actor,
    )
    data = {"line_id": line.line_id, "comment": resolution.comment}
    return plan_entry(booking, _entry(line, resolution.account_id, amount, occurred_at), data=data, by_hand=by_hand)


def _entry(line: StatementLine, account_id: str, amount: Money, occurred_at: datetime) -> Entry:
    size = amount.of(abs(amount.minor))
    debited, credited = (line.bank_account_id, account_id) if amount.minor > 0 else (account_id, line.bank_account_id)
    return entry_of(
        BOOKED,
        (debit(debited, size), credit(credited, size)),
        occurred_at=occurred_at,
        subject=line_break_id(line.line_id),
        reference=line.bank_reference or None,
    )


def _changes(
    found: Found, tenant: str, target: _Target, before: Versioned[Reconciled], after: Reconciled
) -> tuple[Write, ...]:
    """The writes that make a line what it is after, with its mark and its statement's counts."""
    mark = store.take_mark(found, tenant, target.line)
    statement = store.take_statement(found, tenant, target.place)
    if mark is None or statement is None:
        raise Defect(f"line {target.line.line_id} has lost its mark or its statement")
    matched = int(after.match is not None)
    positions = _positions(found, tenant, after) if after.match else ()
    counts = counted(statement.value, matched=matched, breaks=-matched)
    return (
        *store.save_line(tenant, after, version=before.version, mark=mark),
        store.save_statement(tenant, counts, version=statement.version),
        *positions,
    )


def _positions(found: Found, tenant: str, after: Reconciled) -> tuple[Write, ...]:
    """What a match changes in the account's positions."""
    line, entry_id = after.line, after.match.entry_id if after.match else ""
    return count_match(tenant, found, line.bank_account_id, line_id=line.line_id, entry_id=entry_id)


def _facts(reconciled: Reconciled) -> dict[str, object]:
    return {"break": msgspec.to_builtins(reconciled.found_break)}
