"""Money that a bank takes back which one target got in parts, and debits that are no reversals."""

from __future__ import annotations

import pytest

from chalicelib.ledger.domain import Purpose
from chalicelib.settlement.domain.receipts import Target
from chalicelib.settlement.service.allocations import Allocate, allocate
from chalicelib.settlement.service.movements import book_movement
from tests.settlement.market import DUE, market
from tests.settlement.test_reversals import open_claims, paid, sound, taken_back
from tests.support.dynamodb_local import Tables


@pytest.mark.parametrize("minor", [DUE, DUE - 400, 1_500])
def test_all_parts_of_a_receipt_that_one_trade_got_are_taken_back(tables: Tables, minor: int) -> None:
    steel = market()
    deal = steel.deal()
    receipt_id = paid(steel, "", DUE)
    for part in (DUE - 1_000, 1_000):
        allocate(steel.call(), Allocate(receipt_id, Target.TRADE, deal.trade_id, steel.money(part)))

    taken_back(steel, minor)

    assert (steel.trade(deal).held_minor, steel.escrow(deal)) == (DUE - minor, DUE - minor)
    assert (steel.receipt(receipt_id).reversed_minor, steel.suspense) == (minor, 0)
    assert sound(tables, steel)


def test_parts_that_one_party_got_are_one_claim(tables: Tables) -> None:
    steel = market()
    party_id = steel.party("buyer")
    receipt_id = paid(steel, "", 1_000)
    for part in (600, 400):
        allocate(steel.call(), Allocate(receipt_id, Target.PARTY, party_id, steel.money(part)))
    steel.take_from("buyer", 700)

    taken_back(steel, 1_000)

    assert (steel.owed("buyer"), open_claims(steel)) == (0, [(party_id, 700)])
    assert (steel.receipt(receipt_id).reversed_minor, steel.suspense) == (1_000, 0)
    assert sound(tables, steel)


@pytest.mark.parametrize("minor", [1_000, 2 * DUE])
def test_a_debit_that_quotes_a_payments_id_undoes_it_only_if_it_says_so_or_is_as_much(
    tables: Tables, minor: int
) -> None:
    steel = market()
    deal = steel.deal()
    paid(steel, deal.reference, DUE, end_to_end_id="E2E-1", uetr="7c1b")
    charge = steel.movement(-minor, end_to_end_id="E2E-1", uetr="7c1b")

    book_movement(steel.told(charge), charge)

    assert steel.trade(deal).held_minor == DUE
    assert [(one.reason, one.unallocated_minor) for one in steel.unmatched()] == [("unknown_debit", -minor)]


@pytest.mark.parametrize(("others", "left"), [(1, 0), (10, 700)])
def test_an_id_that_many_payments_have_names_none_of_them(tables: Tables, others: int, left: int) -> None:
    steel = market()
    party_id = steel.party("buyer")
    receipt_id = paid(steel, "", 700, end_to_end_id="RENT")
    allocate(steel.call(), Allocate(receipt_id, Target.PARTY, party_id))
    for number in range(others):
        paid(steel, "", 5, bank_reference=f"MB-RENT-{number}", end_to_end_id="RENT")

    taken_back(steel, 700, original_reference="", end_to_end_id="RENT")

    assert steel.owed("buyer") == left
    assert sound(tables, steel)


@pytest.mark.parametrize("minor", [1_000, 650, 100])
def test_all_repayments_that_a_receipt_made_are_owed_again_the_latest_first(tables: Tables, minor: int) -> None:
    steel = market()
    steel.lend()
    lines = [steel.line(limit=1_000), steel.line(limit=1_000)]
    for line in lines:
        steel.draw(line, steel.deal(), 1_000)
    receipt_id = paid(steel, "", 1_000)
    for number, part in enumerate((300, 200, 400, 100)):
        allocate(steel.call(), Allocate(receipt_id, Target.CREDIT_LINE, lines[number % 2].line_id, steel.money(part)))

    taken_back(steel, minor)

    owed = [steel.balance(Purpose.LOAN, line.line_id) for line in lines]
    parts, expected = [(0, 300), (1, 200), (0, 400), (1, 100)], [300, 700]
    left = minor
    for which, part in reversed(parts):
        expected[which] += min(part, left)
        left -= min(part, left)
    assert (owed, steel.suspense, steel.receipt(receipt_id).reversed_minor) == (expected, 0, minor)
    assert sound(tables, steel)
