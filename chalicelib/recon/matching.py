"""Which entry explains a line. Pure: the caller has looked up the entry that the line's movement would be booked as.

One rule so far: the bank's reference names the entry, and its leg on the bank account is the line's amount. What the
rule does not explain is a break with its reason.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from chalicelib.core.calendars import today_in
from chalicelib.core.values import dataclass
from chalicelib.recon.domain import (
    Break,
    Facts,
    Match,
    Reason,
    Reconciled,
    Resolution,
    Rule,
    StatementLine,
    ledger_break_id,
    line_break_id,
)


@dataclass(frozen=True, slots=True)
class Booking:
    """An entry as matching sees it: what it moved on one bank account, debits positive, and when it took effect."""

    entry_id: str
    amount_minor: int
    currency: str
    kind: str
    occurred_at: datetime


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a line's movement. `booking`: the entry under the movement's key. `stated_by`: the id of another
    statement's line that states the same on the same day. `similar`: an entry of the same bank reference with another
    amount."""

    booking: Booking | None
    stated_by: str | None = None
    similar: Booking | None = None


def reconcile_line(line: StatementLine, known: Known, *, now: datetime) -> Reconciled:
    """The line with its match, or as an open break."""
    if line.is_set_off:
        return Reconciled(line, Match(line.line_id, "", "correction", {"line_id": line.withdraws}), None)
    if not line.tells_of_money:
        return Reconciled(line, Match(line.line_id, "", "moves_nothing", {}), None)
    if problem := _problem(line, known):
        reason, facts = problem
        return Reconciled(line, None, _line_break(line, reason, facts, now))
    if known.booking is None:
        return Reconciled(line, None, _line_break(line, "no_entry", {"bank_reference": line.bank_reference}, now))
    return Reconciled(line, _match(line, known.booking, "bank_reference_and_amount"), None)


def rematch(before: Reconciled, known: Known, *, by: str, now: datetime) -> Reconciled:
    """An open break judged again: matched and resolved, or open as before with the reason that holds now."""
    again = reconcile_line(before.line, known, now=now)
    if before.found_break is None:
        return before
    if again.match is None:
        kept = again.found_break or before.found_break
        return replace(again, found_break=replace(kept, opened_at=before.found_break.opened_at))
    resolution = Resolution("matched", again.match.entry_id, "", "", resolved_by=by, resolved_at=now)
    return replace(again, found_break=replace(before.found_break, resolution=resolution))


def resolve(before: Reconciled, resolution: Resolution) -> Reconciled:
    """An open break whose line has been booked by hand: matched to that entry, the break resolved."""
    if before.found_break is None:
        return before
    why: Facts = {"account_id": resolution.account_id, "comment": resolution.comment}
    match = Match(before.line.line_id, resolution.entry_id, "resolution", why)
    return replace(before, match=match, found_break=replace(before.found_break, resolution=resolution))


def set_off(before: Reconciled, other_line_id: str, *, by: str, now: datetime) -> Reconciled:
    """An open break that a line of a corrected statement takes back: the two explain one another."""
    if before.found_break is None:
        return before
    match = Match(before.line.line_id, "", "correction", {"line_id": other_line_id})
    resolution = Resolution("matched", "", "", "corrected by the bank", resolved_by=by, resolved_at=now)
    return replace(before, match=match, found_break=replace(before.found_break, resolution=resolution))


def stands_again(before: Reconciled) -> Reconciled:
    """A line that was set off and is stated again: an open break, as it was."""
    if before.found_break is None:
        return before
    return replace(before, match=None, found_break=replace(before.found_break, resolution=None))


def ledger_break(booking: Booking, bank_account_id: str) -> Break:
    """The break that an entry on a bank account is while no line tells of it. It opens when the entry took effect."""
    return Break(
        break_id=ledger_break_id(booking.entry_id, bank_account_id),
        side="ledger",
        bank_account_id=bank_account_id,
        source_id=booking.entry_id,
        amount_minor=booking.amount_minor,
        currency=booking.currency,
        reason="no_line",
        facts={"kind": booking.kind, "occurred_on": str(today_in(booking.currency, booking.occurred_at))},
        opened_at=booking.occurred_at,
    )


def _problem(line: StatementLine, known: Known) -> tuple[Reason, Facts] | None:
    """Why no entry can explain the line, in the order people should look at it."""
    if known.booking is not None and known.booking.amount_minor == line.amount_minor:
        return None
    if line.withdraws:
        return "line_withdrawn", {"line_id": line.withdraws}
    if known.stated_by is not None:
        return "duplicate_line", {"bank_reference": line.bank_reference, "first_line_id": known.stated_by}
    if not line.bank_reference and known.booking is None:
        return "no_bank_reference", {}
    similar = known.booking or known.similar
    if similar is not None:
        facts: Facts = {
            "entry_id": similar.entry_id,
            "line_minor": line.amount_minor,
            "entry_minor": similar.amount_minor,
        }
        return "amount_differs", facts
    return None


def _match(line: StatementLine, booking: Booking, rule: Rule) -> Match:
    why: Facts = {"bank_reference": line.bank_reference, "amount_minor": line.amount_minor}
    return Match(line.line_id, booking.entry_id, rule, why)


def _line_break(line: StatementLine, reason: Reason, facts: Facts, now: datetime) -> Break:
    return Break(
        break_id=line_break_id(line.line_id),
        side="line",
        bank_account_id=line.bank_account_id,
        source_id=line.line_id,
        amount_minor=line.amount_minor,
        currency=line.currency,
        reason=reason,
        facts=facts,
        opened_at=now,
    )
