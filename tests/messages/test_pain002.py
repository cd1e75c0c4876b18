"""Status reports: of the file, of its batches, of each payment."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from chalicelib.messages import pain002
from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import BatchStatus, PaymentStatus
from tests.messages.build import sample


def test_a_report_names_the_file_and_its_status() -> None:
    report = pain002.read(sample("status.pain002.xml"))

    assert (report.message_id, report.original_message_id) == ("S-1", "file-1")
    assert (report.group_status, report.group_reason) == ("PART", "")
    assert report.created_at == datetime(2026, 3, 5, 1, tzinfo=UTC)


def test_each_payment_has_its_status_and_reason() -> None:
    report = pain002.read(sample("status.pain002.xml"))

    assert report.payments == (
        PaymentStatus("pay_1", "pay_1", "batch-1", "ACSC", ""),
        PaymentStatus("pay_2", "pay_2", "batch-1", "RJCT", "AC04", "account closed"),
        PaymentStatus("pay_3", "", "batch-1", "PART", "bank-7"),
    )


def test_a_batch_may_be_refused_without_listing_its_payments() -> None:
    report = pain002.read(sample("status.pain002.xml"))

    assert report.batches == (BatchStatus("batch-1", "PART", ""), BatchStatus("batch-2", "RJCT", "NARR"))


def test_a_file_refused_outright_lists_no_payment() -> None:
    report = pain002.read(sample("refused.pain002.xml"))

    assert (report.original_message_id, report.group_status, report.group_reason) == ("file-2", "RJCT", "DUPL")
    assert (report.batches, report.payments) == ((), ())


@pytest.mark.parametrize("place", ["before", "between", "behind"])
def test_a_payment_without_a_status_has_its_batchs_wherever_that_stands(place: str) -> None:
    said = {place: "<OrgnlPmtInfId>B</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts>"}
    payments = [f"<TxInfAndSts><OrgnlEndToEndId>pay_{i}</OrgnlEndToEndId></TxInfAndSts>" for i in (1, 2)]
    inside = said.get("before", "") + payments[0] + said.get("between", "") + payments[1] + said.get("behind", "")
    batch = f"<OrgnlPmtInfAndSts>{inside}</OrgnlPmtInfAndSts>"
    group = "<OrgnlGrpInfAndSts><OrgnlMsgId>F</OrgnlMsgId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>"

    report = pain002.read(f"<Document><CstmrPmtStsRpt>{batch}{group}</CstmrPmtStsRpt></Document>".encode())

    assert [(one.batch_id, one.status) for one in report.payments] == [("B", "RJCT"), ("B", "RJCT")]


def test_a_payment_without_a_status_or_a_batchs_has_the_files_wherever_that_stands() -> None:
    batch = "<OrgnlPmtInfAndSts><TxInfAndSts><OrgnlEndToEndId>pay_1</OrgnlEndToEndId></TxInfAndSts></OrgnlPmtInfAndSts>"
    group = "<OrgnlGrpInfAndSts><OrgnlMsgId>F</OrgnlMsgId><GrpSts>RJCT</GrpSts></OrgnlGrpInfAndSts>"

    for body in (group + batch, batch + group):
        report = pain002.read(f"<Document><CstmrPmtStsRpt>{body}</CstmrPmtStsRpt></Document>".encode())
        assert [one.status for one in report.payments] == ["RJCT"]


def test_a_report_about_no_file_is_refused() -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        pain002.read(b"<Document><CstmrPmtStsRpt><GrpHdr><MsgId>S</MsgId></GrpHdr></CstmrPmtStsRpt></Document>")

    assert (refusal.value.code, refusal.value.facts) == ("missing_element", {"element": "OrgnlMsgId"})
