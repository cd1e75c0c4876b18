"""Movements told again, told alike, and told in doubt: as many are booked as there are, and none is lost."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict
from chalicelib.settlement.booking import book_decided
from chalicelib.settlement.domain.possible_duplicates import PossibleDuplicate
from chalicelib.settlement.service import identity
from tests.messages import build
from tests.settlement.desk import Desk, moved
from tests.settlement.market import PAID, kinds, market, trial_balance
from tests.support.faults import crash_points

PAYERS = [{"name": f"Buyer {n}", "account": f"62220202000000{n}"} for n in range(40)]


def aside(desk: Desk, status: str = "open") -> list[PossibleDuplicate]:
    return list(identity.list_duplicates(desk.place.tenant, status, after=None, limit=50).values)


def call(desk: Desk, key: str | None = None) -> Call:
    return desk.place.call(key)


@pytest.mark.parametrize("reference", ["0001", "NONREF", ""])
def test_two_payments_under_one_reference_that_banks_fill_each_fund_their_trade(desk: Desk, reference: str) -> None:
    deals = [desk.place.deal(), desk.place.deal()]
    for number, deal in enumerate(deals):
        told = moved(PAID, "x", reference=deal.reference, end_to_end_id=f"E-{number}", counterparty=PAYERS[number])
        told |= {"bank_reference": reference, "booked_on": f"2026-03-0{2 + number}"}
        assert desk.tell(desk.report(told)) == []

    assert [desk.place.escrow(deal) for deal in deals] == [PAID, PAID]
    assert (desk.place.bank, desk.quarantine(), aside(desk)) == (2 * PAID, [], [])


@pytest.mark.parametrize("reference", ["0001", ""])
def test_equal_entries_of_one_message_are_as_many_movements(desk: Desk, reference: str) -> None:
    told = [moved(5, "x") | {"bank_reference": reference} for _ in range(3)]
    message = desk.take(desk.report(*told))

    for _ in range(2):
        assert desk.handle(message) == []

    assert (desk.place.bank, desk.quarantine(), aside(desk)) == (15, [], [])


def test_a_movement_without_any_reference_is_booked(desk: Desk) -> None:
    deal = desk.place.deal()
    told = moved(PAID, "x", reference=deal.reference) | {"bank_reference": "NOT PROVIDED"}

    assert desk.tell(desk.report(told)) == []

    assert (desk.place.escrow(deal), desk.quarantine()) == (PAID, [])


@pytest.mark.parametrize("reference", ["", "<AcctSvcrRef>nonref </AcctSvcrRef>", "<AcctSvcrRef>0001</AcctSvcrRef>"])
def test_three_equal_payments_of_a_day_are_three_in_whatever_messages_they_are(desk: Desk, reference: str) -> None:
    told = build.entry("10.00", currency="CNY").replace("<AcctSvcrRef>REF</AcctSvcrRef>", reference)
    account = build.ACCOUNT.replace("EUR", "CNY")

    def report(equals: int, container: str, wrapper: str) -> bytes:
        opening, closing = (
            build.balance(code, f"{10 * n}.00", currency="CNY") for code, n in (("OPBD", 0), ("CLBD", equals))
        )
        inside = build.statement(opening, told * equals, closing, account=account, wrapper=wrapper)
        return build.message(inside, container=container)

    intraday, statements = ("BkToCstmrAcctRpt", "Rpt"), ("BkToCstmrStmt", "Stmt")
    alone = build.message(
        build.statement(told * 3, account=account, wrapper="Ntfctn"), container="BkToCstmrDbtCdtNtfctn"
    )
    for body in (report(1, *intraday), alone, report(2, *intraday), report(3, *intraday), report(3, *statements)):
        assert desk.tell(body) == []

    assert (desk.place.bank, desk.quarantine()) == (3_000, [])


def test_a_doubtful_movement_neither_books_nor_funds_and_is_listed_once(desk: Desk) -> None:
    deal = desk.place.deal()
    first = moved(PAID, "x", reference=deal.reference) | {"bank_reference": ""}
    for number in range(3):
        desk.tell(desk.report(first | {"remittance": [f"told {number}"]}))

    (kept,) = aside(desk)
    assert (desk.place.bank, desk.place.escrow(deal)) == (PAID, PAID)
    assert (kept.movement.amount.minor, kept.status) == (PAID, "open")


def test_a_reference_told_again_with_another_amount_is_doubtful(desk: Desk) -> None:
    desk.tell(desk.report(moved(5, "MB-1")))
    desk.tell(desk.report(moved(6, "MB-1")))

    assert (desk.place.bank, [each.movement.amount.minor for each in aside(desk)]) == (5, [6])


def test_the_later_word_completes_the_earlier(desk: Desk) -> None:
    desk.tell(desk.report(moved(5, "MB-1")))
    desk.tell(desk.report(moved(5, "MB-1", end_to_end_id="E-1")))
    desk.tell(desk.report(moved(5, "MB-1", end_to_end_id="E-2")))

    assert (desk.place.bank, aside(desk)) == (10, [])


# ---- decided by a person


def doubted(desk: Desk, minor: int = PAID) -> tuple[PossibleDuplicate, Any]:
    deal = desk.place.deal()
    told = moved(minor, "x", reference=deal.reference) | {"bank_reference": ""}
    desk.tell(desk.report(told))
    desk.tell(desk.report(told | {"remittance": ["again"]}))
    (kept,) = aside(desk)
    return kept, deal


def test_a_confirmed_one_is_booked_as_another_and_funds(desk: Desk) -> None:
    kept, deal = doubted(desk, PAID // 2)

    for _ in range(2):
        identity.confirm(call(desk, "k"), kept.duplicate_id, "the payer paid twice")
        book_decided(desk.place.tenant, kept.duplicate_id, now=call(desk).now)

    assert (desk.place.bank, desk.place.escrow(deal)) == (PAID, PAID)
    assert ([], ["the payer paid twice"]) == (aside(desk), [each.comment for each in aside(desk, "confirmed")])


def test_a_dismissed_one_stays_unbooked_and_can_be_reopened(desk: Desk) -> None:
    kept, _ = doubted(desk)
    identity.dismiss(call(desk), kept.duplicate_id, "told twice")
    assert (aside(desk), len(aside(desk, "dismissed")), desk.place.bank) == ([], 1, PAID)

    identity.reopen_dismissed(call(desk), kept.duplicate_id, "not so sure")

    assert [each.status for each in aside(desk)] == ["open"]


def decided(desk: Desk, kept: PossibleDuplicate, act: Callable[[Call, str, str], object], key: str) -> None:
    """A decision with what follows, asked for twice."""
    for _ in range(2):
        act(call(desk, key), kept.duplicate_id, "so it is")
        book_decided(desk.place.tenant, kept.duplicate_id, now=call(desk).now)


def test_a_confirmed_one_is_undone_and_what_it_has_funded_is_taken_back(desk: Desk) -> None:
    kept, deal = doubted(desk, PAID // 2)
    decided(desk, kept, identity.confirm, "c")

    decided(desk, kept, identity.dismiss, "d")

    (now,) = aside(desk, "dismissed")
    assert (now.taken_back, desk.place.suspense) == (1, 0)
    assert (desk.place.bank, desk.place.escrow(deal)) == (PAID // 2, PAID // 2)
    assert trial_balance(desk.tables, desk.place.tenant) == {"CNY": 0}


def test_it_is_confirmed_and_undone_as_often_as_somebody_likes(desk: Desk) -> None:
    kept, deal = doubted(desk, PAID // 2)

    for turn in range(3):
        decided(desk, kept, identity.confirm, f"c{turn}")
        assert (desk.place.bank, desk.place.escrow(deal)) == (PAID, PAID)
        decided(desk, kept, identity.dismiss, f"d{turn}")
        assert (desk.place.bank, desk.place.escrow(deal)) == (PAID // 2, PAID // 2)
        decided(desk, kept, identity.reopen_dismissed, f"r{turn}")
    decided(desk, kept, identity.confirm, "last")

    assert (desk.place.bank, desk.place.escrow(deal), desk.place.suspense) == (PAID, PAID, 0)


def test_what_is_confirmed_is_confirmed_and_reopened_no_more(desk: Desk) -> None:
    kept, _ = doubted(desk)
    identity.confirm(call(desk), kept.duplicate_id, "two payments")

    for act in (identity.confirm, identity.reopen_dismissed):
        with pytest.raises(Conflict) as refusal:
            act(call(desk), kept.duplicate_id, "no")
        assert (refusal.value.code, refusal.value.facts["status"]) == ("possible_duplicate_decided", "confirmed")


def test_what_is_not_booked_yet_is_not_undone(desk: Desk) -> None:
    kept, _ = doubted(desk)
    identity.confirm(call(desk), kept.duplicate_id, "two payments")

    with pytest.raises(Conflict) as refusal:
        identity.dismiss(call(desk), kept.duplicate_id, "no")

    assert refusal.value.code == "possible_duplicate_not_received"


def test_an_undoing_that_is_killed_at_any_call_takes_back_once(desk: Desk) -> None:
    kept, deal = doubted(desk, PAID // 2)

    def act(command: Callable[[Call, str, str], object], key: str) -> None:
        command(call(desk, key), kept.duplicate_id, "so it is")
        book_decided(desk.place.tenant, kept.duplicate_id, now=call(desk).now)

    for turn, point in enumerate(crash_points()):
        decided(desk, kept, identity.confirm, f"c{turn}")
        with point:
            act(identity.dismiss, f"d{turn}")
        act(identity.dismiss, f"d{turn}")
        assert (desk.place.bank, desk.place.escrow(deal)) == (PAID // 2, PAID // 2), point
        decided(desk, kept, identity.reopen_dismissed, f"r{turn}")


# ---- many at once, and killed


def test_one_movement_told_by_32_at_once_is_booked_once(desk: Desk) -> None:
    bodies = [desk.report(moved(5, "MB-1", remittance=[str(number)])) for number in range(32)]
    messages = [desk.take(body) for body in bodies]

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(desk.handle, messages))
    for message in messages:
        assert desk.handle(message) == []

    assert (desk.place.bank, aside(desk)) == (5, [])
    assert kinds(desk.tables, desk.place.tenant).count("movement.booked") == 1


@pytest.mark.parametrize("reference", ["0001", ""])
def test_32_movements_told_alike_at_once_are_32(desk: Desk, reference: str) -> None:
    told = [moved(5, "x", end_to_end_id=f"E-{n}") | {"bank_reference": reference} for n in range(32)]
    messages = [desk.take(desk.report(each)) for each in told]

    with ThreadPoolExecutor(32) as pool:
        list(pool.map(desk.handle, messages))
    for message in messages:
        assert desk.handle(message) == []

    assert (desk.place.bank, aside(desk)) == (160, [])


def test_a_worker_killed_at_any_call_keeps_a_doubtful_movement_once(desk: Desk) -> None:
    for number, point in enumerate(crash_points()):
        place = market(f"Marketplace {number}", iban=f"6222{number:012}")
        own = Desk(place, desk.tables, desk.callbacks, desk.payments)
        told = moved(5, "x") | {"bank_reference": ""}
        own.tell(own.report(told))
        message = own.take(own.report(told | {"remittance": ["again"]}))
        with point:
            own.handle(message)

        assert own.handle(message, receive_count=2) == [], point
        assert (place.bank, [each.status for each in aside(own)]) == (5, ["open"]), point
