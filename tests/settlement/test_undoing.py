"""Which receipt a reversal undoes: all that both state decides, so that a reference many share names none of them."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from chalicelib.banking.domain import BankAccount
from chalicelib.banking.movements import Movement
from chalicelib.core.masking import masked
from chalicelib.core.money import Money
from chalicelib.settlement.domain.receipts import Receipt
from chalicelib.settlement.domain.undoing import undone_receipt, waits_for
from tests.settlement.desk import Desk, moved
from tests.settlement.market import PAID, Deal
from tests.support.calls import MONDAY

DAY = date(2026, 3, 2)
ACCOUNT = BankAccount("bank", "NL62MOCK0000000011", "ten_1", "CNY")
PAYER = "6222020200000012"


def receipt(name: str, minor: int = 100, **more: Any) -> Receipt:
    given: dict[str, Any] = {"bank_reference": "0001", "unallocated_minor": minor, "booked_on": DAY} | more
    return Receipt(
        receipt_id=name,
        bank_id="bank",
        iban="X",
        currency="CNY",
        amount_minor=minor,
        reference="",
        value_on=None,
        counterparty_name="",
        counterparty_account=masked(PAYER),
        reason="",
        entry_id="",
        received_at=MONDAY,
        **given,
    )


def back(minor: int = -100, reference: str = "REV", **more: Any) -> Movement:
    given: dict[str, Any] = {"reversal": True, "booked_on": DAY} | more
    return Movement(ACCOUNT, reference, Money(minor, "CNY"), **given)


E0, E1 = receipt("rcp_0", end_to_end_id="E-0"), receipt("rcp_1", end_to_end_id="E-1")
NAMED = {"original_reference": "0001"}

UNDONE: dict[str, tuple[list[Receipt], Movement, str | None]] = {
    "one of the reference": ([E0], back(**NAMED), "rcp_0"),
    "two of the reference": ([E0, E1], back(**NAMED), None),
    "two of the reference, and the id of one": ([E0, E1], back(**NAMED, end_to_end_id="E-1"), "rcp_1"),
    "two of the reference, and the amount of one": ([E0, receipt("rcp_1", 105)], back(-105, **NAMED), "rcp_1"),
    "another id than the one of the reference": ([E0], back(**NAMED, end_to_end_id="E-9"), None),
    "another UETR": ([receipt("rcp_0", uetr="u0")], back(**NAMED, uetr="u9"), None),
    "its own reference, and another id": ([E0], back(reference="0001", end_to_end_id="E-1"), None),
    "its own reference, and the id of one": ([E0, E1], back(reference="0001", end_to_end_id="E-1"), "rcp_1"),
    "its own reference, and another amount": ([receipt("rcp_0", 900)], back(reference="0001"), None),
    "its own reference, and the id of another one": (
        [receipt("rcp_0"), receipt("rcp_1", bank_reference="0002", end_to_end_id="E-1")],
        back(reference="0001", end_to_end_id="E-1"),
        "rcp_1",
    ),
    "a reference of one and the id of another": (
        [receipt("rcp_0"), receipt("rcp_1", bank_reference="0002", end_to_end_id="E-1")],
        back(**NAMED, end_to_end_id="E-1"),
        None,
    ),
    "the UETR before all else": (
        [receipt("rcp_0", end_to_end_id="E-1"), receipt("rcp_1", bank_reference="", uetr="u1")],
        back(**NAMED, end_to_end_id="E-1", uetr="U1"),
        "rcp_1",
    ),
    "a part of the one named": ([receipt("rcp_0", 900)], back(**NAMED), "rcp_0"),
    "what was taken back already": ([receipt("rcp_0", reversed_minor=100, unallocated_minor=0)], back(**NAMED), None),
    "the same sign": ([receipt("rcp_0", -100)], back(**NAMED), None),
    "a plain debit with the id": ([E0], back(reversal=False, end_to_end_id="E-0"), None),
    "a plain debit with the id, of the payer": (
        [E0],
        back(reversal=False, end_to_end_id="E-0", counterparty_account=PAYER),
        "rcp_0",
    ),
    "a plain debit with the id, of another": (
        [E0],
        back(reversal=False, end_to_end_id="E-0", counterparty_account="6222020200009999"),
        None,
    ),
    "a plain debit with the UETR": ([receipt("rcp_0", uetr="u0")], back(reversal=False, uetr="u0"), "rcp_0"),
    "a plain debit of less": ([receipt("rcp_0", uetr="u0")], back(-99, reversal=False, uetr="u0"), None),
}


@pytest.mark.parametrize("case", UNDONE)
@pytest.mark.parametrize("turned", [False, True], ids=["", "turned"])
def test_a_reversal_undoes_the_one_receipt_that_all_it_states_fits(case: str, turned: bool) -> None:
    known, movement, expected = UNDONE[case]

    found = undone_receipt(known[::-1] if turned else known, movement)

    assert (found.receipt_id if found else None) == expected


def test_what_a_payment_reference_names_decides_between_equals() -> None:
    assert undone_receipt([E0, E1], back(**NAMED), quoted=("rcp_1",)) == E1


def waiting(minor: int = -100, **more: Any) -> Receipt:
    given: dict[str, Any] = {"bank_reference": "REV", "original_reference": "0001", "is_reversal": True} | more
    return receipt("rcp_w", minor, **given)


def told(minor: int = 100, **more: Any) -> Movement:
    return back(minor, "0001", **({"reversal": False} | more))


WAITED: dict[str, tuple[Receipt, Movement, bool]] = {
    "the reference and amount": (waiting(), told(), True),
    "the reference and amount, and another id": (waiting(end_to_end_id="E-1"), told(end_to_end_id="E-2"), False),
    "the reference and amount, and another UETR": (waiting(uetr="u1"), told(uetr="u2"), False),
    "a part of the one named": (waiting(-5), told(), True),
    "more than the one named": (waiting(-500), told(), False),
    "its own reference": (waiting(bank_reference="0001", original_reference=""), told(), True),
    "its own reference and less": (waiting(-5, bank_reference="0001", original_reference=""), told(), False),
    "the id, and another amount": (waiting(-500, end_to_end_id="E-1"), told(end_to_end_id="E-1"), True),
    "days far apart": (waiting(), told(booked_on=date(2026, 4, 2)), False),
    "no reversal": (waiting(is_reversal=False), told(), False),
}


@pytest.mark.parametrize("case", WAITED)
def test_a_reversal_that_waits_takes_what_it_undoes_and_no_other_payment(case: str) -> None:
    reversal, movement, expected = WAITED[case]

    assert waits_for(reversal, movement) is expected


# ---- through the worker


def two_of_one_reference(desk: Desk, more: int = 0) -> list[Deal]:
    deals = [desk.place.deal(), desk.place.deal()]
    for number, deal in enumerate(deals):
        payment = moved(PAID + number * more, "0001", reference=deal.reference, end_to_end_id=f"E-{number}")
        assert desk.tell(desk.report(payment | {"booked_on": f"2026-03-0{2 + number}"})) == []
    return deals


@pytest.mark.parametrize("named", [{"original_reference": "0001"}, {}], ids=["named", "its own"])
def test_the_trade_loses_the_money_whose_payment_was_reversed(desk: Desk, named: dict[str, str]) -> None:
    deals = two_of_one_reference(desk)
    reference = "REV-1" if named else "0001"

    desk.tell(desk.report(moved(-PAID, reference, reversal=True, end_to_end_id="E-1", **named)))

    assert ([desk.place.escrow(deal) for deal in deals], desk.waiting()) == ([PAID, 0], [])


def test_a_waiting_reversal_leaves_a_payment_with_another_id_alone(desk: Desk) -> None:
    deal = desk.place.deal()
    reversal = moved(-PAID, "REV-9", reversal=True, original_reference="0001", end_to_end_id="E-9")
    desk.tell(desk.report(reversal))

    desk.tell(desk.report(moved(PAID, "0001", reference=deal.reference, end_to_end_id="E-A")))

    assert (desk.place.escrow(deal), desk.waiting()) == (PAID, [("unknown_return", -PAID)])


def test_a_plain_debit_that_shares_an_id_waits_in_suspense(desk: Desk) -> None:
    deal = desk.place.deal()
    desk.tell(desk.report(moved(PAID, "MB-1", reference=deal.reference, end_to_end_id="LOT-7")))

    desk.tell(desk.report(moved(-PAID, "MB-2", end_to_end_id="LOT-7")))

    assert (desk.place.escrow(deal), desk.waiting()) == (PAID, [("unknown_debit", -PAID)])
