"""Any message, read by the reader of its kind; anything else refused, whatever the bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.messages import detect
from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import AccountReport, ReturnReport, StatusReport
from tests.messages.build import SAMPLES, sample

NAMES = sorted(path.name for path in SAMPLES.iterdir())


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("credit.camt054.xml", AccountReport),
        ("returned.camt054.xml", AccountReport),
        ("status.pain002.xml", StatusReport),
        ("refused.pain002.xml", StatusReport),
        ("returns.pacs004.xml", ReturnReport),
        ("notification.json", AccountReport),
        ("status.json", StatusReport),
    ],
)
def test_every_sample_is_read_as_what_it_is(name: str, kind: type) -> None:
    assert type(detect.read(sample(name))) is kind


def test_a_byte_order_mark_and_leading_space_do_not_disturb_json() -> None:
    assert isinstance(detect.read(b"\xef\xbb\xbf\n " + sample("status.json")), StatusReport)


@pytest.mark.parametrize(
    "body",
    [
        b"<Document/>",
        b"<html><body>503</body></html>",
        b"<Document xmlns='urn:iso:std:iso:20022:tech:xsd:camt.055.001.09'><CstmrPmtCxlReq/></Document>",
        b"<Document>" + b"<x/>" * 300 + b"<BkToCstmrStmt/></Document>",
    ],
    ids=["empty", "html", "camt.055", "too late"],
)
def test_a_document_of_no_known_kind_is_unknown(body: bytes) -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        detect.read(body)

    assert refusal.value.code == "unknown_message_type"


@given(st.sampled_from(NAMES), st.integers(0), st.binary(max_size=6), st.integers(0, 8))
def test_a_damaged_message_is_read_or_refused_and_nothing_else(
    name: str, place: int, junk: bytes, removed: int
) -> None:
    body = sample(name)
    at = place % len(body)

    read_or_refused(body[:at] + junk + body[at + removed :])


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    read_or_refused(body)


def read_or_refused(body: bytes) -> None:
    try:
        detect.read(body)
    except MessageUnreadable as refusal:
        assert refusal.code
