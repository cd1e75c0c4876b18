"""The worker as AWS runs it: signed messages taken, queued and handled; payments asked for, made and answered."""

from __future__ import annotations

import base64
import itertools
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from moto import mock_aws

from chalicelib.banking import paying
from chalicelib.banking.callbacks import receive_callback
from chalicelib.banking.domain import Quarantined
from chalicelib.banking.payouts import Payout
from chalicelib.banking.quarantine import list_quarantine
from chalicelib.core.ids import derived_id
from chalicelib.settlement.worker import bank_messages, payments, relay
from chalicelib.storage.commit import commit
from chalicelib.storage.records import create
from chalicelib.storage.tables import record_key
from tests.banking.build import BANK, BUCKET, Cloud, signed
from tests.settlement.market import Market, market
from tests.support.calls import MONDAY
from tests.support.dynamodb_local import Tables
from tests.support.events import queue_event, stream_event

LAST_RECEIVE = 5
UNKNOWN_PAYOUT = derived_id("pay", "of nobody")

_numbers = itertools.count(1)


@dataclass
class Desk:
    """A market whose bank talks to it. `payments` is the payout queue's end of the cloud."""

    place: Market
    tables: Tables
    callbacks: Cloud
    payments: Cloud

    # ---- bank messages -----------------------------------------------------------------------------------------------

    def take(self, body: bytes, message_id: str | None = None) -> dict[str, Any]:
        """A signed message taken by the API: what the queue holds of it."""
        given = message_id or f"MB-{next(_numbers)}"
        receive_callback(BANK, body, signed(body, message_id=given, issued_at=MONDAY), wall_now=MONDAY, now=MONDAY)
        (message,) = self.callbacks.taken()
        return message

    def handle(self, *messages: dict[str, Any], receive_count: int = 1) -> list[str]:
        """What of a batch fails, by its place in it."""
        batch = [(message["callback_id"], message) for message in messages]
        answer = bank_messages.callbacks(queue_event(*batch, receive_count=receive_count), None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def tell(self, body: bytes, *, receive_count: int = 1) -> list[str]:
        """A message taken and handled at once: what of it fails."""
        return self.handle(self.take(body), receive_count=receive_count)

    def report(self, *entries: dict[str, Any]) -> bytes:
        """What the bank tells of the market's own account."""
        return notification(*entries, iban=self.place.account.iban)

    def waiting(self, place: Market | None = None) -> list[tuple[str, int]]:
        """Why each piece of money waits in suspense, and how much of it, sorted."""
        return sorted((receipt.reason, receipt.unallocated_minor) for receipt in (place or self.place).unmatched())

    def quarantine(self, place: Market | None = None) -> list[Quarantined]:
        """What a tenant is shown of what could not be used."""
        tenant = (place or self.place).tenant
        return list(list_quarantine(tenant, after=None, limit=50).entries)

    def reasons(self) -> list[str]:
        return sorted(entry.reason for entry in self.quarantine())

    # ---- payments ----------------------------------------------------------------------------------------------------

    def asked(self, entry_id: str) -> list[dict[str, Any]]:
        """What the journal's stream makes of an entry: the messages in the payout queue."""
        relay.relay(stream_event((None, self.journal_image(entry_id))), None)
        return self.payments.taken()

    def asked_again(self, entry_id: str) -> None:
        """As `asked`, with the messages left in the queue."""
        relay.relay(stream_event((None, self.journal_image(entry_id))), None)

    def journal_image(self, entry_id: str) -> dict[str, Any]:
        """An entry as the stream's event carries it."""
        key = {"pk": {"S": f"{self.place.tenant}#{entry_id}"}}
        item = self.tables.client.get_item(TableName=self.tables.name("journal"), Key=key, ConsistentRead=True)["Item"]
        return as_event(item)

    def pay(self, message: dict[str, Any]) -> list[str]:
        """Handle a message of the payout queue: what of it fails."""
        answer = payments.payouts(queue_event((message["entry_id"], message)), None)
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def payouts(self) -> dict[str, Payout]:
        """The tenant's payouts by the role of their party."""
        roles = {party_id: role for role, party_id in self.place.parties.items()}
        return {roles[payout.party_id]: payout for payout in self._newest_payouts()}

    def payouts_of(self, trade_id: str) -> list[Payout]:
        """The payouts that a trade came to."""
        return [payout for payout in self._newest_payouts() if payout.subject == trade_id]

    def _newest_payouts(self) -> tuple[Payout, ...]:
        return paying.list_payouts(self.place.tenant, after=None, limit=50).values


@contextmanager
def opened_desk(tables: Tables) -> Iterator[Desk]:
    """A market on DynamoDB Local with S3, KMS and SQS by moto, on the Monday on which everything begins,
    and not a moment before."""
    with pytest.MonkeyPatch.context() as patch, mock_aws():
        patch.setenv("QUITTANCE_STAGE", "local")
        offset = MONDAY - datetime.now(UTC)
        commit((create(record_key("sandbox", "clock"), math.ceil(offset.total_seconds()), exists="clock_set"),))
        s3, sqs = boto3.client("s3"), boto3.client("sqs")
        region = {"LocationConstraint": os.environ["AWS_DEFAULT_REGION"]}
        s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration=region)
        patch.setenv("QUITTANCE_BUCKET", BUCKET)
        patch.setenv("QUITTANCE_SEALING_KEY", boto3.client("kms").create_key()["KeyMetadata"]["KeyId"])
        ends = {}
        for name in ("CALLBACK", "PAYOUT"):
            attributes = {"FifoQueue": "true", "VisibilityTimeout": "0"}
            url = sqs.create_queue(QueueName=f"{name.lower()}s.fifo", Attributes=attributes)["QueueUrl"]
            patch.setenv(f"QUITTANCE_{name}_QUEUE_URL", url)
            ends[name] = Cloud(s3, sqs, url)
        yield Desk(market(seal=True), tables, ends["CALLBACK"], ends["PAYOUT"])


def notification(*entries: dict[str, Any], iban: str, currency: str = "CNY") -> bytes:
    """A bank's notification in JSON."""
    return json.dumps(
        {
            "type": "notification",
            "message_id": "N-1",
            "created_at": "2026-03-02T09:00:00Z",
            "account": {"iban": iban, "currency": currency},
            "entries": list(entries),
        }
    ).encode()


def moved(minor: int, bank_reference: str | None = None, *, reference: str = "", **more: Any) -> dict[str, Any]:
    """One booked movement, money in positive, under a reference of the bank's own unless given."""
    return {
        "direction": "credit" if minor > 0 else "debit",
        "amount_minor": abs(minor),
        "currency": "CNY",
        "status": "booked",
        "bank_reference": bank_reference or f"MB-RCV-9{next(_numbers)}",
        "booked_on": "2026-03-02",
        "reference": reference,
    } | more


def status(payout_id: str, code: str, reason: str = "") -> bytes:
    """A bank's word on one payment of ours, in JSON."""
    return json.dumps(
        {
            "type": "status",
            "message_id": "S-1",
            "created_at": "2026-03-02T09:00:00Z",
            "original_message_id": payout_id,
            "payments": [{"end_to_end_id": payout_id, "status": code, "reason": reason}],
        }
    ).encode()


def camt(kind: str, minor: int, bank_reference: str, *, reference: str, iban: str) -> bytes:
    """One credit as a camt.054 (`notification`) or a camt.053 (`statement`) tells it."""
    number, container, wrapper = {
        "notification": ("054.001.08", "BkToCstmrDbtCdtNtfctn", "Ntfctn"),
        "statement": ("053.001.08", "BkToCstmrStmt", "Stmt"),
    }[kind]
    amount = f'<Amt Ccy="CNY">{minor // 100}.{minor % 100:02}</Amt><CdtDbtInd>CRDT</CdtDbtInd>'
    entry = (
        f"<Ntry>{amount}<Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>2026-03-02</Dt></BookgDt>"
        f"<AcctSvcrRef>{bank_reference}</AcctSvcrRef><NtryDtls><TxDtls>{amount}"
        f"<RmtInf><Strd><CdtrRefInf><Ref>{reference}</Ref></CdtrRefInf></Strd></RmtInf></TxDtls></NtryDtls></Ntry>"
    )
    account = f"<Acct><Id><IBAN>{iban}</IBAN></Id><Ccy>CNY</Ccy></Acct>"
    header = "<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-03-02T09:00:00Z</CreDtTm></GrpHdr>"
    inside = f"{header}<{wrapper}><Id>S-1</Id>{account}{entry}</{wrapper}>"
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.{number}"
    return f'<Document xmlns="{space}"><{container}>{inside}</{container}></Document>'.encode()


def as_event(item: dict[str, Any]) -> dict[str, Any]:
    """An item as JSON carries it: binary in base 64."""
    coded: dict[str, Any] = json.loads(json.dumps(item, default=_base64))
    return coded


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
