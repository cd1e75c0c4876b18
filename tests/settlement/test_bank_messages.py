"""Bank messages through the worker: each fact once, none lost, none holding up another, each in front of its tenant."""

from __future__ import annotations

import pytest

from chalicelib.banking import paying
from chalicelib.banking.payouts import Payout, State
from chalicelib.core.ids import derived_id
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.settlement.worker import bank_messages
from chalicelib.storage import blobs
from tests.banking.build import BANK, IBAN
from tests.settlement.desk import LAST_RECEIVE, Desk, camt, moved, notification, status
from tests.settlement.market import DUE, PAID, Deal, Market, kinds, market, picture
from tests.support.calls import MONDAY
from tests.support.events import queue_event
from tests.support.faults import crash_points, fault, throttled

OTHER_IBAN = "NL35MOCK0000000012"
UNKNOWN_PAYOUT = derived_id("pay", "of nobody")


def to(place: Market, *entries: dict[str, object]) -> bytes:
    """A notification of a market's own account."""
    return notification(*entries, iban=place.account.iban)


def sent(desk: Desk, minor: int = 500, role: str = "mill") -> Payout:
    """A payout of money that has come in for a party, its file written."""
    place = desk.place
    place.owe(role, minor)
    command = paying.CreatePayout(place.party(role), place.money(minor))
    payout_id = paying.create_payout(place.call(), command).item.data["payout_id"]
    return paying.send_payout(place.tenant, str(payout_id), now=MONDAY)


def state(desk: Desk, payout: Payout) -> State:
    return paying.get_payout(desk.place.tenant, payout.payout_id).state


def waiting(place: Market) -> list[tuple[str, int]]:
    return sorted((receipt.reason, receipt.amount_minor) for receipt in place.unmatched())


# ---- told once, twice, by two ----------------------------------------------------------------------------------------


def test_a_payment_is_booked_and_its_message_done(desk: Desk) -> None:
    deal = desk.place.deal()

    failed = desk.tell(to(desk.place, moved(PAID, reference=deal.reference)))

    assert failed == []
    assert (desk.place.bank, desk.place.escrow(deal), desk.quarantine()) == (PAID, PAID, [])


def test_a_message_delivered_twice_is_done_once(desk: Desk) -> None:
    deal = desk.place.deal()
    message = desk.take(to(desk.place, moved(PAID, reference=deal.reference), moved(7)))

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

    assert desk.tell(to(desk.place, moved(PAID, reference=deal.reference, status="pending"))) == []

    assert desk.place.bank == 0


def test_a_return_without_money_books_nothing(desk: Desk) -> None:
    body = b"""<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.004.001.09"><PmtRtr>
      <GrpHdr><MsgId>R-1</MsgId><CreDtTm>2026-03-02T09:00:00Z</CreDtTm><NbOfTxs>1</NbOfTxs></GrpHdr>
      <TxInf><RtrId>MB-RTR-1</RtrId><OrgnlEndToEndId>pay_1</OrgnlEndToEndId>
      <RtrdIntrBkSttlmAmt Ccy="CNY">5.00</RtrdIntrBkSttlmAmt></TxInf></PmtRtr></Document>"""

    assert desk.tell(body) == []

    assert (desk.place.bank, desk.quarantine()) == (0, [])


# ---- payouts ---------------------------------------------------------------------------------------------------------


def test_a_payouts_acceptance_debit_and_return_are_booked(desk: Desk) -> None:
    payout = sent(desk)

    assert desk.tell(status(payout.payout_id, "ACCP")) == []
    assert state(desk, payout) is State.ACCEPTED
    assert desk.tell(to(desk.place, moved(-500, "MB-PMT-1", end_to_end_id=payout.payout_id))) == []
    assert (state(desk, payout), desk.place.bank) == (State.SETTLED, 0)
    returned = moved(500, "MB-RTR-1", end_to_end_id=payout.payout_id, return_reason="AC04")
    assert desk.tell(to(desk.place, returned)) == []
    assert (state(desk, payout), desk.place.owed("mill"), desk.place.bank) == (State.RETURNED, 500, 500)
    assert (desk.quarantine(), waiting(desk.place)) == ([], [])


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"minor": -499, "bank_reference": "MB-PMT-2"}, "payout_amount_differs"),
        ({"minor": 501, "bank_reference": "MB-RTR-2", "return_reason": "AC04"}, "payout_amount_differs"),
    ],
)
def test_money_that_contradicts_its_payout_is_booked_in_suspense(
    desk: Desk, entry: dict[str, object], reason: str
) -> None:
    payout = sent(desk)
    minor = int(str(entry.pop("minor")))
    message = desk.take(to(desk.place, moved(minor, end_to_end_id=payout.payout_id, **entry)))

    for _ in range(2):
        assert desk.handle(message) == []

    assert (desk.place.bank, desk.place.suspense) == (500 + minor, minor)
    assert (waiting(desk.place), desk.quarantine()) == ([(reason, minor)], [])
    assert state(desk, payout) is State.SENT


def test_a_second_debit_of_one_payout_is_booked_in_suspense(desk: Desk) -> None:
    payout = sent(desk)
    for reference in ("MB-PMT-1", "MB-PMT-2"):
        assert desk.tell(to(desk.place, moved(-500, reference, end_to_end_id=payout.payout_id))) == []

    assert (desk.place.bank, waiting(desk.place)) == (-500, [("payout_settled_twice", -500)])


def test_a_debit_of_what_was_rejected_is_booked_in_suspense(desk: Desk) -> None:
    payout = sent(desk)
    desk.tell(status(payout.payout_id, "RJCT", "AC04"))

    assert desk.tell(to(desk.place, moved(-500, end_to_end_id=payout.payout_id))) == []

    assert (desk.place.owed("mill"), desk.place.bank, waiting(desk.place)) == (500, 0, [("payout_state", -500)])


def test_a_debit_on_another_tenants_account_is_its_own_and_not_the_payers(desk: Desk) -> None:
    payout = sent(desk)
    grain = market("Grain Marketplace", iban=OTHER_IBAN)

    assert desk.tell(to(grain, moved(-500, end_to_end_id=payout.payout_id))) == []

    assert (waiting(grain), waiting(desk.place)) == ([("payout_account_differs", -500)], [])
    assert (grain.bank, desk.place.bank, state(desk, payout)) == (-500, 500, State.SENT)


def test_a_rejection_of_what_was_paid_goes_to_its_tenants_quarantine_alone(desk: Desk) -> None:
    payout = sent(desk)
    grain = market("Grain Marketplace", iban=OTHER_IBAN)
    desk.tell(to(desk.place, moved(-500, end_to_end_id=payout.payout_id)))

    assert desk.tell(status(payout.payout_id, "RJCT", "AC04")) == []

    (entry,) = desk.quarantine()
    assert (entry.reason, entry.tenant, entry.facts["payout_id"]) == (
        "payout_state",
        desk.place.tenant,
        payout.payout_id,
    )
    assert desk.quarantine(grain) == []


def test_a_debit_that_a_person_has_booked_is_put_before_people(desk: Desk) -> None:
    payout = sent(desk)
    desk.place.book_by_hand(desk.place.movement(-500, bank_reference="MB-PMT-1"))

    assert desk.tell(to(desk.place, moved(-500, "MB-PMT-1", end_to_end_id=payout.payout_id))) == []

    assert (desk.reasons(), waiting(desk.place)) == (["movement_booked_otherwise"], [])
    assert state(desk, payout) is State.SENT


# ---- not yet, and never ----------------------------------------------------------------------------------------------


def test_word_of_a_payout_that_is_not_known_yet_comes_again_and_is_then_done(desk: Desk) -> None:
    place = desk.place
    key = "later"
    payout_id = derived_id("pay", place.tenant, f"c:{key}")
    accepted = desk.take(status(payout_id, "ACCP"))
    assert desk.handle(accepted) == ["m0"]
    assert desk.quarantine() == []

    place.owe("mill", 500)
    paying.create_payout(place.call(key), paying.CreatePayout(place.party("mill"), place.money(500)))

    assert desk.handle(accepted, receive_count=2) == []
    assert paying.get_payout(place.tenant, payout_id).state is State.ACCEPTED


def test_word_of_a_payout_that_is_never_known_ends_in_quarantine(desk: Desk) -> None:
    message = desk.take(status(UNKNOWN_PAYOUT, "ACCP"))
    for receive_count in range(1, LAST_RECEIVE):
        assert desk.handle(message, receive_count=receive_count) == ["m0"]

    assert desk.handle(message, receive_count=LAST_RECEIVE) == []

    assert desk.reasons() == ["payout_not_found"]


def test_money_of_a_payout_that_is_never_known_ends_in_suspense(desk: Desk) -> None:
    message = desk.take(to(desk.place, moved(-500, end_to_end_id=UNKNOWN_PAYOUT)))
    assert desk.handle(message, receive_count=LAST_RECEIVE - 1) == ["m0"]

    assert desk.handle(message, receive_count=LAST_RECEIVE) == []

    assert (waiting(desk.place), desk.quarantine()) == ([("payout_not_found", -500)], [])
    assert desk.place.bank == -500


def test_another_systems_payment_is_no_payout_of_ours(desk: Desk) -> None:
    assert desk.tell(status("INV-2026-17", "ACCP")) == []

    assert desk.reasons() == ["not_our_payout"]


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


def test_an_account_of_nobody_is_quarantined_once_however_much_moved_on_it(desk: Desk) -> None:
    message = desk.take(notification(moved(5), moved(6), moved(7), iban=OTHER_IBAN))

    for _ in range(2):
        assert desk.handle(message) == []

    (entry,) = desk.quarantine()
    assert (entry.reason, entry.tenant) == ("unknown_bank_account", None)


def test_an_account_of_nobody_on_which_nothing_moved_is_no_trouble(desk: Desk) -> None:
    assert desk.tell(notification(moved(5, status="pending"), iban=OTHER_IBAN)) == []

    assert desk.quarantine() == []


def test_a_movement_told_with_another_amount_is_put_before_its_tenant(desk: Desk) -> None:
    grain = market("Grain Marketplace", iban=OTHER_IBAN)
    desk.tell(to(desk.place, moved(5, "MB-RCV-1")))

    assert desk.tell(to(desk.place, moved(6, "MB-RCV-1"))) == []

    assert (desk.reasons(), desk.quarantine(grain), desk.place.bank) == (["movement_differs"], [], 5)


def test_two_movements_of_one_reference_in_one_list_are_not_taken_for_one(desk: Desk) -> None:
    message = desk.take(to(desk.place, moved(5, "MB-A"), moved(5, "MB-A"), moved(7, "MB-B")))

    for _ in range(2):
        assert desk.handle(message) == []

    (entry,) = desk.quarantine()
    assert (entry.reason, entry.tenant, entry.facts["minor"]) == ("bank_reference_twice", desk.place.tenant, 5)
    assert desk.place.bank == 12


def test_money_for_an_account_that_takes_none_is_booked_in_suspense(desk: Desk) -> None:
    deal = desk.place.deal()
    close(desk, deal.trade_id)

    assert desk.tell(to(desk.place, moved(PAID, reference=deal.reference))) == []

    assert (waiting(desk.place), desk.place.bank) == ([("account_closed", PAID)], PAID)
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
    return to(
        desk.place,
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


def test_a_fact_that_fails_for_a_defect_of_ours_holds_up_no_other(desk: Desk) -> None:
    deal = desk.place.deal()
    message = desk.take(mixed(desk, deal))

    # The account, then the first movement's quarantine: its commit is refused for good.
    with fault(throttled, at=1, times=5, only="dynamodb.TransactWriteItems"):
        failed = desk.handle(message)

    assert failed == ["m0"]
    assert desk.place.escrow(deal) == DUE
    desk.handle(message, receive_count=LAST_RECEIVE)
    assert desk.reasons() == ["currency_mismatch", "currency_mismatch"]
    assert waiting(desk.place) == [("payout_not_found", -500)]


def test_statements_without_ids_do_not_hide_one_anothers_trouble(desk: Desk) -> None:
    one = camt("notification", 500, "MB-A", reference="", iban=IBAN).replace(b"CNY", b"EUR").replace(b"S-1", b"")
    wrapper = one[one.index(b"<Ntfctn>") : one.index(b"</Ntfctn>") + len(b"</Ntfctn>")]

    assert desk.tell(one.replace(wrapper, wrapper + wrapper.replace(b"MB-A", b"MB-B"))) == []

    assert desk.reasons() == ["currency_mismatch", "currency_mismatch"]


def test_a_message_of_another_shape_comes_again_and_holds_up_no_other(desk: Desk) -> None:
    good = desk.take(to(desk.place, moved(5)))
    batch = queue_event(("g0", {"bank_id": BANK}), ("g1", good), ("g2", "{"))

    answer = bank_messages.callbacks(batch, None)

    assert [failure["itemIdentifier"] for failure in answer["batchItemFailures"]] == ["m0", "m2"]
    assert desk.place.bank == 5


def test_what_fails_is_logged_without_a_word_of_the_message(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    payer = {"name": "Zhang San", "account": "6222020200112233445"}
    told = moved(-500, end_to_end_id=UNKNOWN_PAYOUT, counterparty=payer, remittance=["for my daughter"])

    assert desk.tell(to(desk.place, told)) == ["m0"]

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


def test_a_worker_killed_at_any_call_moves_a_payout_on_once(desk: Desk) -> None:
    for point in crash_points():
        payout = sent(desk)
        bank = desk.place.bank
        accepted = desk.take(status(payout.payout_id, "ACCP"))
        debited = desk.take(to(desk.place, moved(-500, end_to_end_id=payout.payout_id)))
        with point:
            desk.handle(accepted, debited)

        assert desk.handle(accepted, debited, receive_count=2) == [], point

        assert (state(desk, payout), desk.place.bank) == (State.SETTLED, bank - 500), point
    assert (desk.quarantine(), waiting(desk.place)) == ([], [])
