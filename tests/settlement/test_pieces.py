"""Large messages: cut into pieces that keep their place, each booked once, whatever fails or is killed between them."""

from __future__ import annotations

from typing import Any

import pytest

from chalicelib.settlement.worker import bank_messages, pieces
from tests.settlement.desk import UNKNOWN_PAYOUT, Desk, camt, moved, status
from tests.settlement.market import PAID, kinds
from tests.support.faults import crash_points

MOST_ROUNDS = 50
OTHER_IBAN = "NL35MOCK0000000012"


def many(count: int, *, minor: int = 5) -> list[dict[str, Any]]:
    return [moved(minor, f"MB-MANY-{number}") for number in range(count)]


def drain(desk: Desk, *, receive_count: int = 1) -> list[str]:
    """Handle all that waits in the queue, and what that hands on, until nothing waits: what failed, by its group."""
    failed: list[str] = []
    for _ in range(MOST_ROUNDS):
        waiting = desk.callbacks.taken()
        if not waiting:
            return failed
        for message in waiting:
            failed += desk.handle(message, receive_count=receive_count)
    raise AssertionError("the queue never empties")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> int:
    """Pieces of four items."""
    monkeypatch.setattr(pieces, "MAX_ITEMS", 4)
    monkeypatch.setattr(bank_messages, "MAX_ITEMS", 4)
    return 4


def test_a_large_message_is_cut_and_each_movement_is_booked_once(desk: Desk, small: int) -> None:
    deal = desk.place.deal()
    message = desk.take(desk.report(*many(9), moved(PAID, reference=deal.reference)))

    assert desk.handle(message) == []
    assert (desk.place.bank, len(shares := desk.callbacks.taken())) == (0, 3)
    assert [desk.handle(share) for share in shares] == [[]] * 3

    assert (desk.place.bank, desk.place.escrow(deal), desk.quarantine()) == (45 + PAID, PAID, [])
    assert [desk.handle(share) for share in [*shares, *shares]] == [[]] * 6
    assert kinds(desk.tables, desk.place.tenant).count("movement.booked") == 10


def test_a_large_message_that_comes_again_books_nothing_more(desk: Desk, small: int) -> None:
    message = desk.take(desk.report(*many(9)))

    for _ in range(2):
        assert desk.handle(message) == []
        assert drain(desk) == []

    assert desk.place.bank == 45


def test_equal_movements_are_counted_over_all_pieces(desk: Desk, small: int) -> None:
    alike = moved(5, "x") | {"bank_reference": ""}
    message = desk.take(desk.report(*[alike] * 10))

    for _ in range(2):
        assert desk.handle(message) == []
        assert drain(desk) == []

    assert (desk.place.bank, desk.quarantine()) == (50, [])


def test_an_item_that_cannot_be_done_goes_to_quarantine_and_delays_no_other(desk: Desk, small: int) -> None:
    wrong = moved(5, "MB-WRONG") | {"currency": "EUR"}
    desk.handle(desk.take(desk.report(*many(6), wrong, *many(3, minor=7))))

    assert drain(desk) == []

    (entry,) = desk.quarantine()
    assert (entry.reason, entry.tenant) == ("currency_mismatch", desk.place.tenant)
    assert desk.place.bank > 0


def test_an_item_that_fails_is_handed_on_alone_and_tried_by_itself(desk: Desk, small: int) -> None:
    debit = moved(-5, "MB-PAID-OUT", end_to_end_id=UNKNOWN_PAYOUT)
    desk.handle(desk.take(desk.report(*many(5), debit, *many(3))))

    shares = desk.callbacks.taken()
    assert [failed for share in shares for failed in desk.handle(share)] == []

    (alone,) = desk.callbacks.taken()
    assert (alone["is_alone"], desk.place.bank) == (True, 40)
    assert desk.handle(alone) != []
    assert desk.handle(alone, receive_count=bank_messages.MOST_RECEIVES) == []
    assert desk.place.bank == 40 - 5


def test_a_piece_whose_time_is_over_is_gone_on_with(desk: Desk, small: int, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.handle(desk.take(desk.report(*many(9))))
    (first, *_) = desk.callbacks.taken()
    turns = iter(range(100))
    with monkeypatch.context() as patch:
        patch.setattr(bank_messages.Deadline, "has_passed", lambda self: next(turns) >= 1)
        assert desk.handle(first) == []
    assert desk.place.bank == 5

    (rest,) = desk.callbacks.taken()
    assert (rest["first"], rest["is_alone"]) == (1, False)
    assert desk.handle(rest) == []

    assert desk.place.bank == 20


def test_statuses_of_many_payments_are_cut_as_well(desk: Desk, small: int) -> None:
    payments = ",".join(f'{{"end_to_end_id": "{UNKNOWN_PAYOUT}", "status": "ACCP"}}' for _ in range(9))
    body = status(UNKNOWN_PAYOUT, "ACCP")
    head, _, _ = body.partition(b'"payments"')
    desk.handle(desk.take(head + b'"payments": [' + payments.encode() + b"]}"))

    assert drain(desk) != []


def test_a_message_killed_at_any_call_is_finished_when_it_comes_again(desk: Desk, small: int) -> None:
    expected = 0
    for number, point in enumerate(crash_points()):
        message = desk.take(desk.report(*[moved(5, f"MB-{number}-{each}") for each in range(5)]))
        expected += 25
        shares: list[dict[str, Any]] = []
        with point:
            desk.handle(message)
            shares += desk.callbacks.taken()
            for share in shares:
                desk.handle(share)

        assert desk.handle(message, *shares) == []
        assert drain(desk) == []

        assert desk.place.bank == expected, point
    assert desk.quarantine() == []


def test_a_message_of_an_account_of_ours_and_one_of_nobody_is_done_for_ours(desk: Desk, small: int) -> None:
    stray = camt("notification", 7, "MB-STRAY", reference="", iban=OTHER_IBAN).decode()
    ours = camt("notification", PAID, "MB-OURS", reference="", iban=desk.place.account.iban).decode()
    _, _, rest = stray.partition("<Ntfctn>")
    both = ours.replace("<Ntfctn>", f"<Ntfctn>{rest.partition('</Ntfctn>')[0]}</Ntfctn><Ntfctn>")

    assert desk.tell(both.encode()) == []

    assert (desk.place.bank, desk.reasons()) == (PAID, ["unknown_bank_account"])
