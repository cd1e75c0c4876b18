"""camt.052, camt.053 and camt.054 of any version, as banks really write them.

Deviations from the standard are read where their meaning is plain, and named in `Statement.warnings`; amounts,
currencies, directions and days are never guessed: an entry that cannot be read has a `problem`, and the others stand.
Message pagination (MsgPgntn) is not read: banks fill it wrongly, and footing and sequence numbers tell what is missing.
Whether the figures hold is for `proof`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import TypeVar

from chalicelib.messages import xml
from chalicelib.messages.camt_detail import detail_direction, read_charges, read_detail
from chalicelib.messages.errors import MessageUnreadable, check_size
from chalicelib.messages.model import (
    AccountId,
    AccountReport,
    Balance,
    Detail,
    Entry,
    Kind,
    Statement,
    Status,
)
from chalicelib.messages.said_once import standing_twice
from chalicelib.messages.values import count, day, instant, is_midnight, minor_units, reference
from chalicelib.messages.watch import Watch, unwatched
from chalicelib.messages.xml import Node, Outer, children, find, text

CONTAINERS: dict[str, tuple[Kind, str]] = {
    "BkToCstmrStmt": ("statement", "Stmt"),
    "BkToCstmrAcctRpt": ("report", "Rpt"),
    "BkToCstmrDbtCdtNtfctn": ("notification", "Ntfctn"),
}
MAX_STATEMENTS = 10_000
MAX_ENTRIES = 50_000
MAX_DETAILS = 100_000
_STATUSES: dict[str, Status] = {"BOOK": "booked", "PDNG": "pending", "FUTR": "pending", "INFO": "info"}
T = TypeVar("T")
_NOT_BOOKED: Status = "info"
_SIGNS = {"CRDT": 1, "CREDIT": 1, "DBIT": -1, "DEBIT": -1}


@dataclass(slots=True)
class _Reading:
    """What was met since the last statement ended."""

    kind: Kind
    container: str
    wrapper: str
    message_id: str = ""
    created_at: datetime | None = None
    balances: list[Balance] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    details: list[Detail] = field(default_factory=list)
    directions: list[int | None] = field(default_factory=list)
    detail_warnings: set[str] = field(default_factory=set)
    warnings: set[str] = field(default_factory=set)
    statements: list[Statement] = field(default_factory=list)
    entries_read: int = 0
    details_read: int = 0
    twice: str = ""
    problem: tuple[str, str] = ("", "")
    entry_twice: str = ""
    misplaced: str = ""


def read(body: bytes, container: str, watch: Watch = unwatched) -> AccountReport:
    """The whole message whose root holds `container` (a key of CONTAINERS). Raises MessageUnreadable.

    One pass; no more than one transaction's elements are in memory at a time.
    """
    kind, wrapper = CONTAINERS[container]
    reading = _Reading(kind, container, wrapper)
    steps = {"GrpHdr": _header, "Bal": _balance, "TxDtls": _detail, "Ntry": _entry, wrapper: _statement}
    for node, outer in xml.stream(body, frozenset(steps), watch):
        steps[node.name](node, outer, reading)
    if not reading.statements:
        raise MessageUnreadable("missing_element", "the message holds no statement", element=wrapper)
    return AccountReport(kind, reading.message_id, reading.created_at, tuple(reading.statements))


def _header(node: Node, outer: Outer, reading: _Reading) -> None:
    _check_place(node, outer, reading.container)
    _note_twice(node, reading)
    reading.message_id = reference(text(node, "MsgId"))
    reading.created_at = instant(text(node, "CreDtTm"))


def _balance(node: Node, outer: Outer, reading: _Reading) -> None:
    if outer.within("Ntry"):
        reading.misplaced = reading.misplaced or "Ntry/Bal"
        return
    _check_place(node, outer, reading.wrapper)
    _note_twice(node, reading)
    choice = find(node, "Tp", "CdOrPrtry")
    sign_text = text(node, "CdtDbtInd")
    if not sign_text:
        reading.warnings.add("balance_without_sign")
    try:
        amount, currency = _amount(node, outer, reading)
        sign = _sign(sign_text or "CRDT", "Bal/CdtDbtInd")
        on = _day_of(node, "Dt")
    except MessageUnreadable as fault:
        reading.problem = reading.problem if reading.problem[0] else (fault.code, str(fault.facts["element"]))
        return
    code = text(choice, "Cd") or text(choice, "Prtry")
    reading.balances.append(Balance(code, sign * amount, currency, on))


def _detail(node: Node, outer: Outer, reading: _Reading) -> None:
    reading.details_read += 1
    check_size("details", reading.details_read, MAX_DETAILS)
    entry = outer.outer
    if outer.name != "NtryDtls" or entry.name != "Ntry":
        reading.misplaced = reading.misplaced or f"{outer.name}/TxDtls"
        return
    reading.entry_twice = reading.entry_twice or standing_twice(node)
    sign = _SIGNS.get(entry.text("CdtDbtInd").upper(), 1)
    detail, warnings = read_detail(node, credit=sign > 0, reversal=_is_true(entry.text("RvslInd")))
    reading.details.append(detail)
    reading.directions.append(detail_direction(node))
    reading.detail_warnings |= warnings


def _entry(node: Node, outer: Outer, reading: _Reading) -> None:
    reading.entries_read += 1
    check_size("entries", reading.entries_read, MAX_ENTRIES)
    if outer.within("Ntry"):
        reading.entry_twice = "Ntry/Ntry"
        return
    _check_place(node, outer, reading.wrapper)
    faults: list[tuple[str, str]] = []
    if reading.misplaced:
        faults.append(("element_misplaced", reading.misplaced))
    if twice := reading.entry_twice or standing_twice(node):
        faults.append(("element_twice", twice))
    amount, currency = _noting(faults, lambda: _amount(node, outer, reading), (0, ""))
    sign = _noting(faults, lambda: _sign(text(node, "CdtDbtInd"), "Ntry/CdtDbtInd"), 0)
    amount *= sign
    if sign and _turned(sign, reading.directions):
        if reading.kind == "notification":
            faults.append(("invalid_direction", "TxDtls/CdtDbtInd"))
        reading.detail_warnings.add("detail_in_another_direction")
    booked_on = _noting(faults, lambda: _day_of(node, "BookgDt"), None)
    valued_on = _noting(faults, lambda: _day_of(node, "ValDt"), None)
    is_reversal = _noting(faults, lambda: _flag(text(node, "RvslInd"), "Ntry/RvslInd"), False)
    status = _noting(faults, lambda: _status(node, reading), _NOT_BOOKED)
    problem, problem_at = faults[0] if faults else ("", "")
    entry = Entry(
        amount_minor=amount,
        currency=currency,
        status=_NOT_BOOKED if faults else status,
        reversal=is_reversal,
        bank_reference=reference(text(node, "AcctSvcrRef")),
        entry_reference=reference(text(node, "NtryRef")),
        booked_on=booked_on,
        valued_on=valued_on,
        details=_settle(reading.details, amount, currency, charges=read_charges(node, currency)),
        stated_details=_stated_details(node),
        info=text(node, "AddtlNtryInf"),
        problem=problem,
        problem_at=problem_at,
    )
    reading.details.clear()
    reading.directions.clear()
    reading.entry_twice = reading.misplaced = ""
    reading.entries.append(entry)
    if not faults:
        reading.warnings |= _entry_warnings(entry) | reading.detail_warnings
    reading.detail_warnings.clear()


def _turned(sign: int, directions: list[int | None]) -> bool:
    """Whether an entry's transactions all state the other direction, or one states none that there is (0). Those that
    go either way are a sum, and those that state none are the entry's. Real statements have such entries, and their
    balances prove the entry's direction; of a notification nothing does."""
    return 0 in directions or (bool(directions) and all(direction == -sign for direction in directions))


def _check_place(node: Node, outer: Outer, expected: str) -> None:
    """Whose an element is that stands in another place cannot be said. Raises MessageUnreadable `element_misplaced`."""
    if outer.name != expected:
        place = f"{outer.name}/{node.name}"
        raise MessageUnreadable("element_misplaced", "an element stands where it cannot", element=place)


def _noting(faults: list[tuple[str, str]], read: Callable[[], T], instead: T) -> T:
    """What is read of an entry; where it cannot be, that is noted with its place, and the rest is read."""
    try:
        return read()
    except MessageUnreadable as fault:
        faults.append((fault.code, str(fault.facts["element"])))
        return instead


def _settle(details: list[Detail], amount_minor: int, currency: str, *, charges: int) -> tuple[Detail, ...]:
    """An entry's only detail, when the bank gives it no amount of its own, is worth the whole entry; and the charges
    stated of the entry are the detail's."""
    if len(details) != 1:
        return tuple(details)
    only = replace(details[0], charges_minor=details[0].charges_minor or charges)
    if only.amount_minor is None and not only.currency:
        return (replace(only, amount_minor=amount_minor, currency=currency),)
    return (only,)


def _entry_warnings(entry: Entry) -> set[str]:
    warnings = set()
    held = len(entry.details)
    if entry.stated_details is not None and held and entry.stated_details != held:
        warnings.add("details_missing" if entry.stated_details > held else "details_beyond_count")
    if any(detail.currency not in ("", entry.currency) for detail in entry.details):
        warnings.add("detail_in_another_currency")
    elif held and held == (entry.stated_details or held):
        amounts = [detail.amount_minor for detail in entry.details]
        known = [amount for amount in amounts if amount is not None]
        if len(known) == held and sum(known) != entry.amount_minor:
            warnings.add("details_do_not_add_up")
    return warnings


def _statement(node: Node, outer: Outer, reading: _Reading) -> None:
    check_size("statements", len(reading.statements) + 1, MAX_STATEMENTS)
    _check_place(node, outer, reading.container)
    _check_summary(node, reading)
    _note_twice(node, reading)
    reading.twice = reading.twice or _balance_twice(reading)
    if reading.misplaced:
        reading.warnings.add("detail_misplaced")
    reading.statements.append(
        Statement(
            kind=reading.kind,
            message_id=reading.message_id,
            statement_id=reference(text(node, "Id")),
            electronic_sequence=count(text(node, "ElctrncSeqNb")),
            legal_sequence=count(text(node, "LglSeqNb")),
            account=_account(node, reading),
            created_at=instant(text(node, "CreDtTm")) or reading.created_at,
            starts_at=instant(text(node, "FrToDt", "FrDtTm")),
            ends_at=instant(text(node, "FrToDt", "ToDtTm")),
            starts_on=day(text(node, "FrToDt", "FrDtTm")),
            ends_on=_last_day(find(node, "FrToDt"), reading),
            balances=tuple(reading.balances),
            entries=tuple(reading.entries),
            warnings=tuple(sorted(reading.warnings)),
            twice=reading.twice,
            problem=reading.problem[0],
            problem_at=reading.problem[1],
        )
    )
    reading.twice, reading.problem, reading.misplaced = "", ("", ""), ""
    reading.balances.clear()
    reading.entries.clear()
    reading.warnings.clear()


def _last_day(period: Node | None, reading: _Reading) -> date | None:
    """The last day of a period. One that ends as a day begins ends with the day before, unless the closing balance or
    an entry is of that day."""
    first, stated = day(text(period, "FrDtTm")), text(period, "ToDtTm")
    last = day(stated)
    if first is None or last is None or last <= first or not is_midnight(stated):
        return last
    dated = {balance.on for balance in reading.balances} | {entry.booked_on for entry in reading.entries}
    return last if last in dated else last - timedelta(days=1)


def _balance_twice(reading: _Reading) -> str:
    """Where the balance that a statement opens or closes with stands twice, with different figures."""
    for codes in (("OPBD", "PRCD"), ("CLBD",)):
        stated = {(each.amount_minor, each.currency) for each in reading.balances if each.code in codes}
        if len(stated) > 1:
            return f"{reading.wrapper}/Bal"
    return ""


def _account(node: Node, reading: _Reading) -> AccountId:
    account = find(node, "Acct")
    currency = text(account, "Ccy") or _main_currency(reading)
    iban = text(account, "Id", "IBAN").replace(" ", "").upper()
    other = text(account, "Id", "Othr", "Id")
    if not (iban or other):
        reading.warnings.add("account_missing")
    return AccountId(iban, other, currency, text(account, "Ownr", "Nm") or text(account, "Ownr", "Pty", "Nm"))


def _main_currency(reading: _Reading) -> str:
    """The currency of the balances, else of the entries, when the account does not say its own."""
    stated = {each.currency for each in reading.balances} or {
        each.currency for each in reading.entries if each.currency
    }
    return stated.pop() if len(stated) == 1 else ""


def _check_summary(node: Node, reading: _Reading) -> None:
    stated = count(text(node, "TxsSummry", "TtlNtries", "NbOfNtries"))
    if stated is not None and stated != len(reading.entries):
        reading.warnings.add("entry_count_differs")


def _amount(node: Node, outer: Outer, reading: _Reading) -> tuple[int, str]:
    """The amount of an entry or balance; one without a currency is in the account's."""
    amount, where = find(node, "Amt"), f"{node.name}/Amt"
    if amount is None:
        raise MessageUnreadable("missing_element", "an amount is missing", element=where)
    currency = amount.currency
    if not currency:
        reading.warnings.add("amount_without_currency")
        currency = outer.text("Acct", "Ccy").upper()
    return minor_units(amount.text, currency, element=where), currency


def _sign(indicator: str, where: str) -> int:
    try:
        return _SIGNS[indicator.upper()]
    except KeyError:
        raise MessageUnreadable("invalid_direction", "neither credit nor debit", element=where) from None


def _status(node: Node, reading: _Reading) -> Status:
    """Whether an entry is booked. The status is text in old versions, a code in new ones. Without one an entry is
    booked only where all of its message is meant to be."""
    holder = find(node, "Sts")
    code = text(holder) or text(holder, "Cd") or text(holder, "Prtry")
    if code.upper() in _STATUSES:
        return _STATUSES[code.upper()]
    problem = "status_unknown" if code else "status_missing"
    reading.warnings.add(problem)
    if reading.kind == "statement" and not code:
        return "booked"
    raise MessageUnreadable(problem, "not known to be booked", element="Ntry/Sts")


def _note_twice(node: Node, reading: _Reading) -> None:
    """Note what stands twice outside of entries: it is about the whole statement."""
    reading.twice = reading.twice or standing_twice(node)


def _is_true(indicator: str) -> bool:
    return indicator.lower() in ("true", "1")


def _flag(indicator: str, where: str) -> bool:
    if indicator.lower() not in ("", "true", "1", "false", "0"):
        raise MessageUnreadable("invalid_indicator", "neither true nor false", element=where)
    return _is_true(indicator)


def _day_of(node: Node, name: str) -> date | None:
    holder = find(node, name)
    written = text(holder, "Dt") or text(holder, "DtTm") or text(holder)
    found = day(written)
    if found is None and written:
        raise MessageUnreadable("date_unreadable", "no day of the calendar", element=f"{node.name}/{name}")
    return found


def _stated_details(node: Node) -> int | None:
    stated = [
        count(text(batch, "NbOfTxs")) for details in children(node, "NtryDtls") for batch in children(details, "Btch")
    ]
    known = [number for number in stated if number is not None]
    return sum(known) if known else None
