"""Returns of payments that had settled."""

from __future__ import annotations

from datetime import date

import pytest

from chalicelib.messages import pacs004
from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import PaymentReturn
from tests.messages.build import sample


def test_each_return_names_its_payment_amount_reason_and_day() -> None:
    report = pacs004.read(sample("returns.pacs004.xml"))

    assert report.message_id == "R-1"
    assert report.returns == (
        PaymentReturn("RTR-7", "file-1", "pay_7", "pay_7", 4_250_000, "CNY", "AC04", date(2026, 3, 6)),
        PaymentReturn("RTR-8", "file-9", "pay_8", "", 500, "JPY", "said-no", date(2026, 3, 9)),
    )


def test_a_message_that_returns_nothing_is_refused() -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        pacs004.read(b"<Document><PmtRtr></PmtRtr></Document>")

    assert (refusal.value.code, refusal.value.facts) == ("missing_element", {"element": "TxInf"})


@pytest.mark.parametrize(
    ("amount", "code"),
    [
        ("", "missing_element"),
        ("<RtrdIntrBkSttlmAmt Ccy='CNY'>ten</RtrdIntrBkSttlmAmt>", "invalid_amount"),
        ("<RtrdIntrBkSttlmAmt Ccy='ZZZ'>1.00</RtrdIntrBkSttlmAmt>", "unknown_currency"),
    ],
)
def test_a_return_whose_amount_cannot_be_read_says_so_and_the_others_stand(amount: str, code: str) -> None:
    good = "<TxInf><RtrId>2</RtrId><RtrdIntrBkSttlmAmt Ccy='CNY'>5.00</RtrdIntrBkSttlmAmt></TxInf>"
    body = f"<Document><PmtRtr><TxInf><RtrId>1</RtrId>{amount}</TxInf>{good}</PmtRtr></Document>"

    bad, other = pacs004.read(body.encode()).returns

    assert (bad.return_id, bad.problem, bad.problem_at) == ("1", code, "RtrdIntrBkSttlmAmt")
    assert (other.amount_minor, other.problem) == (500, "")
