"""pacs.004: payments that had settled and come back, with the bank's reason for each."""

from __future__ import annotations

from datetime import datetime

from chalicelib.messages import xml
from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import PaymentReturn, ReturnReport
from chalicelib.messages.said_once import standing_twice
from chalicelib.messages.values import day, instant, minor_units, reference
from chalicelib.messages.watch import Watch, unwatched
from chalicelib.messages.xml import Node, find, text

CONTAINER = "PmtRtr"
AMOUNT = "RtrdIntrBkSttlmAmt"


def read(body: bytes, watch: Watch = unwatched) -> ReturnReport:
    """The returns; one whose amount is missing or cannot be read has a problem. Raises MessageUnreadable;
    `missing_element` when there is none."""
    message_id, settled = "", ""
    created_at: datetime | None = None
    returns: list[PaymentReturn] = []
    for node, outer in xml.stream(body, frozenset({"GrpHdr", "TxInf"}), watch):
        if node.name == "GrpHdr":
            message_id, created_at = reference(text(node, "MsgId")), instant(text(node, "CreDtTm"))
            settled = text(node, "IntrBkSttlmDt")
        else:
            returns.append(_return(node, reference(outer.text("OrgnlGrpInf", "OrgnlMsgId")), settled))
    if not returns:
        raise MessageUnreadable("missing_element", "the message returns no payment", element="TxInf")
    return ReturnReport(message_id, created_at, tuple(returns))


def _return(node: Node, original: str, settled: str) -> PaymentReturn:
    minor, currency, problem = _amount(find(node, AMOUNT))
    twice = standing_twice(node)
    reason = find(node, "RtrRsnInf", "Rsn")
    return PaymentReturn(
        return_id=reference(text(node, "RtrId")),
        original_message_id=reference(text(node, "OrgnlGrpInf", "OrgnlMsgId")) or original,
        end_to_end_id=reference(text(node, "OrgnlEndToEndId")),
        instruction_id=reference(text(node, "OrgnlInstrId")),
        amount_minor=minor,
        currency=currency,
        reason=text(reason, "Cd") or text(reason, "Prtry"),
        settled_on=day(text(node, "IntrBkSttlmDt") or settled),
        problem="element_twice" if twice else problem,
        problem_at=twice or (AMOUNT if problem else ""),
    )


def _amount(stated: Node | None) -> tuple[int, str, str]:
    """An amount in minor units, its currency, and the code of why it cannot be read."""
    if stated is None:
        return 0, "", "missing_element"
    try:
        return minor_units(stated.text, stated.currency, element=AMOUNT), stated.currency, ""
    except MessageUnreadable as fault:
        return 0, stated.currency, fault.code
