"""What the banking tests stand on: a bank with its key, a tenant linked to it, parties, payouts, S3, KMS and SQS."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from chalicelib.access.service import create_tenant
from chalicelib.banking import payee_store, paying, service, store
from chalicelib.banking.domain import BankAccount, BankDetails, Party
from chalicelib.banking.movements import Movement
from chalicelib.banking.payees import Payee, new_payee_account
from chalicelib.banking.payouts import Payout, new_payout
from chalicelib.core.ids import derived_id
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Purpose, credit, debit, purpose_account_id
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.ledger.store.accounts import load_account
from chalicelib.security.sealing import Sealed
from chalicelib.storage.commit import Write
from infra.bank.sign import create_key, public_key, sign_detached
from tests.support.calls import MONDAY, call
from tests.support.digest_key import ensure_digest_key

BANK = "bank_test"
IBAN = "NL62MOCK0000000011"
MILL_IBAN = "NL35MOCK0000000012"
NAME = "Steel Marketplace"
TENANT = derived_id("ten", NAME)
ACCOUNT = BankAccount(BANK, IBAN, TENANT, "CNY")
PAYOUT_ID = derived_id("pay", TENANT, "c:one")
BUCKET = "quittance-test"
PAYMENT = 500


def cny(minor: int) -> Money:
    return Money(minor, "CNY")


def payout() -> Payout:
    """A payout as it is created."""
    return new_payout(PAYOUT_ID, cny(PAYMENT), party_id="pty_mill", account=ACCOUNT, now=MONDAY, remittance="QT-1")


def details(iban: str = MILL_IBAN) -> BankDetails:
    return BankDetails("Mill Ltd", iban=iban)


def debited(payout_id: str, minor: int = PAYMENT, *, reference: str = "MB-PMT-1") -> Movement:
    """The bank's debit of a payout."""
    return Movement(ACCOUNT, reference, cny(-minor), MONDAY.date(), end_to_end_id=payout_id)


def returned(payout_id: str, minor: int = PAYMENT, *, reference: str = "MB-RTR-1") -> Movement:
    """The bank's credit of a payout that came back."""
    return Movement(ACCOUNT, reference, cny(minor), MONDAY.date(), end_to_end_id=payout_id, return_reason="AC04")


@cache
def bank_key() -> bytes:
    """The bank's private key."""
    return create_key()


def bank_public_key() -> str:
    return public_key(bank_key()).decode()


def signed(body: bytes, *, message_id: str = "MB-C054-1", issued_at: datetime, bank_id: str = BANK) -> str:
    """The bank's signature over a body."""
    return sign_detached(body, private_key_pem=bank_key(), bank_id=bank_id, message_id=message_id, issued_at=issued_at)


@dataclass(frozen=True)
class Cloud:
    """S3, KMS and SQS of a test's own."""

    s3: Any
    sqs: Any
    queue_url: str

    def __post_init__(self) -> None:
        ensure_digest_key()

    def files(self) -> list[str]:
        """The keys of all files."""
        return sorted(item["Key"] for item in self.s3.list_objects_v2(Bucket=BUCKET).get("Contents", []))

    def versions(self) -> int:
        """How many versions of files there are: one each, where nothing was written over."""
        return len(self.s3.list_object_versions(Bucket=BUCKET).get("Versions", []))

    def read(self, key: str) -> bytes:
        content: bytes = self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return content

    def taken(self) -> list[dict[str, Any]]:
        """Every message that waits in the queue, taken out."""
        messages: list[dict[str, Any]] = []
        while True:
            found = self.sqs.receive_message(QueueUrl=self.queue_url, MaxNumberOfMessages=10).get("Messages", [])
            if not found:
                return messages
            for message in found:
                messages.append(json.loads(message["Body"]))
                self.sqs.delete_message(QueueUrl=self.queue_url, ReceiptHandle=message["ReceiptHandle"])


def opened_books() -> None:
    """The tenant, its bank, and its account there with all that stands behind it."""
    create_tenant(call(tenant="operator"), NAME)
    service.register_bank(call(tenant="operator"), BANK, name="Test Bank", public_key_pem=bank_public_key())
    service.link_bank_account(call(tenant=TENANT), ACCOUNT)


def party(name: str = "Mill Ltd") -> str:
    """A party with its account in CNY."""
    command = service.CreateParty(name, ("seller",), details())
    party_id = str(service.create_party(call(tenant=TENANT), command).item.data["party_id"])
    service.open_party_account(call(tenant=TENANT), party_id, "CNY")
    return party_id


def party_writes(tenant: str, party: Party) -> tuple[Write, ...]:
    """The writes of a party whose sealed details nobody can open: for tests that send no payment."""
    account_id = party.party_id.replace("pty", "bac", 1)
    account = new_payee_account(account_id, party.party_id, details(), now=party.created_at)
    return (
        store.create_party(tenant, party),
        payee_store.create_payee(tenant, Payee(party.party_id, account_id)),
        *payee_store.create_payee_account(tenant, account, Sealed("", "", "")),
    )


def default_account(owner_id: str) -> str:
    """The bank account that an owner is paid to when none is named."""
    return payee_store.load_payee(TENANT, owner_id).default_account_id


def owed(party_id: str, minor: int = PAYMENT) -> None:
    """Money that came in for a party."""
    postings = (debit(ACCOUNT.account_id, cny(minor)), credit(party_account_id(party_id), cny(minor)))
    post_entry(call(tenant=TENANT), PostEntry("entry.posted", postings))


def created(party_id: str, minor: int = PAYMENT, *, key: str | None = None) -> str:
    """A payout to a party of money it is owed."""
    owed(party_id, minor)
    outcome = paying.create_payout(call(key, tenant=TENANT), paying.CreatePayout(party_id, cny(minor), "QT-1"))
    return str(outcome.item.data["payout_id"])


def party_account_id(party_id: str) -> str:
    return purpose_account_id(TENANT, Purpose.PARTY, "CNY", party_id)


def balances(party_id: str) -> dict[str, int]:
    """What the bank account, payouts in transit and the party's account stand at, each on its own side."""
    accounts = {
        "bank": ACCOUNT.account_id,
        "transit": purpose_account_id(TENANT, Purpose.PAYOUTS_IN_TRANSIT, "CNY"),
        "party": party_account_id(party_id),
    }
    return {name: load_account(TENANT, account_id).own_balance for name, account_id in accounts.items()}
