"""pain.002: what the bank says of a payment file, of its batches and of each payment in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from chalicelib.messages import xml
from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import BatchStatus, PaymentStatus, StatusReport
from chalicelib.messages.said_once import standing_twice
from chalicelib.messages.values import instant, reference
from chalicelib.messages.watch import Watch, unwatched
from chalicelib.messages.xml import Node, Outer, children, find, text

CONTAINER = "CstmrPmtStsRpt"


@dataclass(slots=True)
class _Reading:
    message_id: str = ""
    created_at: datetime | None = None
    original_message_id: str = ""
    group_status: str = ""
    group_reason: str = ""
    batches: list[BatchStatus] = field(default_factory=list)
    payments: list[PaymentStatus] = field(default_factory=list)
    in_batch: list[PaymentStatus] = field(default_factory=list)


def read(body: bytes, watch: Watch = unwatched) -> StatusReport:
    """The status report. Raises MessageUnreadable; `missing_element` when it names no original file.

    A payment the bank lists without a status of its own has that of its batch, else that of the file, wherever in the
    batch or the report they stand.
    """
    reading = _Reading()
    steps = {"GrpHdr": _header, "OrgnlGrpInfAndSts": _group, "TxInfAndSts": _payment, "OrgnlPmtInfAndSts": _batch}
    for node, outer in xml.stream(body, frozenset(steps), watch):
        steps[node.name](node, outer, reading)
    if not reading.original_message_id:
        raise MessageUnreadable("missing_element", "the report names no payment file", element="OrgnlMsgId")
    return StatusReport(
        message_id=reading.message_id,
        created_at=reading.created_at,
        original_message_id=reading.original_message_id,
        group_status=reading.group_status,
        group_reason=reading.group_reason,
        batches=tuple(reading.batches),
        payments=tuple(_completed(payment, "", reading.group_status) for payment in reading.payments),
    )


def _check_once(node: Node) -> None:
    """What is said of the whole file, or of a batch, is not guessed at. Raises MessageUnreadable `element_twice`."""
    if twice := standing_twice(node):
        raise MessageUnreadable("element_twice", "one thing is said twice", element=twice)


def _header(node: Node, outer: Outer, reading: _Reading) -> None:
    _check_once(node)
    reading.message_id = reference(text(node, "MsgId"))
    reading.created_at = instant(text(node, "CreDtTm"))


def _group(node: Node, outer: Outer, reading: _Reading) -> None:
    _check_once(node)
    if reading.original_message_id:
        raise MessageUnreadable("element_twice", "one thing is said twice", element="OrgnlGrpInfAndSts")
    reading.original_message_id = reference(text(node, "OrgnlMsgId"))
    reading.group_status = text(node, "GrpSts")
    reading.group_reason, _ = _reason(node)


def _payment(node: Node, outer: Outer, reading: _Reading) -> None:
    reason, info = _reason(node)
    twice = standing_twice(node)
    kept = reading.in_batch if outer.name == "OrgnlPmtInfAndSts" else reading.payments
    kept.append(
        PaymentStatus(
            end_to_end_id=reference(text(node, "OrgnlEndToEndId")),
            instruction_id=reference(text(node, "OrgnlInstrId")),
            batch_id="",
            status=text(node, "TxSts"),
            reason=reason,
            info=info,
            problem="element_twice" if twice else "",
            problem_at=twice,
        )
    )


def _batch(node: Node, outer: Outer, reading: _Reading) -> None:
    _check_once(node)
    reason, _ = _reason(node)
    batch = BatchStatus(reference(text(node, "OrgnlPmtInfId")), text(node, "PmtInfSts"), reason)
    reading.batches.append(batch)
    reading.payments += [_completed(payment, batch.batch_id, batch.status) for payment in reading.in_batch]
    reading.in_batch.clear()


def _completed(payment: PaymentStatus, batch_id: str, status: str) -> PaymentStatus:
    return replace(payment, batch_id=payment.batch_id or batch_id, status=payment.status or status)


def _reason(node: Node) -> tuple[str, str]:
    """The first reason's code (or the bank's own word) and its additional lines, joined."""
    information = find(node, "StsRsnInf")
    if information is None:
        return "", ""
    lines = [each.text for each in children(information, "AddtlInf")]
    return text(information, "Rsn", "Cd") or text(information, "Rsn", "Prtry"), " ".join(filter(None, lines))
