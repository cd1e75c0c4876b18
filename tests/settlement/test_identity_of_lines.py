"""Statement lines and the movements that callbacks have stated: each line takes its own, and the statement decides."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from chalicelib.core.errors import Conflict
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.recon.service import breaks, questions
from chalicelib.recon.service.breaks import ResolveBreak, resolve_break
from chalicelib.recon.service.uploads import upload_statement
from chalicelib.settlement.booking import book_decided
from chalicelib.settlement.domain.possible_duplicates import PossibleDuplicate
from chalicelib.settlement.service import identity
from chalicelib.settlement.worker import bank_messages, relay
from tests.banking.build import IBAN
from tests.recon.build import FIRST_DAY, Line, Sheet, camt
from tests.settlement.desk import Desk, as_event, moved
from tests.settlement.market import PAID, kinds
from tests.support.events import queue_event, stream_event
from tests.support.faults import crash_points


def upload(desk: Desk, *sheets: Sheet, days: int = 1) -> list[dict[str, Any]]:
    outcome = upload_statement(desk.place.call(days=days), camt(*sheets))
    return list(outcome.item.data["statements"])


def follow(desk: Desk) -> None:
    """What the journal's stream asks for, done: each entry of the tenant is handed to the relay once more."""
    items = desk.tables.client.scan(TableName=desk.tables.name("journal"), ConsistentRead=True)["Items"]
    own = [item for item in items if item["pk"]["S"].startswith(f"{desk.place.tenant}#")]
    for item in own:
        relay.relay(stream_event((None, as_event(item))), None)
    for message in desk.callbacks.taken():
        answer = bank_messages.callbacks(queue_event((message["entry_id"], message)), None)
        assert answer["batchItemFailures"] == []


def states(statement_id: str, tenant: str) -> list[str]:
    page = questions.list_lines(tenant, statement_id, after=None, limit=50)
    return [one.found_break.reason if one.found_break and not one.match else "matched" for one in page.values]


def aside(desk: Desk, status: str = "open") -> list[PossibleDuplicate]:
    return list(identity.list_duplicates(desk.place.tenant, status, after=None, limit=50).values)


def test_each_line_takes_its_own_of_two_movements_under_one_reference(desk: Desk) -> None:
    deals = [desk.place.deal(), desk.place.deal()]
    for number, deal in enumerate(deals):
        payer = {"account": f"622202020000000{number}"}
        told = moved(PAID, "0001", reference=deal.reference, end_to_end_id=f"E-{number}", counterparty=payer)
        desk.tell(desk.report(told | {"booked_on": str(FIRST_DAY + timedelta(days=number))}))
    first = Sheet(lines=[Line(PAID, "0001", deals[0].reference, end_to_end_id="E-0", payer="6222020200000000")])
    second = first.next(Line(PAID, "0001", deals[1].reference, end_to_end_id="E-1", payer="6222020200000001"))

    receipts = upload(desk, first, second, days=2)

    assert [(one["matched"], one["breaks"]) for one in receipts] == [(1, 0), (1, 0)]
    assert [desk.place.escrow(deal) for deal in deals] == [PAID, PAID]


def test_a_confirmation_that_a_statement_bears_out_is_not_undone(desk: Desk) -> None:
    told = moved(5, "x") | {"bank_reference": ""}
    desk.tell(desk.report(told))
    desk.tell(desk.report(told | {"remittance": ["again"]}))
    (kept,) = aside(desk)
    identity.confirm(desk.place.call(), kept.duplicate_id, "two payments")
    book_decided(desk.place.tenant, kept.duplicate_id, now=desk.place.call().now)
    (receipt,) = upload(desk, Sheet(lines=[Line(5, ""), Line(5, "")]))

    with pytest.raises(Conflict) as refusal:
        identity.dismiss(desk.place.call(), kept.duplicate_id, "told twice")

    assert (receipt["matched"], refusal.value.code) == (2, "possible_duplicate_stated")


def test_equal_lines_are_decided_by_count(desk: Desk) -> None:
    desk.tell(desk.report(moved(5, "0001"), moved(5, "0001")))

    (receipt,) = upload(desk, Sheet(lines=[Line(5, "0001")] * 3))

    assert states(receipt["statement_id"], desk.place.tenant) == ["matched", "matched", "no_entry"]


@pytest.mark.parametrize("reference", ["MB-1", ""])
def test_a_movement_booked_from_a_line_and_then_told_is_the_same(desk: Desk, reference: str) -> None:
    (receipt,) = upload(desk, Sheet(lines=[Line(-5, reference)]))
    (found,) = breaks.list_breaks(desk.place.tenant, "open", after=None, limit=5).values
    fees = purpose_account_id(desk.place.tenant, Purpose.FEE_INCOME, "CNY")
    resolve_break(desk.place.call(days=1), ResolveBreak(found.break_id, fees, "a charge"))

    desk.tell(desk.report(moved(-5, "x") | {"bank_reference": reference}))

    assert (desk.place.bank, aside(desk)) == (-5, [])
    assert states(receipt["statement_id"], desk.place.tenant) == ["matched"]
    assert "movement.booked" not in kinds(desk.tables, desk.place.tenant)


def test_a_statement_confirms_as_many_as_it_has_lines(desk: Desk) -> None:
    deal = desk.place.deal()
    told = moved(PAID // 2, "x", reference=deal.reference) | {"bank_reference": ""}
    for again in range(2):
        desk.tell(desk.report(told | {"remittance": [str(again)]}))
    assert (desk.place.bank, len(aside(desk))) == (PAID // 2, 1)

    (receipt,) = upload(desk, Sheet(lines=[Line(PAID // 2), Line(PAID // 2)]))
    follow(desk)

    assert (desk.place.bank, desk.place.escrow(deal)) == (PAID, PAID)
    assert ([each.decided_by for each in aside(desk, "confirmed")], aside(desk)) == ([receipt["statement_id"]], [])
    assert states(receipt["statement_id"], desk.place.tenant) == ["matched", "matched"]


def test_a_statement_dismisses_what_it_has_no_line_for(desk: Desk) -> None:
    for again in range(2):
        desk.tell(desk.report(moved(5, "x", remittance=[str(again)]) | {"bank_reference": ""}))

    (receipt,) = upload(desk, Sheet(lines=[Line(5)]))
    follow(desk)

    assert (desk.place.bank, aside(desk)) == (5, [])
    assert [each.decided_by for each in aside(desk, "dismissed")] == [receipt["statement_id"]]


def test_a_later_line_outranks_the_statement_that_had_none(desk: Desk) -> None:
    for again in range(2):
        desk.tell(desk.report(moved(5, "0001", remittance=[str(again)]) | {"amount_minor": 5 + again}))
    first = Sheet(lines=[Line(5, "0001")])
    upload(desk, first)
    follow(desk)
    assert (desk.place.bank, len(aside(desk, "dismissed"))) == (5, 1)

    (receipt,) = upload(desk, first.next(Line(6, "0001")), days=2)
    follow(desk)

    assert (desk.place.bank, len(aside(desk, "confirmed"))) == (11, 1)
    assert states(receipt["statement_id"], desk.place.tenant) == ["matched"]


def test_a_statement_that_came_before_decides_on_what_is_told_late(desk: Desk) -> None:
    told = moved(5, "x") | {"bank_reference": ""}
    desk.tell(desk.report(told))
    upload(desk, Sheet(lines=[Line(5), Line(5)]))

    for again in range(3):
        desk.tell(desk.report(told | {"remittance": [str(again)]}))

    assert (desk.place.bank, aside(desk)) == (10, [])


def test_what_a_person_has_dismissed_a_statement_leaves_as_a_break(desk: Desk) -> None:
    for again in range(2):
        desk.tell(desk.report(moved(5, "x", remittance=[str(again)]) | {"bank_reference": ""}))
    (kept,) = aside(desk)
    identity.dismiss(desk.place.call(), kept.duplicate_id, "told twice")

    (receipt,) = upload(desk, Sheet(lines=[Line(5), Line(5)]))
    follow(desk)

    assert (desk.place.bank, len(aside(desk, "dismissed"))) == (5, 1)
    assert states(receipt["statement_id"], desk.place.tenant) == ["matched", "no_bank_reference"]


def test_a_statement_sent_as_a_callback_decides_too(desk: Desk) -> None:
    for again in range(2):
        desk.tell(desk.report(moved(500, "x", remittance=[str(again)]) | {"bank_reference": ""}))

    assert desk.tell(camt(Sheet(lines=[Line(500), Line(500), Line(500)], iban=IBAN))) == []

    assert (desk.place.bank, aside(desk)) == (1500, [])


def test_a_batch_whose_parts_are_booked_is_not_booked_once_more(desk: Desk) -> None:
    desk.tell(desk.report(moved(400, "B-1"), moved(600, "B-1")))
    desk.tell(desk.report(moved(1000, "B-1")))
    assert (desk.place.bank, len(aside(desk))) == (1000, 1)

    upload(desk, Sheet(lines=[Line(1000, "B-1")]))
    follow(desk)

    assert (desk.place.bank, len(aside(desk))) == (1000, 1)


def test_a_batch_that_a_statement_sent_as_a_callback_states_is_doubtful_beside_its_parts(desk: Desk) -> None:
    desk.tell(desk.report(moved(400, "B-1"), moved(600, "B-1")))

    message = desk.take(camt(Sheet(lines=[Line(1000, "B-1")], iban=IBAN)))
    for _ in range(2):
        assert desk.handle(message) == []

    assert (desk.place.bank, len(aside(desk))) == (1000, 1)


def test_the_parts_of_a_batch_that_is_booked_are_not_booked_once_more(desk: Desk) -> None:
    desk.tell(desk.report(moved(1000, "B-1")))
    desk.tell(desk.report(moved(400, "B-1"), moved(600, "B-1")))
    assert (desk.place.bank, len(aside(desk))) == (1000, 2)

    upload(desk, Sheet(lines=[Line(1000, "B-1")]))
    follow(desk)

    assert (desk.place.bank, len(aside(desk, "dismissed"))) == (1000, 2)


def test_a_decision_killed_at_any_call_is_followed_once(desk: Desk) -> None:
    for number, point in enumerate(crash_points()):
        day = FIRST_DAY + timedelta(days=10 * number)
        told = moved(5, "x") | {"bank_reference": "", "booked_on": str(day)}
        before = desk.place.bank
        for again in range(2):
            desk.tell(desk.report(told | {"remittance": [f"{number} {again}"]}))
        (receipt,) = upload(desk, Sheet(number=number, lines=[Line(5), Line(5)], day=day), days=300)
        items = desk.tables.client.scan(TableName=desk.tables.name("journal"), ConsistentRead=True)["Items"]
        (stored,) = [item for item in items if item.get("subject", {}).get("S") == receipt["statement_id"]]
        relay.relay(stream_event((None, as_event(stored))), None)
        (message,) = desk.callbacks.taken()
        event = queue_event((message["entry_id"], message))
        with point:
            bank_messages.callbacks(event, None)

        bank_messages.callbacks(event, None)

        assert desk.place.bank == before + 10, point
        assert states(receipt["statement_id"], desk.place.tenant) == ["matched", "matched"], point
