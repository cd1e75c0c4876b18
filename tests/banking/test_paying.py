"""Payouts on DynamoDB Local: made, sent, and moved on by what the bank tells, in every order and through crashes."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.banking import paying, payout_changes, store
from chalicelib.banking.payout_states import Event, State
from chalicelib.banking.payout_status import News
from chalicelib.core.call import worker_call
from chalicelib.core.errors import Conflict, InvalidInput, NotFound, Refusal
from chalicelib.ledger.domain import credit, debit
from chalicelib.ledger.service.entries import PostEntry, post_entry
from tests.banking.build import (
    ACCOUNT,
    BANK,
    MILL_IBAN,
    NAME,
    PAYMENT,
    TENANT,
    Cloud,
    balances,
    cny,
    created,
    debited,
    owed,
    party,
    party_account_id,
    returned,
)
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching

AT_START = {"bank": PAYMENT, "transit": PAYMENT, "party": 0}
SETTLED = {"bank": 0, "transit": 0, "party": 0}
GIVEN_BACK = {"bank": PAYMENT, "transit": 0, "party": PAYMENT}


def told(payout_id: str, event: Event, *, reference: str = "1") -> State:
    """Tell the books an event of a payout, as the worker does."""
    if event is Event.SENT:
        return paying.send_payout(TENANT, payout_id, now=MONDAY).state
    if event is Event.SETTLED:
        return payout_changes.settle_payout(debited(payout_id, reference=f"MB-PMT-{reference}"), now=MONDAY).state
    if event is Event.RETURNED:
        return payout_changes.return_payout(returned(payout_id, reference=f"MB-RTR-{reference}"), now=MONDAY).state
    return payout_changes.apply_payout_status(BANK, News(payout_id, event, "AC04"), now=MONDAY).state


def refusal(act: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value


def entries(tables: Tables, payout_id: str) -> list[str]:
    """The kinds of all journal items about a payout."""
    items = tables.client.scan(TableName=tables.name("journal"))["Items"]
    return sorted(item["kind"]["S"] for item in items if item.get("subject", {}).get("S") == payout_id)


def test_a_payout_moves_what_is_owed_into_transit(books: Cloud) -> None:
    mill = party()
    payout_id = created(mill)

    payout = paying.get_payout(TENANT, payout_id)
    assert (payout.state, payout.amount, payout.iban) == (State.CREATED, cny(PAYMENT), ACCOUNT.iban)
    assert balances(mill) == AT_START


def test_a_payout_of_more_than_is_owed_is_refused(books: Cloud) -> None:
    mill = party()
    owed(mill, 499)

    refused = refusal(lambda: paying.create_payout(call(tenant=TENANT), paying.CreatePayout(mill, cny(500))))

    assert (refused.code, refused.facts["available"]) == ("insufficient_funds", 499)


@pytest.mark.parametrize(
    ("tenant", "party_id", "currency", "code"),
    [
        (TENANT, "pty_none", "EUR", "party_not_found"),
        (TENANT, "", "EUR", "bank_account_not_linked"),
        ("ten_other", "", "CNY", "party_not_found"),
    ],
)
def test_a_payout_is_refused_in_this_order(books: Cloud, tenant: str, party_id: str, currency: str, code: str) -> None:
    command = paying.CreatePayout(party_id or party(), replace(cny(0), currency=currency))

    assert refusal(lambda: paying.create_payout(call(tenant=tenant), command)).code == code


def test_the_file_tells_the_bank_whom_to_pay_and_is_the_only_place_that_does(tables: Tables, books: Cloud) -> None:
    payout_id = created(party())

    told(payout_id, Event.SENT)

    content = books.read(f"payment-files/{BANK}/{payout_id}.xml").decode()
    for expected in (
        f"<MsgId>{payout_id}</MsgId>",
        f"<EndToEndId>{payout_id}</EndToEndId>",
        '<InstdAmt Ccy="CNY">5.00</InstdAmt>',
        f"<IBAN>{MILL_IBAN}</IBAN>",
        f"<IBAN>{ACCOUNT.iban}</IBAN>",
        f"<Nm>{NAME}</Nm>",
        "<Nm>Mill Ltd</Nm>",
        "<Ustrd>QT-1</Ustrd>",
        "<Dt>2026-03-02</Dt>",
    ):
        assert expected in content
    for table in ("records", "journal"):
        assert MILL_IBAN not in str(tables.client.scan(TableName=tables.name(table))["Items"])


@pytest.mark.parametrize(
    ("events", "end", "books_after", "kinds"),
    [
        ((Event.SENT, Event.ACCEPTED, Event.SETTLED), State.SETTLED, SETTLED, {"payout.settled"}),
        ((Event.SENT, Event.ACCEPTED, Event.REJECTED), State.REJECTED, GIVEN_BACK, {"payout.rejected"}),
        (
            (Event.ACCEPTED, Event.SETTLED, Event.RETURNED),
            State.RETURNED,
            GIVEN_BACK,
            {"payout.settled", "payout.returned"},
        ),
    ],
)
def test_every_order_told_twice_ends_in_one_state_with_each_movement_booked_once(
    tables: Tables,
    books: Cloud,
    events: tuple[Event, ...],
    end: State,
    books_after: dict[str, int],
    kinds: set[str],
) -> None:
    for number, order in enumerate(itertools.permutations(events)):
        mill = party()
        before = balances(mill)["bank"]
        payout_id = created(mill, key=f"{end.value}-{number}")

        for event in (*order, *order):
            told(payout_id, event, reference=str(number))

        assert paying.get_payout(TENANT, payout_id).state is end, order
        assert balances(mill) == books_after | {"bank": before + books_after["bank"]}, order
        booked = [kind for kind in entries(tables, payout_id) if kind in kinds]
        assert sorted(booked) == sorted(kinds), order


def test_old_news_writes_nothing(tables: Tables, books: Cloud) -> None:
    payout_id = created(party())
    told(payout_id, Event.SETTLED)
    before = entries(tables, payout_id)

    assert told(payout_id, Event.ACCEPTED) is State.SETTLED
    assert told(payout_id, Event.SENT) is State.SETTLED
    assert entries(tables, payout_id) == before == ["payout.created", "payout.settled"]


def test_a_rejection_after_the_debit_is_refused_and_changes_nothing(books: Cloud) -> None:
    mill = party()
    payout_id = created(mill)
    told(payout_id, Event.SETTLED)

    refused = refusal(lambda: told(payout_id, Event.REJECTED))

    assert (type(refused), refused.code) == (Conflict, "payout_state")
    assert balances(mill) == SETTLED


def test_a_debit_after_the_rejection_is_refused_and_changes_nothing(books: Cloud) -> None:
    mill = party()
    payout_id = created(mill)
    told(payout_id, Event.REJECTED)

    assert refusal(lambda: told(payout_id, Event.SETTLED)).code == "payout_state"
    assert balances(mill) == GIVEN_BACK


def test_a_bank_that_debits_twice_is_refused_the_second_time(books: Cloud) -> None:
    mill = party()
    payout_id = created(mill)
    told(payout_id, Event.SETTLED, reference="1")

    assert refusal(lambda: told(payout_id, Event.SETTLED, reference="2")).code == "payout_settled_twice"
    assert balances(mill) == SETTLED


def test_the_same_movement_with_another_amount_is_refused(books: Cloud) -> None:
    payout_id = created(party())
    told(payout_id, Event.SETTLED)

    refused = refusal(lambda: payout_changes.settle_payout(debited(payout_id, 499), now=MONDAY))

    assert refused.code == "movement_booked_otherwise"


def test_a_movement_booked_as_something_else_is_not_taken_for_the_payouts(books: Cloud) -> None:
    mill = party()
    payout_id = created(mill)
    movement = debited(payout_id)
    by_hand = worker_call(
        tenant=TENANT, key=movement.key, content=movement.content, now=MONDAY, entropy=b"1" * 10, actor="finance"
    )
    postings = (debit(party_account_id(mill), cny(1)), credit(ACCOUNT.account_id, cny(1)))
    owed(mill, 1)
    post_entry(by_hand, PostEntry("break.resolved", postings))

    assert refusal(lambda: payout_changes.settle_payout(movement, now=MONDAY)).code == "movement_booked_otherwise"
    assert paying.get_payout(TENANT, payout_id).state is State.CREATED


def test_a_payout_that_moved_on_another_account_is_refused(books: Cloud) -> None:
    payout_id = created(party())
    for account in (replace(ACCOUNT, iban="6222"), replace(ACCOUNT, tenant_id="ten_other")):
        movement = replace(debited(payout_id), account=account)

        assert refusal(lambda movement=movement: payout_changes.settle_payout(movement, now=MONDAY)).code == (  # type: ignore[misc]
            "payout_account_differs"
        )


def test_a_payout_the_bank_returns_less_a_charge_gives_back_the_rest(books: Cloud) -> None:
    mill = party()
    payout_id = created(mill)
    told(payout_id, Event.SETTLED)

    payout = payout_changes.return_payout(returned(payout_id, 480), now=MONDAY)

    assert (payout.state, payout.reason, payout.returned_minor) == (State.RETURNED, "AC04", 480)
    assert balances(mill) == {"bank": 480, "transit": 0, "party": 480}


def test_a_payout_that_is_not_known_may_become_so_and_one_of_another_form_never(books: Cloud) -> None:
    payout_id = created(party())
    unknown = f"pay_{'0' * 26}"

    assert isinstance(refusal(lambda: told(unknown, Event.SETTLED)), NotFound)
    assert isinstance(refusal(lambda: told(unknown, Event.ACCEPTED)), NotFound)
    assert store.payout_owner(BANK, payout_id).tenant == TENANT
    for never in ("", "po-1"):
        refused = refusal(lambda never=never: told(never, Event.ACCEPTED))  # type: ignore[misc]
        assert (type(refused), refused.code) == (InvalidInput, "not_our_payout")
    other_bank = refusal(
        lambda: payout_changes.apply_payout_status("bank_other", News(payout_id, Event.REJECTED), now=MONDAY)
    )
    assert (type(other_bank), other_bank.code) == (NotFound, "payout_not_found")


def test_a_process_killed_while_making_a_payout_leaves_one(books: Cloud) -> None:
    for number, point in enumerate(crash_points()):
        mill = party()
        owed(mill)
        one, command = call(tenant=TENANT), paying.CreatePayout(mill, cny(PAYMENT))
        with point:
            paying.create_payout(one, command)

        payout_id = paying.create_payout(one, command).item.data["payout_id"]

        assert balances(mill)["party"] == 0, point
        assert balances(mill)["transit"] == PAYMENT * (number + 1), point
        assert payout_id in {each.payout_id for each in paying.list_payouts(TENANT, after=None, limit=100).values}


def test_a_process_killed_while_sending_leaves_one_file_and_one_mark(tables: Tables, books: Cloud) -> None:
    for number, point in enumerate(crash_points()):
        payout_id = created(party())
        with point:
            told(payout_id, Event.SENT)

        assert told(payout_id, Event.SENT) is State.SENT, point

        assert books.versions() == number + 1, point
        assert entries(tables, payout_id).count("payout.sent") == 1, point


def test_a_bank_that_is_faster_than_our_mark_is_harmless(books: Cloud) -> None:
    for point in crash_points(only="dynamodb.TransactWriteItems"):
        mill = party()
        before = balances(mill)["bank"]
        payout_id = created(mill)
        with point:
            told(payout_id, Event.SENT)
        told(payout_id, Event.SETTLED, reference=payout_id)

        assert told(payout_id, Event.SENT) is State.SETTLED, point
        assert balances(mill) == SETTLED | {"bank": before}, point


@pytest.mark.parametrize(
    ("events", "after"),
    [
        ((Event.SETTLED,), SETTLED),
        ((Event.REJECTED,), GIVEN_BACK),
        ((Event.RETURNED, Event.SETTLED), GIVEN_BACK),
        ((Event.SETTLED, Event.RETURNED), GIVEN_BACK),
    ],
)
def test_a_process_killed_while_the_bank_tells_books_it_once(
    books: Cloud, events: tuple[Event, ...], after: dict[str, int]
) -> None:
    for number, point in enumerate(crash_points()):
        mill = party()
        before = balances(mill)["bank"]
        payout_id = created(mill)
        with point:
            for event in events:
                told(payout_id, event, reference=f"{number}")

        for event in events:
            told(payout_id, event, reference=f"{number}")

        assert balances(mill) == after | {"bank": before + after["bank"]}, point


def test_a_lost_answer_is_absorbed(books: Cloud) -> None:
    for number, point in enumerate(lost_points(only="dynamodb")):
        mill = party()
        before = balances(mill)["bank"]
        payout_id = created(mill)
        with point:
            told(payout_id, Event.SETTLED, reference=f"{number}")

        assert balances(mill) == SETTLED | {"bank": before}, point


def test_settling_is_one_commit_and_three_reads(books: Cloud) -> None:
    payout_id = created(party())

    with watching() as calls:
        payout_changes.settle_payout(debited(payout_id), now=MONDAY)

    assert calls.operations == [
        "dynamodb.GetItem",
        "dynamodb.BatchGetItem",
        "dynamodb.TransactWriteItems",
        "dynamodb.GetItem",
    ]


def test_payouts_are_listed_newest_first_and_only_to_their_tenant(books: Cloud) -> None:
    mill = party()
    owed(mill, 3)
    for day in range(3):
        paying.create_payout(call(tenant=TENANT, days=day), paying.CreatePayout(mill, cny(1)))

    listed = paying.list_payouts(TENANT, after=None, limit=10).values

    assert [(each.created_at - MONDAY).days for each in listed] == [2, 1, 0]
    assert paying.list_payouts("ten_other", after=None, limit=10).values == ()
    with pytest.raises(NotFound):
        paying.get_payout("ten_other", listed[0].payout_id)
