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


def test_a_report_about_no_file_is_refused() -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        pain002.read(b"<Document><CstmrPmtStsRpt><GrpHdr><MsgId>S</MsgId></GrpHdr></CstmrPmtStsRpt></Document>")

    assert (refusal.value.code, refusal.value.facts) == ("missing_element", {"element": "OrgnlMsgId"})
