"""What bank messages say, whatever format they came in: shapes only.

Amounts are signed integers of minor units beside their currency: money in is positive, money out negative. A text the
bank left out, and a reference it filled with a placeholder (NOTPROVIDED, NONREF, ...), is empty; a date or number it
left out is None.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from chalicelib.core.values import dataclass
from chalicelib.messages.values import account_number

Kind = Literal["statement", "report", "notification"]
Status = Literal["booked", "pending", "info"]


@dataclass(frozen=True, slots=True)
class AccountId:
    """The bank account a message is about: its IBAN, or else the identification its bank uses."""

    iban: str
    other: str
    currency: str
    owner: str

    @property
    def number(self) -> str:
        """The IBAN, else the other identification; empty when the bank named none."""
        return self.iban or self.other


@dataclass(frozen=True, slots=True)
class Balance:
    """One stated balance: ISO code (OPBD, CLBD, ...) or the bank's own, and the day it holds for."""

    code: str
    amount_minor: int
    currency: str
    on: date | None


@dataclass(frozen=True, slots=True)
class Detail:
    """One transaction inside an entry. `amount_minor` is None when the bank does not state it.

    The counterparty is the payer of money in and the payee of money out; `original_reference` is the bank's reference
    of the movement that this one takes back or returns. `charges_minor` is what a bank states to have kept of it.
    """

    amount_minor: int | None
    currency: str
    end_to_end_id: str = ""
    instruction_id: str = ""
    message_id: str = ""
    transaction_id: str = ""
    uetr: str = ""
    bank_reference: str = ""
    original_reference: str = ""
    creditor_references: tuple[str, ...] = ()
    remittance: tuple[str, ...] = ()
    counterparty_name: str = ""
    counterparty_iban: str = ""
    counterparty_account: str = ""
    return_reason: str = ""
    info: str = ""
    charges_minor: int = 0

    @property
    def counterparty_number(self) -> str:
        """The counterparty's IBAN, else its other number, without spaces and hyphens; empty when not given."""
        return account_number(self.counterparty_iban, self.counterparty_account)


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement of an account. `bank_reference` is the bank's own name for it (AcctSvcrRef).

    Only `booked` entries have moved money. `reversal` marks an entry that takes an earlier one back; its sign is
    already that of the movement. `stated_details` is how many transactions the bank says the entry holds. `problem` is
    the stable code of why the entry cannot be used, and `problem_at` the element, or field of JSON: it may have moved
    money and is not booked, so somebody has to see it. What of it cannot be read is empty or 0.
    """

    amount_minor: int
    currency: str
    status: Status
    reversal: bool
    bank_reference: str
    entry_reference: str
    booked_on: date | None
    valued_on: date | None
    details: tuple[Detail, ...]
    stated_details: int | None = None
    info: str = ""
    problem: str = ""
    problem_at: str = ""

    @property
    def only_detail(self) -> Detail | None:
        """The entry's transaction when it has exactly one: what is said of it is said of the entry."""
        return self.details[0] if len(self.details) == 1 else None

    @property
    def own_reference(self) -> str:
        """The bank's own name for the movement: the entry's, else its only transaction's; empty without one."""
        return self.bank_reference or (self.only_detail.bank_reference if self.only_detail else "")


@dataclass(frozen=True, slots=True)
class Statement:
    """One account over one period. `warnings` are stable codes of what deviates from the standard, sorted; `twice` is
    the path of an element that says one thing twice, where it is about the statement as a whole: it cannot be used.
    `problem` and `problem_at` are of the first balance that cannot be read, which is not among the `balances`.
    `starts_on` and `ends_on` are the days of its period as the bank has written them, whatever the zone."""

    kind: Kind
    message_id: str
    statement_id: str
    electronic_sequence: int | None
    legal_sequence: int | None
    account: AccountId
    created_at: datetime | None
    starts_at: datetime | None
    ends_at: datetime | None
    balances: tuple[Balance, ...]
    entries: tuple[Entry, ...]
    warnings: tuple[str, ...] = ()
    twice: str = ""
    problem: str = ""
    problem_at: str = ""
    starts_on: date | None = None
    ends_on: date | None = None


@dataclass(frozen=True, slots=True)
class AccountReport:
    """A camt.052 (report), camt.053 (statement) or camt.054 (notification), or its JSON twin."""

    kind: Kind
    message_id: str
    created_at: datetime | None
    statements: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class PaymentStatus:
    """What the bank says of one payment of ours (ACCP, ACSC, RJCT, PDNG, ...), with its reason code. `problem` and
    `problem_at` as of an entry."""

    end_to_end_id: str
    instruction_id: str
    batch_id: str
    status: str
    reason: str
    info: str = ""
    problem: str = ""
    problem_at: str = ""


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """What the bank says of one batch of a payment file; empty when it says nothing of it as a whole."""

    batch_id: str
    status: str
    reason: str


@dataclass(frozen=True, slots=True)
class StatusReport:
    """A pain.002. `group_status` speaks of the whole file; a file refused outright lists no payments.

    Reason DUPL on a refused group means that the bank has this very file already, not that its payments failed.
    """

    message_id: str
    created_at: datetime | None
    original_message_id: str
    group_status: str
    group_reason: str
    batches: tuple[BatchStatus, ...]
    payments: tuple[PaymentStatus, ...]


@dataclass(frozen=True, slots=True)
class PaymentReturn:
    """One payment of ours coming back. `amount_minor` is positive: what returns to the account. `problem` and
    `problem_at` as of an entry."""

    return_id: str
    original_message_id: str
    end_to_end_id: str
    instruction_id: str
    amount_minor: int
    currency: str
    reason: str
    settled_on: date | None
    problem: str = ""
    problem_at: str = ""


@dataclass(frozen=True, slots=True)
class ReturnReport:
    """A pacs.004: payments that had settled and come back. The money itself is told by a camt message."""

    message_id: str
    created_at: datetime | None
    returns: tuple[PaymentReturn, ...]


Message = AccountReport | StatusReport | ReturnReport
