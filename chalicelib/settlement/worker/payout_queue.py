"""What the payouts queue is asked for: the payouts of an entry, a payout that is due, the run of a party's schedule."""

from __future__ import annotations

import os
from datetime import datetime

from chalicelib.core.instants import instant_text
from chalicelib.queues.send import send_message

MINUTE_LENGTH = len("2026-03-02T09:00")


def ask_to_pay(tenant: str, entry_id: str) -> None:
    """Ask for the payouts that follow from an entry."""
    _ask({"tenant": tenant, "entry_id": entry_id}, group=entry_id, deduplication_id=entry_id)


def ask_to_stop(tenant: str, trade_id: str, *, entry_id: str) -> None:
    """Ask for the payouts of a trade to be stopped because of an entry."""
    _ask({"tenant": tenant, "trade_id": trade_id}, group=trade_id, deduplication_id=entry_id)


def ask_to_run(tenant: str, party_id: str, *, now: datetime) -> None:
    """Ask for the run of a party's payout schedule, once a minute."""
    _ask({"tenant": tenant, "party_id": party_id}, group=party_id, deduplication_id=by_minute(party_id, now))


def by_minute(record_id: str, now: datetime) -> str:
    """The id under which a queue takes one message of a minute about a record."""
    return f"{record_id}:{instant_text(now)[:MINUTE_LENGTH]}"


def ask_to_send(tenant: str, payout_id: str, *, deduplication_id: str) -> None:
    """Ask for a payout that waits, or for the file of one that is made."""
    _ask({"tenant": tenant, "payout_id": payout_id}, group=payout_id, deduplication_id=deduplication_id)


def _ask(body: dict[str, str], *, group: str, deduplication_id: str) -> None:
    send_message(os.environ["QUITTANCE_PAYOUT_QUEUE_URL"], body, group=group, deduplication_id=deduplication_id)
