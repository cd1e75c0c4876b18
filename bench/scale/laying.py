"""Books of any size, laid into the tables directly: what the product would have written, without a command for each.

A marketplace with one bank account and an escrow account for every three payments. Each payment debits the bank and
credits an escrow. The month that is asked for, the last one, has the same 500 payments whatever the size; all others
lie in the three years before. Items are made by the product's own functions from the product's own values, so that
accounts, journal, feed, totals, lines and days agree with one another as if each had been booked.
"""

from __future__ import annotations

import base64
import json
from collections import defaultdict, deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from chalicelib.core.call import WORKER, entry_id, fingerprint
from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account, Purpose, movement_content, movement_key, purpose_account
from chalicelib.ledger.lines import Line, booked, chain, day_sums, line_of
from chalicelib.ledger.store import accounts
from chalicelib.ledger.store import totals as totals_store
from chalicelib.ledger.store.history import to_item
from chalicelib.ledger.totals import Effect, block_end, by_period, sums
from chalicelib.storage import records
from chalicelib.storage.journal import JournalItem, Leg, to_wire
from chalicelib.storage.tables import Item, account_key, days_key, feed_key, number_key
from infra import progress
from tests.support.calls import call
from tests.support.dynamodb_local import Tables

CURRENCY = "CNY"
IBAN = "DE89370400440532013000"
MONTH = date(2026, 2, 1)
IN_MONTH = 500
EARLIER = 36 * 30
ENTRIES_AN_ACCOUNT = 3
AT_ONCE = 25
MOST_SENT = 16
TOLD_EVERY = 50_000
LATER = datetime(2026, 3, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Payment:
    """One payment into the bank account: the bank's reference, minor units, when, and the escrow that it is for."""

    number: int
    reference: str
    minor: int
    at: datetime
    escrow: str


@dataclass
class Laid:
    """Books that were laid: the tenant, its bank account, and what was paid, added up here and nowhere else. `month`
    has the payments of the month that is asked for, `days` how many there were on each day before it and their sum,
    `escrows` what each escrow account holds."""

    tenant: str
    bank_account_id: str
    entries: int
    paid_minor: int = 0
    paid_before_minor: int = 0
    month: list[Payment] = field(default_factory=list)
    days: dict[date, list[int]] = field(default_factory=dict)
    escrows: dict[str, int] = field(default_factory=dict)


class Writer:
    """Writes items into the tables by 25, over one connection and beside the making of the next ones."""

    def __init__(self, tables: Tables) -> None:
        place = urlsplit(tables.endpoint)
        self._tables = tables
        self._connection = HTTPConnection(str(place.hostname), place.port)
        self._headers = {
            "X-Amz-Target": "DynamoDB_20120810.BatchWriteItem",
            "Content-Type": "application/x-amz-json-1.0",
            "Authorization": "AWS4-HMAC-SHA256 Credential=local/20260101/eu-central-1/dynamodb/aws4_request, "
            "SignedHeaders=host, Signature=none",
        }
        self._waiting: list[tuple[str, Item]] = []
        self._pool = ThreadPoolExecutor(1)
        self._sent: deque[Future[None]] = deque()

    def put(self, table: str, item: Item) -> None:
        """Write an item, sooner or later."""
        self._waiting.append((table, item))
        if len(self._waiting) >= AT_ONCE:
            self._send()

    def flush(self) -> None:
        """Write what waits, and see it written."""
        self._send()
        while self._sent:
            self._sent.popleft().result()

    def _send(self) -> None:
        requests: dict[str, list[Any]] = defaultdict(list)
        for table, item in self._waiting:
            requests[self._tables.name(table)].append({"PutRequest": {"Item": item}})
        if requests:
            self._sent.append(self._pool.submit(self._write, json.dumps({"RequestItems": requests}, default=_bytes)))
        if len(self._sent) > MOST_SENT:
            self._sent.popleft().result()
        self._waiting.clear()

    def _write(self, body: str) -> None:
        self._connection.request("POST", "/", body, self._headers)
        reply = self._connection.getresponse()
        content = reply.read()
        if reply.status != 200 or json.loads(content).get("UnprocessedItems"):  # noqa: PLR2004
            raise RuntimeError(f"the tables answered {reply.status}: {content[:300]!r}")


def lay(tables: Tables, tenant: str, entries: int) -> Laid:
    """Lay the books of a tenant with so many entries, and say what was laid."""
    writer = Writer(tables)
    bank = purpose_account(tenant, Purpose.BANK, CURRENCY, name="bank", owner=IBAN, floor=None)
    laid = Laid(tenant, bank.account_id, entries)
    minutes: dict[tuple[str, str], int] = defaultdict(int)
    days: dict[tuple[str, int], list[Line]] = defaultdict(list)
    last: dict[str, Line] = {}
    for payment in payments(tenant, entries):
        item = _entry(tenant, bank.account_id, payment)
        writer.put("journal", to_wire(item))
        writer.put("feed", _numbered(tenant, item, payment.number))
        for line in _lines(item, last):
            writer.put("history", to_item(line))
            days[line.account, line.day].append(line)
        for kind, signed in (("asset", payment.minor), ("liability", -payment.minor)):
            minutes[kind, instant_text(payment.at)[:16]] += signed
        _count(laid, payment)
        if payment.number % TOLD_EVERY == 0:
            progress.say(f"    {payment.number:,} of {entries:,} entries")
            _lay_days(writer, days, before=payment.at)
    _lay_days(writer, days, before=LATER)
    _lay_accounts(writer, laid, bank, last)
    _lay_totals(writer, laid, minutes)
    writer.flush()
    return laid


def payments(tenant: str, entries: int) -> Iterator[Payment]:
    """So many payments in their order, of which the last 500 are the month's."""
    earlier = entries - IN_MONTH
    start = datetime(MONTH.year, MONTH.month, 1, tzinfo=UTC)
    for index in range(entries):
        if index < earlier:
            at = start - timedelta(days=EARLIER) * (1 - index / earlier) - timedelta(minutes=1)
        else:
            at = start + timedelta(days=27) * ((index - earlier) / IN_MONTH) + timedelta(hours=8)
        number = index + 1
        escrow = f"trd_{index // ENTRIES_AN_ACCOUNT:026d}"
        yield Payment(number, f"BK{number:08d}", 100 + index * 37 % 9_973, at.replace(microsecond=0), escrow)


def _entry(tenant: str, bank_account_id: str, payment: Payment) -> JournalItem:
    key = f"{WORKER}:{movement_key(bank_account_id, payment.reference)}"
    amount = Money(payment.minor, CURRENCY)
    return JournalItem(
        tenant=tenant,
        entry_id=entry_id(tenant, key),
        key=key,
        fingerprint=fingerprint("WORKER", key, movement_content(amount)),
        kind="escrow.funded",
        actor="bank_scale",
        recorded_at=payment.at,
        occurred_at=payment.at,
        legs=(
            Leg(bank_account_id, payment.minor, CURRENCY),
            Leg(_escrow(tenant, payment.escrow).account_id, -payment.minor, CURRENCY),
        ),
        subject=payment.escrow,
        reference=payment.reference,
    )


@cache
def _escrow(tenant: str, trade: str) -> Account:
    return purpose_account(tenant, Purpose.ESCROW, CURRENCY, name="escrow", owner=trade)


def _numbered(tenant: str, item: JournalItem, number: int) -> Item:
    pk = number_key(tenant, item.entry_id).pk
    return {"pk": {"S": pk}, "tenant": {"S": tenant}, "number": {"N": str(number)}}


def _lines(item: JournalItem, last: dict[str, Line]) -> Iterator[Line]:
    """The line of each leg, chained to the last one of its account."""
    facts = booked(item)
    for leg in item.legs:
        account = account_key(item.tenant, leg.account_id).pk
        before = last.get(account)
        version = 1 if before is None else before.version + 1
        [line] = chain(before, [line_of(facts, account, version=version, amount=leg.amount, balance=0, held=0)])
        last[account] = line
        yield line


def _lay_days(writer: Writer, days: dict[tuple[str, int], list[Line]], *, before: datetime) -> None:
    """The totals of days that are over, which are then forgotten."""
    today = int(f"{before:%Y%m%d}")
    for account, day in [key for key in days if key[1] < today]:
        [total] = day_sums(days.pop((account, day)))
        values = {"total": total.total, "debits": total.debits, "upto": total.last}
        writer.put("history", days_key(account, day).wire() | {name: {"N": str(v)} for name, v in values.items()})


def _lay_accounts(writer: Writer, laid: Laid, bank: Account, last: dict[str, Line]) -> None:
    trades = {_escrow(laid.tenant, trade).account_id: trade for trade in laid.escrows}
    for pk, line in last.items():
        account_id = pk.partition("#")[2]
        terms = bank if account_id == bank.account_id else _escrow(laid.tenant, trades[account_id])
        account = Account(
            account_id=account_id,
            name=terms.name,
            kind=terms.kind,
            currency=CURRENCY,
            purpose=terms.purpose,
            owner=terms.owner,
            floor=terms.floor,
            balance=line.balance,
            version=line.version,
        )
        item = dict(accounts.open_account(laid.tenant, account, opened_by=call()).action["Put"]["Item"])
        writer.put("accounts", item | {"last_commit": {"S": line.entry_id}, "last_at": {"S": line.at}})


def _lay_totals(writer: Writer, laid: Laid, minutes: dict[tuple[str, str], int]) -> None:
    """The head of the feed, and the totals of the last full block: all that is ever read at the head."""
    writer.put("feed", {"pk": {"S": feed_key(laid.tenant).pk}, "number": {"N": str(laid.entries)}})
    upto = block_end(laid.entries)
    if upto != laid.entries:
        raise ValueError("lay whole blocks of entries: the totals of a part of one are not laid")
    effects = [Effect(kind, CURRENCY, minor, f"{minute}:00.000000Z") for (kind, minute), minor in minutes.items()]
    for item in totals_store.rows_of(laid.tenant, upto, sums(effects), by_period(effects)):
        writer.put("records", item)
    position = totals_store.Position(laid.tenant, upto)
    write = records.create(totals_store.position_key(laid.tenant), position, exists="position_exists")
    writer.put("records", write.action["Put"]["Item"])


def _count(laid: Laid, payment: Payment) -> None:
    laid.paid_minor += payment.minor
    laid.escrows[payment.escrow] = laid.escrows.get(payment.escrow, 0) + payment.minor
    if payment.at.date() >= MONTH:
        laid.month.append(payment)
    else:
        laid.paid_before_minor += payment.minor
        day = laid.days.setdefault(payment.at.date(), [0, 0])
        day[0], day[1] = day[0] + 1, day[1] + payment.minor


def _bytes(value: object) -> str:
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    raise TypeError(type(value).__name__)
