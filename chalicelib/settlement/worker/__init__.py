"""What runs by itself across capabilities: bank messages are booked, settled trades are paid out; and operators' acts.

Each handler asks the clock once. All it does is keyed by what it is about, so a message that comes again changes
nothing: one fact of a bank's message is one command, and so is one payout.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, cast

from chalicelib.core.errors import InvalidInput
from chalicelib.queues import Message, StreamRecord, Worker
from chalicelib.queues.send import send_message
from chalicelib.queues.worker import MOST_RECEIVES
from chalicelib.settlement.domain import PAID_OUT_AFTER
from chalicelib.settlement.worker.bank_messages import At, BankMessage, process
from chalicelib.settlement.worker.operating import ACTIONS
from chalicelib.settlement.worker.payments import pay
from chalicelib.storage.journal import from_wire
from chalicelib.web import clock

ENTROPY_BYTES = 10

worker = Worker(__name__)


@worker.queue("callbacks")
def callbacks(message: Message) -> None:
    """Book what a bank's signed message tells of."""
    body = message.body
    received = BankMessage(
        bank_id=body["bank_id"],
        message_id=body["message_id"],
        blob=body["blob"],
        last_try=message.receive_count >= MOST_RECEIVES,
    )
    process(received, At(clock.now(), os.urandom(ENTROPY_BYTES)))


@worker.stream("relay", table="journal")
def relay(record: StreamRecord) -> None:
    """Ask for the payouts of an entry that settled or released a trade."""
    if record.before is not None or record.after is None:
        return
    item = from_wire(record.after)
    if item.kind in PAID_OUT_AFTER:
        send_message(
            os.environ["QUITTANCE_PAYOUT_QUEUE_URL"],
            {"tenant": item.tenant, "entry_id": item.entry_id},
            group=item.entry_id,
            deduplication_id=item.entry_id,
        )


@worker.queue("payouts")
def payouts(message: Message) -> None:
    """Pay the parties of an entry: a payout and its file for each."""
    pay(message.body["tenant"], message.body["entry_id"], now=clock.now(), entropy=os.urandom(ENTROPY_BYTES))


@worker.operator("operate")
def operate(event: dict[str, Any]) -> Any:
    """Do one operator's action: `{"action": name, ...}`."""
    action = cast("Callable[[dict[str, Any]], Any] | None", ACTIONS.get(str(event.get("action"))))
    if action is None:
        raise InvalidInput("unknown_action", "no such action", field="action", known=sorted(ACTIONS))
    return action({name: value for name, value in event.items() if name != "action"})
