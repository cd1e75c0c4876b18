"""Bank messages through the worker: each fact once, none lost, none holding up another, each in front of its tenant."""

from __future__ import annotations

import pytest

from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.settlement.worker import bank_messages
from chalicelib.storage import blobs
from tests.banking.build import BANK, IBAN
from tests.settlement.desk import LAST_RECEIVE, UNKNOWN_PAYOUT, Desk, camt, moved, notification, status
from tests.settlement.market import DUE, PAID, Deal, kinds, market, picture
from tests.support.events import queue_event
from tests.support.faults import crash_points, fault, throttled

OTHER_IBAN = "NL35MOCK0000000012"


# ---- told once, twice, by two ----------------------------------------------------------------------------------------


def test_a_payment_is_booked_and_its_message_done(desk: Desk) -> None:
    deal = desk.place.deal()

    failed = desk.tell(desk.report(moved(PAID, reference=deal.reference)))

    assert failed == []
    assert (desk.place.bank, desk.place.escrow(deal), desk.quarantine()) == (PAID, PAID, [])


def test_a_message_delivered_twice_is_done_once(desk: Desk) -> None:
    deal = desk.place.deal()
    message = desk.take(desk.report(moved(PAID, reference=deal.reference), moved(7)))

    assert desk.handle(message, message) == []
    before = picture(desk.tables, desk.place.tenant)
    assert desk.handle(message, receive_count=3) == []

    assert picture(desk.tables, desk.place.tenant) == before
    assert (desk.place.bank, desk.place.suspense) == (PAID + 7, 7)


def test_a_payment_told_by_notification_and_then_by_statement_is_booked_once(desk: Desk) -> None:
    deal = desk.place.deal()

    for kind in ("notification", "statement"):
        assert desk.tell(camt(kind, PAID, "MB-RCV-1", reference=deal.reference, iban=IBAN)) == []

    assert (desk.place.bank, desk.place.escrow(deal)) == (PAID, PAID)
    assert kinds(desk.tables, desk.place.tenant).count("movement.booked") == 1
    assert desk.quarantine() == []


def test_what_is_only_pending_is_not_booked(desk: Desk) -> None:
    deal = desk.place.deal()

    assert desk.tell(desk.report(moved(PAID, reference=deal.reference, status="pending"))) == []

    assert desk.place.bank == 0


def test_a_return_without_money_books_nothing_and_is_seen(desk: Desk) -> None:
    body = b"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.004.001.09"><PmtRtr>
      <GrpHdr><MsgId>R-1</MsgId><CreDtTm>2026-03-02T09:00:00Z</CreDtTm><NbOfTxs>1</NbOfTxs></GrpHdr>
      <TxInf><RtrId>MB-RTR-1</RtrId><OrgnlEndToEndId>pay_1</OrgnlEndToEndId>
      <RtrdIntrBkSttlmAmt Ccy="CNY">5.00</RtrdIntrBkSttlmAmt></TxInf></PmtRtr></Document>"""

    assert desk.tell(body) == []

    (kept,) = desk.quarantine()
    assert (desk.place.bank, kept.reason) == (0, "return_without_movement")


# ---- never -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"<Document>", "malformed_xml"),
        (b"{", "malformed_json"),
        (b"", "malformed_xml"),
        (b"\xff\xfe\x00", "malformed_xml"),
        (b'{"type":"song"}', "unknown_message_type"),
        (status("pay_1", "ABCD"), "unknown_payment_status"),
    ],
)
def test_what_cannot_be_read_is_kept_with_its_reason(desk: Desk, body: bytes, reason: str) -> None:
    message = desk.take(body)

    assert desk.handle(message) == []

    (entry,) = desk.quarantine()
    assert (entry.reason, entry.tenant, entry.blob) == (reason, None, message["blob"])
    assert blobs.read(entry.blob) == body


def test_a_message_that_takes_too_long_to_read_is_kept_and_fails_no_other(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = desk.place.deal()
    large = desk.take(desk.report(moved(1), moved(2)))
    with monkeypatch.context() as patch:
        patch.setattr(bank_messages, "MOST_READ_SECONDS", 0)
        assert desk.handle(large) == []

    assert desk.tell(desk.report(moved(PAID, reference=deal.reference))) == []

    (entry,) = desk.quarantine()
    assert (entry.reason, entry.facts["maximum"], entry.tenant) == ("message_took_too_long", 0, None)
    assert desk.place.escrow(deal) == PAID


def test_messages_of_much_that_means_nothing_fail_no_other_of_their_batch(desk: Desk) -> None:
    deal = desk.place.deal()
    entry = f"<Ntry><Amt Ccy='CNY'>1</Amt>{'<NtryDtls><TxDtls/></NtryDtls>' * 8_000}<CdtDbtInd>CRDT</CdtDbtInd></Ntry>"
    hostile = f"<Document><BkToCstmrDbtCdtNtfctn><Ntfctn>{entry}</Ntfctn></BkToCstmrDbtCdtNtfctn></Document>".encode()
    deep = b"<Document><BkToCstmrStmt>" + b"<a>" * 100
    names = b'{"type": "notification", ' + b"".join(b'"%d": 0, ' % i for i in range(20_000)) + b'"19999": 0}'
    good = desk.take(desk.report(moved(PAID, reference=deal.reference)))

    assert desk.handle(desk.take(hostile), desk.take(deep), desk.take(names), good) == []

    assert desk.place.escrow(deal) == PAID
    assert {"malformed_json", "nested_too_deep"} <= set(desk.reasons())


def test_an_account_of_nobody_is_quarantined_once_however_much_moved_on_it(desk: Desk) -> None:
    message = desk.take(notification(moved(5), moved(6), moved(7), iban=OTHER_IBAN))

    for _ in range(2):
        assert desk.handle(message) == []

    (entry,) = desk.quarantine()
    assert (entry.reason, entry.tenant) == ("unknown_bank_account", None)


def test_an_account_of_nobody_on_which_nothing_moved_is_no_trouble(desk: Desk) -> None:
    assert desk.tell(notification(moved(5, status="pending"), iban=OTHER_IBAN)) == []

    assert desk.quarantine() == []


def test_money_for_an_account_that_takes_none_is_booked_in_suspense(desk: Desk) -> None:
    deal = desk.place.deal()
    close(desk, deal.trade_id)

    assert desk.tell(desk.report(moved(PAID, reference=deal.reference))) == []

    assert (desk.waiting(), desk.place.bank) == ([("account_closed", PAID)], PAID)
    assert (desk.place.trade(deal).funded_minor, desk.quarantine()) == (0, [])


def close(desk: Desk, trade_id: str) -> None:
    """Close an escrow account behind the product's back."""
    account_id = purpose_account_id(desk.place.tenant, Purpose.ESCROW, "CNY", trade_id)
    desk.tables.client.update_item(
        TableName=desk.tables.name("accounts"),
        Key={"pk": {"S": f"{desk.place.tenant}#{account_id}"}},
        UpdateExpression="SET #status = :closed",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":closed": {"S": "closed"}},
    )


# ---- one fact and the others -----------------------------------------------------------------------------------------


def mixed(desk: Desk, deal: Deal) -> bytes:
    """What can be booked, behind and before what cannot."""
    return desk.report(
        moved(1, "MB-A", currency="EUR"),
        moved(PAID, "MB-B", reference=deal.reference),
        moved(-500, "MB-C", end_to_end_id=UNKNOWN_PAYOUT),
        moved(2, "MB-D", currency="USD"),
        moved(DUE - PAID, "MB-E", reference=deal.reference),
    )


def test_no_fact_of_a_message_holds_up_another(desk: Desk) -> None:
    deal = desk.place.deal()

    failed = desk.tell(mixed(desk, deal))

    assert failed == ["m0"]
    assert desk.place.escrow(deal) == DUE
    assert desk.reasons() == ["currency_mismatch", "currency_mismatch"]


def test_a_fact_that_the_store_cannot_take_now_holds_up_no_other(desk: Desk) -> None:
    deal = desk.place.deal()
    message = desk.take(mixed(desk, deal))

    # The first commit is the first movement's quarantine: it fails at each of its five tries.
    with fault(throttled, times=5, only="dynamodb.TransactWriteItems"):
        failed = desk.handle(message)

    assert (failed, desk.reasons()) == (["m0"], ["currency_mismatch"])
    assert desk.place.escrow(deal) == DUE
    desk.handle(message, receive_count=LAST_RECEIVE)
    assert desk.reasons() == ["currency_mismatch", "currency_mismatch"]
    assert desk.waiting() == [("payout_not_found", -500)]


def test_statements_without_ids_do_not_hide_one_anothers_trouble(desk: Desk) -> None:
    one = camt("notification", 500, "MB-A", reference="", iban=IBAN).replace(b"CNY", b"EUR").replace(b"S-1", b"")
    wrapper = one[one.index(b"<Ntfctn>") : one.index(b"</Ntfctn>") + len(b"</Ntfctn>")]

    assert desk.tell(one.replace(wrapper, wrapper + wrapper.replace(b"MB-A", b"MB-B"))) == []

    assert desk.reasons() == ["currency_mismatch", "currency_mismatch"]


def test_a_message_of_another_shape_comes_again_and_holds_up_no_other(desk: Desk) -> None:
    good = desk.take(desk.report(moved(5)))
    batch = queue_event(("g0", {"bank_id": BANK}), ("g1", good), ("g2", "{"))

    answer = bank_messages.callbacks(batch, None)

    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m0", "m2"]
    assert desk.place.bank == 5


def test_what_fails_is_logged_without_a_word_of_the_message(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    payer = {"name": "Zhang San", "account": "6222020200112233445"}
    told = moved(-500, end_to_end_id=UNKNOWN_PAYOUT, counterparty=payer, remittance=["for my daughter"])

    assert desk.tell(desk.report(told)) == ["m0"]

    assert "payout_not_found" in caplog.text
    for word in ("Zhang", "6222", "daughter", UNKNOWN_PAYOUT):
        assert word not in caplog.text


# ---- killed ----------------------------------------------------------------------------------------------------------


def test_a_worker_killed_at_any_call_does_each_fact_once_in_the_end(desk: Desk) -> None:
    wanted: dict[str, object] = {}
    for number, point in enumerate(crash_points()):
        place = market(f"Marketplace {number}", iban=f"6222{number:012}")
        deal = place.deal()
        entries = (moved(1, "MB-A", currency="EUR"), moved(PAID, "MB-B", reference=deal.reference), moved(7, "MB-C"))
        message = desk.take(notification(*entries, iban=place.account.iban))
        with point:
            desk.handle(message)

        assert desk.handle(message, receive_count=2) == [], point

        wanted = wanted or picture(desk.tables, place.tenant)
        assert picture(desk.tables, place.tenant) == wanted, point
        assert (place.bank, place.escrow(deal), place.suspense) == (PAID + 7, PAID, 7), point
        assert len(desk.quarantine(place)) == 1, point
