"""The kinds of entry that settlement's commands book and its workers look for."""

from __future__ import annotations

from chalicelib.core.call import CALLER
from chalicelib.ledger.reservations import reserves
from chalicelib.settlement.domain.claims import Ending
from chalicelib.storage.journal import JournalItem

OPENED = "trade.opened"
MOVEMENT = "movement.booked"
REVERSED = "movement.reversed"
UNFUNDED = "trade.unfunded"
ALLOCATED = "receipt.allocated"
PAIRED = "receipt.paired"
ALLOCATION_UNDONE = "receipt.allocation_undone"
INTEREST_ADJUSTED = "interest.adjusted"
SETTLED = "trade.settled"
RELEASED = "trade.released"
RETENTION_RELEASED = "trade.retention_released"
DISPUTE_RESOLVED = "trade.dispute_resolved"
REFUNDED = "trade.refunded"
TAKEN_BACK = "trade.taken_back"
CANCELLED = "trade.cancelled"
EXPIRED = "trade.expired"
CLAIM_SETTLED = "trade.claim_settled"
TOP_UP_DUE = "trade.top_up_due"
FUNDED_BY_ACCOUNT = "trade.funded_by_account"
FUNDED_BY_CREDIT = "trade.funded_by_credit"
FUNDED_BY_TRADE = "trade.funded_by_trade"
LINKED = "trade.linked"
SET_ASIDE = "trade.due_set_aside"
RECORD_SUSPENDED = "record.suspended"
RECORD_RESUMED = "record.resumed"

DUPLICATE_DECIDED = {"confirmed": "possible_duplicate.confirmed", "dismissed": "possible_duplicate.dismissed"}
DUPLICATE_REOPENED = "possible_duplicate.reopened"
STATEMENT_STORED = "statement.stored"
FILE_ACCEPTED = "statement_file.accepted"

CLAIM_ENDED = {Ending.SETTLED: "claim.settled", Ending.WAIVED: "claim.waived"}
CLAIM_UNDONE = {Ending.SETTLED: "claim.settlement_undone", Ending.WAIVED: "claim.waiver_undone"}
"""The kinds of entry that end a part of a claim, and those that undo this."""


def is_paid_out_after(item: JournalItem) -> bool:
    """Whether the parties that an entry credits are then paid by bank: it has reserved for that what they are paid."""
    return reserves(item.data)


def is_decision(item: JournalItem) -> bool:
    """Whether an entry decides on possible duplicates: a statement's lines that were stored, where they show one or are
    the last, or a person's confirmation, or its undo."""
    if item.kind == STATEMENT_STORED:
        return bool(item.data.get("doubtful") or item.data.get("is_whole"))
    return item.kind == DUPLICATE_DECIDED["confirmed"] or (
        item.kind == DUPLICATE_DECIDED["dismissed"] and bool(item.data.get("taken_back"))
    )


MADE_BY_COMMAND = frozenset({"payout.created", "payout.attempted"})
"""The kinds of command whose payout's file is then written, where a caller gave it: a worker writes its own files."""

SENT_AGAIN = "payout.resent"


def is_file_made_after(item: JournalItem) -> bool:
    """Whether the file of the item's payout is then to be written."""
    return item.kind in MADE_BY_COMMAND and item.key.startswith(f"{CALLER}:")


def is_file_sent_again_after(item: JournalItem) -> bool:
    """Whether the file of the item's payout is then to be written once more."""
    return item.kind == SENT_AGAIN and item.key.startswith(f"{CALLER}:")


def is_file_loading(item: JournalItem) -> bool:
    """Whether an entry is of a statement file that was answered before all its lines were stored."""
    return item.kind == FILE_ACCEPTED and item.data["status"] == "loading"
