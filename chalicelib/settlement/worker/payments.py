"""The payouts that follow from an entry: each is made once, and its file is written where the bank fetches it."""

from __future__ import annotations

import os
from datetime import datetime

from chalicelib.banking import paying
from chalicelib.core.call import worker_call
from chalicelib.queues import Message, Worker
from chalicelib.settlement.service.payouts import PayoutDue, payouts_due
from chalicelib.web import clock

ENTROPY_BYTES = 10

worker = Worker(__name__)


@worker.queue("payouts")
def payouts(message: Message) -> None:
    """Pay the parties of an entry: a payout and its file for each."""
    pay(message.body["tenant"], message.body["entry_id"], now=clock.now(), entropy=os.urandom(ENTROPY_BYTES))


def pay(tenant: str, entry_id: str, *, now: datetime, entropy: bytes) -> None:
    """Pay every party of an entry. Raises the first failure, after all the others are paid: the queue then asks again,
    and those that have their payout are left as they are. Raises NotFound `entry_not_found`."""
    dues = payouts_due(tenant, entry_id)
    failures = [failure for due in dues if (failure := _attempt(tenant, entry_id, due, now, entropy)) is not None]
    if failures:
        raise failures[0]


def _attempt(tenant: str, entry_id: str, due: PayoutDue, now: datetime, entropy: bytes) -> Exception | None:
    call = worker_call(
        tenant=tenant,
        key=_key(entry_id, due),
        content={"party_id": due.party_id, "minor": due.amount.minor, "currency": due.amount.currency},
        now=now,
        entropy=entropy,
        actor="payouts",
    )
    command = paying.CreatePayout(due.party_id, due.amount, remittance=due.reference, subject=due.trade_id)
    try:
        outcome = paying.create_payout(call, command)
        paying.send_payout(tenant, outcome.item.data["payout_id"], now=now)
    except Exception as failure:  # whatever it is, it is this payout's: nobody else waits for it
        return failure
    return None


def _key(entry_id: str, due: PayoutDue) -> str:
    """One payout for each party and currency; most trades know one currency only."""
    currency = f":{due.amount.currency}" if due.in_price_currency else ""
    return f"payout:{entry_id}:{due.party_id}{currency}"
