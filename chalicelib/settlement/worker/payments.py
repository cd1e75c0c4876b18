"""Payouts, as the queue asks for them: of what an entry has reserved, of one that has come due. Each is made once, by
its party's schedule, and its file is written where the bank fetches it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from functools import partial

from chalicelib.banking import paying
from chalicelib.banking.payout_runs import due_run, end_run, make_payouts
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reservations import WAITING
from chalicelib.queues import Message, Worker
from chalicelib.settlement.service.payouts import follow_payout, follow_reserved, payouts_due, stopped_releases
from chalicelib.settlement.worker.payout_watch import name_overdue
from chalicelib.web import clock

worker = Worker(__name__)


@worker.queue("payouts")
def payouts(message: Message) -> None:
    """Make the payouts that a message asks for: `entry_id` of what an entry has reserved, `payout_id` of one that has
    come due, `party_id` of a party's schedule, `trade_id` of a trade whose payouts are to be stopped."""
    tenant, now = message.body["tenant"], clock.now()
    if "payout_id" in message.body:
        pay_due(tenant, message.body["payout_id"], now=now)
    elif "party_id" in message.body:
        run_schedule(tenant, message.body["party_id"], now=now)
    elif "trade_id" in message.body:
        stop(tenant, message.body["trade_id"], now=now)
    else:
        pay(tenant, message.body["entry_id"], now=now)


def pay(tenant: str, entry_id: str, *, now: datetime) -> None:
    """Do with what an entry has reserved for each party what its schedule asks for, and send what is to be paid now.
    Raises the first failure, after all the others are paid: the queue then asks again, and those that have their payout
    are left as they are. Raises NotFound `entry_not_found`."""
    _send_all((partial(follow_reserved, due, now=now) for due in payouts_due(tenant, entry_id)), now)


def pay_due(tenant: str, payout_id: str, *, now: datetime) -> None:
    """The same for one payout whose time has come. Raises NotFound `payout_not_found`."""
    _send_all((partial(follow_payout, tenant, payout_id, now=now),), now)


def stop(tenant: str, trade_id: str, *, now: datetime) -> None:
    """Have the payouts stopped that a trade has released, where that is still so; any other is left to what it waits
    for, or is made. Raises as `pay`, and NotFound `trade_not_found`."""
    dues = (due for entry_id in stopped_releases(tenant, trade_id) for due in payouts_due(tenant, entry_id))
    _send_all((partial(follow_reserved, due, now=now) for due in dues), now)


def run_schedule(tenant: str, party_id: str, *, now: datetime) -> None:
    """Do the run of a party's schedule that is due: make its payouts, send them, then set the next run. Where one
    cannot be sent the others are, the run is not ended, and the queue asks again. Raises NotFound `party_not_found`."""
    run_on = due_run(tenant, party_id, now=now)
    if run_on is None:
        return
    run = make_payouts(tenant, party_id, run_on, now=now)
    _send_all((partial(paying.get_payout, tenant, payout_id) for payout_id in run.payout_ids.values()), now)
    end_run(tenant, run, now=now)


def _send_all(makers: Iterable[Callable[[], Payout]], now: datetime) -> None:
    failures = [failure for make in makers if (failure := _attempt(make, now)) is not None]
    if failures:
        raise failures[0]


def _attempt(make: Callable[[], Payout], now: datetime) -> Exception | None:
    try:
        payout = make()
        if payout.state in WAITING and payout.overdue_since == now:
            name_overdue(payout)
        if payout.bank_id:
            paying.send_payout(payout.tenant, payout.payout_id, now=now)
    except Exception as failure:  # whatever it is, it is this payout's: nobody else waits for it
        return failure
    return None
