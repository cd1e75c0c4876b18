"""What a statement, its lines, a match and a break are.

Amounts are signed minor units as the bank sees them and as the account's debits are: money in is positive. Leaves to
others: reading a bank's file (`chalicelib.messages`), how statements follow one another (`chaining.py`), joining lines
with entries (`matching.py`), the sum of it all (`balance.py`).
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import date, datetime
from hashlib import sha256
from typing import Literal

from chalicelib.core.calendars import today_in
from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.ids import derived_id
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.movements import MovementFacts
from chalicelib.messages import model
from chalicelib.messages.proof import Proof, ProofStatus, closing_balance, opening_balance

Status = Literal["loading", "loaded", "quarantined"]
Rule = Literal["bank_reference_and_amount", "moves_nothing", "resolution", "correction"]
Reason = Literal["no_entry", "amount_differs", "no_bank_reference", "duplicate_line", "line_withdrawn", "no_line"]
Facts = dict[str, str | int]

MOST_DESCRIPTION = 140
MOST_REFERENCE = 35
MOST_COMMENT = 500
_CREDITOR_REFERENCE = re.compile(r"RF[0-9]{2}[0-9A-Z]{1,21}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Statement:
    """A bank's list of booked lines. `difference_minor` is what footing left over: opening + booked - closing.

    `loading`: some lines are still to be stored. `quarantined`: its figures do not hold (`reason`), its lines count for
    nothing. `matched` and `open_breaks` count lines as they stand now, `counted` those that are in the account's
    positions. `corrections` counts how often the bank stated it anew, `corrected_from` its lines before the last time.
    """

    statement_id: str
    bank_account_id: str
    iban: str
    currency: str
    bank_statement_id: str
    sequence: int | None
    starts_on: date
    ends_on: date
    opening_minor: int | None
    closing_minor: int | None
    booked_minor: int
    difference_minor: int | None
    proof: ProofStatus
    reason: str
    warnings: tuple[str, ...]
    status: Status
    content_sha256: str
    file_sha256: str
    uploaded_at: datetime
    lines: int
    stored: int = 0
    matched: int = 0
    open_breaks: int = 0
    counted: int = 0
    counted_minor: int = 0
    corrections: int = 0
    corrected_from: int = 0

    @property
    def holds(self) -> bool:
        """Whether its balances are stated and it foots: they can be built on."""
        return self.proof in ("proved", "proved_with_warnings")

    @property
    def days(self) -> str:
        """What statements of the same days share that no number tells apart."""
        return f"{self.ends_on}#{self.starts_on}#{self.sequence or 0:015}#"

    @property
    def order(self) -> str:
        """Sorts the statements of one account: by the day they end, then by number; those of the same days are put into
        the order of their balances where they are read (`chaining.py`)."""
        return f"{self.days}{self.statement_id}"


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One booked movement as a statement lists it. `reference` is the payer's, `description` what else was written; the
    counterparty is the payer of money in, the payee of money out. `movement_key` is the worker key under which its
    movement is, or would be, booked; it is empty before the line is stored.

    `withdraws`: the line that it takes back, since the bank states that no more; `is_set_off`: the two explain one
    another, so that neither has a movement of its own."""

    line_id: str
    statement_id: str
    bank_account_id: str
    number: int
    amount_minor: int
    currency: str
    booked_on: date | None
    valued_on: date | None
    bank_reference: str
    reference: str
    description: str
    end_to_end_id: str = ""
    uetr: str = ""
    counterparty_name: str = ""
    counterparty_account: str = ""
    movement_key: str = ""
    withdraws: str = ""
    is_set_off: bool = False

    @property
    def movement_facts(self) -> MovementFacts:
        """What its movement's identity is judged by."""
        quoted = self.reference.upper().replace(" ", "")
        return MovementFacts(
            account_id=self.bank_account_id,
            amount=Money(self.amount_minor, self.currency),
            reference=self.bank_reference,
            booked_on=self.booked_on,
            end_to_end_id=self.end_to_end_id,
            uetr=self.uetr,
            counterparty_account=self.counterparty_account,
            payment_references=(quoted,) if _CREDITOR_REFERENCE.fullmatch(quoted) else (),
        )

    @property
    def tells_of_money(self) -> bool:
        """Whether it moves anything: a line of zero, or one set off with another, explains nothing and needs no
        entry."""
        return self.amount_minor != 0 and not self.is_set_off


@dataclass(frozen=True, slots=True)
class Match:
    """A line and the entry that explain one another, the rule that joined them, and the facts it went by.

    `entry_id` is empty where a line moves nothing and needs no entry.
    """

    line_id: str
    entry_id: str
    rule: Rule
    why: Facts


@dataclass(frozen=True, slots=True)
class Resolution:
    """How a break ended: `booked` by a person against `account_id`, or `matched` when its entry had come."""

    kind: Literal["booked", "matched"]
    entry_id: str
    account_id: str
    comment: str
    resolved_by: str
    resolved_at: datetime


@dataclass(frozen=True, slots=True)
class Break:
    """What is left unexplained: a line no entry stands for, or an entry on the bank account that no line tells of."""

    break_id: str
    side: Literal["line", "ledger"]
    bank_account_id: str
    source_id: str
    amount_minor: int
    currency: str
    reason: Reason
    facts: Facts
    opened_at: datetime
    resolution: Resolution | None = None

    @property
    def status(self) -> Literal["open", "resolved"]:
        """Open until it has a resolution."""
        return "open" if self.resolution is None else "resolved"

    def age_days(self, now: datetime) -> int:
        """Whole days it stood open: until its resolution, or until `now`."""
        end = now if self.resolution is None else self.resolution.resolved_at
        return max(0, (end - self.opened_at).days)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """A line with what became of it: a match, or a break (in the end perhaps both)."""

    line: StatementLine
    match: Match | None
    found_break: Break | None

    def __post_init__(self) -> None:
        is_open = self.found_break is not None and self.found_break.status == "open"
        if (self.match is None) is not is_open:
            raise Defect(f"line {self.line.line_id} is neither matched nor an open break, or both")


@dataclass(frozen=True, slots=True)
class Upload:
    """Where a statement came from: the tenant's account in the books, the file and the instant."""

    tenant: str
    bank_account_id: str
    file_sha256: str
    at: datetime


def new_statement(told: model.Statement, proof: Proof, upload: Upload) -> Statement:
    """The statement a bank told of, before any of its lines is stored.

    Its id derives from what tells it apart (see `statement_id`). One whose figures do not hold gets an id of its
    content instead, so that it never stands in the way of the corrected one.
    """
    digest = content_digest(told)
    broken = proof.status == "broken"
    lines = len(booked_entries(told))
    starts_on, ends_on = _period(told, today_in(told.account.currency or "", upload.at))
    return Statement(
        statement_id=statement_id(upload, told, broken=broken),
        bank_account_id=upload.bank_account_id,
        iban=told.account.number,
        currency=told.account.currency,
        bank_statement_id=told.statement_id,
        sequence=_number(told),
        starts_on=starts_on,
        ends_on=ends_on,
        opening_minor=proof.opening_minor,
        closing_minor=proof.closing_minor,
        booked_minor=proof.booked_minor,
        difference_minor=proof.difference_minor,
        proof=proof.status,
        reason=proof.reason,
        warnings=proof.warnings,
        status="quarantined" if broken else "loading" if lines else "loaded",
        content_sha256=digest,
        file_sha256=upload.file_sha256,
        uploaded_at=upload.at,
        lines=lines,
    )


def statement_id(upload: Upload, told: model.Statement, *, broken: bool) -> str:
    """The id of a statement: it is known by its account, the bank's id, its period and its number, for banks begin
    their ids anew each year, or give the account's number every day. Without a number the balance it opens with tells
    it from another one of its days, and its content where it closes with that balance; without an id its content alone.
    """
    own = (upload.tenant, upload.bank_account_id)
    if broken:
        return derived_id("stm", *own, "broken", content_digest(told))
    if not told.statement_id:
        return derived_id("stm", *own, content_digest(told))
    return derived_id("stm", *own, told.statement_id, *_stated_period(told), *_place_in_period(told))


def _stated_period(told: model.Statement) -> tuple[str, ...]:
    """First and last day, or as much as the statement states of them."""
    days = _days(told)
    return tuple(map(str, (told.starts_at or days[0], told.ends_at or days[-1]))) if days else ("", "")


def _place_in_period(told: model.Statement) -> tuple[str, ...]:
    """What tells a statement from others of its id and period."""
    number = _number(told)
    opening, closing = opening_balance(told), closing_balance(told)
    if number is not None or opening is None or closing is None:
        return "number", str(number)
    moves_nothing = opening.amount_minor == closing.amount_minor
    return "opening", str(opening.amount_minor), content_digest(told) if moves_nothing else ""


def content_digest(told: model.Statement) -> str:
    """SHA-256 in hex of what a statement says of money: the same in whatever envelope, at whatever hour it is sent."""
    opening, closing = opening_balance(told), closing_balance(told)
    content = [
        told.account.number,
        told.account.currency,
        told.statement_id,
        [told.electronic_sequence, told.legal_sequence],
        [str(told.starts_at), str(told.ends_at)],
        [None if balance is None else balance.amount_minor for balance in (opening, closing)],
        [[e.amount_minor, e.own_reference, str(e.booked_on), str(e.valued_on)] for e in booked_entries(told)],
    ]
    return sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()


def booked_entries(told: model.Statement) -> list[model.Entry]:
    """The entries that have moved money; pending and informational ones are no lines."""
    return [entry for entry in told.entries if entry.status == "booked"]


def lines_of(statement: Statement, told: model.Statement) -> tuple[StatementLine, ...]:
    """The lines of a statement in the bank's order, numbered from 1."""
    entries = enumerate(booked_entries(told), start=1)
    return tuple(_line(statement, number, entry) for number, entry in entries)


def line_id(statement_id: str, number: int) -> str:
    """The id of a statement's line: `stl_` with the statement's own part and the line's number."""
    return f"stl_{statement_id.removeprefix('stm_')}_{number}"


def line_break_id(line_id: str) -> str:
    """The id of the break a line is or was."""
    return "brk_" + line_id.removeprefix("stl_")


def ledger_break_id(entry_id: str, bank_account_id: str) -> str:
    """The id of the break an entry is on a bank account."""
    return f"brk_{entry_id.removeprefix('ent_')}_{bank_account_id.removeprefix('acc_')}"


def counted(statement: Statement, *, matched: int = 0, breaks: int = 0) -> Statement:
    """The statement after as many more lines are matched, and as many more are open breaks."""
    after = replace(statement, matched=statement.matched + matched, open_breaks=statement.open_breaks + breaks)
    if after.matched + after.open_breaks != after.stored:
        raise Defect(f"{after.statement_id}: {after.matched} and {after.open_breaks} are not {after.stored}")
    return after


def stored(statement: Statement, *, matched: int, breaks: int) -> Statement:
    """The statement after the next lines are stored; the last ones make it `loaded`."""
    held = statement.stored + matched + breaks
    status: Status = "loaded" if held == statement.lines else "loading"
    return counted(replace(statement, stored=held, status=status), matched=matched, breaks=breaks)


def check_comment(comment: str) -> str:
    """The comment of a resolution. Raises InvalidInput `comment_missing`, `comment_too_long`."""
    text = comment.strip()
    if not text:
        raise InvalidInput("comment_missing", "say why", field="comment")
    if len(text) > MOST_COMMENT:
        raise InvalidInput("comment_too_long", f"at most {MOST_COMMENT} characters", field="comment")
    return text


def check_open(found: Break) -> Break:
    """The break, if it is open. Raises Conflict `break_resolved`."""
    if found.status != "open":
        raise Conflict("break_resolved", "the break is resolved already", break_id=found.break_id)
    return found


def _line(statement: Statement, number: int, entry: model.Entry) -> StatementLine:
    only = entry.only_detail or model.Detail(None, "")
    references = [reference for detail in entry.details for reference in detail.creditor_references]
    remittance = [text for detail in entry.details for text in detail.remittance]
    return StatementLine(
        line_id=line_id(statement.statement_id, number),
        statement_id=statement.statement_id,
        bank_account_id=statement.bank_account_id,
        number=number,
        amount_minor=entry.amount_minor,
        currency=statement.currency,
        booked_on=entry.booked_on,
        valued_on=entry.valued_on,
        bank_reference=entry.own_reference,
        reference=(references[0] if references else "")[:MOST_REFERENCE],
        description=" ".join([*references[1:], *remittance] or [entry.info])[:MOST_DESCRIPTION],
        end_to_end_id=only.end_to_end_id,
        uetr=only.uetr,
        counterparty_name=only.counterparty_name,
        counterparty_account=only.counterparty_number,
    )


def _period(told: model.Statement, uploaded_on: date) -> tuple[date, date]:
    """First and last day: as stated, else by the balances, else by the entries, else the day it was uploaded."""
    days = _days(told) or [uploaded_on]
    starts_on = told.starts_on or days[0]
    ends_on = told.ends_on or days[-1]
    return min(starts_on, ends_on), ends_on


def _days(told: model.Statement) -> list[date]:
    """The days that its balances, or else its entries, are dated, in order."""
    balances = [b.on for b in (opening_balance(told), closing_balance(told)) if b is not None and b.on is not None]
    return sorted(balances or [entry.booked_on for entry in booked_entries(told) if entry.booked_on is not None])


def _number(told: model.Statement) -> int | None:
    return told.electronic_sequence if told.electronic_sequence is not None else told.legal_sequence
