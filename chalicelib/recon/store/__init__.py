"""Where statements are kept: all in the records table, so that what belongs to one account is one strong query.

tenant#account    statement#<order>        a statement, in its place among the account's
tenant#account    line#<entry>[#<line>]    a line in short (Mark), by the entry its movement is or would be booked as;
                                           one of nothing, which has no movement, by its own id as well
tenant#statement  state                    where the statement of this id is
tenant#statement  line#<number>            a line with its match or break; those that are breaks are listed
tenant#file       state                    an uploaded file
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import TypeVar, cast

import msgspec

from chalicelib.core.call import WORKER, entry_id
from chalicelib.core.errors import NotFound
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.recon.chaining import is_certain
from chalicelib.recon.domain import Reconciled, Statement, StatementLine
from chalicelib.recon.files import File
from chalicelib.recon.matching import Booking
from chalicelib.recon.positions import Mark
from chalicelib.storage import records
from chalicelib.storage.commit import Stale, Write
from chalicelib.storage.journal import JournalItem, from_row
from chalicelib.storage.reads import BATCH, Found, Page, fetch, query
from chalicelib.storage.records import Listing, Versioned, create, listing, require, take
from chalicelib.storage.tables import Item, JournalRow, Key, RecordItem, journal_key, record_key

T = TypeVar("T")

COVERING = 100
"""How many statements behind a day are read at once, one of which may cover it."""

LONGEST_PERIOD = timedelta(days=366)
"""No bank's statement is of more than a year."""

NEAREST, BEHIND = 10, 500
"""How many statements are read back at once: few at first, since the day before is mostly enough."""

MOST_PAGES = 200
"""100,000 statements of which none holds, or none says where its days close."""

PAGE = 1000
STATEMENT = "statement#"
LINE = "line#"
_STATEMENT_ID = re.compile(r"stm_[0-9a-z]{26}")
_LINE_BREAK_ID = re.compile(r"brk_([0-9a-z]{26})_([1-9][0-9]{0,6})")
_LEDGER_BREAK_ID = re.compile(r"brk_([0-9a-z]{26})_([0-9a-z]{26})")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a statement is kept: which of its account's it is."""

    bank_account_id: str
    order: str


# ---- keys


def place_key(tenant: str, statement_id: str) -> Key:
    """Where a statement's place is kept. Raises NotFound `statement_not_found` for what is no statement's id."""
    if not _STATEMENT_ID.fullmatch(statement_id):
        raise NotFound("statement_not_found", "no such statement", statement_id=statement_id)
    return record_key(tenant, statement_id)


def statement_key(tenant: str, place: Place) -> Key:
    """Where a statement is kept."""
    return record_key(tenant, place.bank_account_id, f"{STATEMENT}{place.order}")


def reconciled_key(tenant: str, statement_id: str, number: int) -> Key:
    """Where a line is kept."""
    return record_key(tenant, statement_id, f"{LINE}{number:07}")


def file_key(tenant: str, file_id: str) -> Key:
    """Where an uploaded file's record is kept."""
    return record_key(tenant, file_id)


def mark_key(tenant: str, line: StatementLine) -> Key:
    """Where the mark of a line is kept: one line has a movement."""
    entry = movement_id(tenant, line)
    part = f"{LINE}{entry}" if line.tells_of_money else f"{LINE}{entry}#{line.line_id}"
    return record_key(tenant, line.bank_account_id, part)


def movement_id(tenant: str, line: StatementLine) -> str:
    """The id of the entry that a line's movement is, or would be, booked as."""
    return entry_of_movement(tenant, line.movement_key)


def entry_of_movement(tenant: str, movement_key: str) -> str:
    """The id of the entry that a movement is, or would be, booked as."""
    return entry_id(tenant, f"{WORKER}:{movement_key}")


def place_of(statement: Statement) -> Place:
    """Where a statement is kept."""
    return Place(statement.bank_account_id, statement.order)


def line_of_break(tenant: str, break_id: str) -> tuple[Key, Key] | None:
    """Where the line is kept that a break is about, and its statement's place; None for a break of the ledger's side,
    or no break at all."""
    found = _LINE_BREAK_ID.fullmatch(break_id)
    if found is None:
        return None
    statement_id = f"stm_{found[1]}"
    return reconciled_key(tenant, statement_id, int(found[2])), place_key(tenant, statement_id)


def entry_of_break(break_id: str) -> tuple[str, str] | None:
    """The entry and the bank account that a break of the ledger's side is about; None for any other text."""
    found = _LEDGER_BREAK_ID.fullmatch(break_id)
    return (f"ent_{found[1]}", f"acc_{found[2]}") if found else None


# ---- writes


def create_statement(tenant: str, statement: Statement) -> tuple[Write, Write]:
    """Write a new statement and its place. Where it stands already, it is decided again."""
    listed = {"list_key": f"{tenant}#statements", "list_sort": f"{statement.bank_account_id}#{statement.order}"}
    place = place_of(statement)
    return (
        _anew(create(statement_key(tenant, place), statement, exists="statement_exists", **listed)),
        _anew(create(place_key(tenant, statement.statement_id), place, exists="statement_exists")),
    )


def save_statement(tenant: str, statement: Statement, *, version: int) -> Write:
    """Write a statement's next state over the version that was read."""
    return records.replace(statement_key(tenant, place_of(statement)), statement, version=version)


def create_line(tenant: str, reconciled: Reconciled) -> tuple[Write, Write]:
    """Write a line and its mark. Where another line has its movement by now, Conflict `movement_known`."""
    line = reconciled.line
    key = reconciled_key(tenant, line.statement_id, line.number)
    listed = {} if reconciled.found_break is None else _listed(tenant, reconciled)
    mark = create(mark_key(tenant, line), _mark(reconciled), exists="movement_known")
    return _anew(create(key, reconciled, exists="line_exists", **listed)), mark


def save_line(tenant: str, after: Reconciled, *, version: int, mark: Versioned[Mark]) -> tuple[Write, Write]:
    """Write what became of a line: the line, moved to the list of its break's status, and its mark."""
    line = after.line
    key = reconciled_key(tenant, line.statement_id, line.number)
    listed = _listed(tenant, after)
    return (
        records.replace(key, after, version=version, listed=(listed["list_key"], listed["list_sort"])),
        records.replace(mark_key(tenant, line), _mark(after), version=mark.version),
    )


def save_file(tenant: str, file: File, before: Versioned[File] | None) -> Write:
    """Write a file's record, for the first time or over the version that was read."""
    key = file_key(tenant, file.file_id)
    if before is not None:
        return records.replace(key, file, version=before.version)
    listed = {"list_key": f"{tenant}#statement-files", "list_sort": f"{instant_text(file.uploaded_at)}#{file.file_id}"}
    return _anew(create(key, file, exists="file_exists", **listed))


# ---- reads


def take_statement(found: Found, tenant: str, place: Place) -> Versioned[Statement] | None:
    """The statement a batch found at a place, or None."""
    return take(found, statement_key(tenant, place), Statement)


def take_place(found: Found, key: Key, break_id: str) -> Place:
    """The place of a statement that a batch found. Raises NotFound `break_not_found`."""
    return require(found, key, Place, "break_not_found", break_id=break_id).value


def require_statement(found: Found, tenant: str, place: Place) -> Statement:
    """The statement a batch found at a place. Raises NotFound `statement_not_found`."""
    return require(found, statement_key(tenant, place), Statement, "statement_not_found").value


def take_file(found: Found, tenant: str, file_id: str) -> Versioned[File] | None:
    """The uploaded file's record that a batch found, or None."""
    return take(found, file_key(tenant, file_id), File)


def take_mark(found: Found, tenant: str, line: StatementLine) -> Versioned[Mark] | None:
    """The mark of a line's movement that a batch found, or None."""
    return take(found, mark_key(tenant, line), Mark)


def find_marks(tenant: str, bank_account_id: str, movement_keys: Iterable[str]) -> dict[str, Mark]:
    """The marks of the lines that have these movements of an account, by the movements' keys."""
    keys = {
        each: record_key(tenant, bank_account_id, f"{LINE}{entry_of_movement(tenant, each)}") for each in movement_keys
    }
    wanted, found = list(keys.values()), {}
    for start in range(0, len(wanted), BATCH):
        found |= fetch(wanted[start : start + BATCH])
    marks = {each: take(found, key, Mark) for each, key in keys.items()}
    return {each: mark.value for each, mark in marks.items() if mark is not None}


def take_booking(found: Found, tenant: str, line: StatementLine) -> Booking | None:
    """The entry of a line's movement that a batch found, as it stands on the bank account, or None."""
    return booking_in(found, tenant, line.movement_key, line.bank_account_id)


def booking_in(found: Found, tenant: str, movement_key: str, bank_account_id: str) -> Booking | None:
    """The entry of a movement that a batch found, as it stands on a bank account, or None."""
    row = found.get(journal_key(tenant, entry_of_movement(tenant, movement_key)))
    return None if row is None else booking_of(from_row(cast("JournalRow", row)), bank_account_id)


def take_line(found: Found, key: Key, break_id: str) -> Versioned[Reconciled]:
    """The line a batch found, which is or was a break. Raises NotFound `break_not_found`."""
    record = require(found, key, Reconciled, "break_not_found", break_id=break_id)
    if record.value.found_break is None:
        raise NotFound("break_not_found", "break not found", break_id=break_id)
    return record


def take_reconciled(found: Found, key: Key) -> Versioned[Reconciled] | None:
    """The line a batch found at a key, or None."""
    return take(found, key, Reconciled)


def load_line(tenant: str, statement_id: str, number: int) -> Versioned[Reconciled]:
    """A statement's line by its number. Raises NotFound `line_not_found`."""
    return records.load(reconciled_key(tenant, statement_id, number), Reconciled, "line_not_found", number=number)


def booking_of(item: JournalItem, bank_account_id: str) -> Booking:
    """What an entry moved on a bank account."""
    legs = [leg for leg in item.legs if leg.account_id == bank_account_id]
    currency = legs[0].currency if legs else ""
    return Booking(item.entry_id, sum(leg.amount for leg in legs), currency, item.kind, item.occurred_at)


def find_file(tenant: str, file_id: str) -> Versioned[File] | None:
    """An uploaded file's record, or None."""
    key = file_key(tenant, file_id)
    return take(fetch([key]), key, File)


def find_statements(tenant: str, statement_ids: Sequence[str]) -> list[Statement]:
    """Those of the statements that are known; at most 100 ids."""
    place_keys = [place_key(tenant, statement_id) for statement_id in statement_ids]
    found = fetch(place_keys)
    places = [record.value for key in place_keys if (record := take(found, key, Place))]
    keys = [statement_key(tenant, place) for place in places]
    held = fetch(keys) if keys else {}
    statements = [take(held, key, Statement) for key in keys]
    return [statement.value for statement in statements if statement is not None]


def load_statement(tenant: str, statement_id: str) -> Statement:
    """A statement by its id. Raises NotFound `statement_not_found`."""
    place = records.load(place_key(tenant, statement_id), Place, "statement_not_found", statement_id=statement_id)
    key = statement_key(tenant, place.value)
    return records.load(key, Statement, "statement_not_found", statement_id=statement_id).value


def statements_up_to(tenant: str, statement: Statement) -> list[Statement]:
    """Those of the same days as a statement, itself among them, and what comes before them in its account, back to the
    nearest days of which it is certain where they close."""
    last = f"{STATEMENT}{statement.days}~"
    return statements_behind(tenant, statement.bank_account_id, last, days=statement.days)


def statements_behind(tenant: str, bank_account_id: str, last: str, *, days: str = "") -> list[Statement]:
    """The statements of an account whose places sort up to a text, the last first, back to the nearest days, which are
    not `days`, of which it is certain where they close (see `is_certain`): the day before, at most banks."""
    pk = record_key(tenant, bank_account_id).pk
    found: list[Statement] = []
    same_days: list[Statement] = []
    after: Item | None = None
    for turn in range(MOST_PAGES):
        limit = BEHIND if turn else NEAREST
        page = query(RecordItem, pk=pk, after=after, limit=limit, newest_first=True, between=(STATEMENT, last))
        for item in cast("Sequence[RecordItem]", page.items):
            before = _decoded(item, Statement)
            if same_days and same_days[0].days != before.days:
                standing = [each for each in same_days if each.status != "quarantined"]
                if same_days[0].days != days and is_certain(standing):
                    return found
                same_days = []
            same_days.append(before)
            found.append(before)
        after = page.last_key
        if after is None:
            break
    return found


def entry_mark_key(tenant: str, bank_account_id: str, entry_id: str) -> Key:
    """Where the mark of the line that tells of an entry's movement is kept."""
    return record_key(tenant, bank_account_id, f"{LINE}{entry_id}")


def take_entry_mark(found: Found, tenant: str, bank_account_id: str, entry_id: str) -> Versioned[Mark] | None:
    """The mark of an entry's movement that a batch found; None where no line tells of it."""
    return take(found, entry_mark_key(tenant, bank_account_id, entry_id), Mark)


def is_explained(tenant: str, bank_account_id: str, entry_id: str) -> bool:
    """Whether a line is matched to an entry on the bank account."""
    found = fetch([entry_mark_key(tenant, bank_account_id, entry_id)])
    record = take_entry_mark(found, tenant, bank_account_id, entry_id)
    return record is not None and record.value.state == "matched"


def line_page(tenant: str, statement_id: str, *, after: Item | None, limit: int) -> Listing[Reconciled]:
    """One page of a statement's lines by number."""
    page = _page(tenant, statement_id, LINE, after=after, limit=limit)
    lines = (_decoded(item, Reconciled) for item in cast("Sequence[RecordItem]", page.items))
    return Listing(tuple(lines), page.last_key)


def statement_covering(tenant: str, bank_account_id: str, day: date) -> Statement | None:
    """A statement of an account whose balances hold, which is stored whole and has the day within its period, of at
    most LONGEST_PERIOD: the first of those that end soonest after it, or None."""
    key = record_key(tenant, bank_account_id)
    between = (f"{STATEMENT}{day}", f"{STATEMENT}{day + LONGEST_PERIOD}~")
    page: Page | None = None
    while page is None or page.last_key is not None:
        page = query(RecordItem, pk=key.pk, limit=COVERING, after=page and page.last_key, between=between)
        for item in cast("Sequence[RecordItem]", page.items):
            each = _decoded(item, Statement)
            if each.starts_on <= day and each.holds and each.status == "loaded":
                return each
    return None


def list_statements(tenant: str, *, after: Item | None, limit: int) -> Listing[Statement]:
    """One page of a tenant's statements by account, the newest first."""
    return listing(f"{tenant}#statements", Statement, after=after, limit=limit, newest_first=True)


def list_breaks(tenant: str, status: str, *, after: Item | None, limit: int) -> Listing[Reconciled]:
    """One page of the lines that are open breaks, or were (`resolved`), the oldest first."""
    return listing(f"{tenant}#breaks#{status}", Reconciled, after=after, limit=limit)


def list_files(tenant: str, *, after: Item | None, limit: int) -> Listing[File]:
    """One page of a tenant's uploaded files, the newest first."""
    return listing(f"{tenant}#statement-files", File, after=after, limit=limit, newest_first=True)


# ---- inside


def _page(tenant: str, record_id: str, prefix: str, *, after: Item | None, limit: int) -> Page:
    pk = record_key(tenant, record_id).pk
    return query(RecordItem, pk=pk, after=after, limit=limit, starts_with=prefix)


def _decoded(item: RecordItem, shape: type[T]) -> T:
    return msgspec.json.decode(item.doc, type=shape)


def _mark(reconciled: Reconciled) -> Mark:
    line, match = reconciled.line, reconciled.match
    return Mark(
        line_id=line.line_id,
        statement_id=line.statement_id,
        number=line.number,
        entry_id=match.entry_id if match else "",
        amount_minor=line.amount_minor,
        state="matched" if match and (match.entry_id or not line.movement_key) else "open",
    )


def _listed(tenant: str, reconciled: Reconciled) -> dict[str, str]:
    found = reconciled.found_break
    if found is None:
        return {}
    return {
        "list_key": f"{tenant}#breaks#{found.status}",
        "list_sort": f"{instant_text(found.opened_at)}#{found.break_id}",
    }


def _anew(write: Write) -> Write:
    """A creation that, where something stands there by now, has the command decided again."""
    return replace(write, refuse=lambda _: Stale())
