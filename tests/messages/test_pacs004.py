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


@pytest.mark.parametrize(
    ("inside", "element"), [("", "TxInf"), ("<TxInf><RtrId>1</RtrId></TxInf>", "RtrdIntrBkSttlmAmt")]
)
def test_a_return_without_what_it_returns_is_refused(inside: str, element: str) -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        pacs004.read(f"<Document><PmtRtr>{inside}</PmtRtr></Document>".encode())

    assert (refusal.value.code, refusal.value.facts) == ("missing_element", {"element": element})
