"""The bank's side of books that were laid: a statement for each day, and the positions that the product would have
kept.

Of the month that is asked for every line is laid, each matched to its entry, but for those of every tenth payment,
which no statement lists. Of earlier months, which no answer about this one reads, the statements and the months'
figures are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime

from bench.scale.laying import CURRENCY, IBAN, MONTH, Laid, Payment, Writer
from chalicelib.core.ids import derived_id
from chalicelib.ledger.domain import movement_key
from chalicelib.recon import store
from chalicelib.recon.domain import Match, Reconciled, Statement, StatementLine, line_id
from chalicelib.recon.positions import MonthTotals, OpenItem, Progress, Tally, added, month_of
from chalicelib.recon.store import positions
from chalicelib.storage import records
from chalicelib.storage.commit import Write
from chalicelib.storage.tables import Item, month_key

UNLISTED = 10
"""Of so many payments of the month, one is in no statement."""


@dataclass(frozen=True)
class Reconciliation:
    """What the month comes to: what statements list, and which payments they do not."""

    listed: list[Payment]
    unlisted: list[Payment]
    bank_opening_minor: int


def lay_statements(writer: Writer, laid: Laid, earlier: Iterable[tuple[date, int, int]]) -> Reconciliation:
    """Lay the bank's side of books. `earlier` has, for each day before the month, how many payments and their sum."""
    opening = 0
    totals: dict[str, Tally] = defaultdict(Tally)
    for day, count, minor in earlier:
        _lay_statement(writer, laid, _statement(laid, day, opening, minor, count), ())
        totals[month_of(day)] = totals[month_of(day)].plus(Tally(count, minor))
        opening += minor
    before = opening
    listed: list[Payment] = []
    unlisted: list[Payment] = []
    by_day: dict[date, list[Payment]] = defaultdict(list)
    for index, payment in enumerate(laid.month):
        (unlisted if index % UNLISTED == 0 else listed).append(payment)
        if index % UNLISTED:
            by_day[payment.at.date()].append(payment)
    for day, payments in sorted(by_day.items()):
        minor = sum(payment.minor for payment in payments)
        _lay_statement(writer, laid, _statement(laid, day, opening, minor, len(payments)), payments)
        opening += minor
    months = [(month, MonthTotals(*(tally,) * 4)) for month, tally in totals.items()]
    month = month_of(MONTH)
    both, own = (
        Tally(len(listed), sum(each.minor for each in listed)),
        Tally(len(laid.month), sum(each.minor for each in laid.month)),
    )
    months.append((month, MonthTotals(lines=both, entries=own, matched_lines=both, matched_entries=both)))
    _lay_positions(writer, laid, added(months), unlisted)
    writer.flush()
    return Reconciliation(listed, unlisted, before)


def _statement(laid: Laid, day: date, opening: int, minor: int, count: int) -> Statement:
    return Statement(
        statement_id=derived_id("stm", laid.tenant, laid.bank_account_id, str(day)),
        bank_account_id=laid.bank_account_id,
        iban=IBAN,
        currency=CURRENCY,
        bank_statement_id=str(day),
        sequence=None,
        starts_on=day,
        ends_on=day,
        opening_minor=opening,
        closing_minor=opening + minor,
        booked_minor=minor,
        difference_minor=0,
        proof="proved",
        reason="",
        warnings=(),
        status="loaded",
        content_sha256="0" * 64,
        file_sha256="0" * 64,
        uploaded_at=datetime(day.year, day.month, day.day, 23, tzinfo=UTC),
        lines=count,
        stored=count,
        matched=count,
        counted=count,
        counted_minor=minor,
    )


def _lay_statement(writer: Writer, laid: Laid, statement: Statement, payments: Sequence[Payment]) -> None:
    _put(writer, store.create_statement(laid.tenant, statement))
    for number, payment in enumerate(payments, start=1):
        _put(writer, store.create_line(laid.tenant, _line(laid, statement, number, payment)))


def _line(laid: Laid, statement: Statement, number: int, payment: Payment) -> Reconciled:
    line = StatementLine(
        line_id=line_id(statement.statement_id, number),
        statement_id=statement.statement_id,
        bank_account_id=laid.bank_account_id,
        number=number,
        amount_minor=payment.minor,
        currency=CURRENCY,
        booked_on=statement.ends_on,
        valued_on=statement.ends_on,
        bank_reference=payment.reference,
        reference="",
        description=payment.escrow,
        movement_key=movement_key(laid.bank_account_id, payment.reference),
    )
    entry = store.movement_id(laid.tenant, line)
    return Reconciled(line, Match(line.line_id, entry, "bank_reference_and_amount", {}), None)


def _lay_positions(writer: Writer, laid: Laid, months: dict[str, MonthTotals], unlisted: Sequence[Payment]) -> None:
    for month, totals in months.items():
        row: Item = month_key(laid.tenant, laid.bank_account_id, month).wire()
        for each in fields(totals):
            tally: Tally = getattr(totals, each.name)
            row |= {each.name: {"N": str(tally.count)}, f"{each.name}_minor": {"N": str(tally.minor)}}
        writer.put("records", row)
    for payment in unlisted:
        entry = store.entry_of_movement(laid.tenant, movement_key(laid.bank_account_id, payment.reference))
        item = OpenItem("ledger", entry, laid.bank_account_id, payment.minor, CURRENCY, opened_on=payment.at.date())
        _put(writer, (positions.open_item(laid.tenant, item),))
    progress = Progress(laid.bank_account_id, laid.tenant, IBAN, CURRENCY, laid.entries, None)
    key = positions.progress_key(laid.tenant, laid.bank_account_id)
    place = f"{laid.tenant}#{IBAN}#{laid.bank_account_id}"
    kept = records.create(key, progress, exists="positions_kept", list_key=positions.TRACKED, list_sort=place)
    _put(writer, (kept,))


def _put(writer: Writer, writes: Iterable[Write]) -> None:
    for write in writes:
        writer.put("records", write.action["Put"]["Item"])
