"""Statements written by hand, books around one bank account, and the projector run by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import boto3
import msgspec

from chalicelib.core.call import worker_call
from chalicelib.core.money import Money
from chalicelib.ledger.domain import (
    Account,
    Kind,
    Purpose,
    credit,
    debit,
    entry_of,
    movement_content,
    movement_key,
    purpose_account,
    purpose_account_id,
)
from chalicelib.ledger.service import feed, projection
from chalicelib.ledger.store.accounts import open_account
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.ledger.store.feed import head
from chalicelib.recon.positions import Mark
from chalicelib.recon.service.uploads import upload_statement
from chalicelib.storage.journal import from_row, journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import query, scan
from chalicelib.storage.tables import JournalRow, RecordItem
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables

IBAN = "NL62MOCK0000000011"
BUCKET = "quittance-test"
BANK = purpose_account_id(TENANT, Purpose.BANK, "CNY", IBAN)
SUSPENSE = purpose_account_id(TENANT, Purpose.SUSPENSE, "CNY")
FEES = "acc_fees"
FIRST_DAY = MONDAY.date()


@dataclass(frozen=True)
class Line:
    """One Ntry: a signed amount in minor units and the bank's reference."""

    minor: int
    bank_reference: str = ""
    reference: str = ""
    text: str = ""
    status: str = "BOOK"
    end_to_end_id: str = ""
    payer: str = ""


@dataclass(frozen=True)
class Sheet:
    """One Stmt. `closing` None: what the lines come to."""

    number: int = 1
    opening: int = 0
    lines: Sequence[Line] = ()
    closing: int | None = None
    iban: str = IBAN
    currency: str = "CNY"
    name: str | None = None
    day: date = field(default=FIRST_DAY)
    sequence: int | None = None

    @property
    def closes_at(self) -> int:
        booked = sum(line.minor for line in self.lines if line.status == "BOOK")
        return self.opening + booked if self.closing is None else self.closing

    def next(self, *lines: Line, skip: int = 0) -> Sheet:
        """The next day's statement, `skip` numbers and days later."""
        step = 1 + skip
        return replace(
            self,
            number=self.number + step,
            opening=self.closes_at,
            closing=None,
            lines=lines,
            day=self.day + timedelta(days=step),
        )

    def xml(self) -> str:
        sequence = self.number if self.sequence is None else self.sequence
        name = f"S-{self.number}" if self.name is None else self.name
        return (
            f"<Stmt><Id>{name}</Id><ElctrncSeqNb>{sequence}</ElctrncSeqNb>"
            f"<FrToDt><FrDtTm>{self.day}T00:00:00Z</FrDtTm><ToDtTm>{self.day}T23:59:59Z</ToDtTm></FrToDt>"
            f"<Acct><Id><IBAN>{self.iban}</IBAN></Id><Ccy>{self.currency}</Ccy></Acct>"
            f"{self._balance('OPBD', self.opening)}{self._balance('CLBD', self.closes_at)}"
            f"{''.join(self._entry(line) for line in self.lines)}</Stmt>"
        )

    def _balance(self, code: str, minor: int) -> str:
        kind = f"<Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp>"
        return f"<Bal>{kind}{self._amount(minor)}<Dt><Dt>{self.day}</Dt></Dt></Bal>"

    def _entry(self, line: Line) -> str:
        reference = f"<AcctSvcrRef>{line.bank_reference}</AcctSvcrRef>" if line.bank_reference else ""
        structured = f"<Strd><CdtrRefInf><Ref>{line.reference}</Ref></CdtrRefInf></Strd>" if line.reference else ""
        text = f"<Ustrd>{line.text}</Ustrd>" if line.text else ""
        return (
            f"<Ntry>{self._amount(line.minor)}<Sts><Cd>{line.status}</Cd></Sts><BookgDt><Dt>{self.day}</Dt></BookgDt>"
            f"<ValDt><Dt>{self.day}</Dt></ValDt>{reference}"
            f"<NtryDtls><TxDtls>{self._refs(line)}{self._payer(line)}<RmtInf>{text}{structured}</RmtInf></TxDtls>"
            "</NtryDtls></Ntry>"
        )

    def _refs(self, line: Line) -> str:
        named = f"<EndToEndId>{line.end_to_end_id}</EndToEndId>"
        return f"<Refs>{named}</Refs>" if line.end_to_end_id else ""

    def _payer(self, line: Line) -> str:
        account = f"<DbtrAcct><Id><Othr><Id>{line.payer}</Id></Othr></Id></DbtrAcct>"
        return f"<RltdPties>{account}</RltdPties>" if line.payer else ""

    def _amount(self, minor: int) -> str:
        sign = "CRDT" if minor >= 0 else "DBIT"
        text = Money(abs(minor), self.currency).text()
        return f"<Amt Ccy='{self.currency}'>{text}</Amt><CdtDbtInd>{sign}</CdtDbtInd>"


def camt(*sheets: Sheet, message_id: str = "M-1") -> bytes:
    """A camt.053 of these statements."""
    header = f"<GrpHdr><MsgId>{message_id}</MsgId><CreDtTm>2026-03-03T01:00:00Z</CreDtTm></GrpHdr>"
    inside = "".join(sheet.xml() for sheet in sheets)
    space = "urn:iso:std:iso:20022:tech:xsd:camt.053.001.08"
    return f"<Document xmlns='{space}'><BkToCstmrStmt>{header}{inside}</BkToCstmrStmt></Document>".encode()


def bank_account(tenant: str = TENANT, iban: str = IBAN, currency: str = "CNY") -> Account:
    """A bank account in the books; it may be overdrawn."""
    return purpose_account(tenant, Purpose.BANK, currency, name=f"bank {iban}", owner=iban, floor=None)


def open_books(tenant: str = TENANT) -> None:
    """A bank account, suspense and an expense account."""
    suspense = purpose_account(tenant, Purpose.SUSPENSE, "CNY", name="suspense", floor=None)
    open_accounts(tenant, bank_account(tenant), suspense, Account(FEES, "bank fees", Kind.EXPENSE, "CNY"))


def open_accounts(tenant: str, *accounts: Account) -> None:
    here = call(tenant=tenant)
    writes = tuple(open_account(tenant, account, opened_by=here) for account in accounts)
    once(here, lambda _: Plan(journal_item(here, "accounts.opened"), writes))


def callback(minor: int, bank_reference: str, *, tenant: str = TENANT, days: int = 0, hours: int = 0) -> Outcome:
    """What the callback worker does with a movement of no known reference: books it against suspense, once."""
    bank = purpose_account_id(tenant, Purpose.BANK, "CNY", IBAN)
    suspense = purpose_account_id(tenant, Purpose.SUSPENSE, "CNY")
    amount = Money(minor, "CNY")
    size = amount.of(abs(minor))
    here = worker_call(
        tenant=tenant,
        key=movement_key(bank, bank_reference),
        content=movement_content(amount),
        now=MONDAY + timedelta(days=days, hours=hours),
        entropy=b"0123456789",
        actor="bank_test",
    )
    sides = (debit(bank, size), credit(suspense, size)) if minor > 0 else (debit(suspense, size), credit(bank, size))
    entry = entry_of("movement.booked", sides, occurred_at=here.now, reference=bank_reference)
    return once(here, lambda _: plan_entry(here, entry))


def upload(*sheets: Sheet, key: str | None = None, tenant: str = TENANT, days: int = 1) -> list[dict[str, Any]]:
    """Upload a file of these statements; what the answer says of each."""
    outcome = upload_statement(call(key, tenant=tenant, days=days), camt(*sheets))
    return list(outcome.item.data["statements"])


def marked(tables: Tables) -> Tables:
    """The tables, knowing where the stream of accounts stands now."""
    return replace(tables, changes=_iterator(tables, "LATEST"))


def _iterator(tables: Tables, kind: str) -> str:
    streams = boto3.client("dynamodbstreams", endpoint_url=tables.endpoint)
    (stream,) = streams.list_streams(TableName=tables.name("accounts"))["Streams"]
    shard = streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"][-1]
    place = {"StreamArn": stream["StreamArn"], "ShardId": shard["ShardId"], "ShardIteratorType": kind}
    return str(streams.get_shard_iterator(**place)["ShardIterator"])


def project(tables: Tables) -> None:
    """Run the projector over all that the stream of accounts told since the mark: history is then up to date."""
    streams, iterator = boto3.client("dynamodbstreams", endpoint_url=tables.endpoint), tables.changes
    try:
        streams.get_records(ShardIterator=iterator)
    except streams.exceptions.TrimmedDataAccessException:
        # The server has dropped what was older than the mark: what it still has begins there, or after it.
        iterator = _iterator(tables, "TRIM_HORIZON")
    while records := (page := streams.get_records(ShardIterator=iterator))["Records"]:
        told = [record["dynamodb"] for record in records]
        projection.project((images["OldImage"], images["NewImage"]) for images in told if "OldImage" in images)
        iterator = page["NextShardIterator"]


def number(tables: Tables, tenant: str = TENANT) -> int:
    """Number all that is journalled and has no number, in the order of its recording; the last number."""
    rows = scan(JournalRow, after=None, limit=1000).items
    items = [from_row(row) for row in rows if isinstance(row, JournalRow)]
    feed.number(sorted((item for item in items if item.tenant == tenant), key=lambda item: item.recorded_at))
    return head(tenant)


def account_marks(tenant: str = TENANT, account_id: str = BANK) -> list[Mark]:
    """All lines of a bank account in short."""
    page = query(RecordItem, pk=f"{tenant}#{account_id}", limit=1000, starts_with="line#")
    return [msgspec.json.decode(item.doc, type=Mark) for item in page.items if isinstance(item, RecordItem)]
