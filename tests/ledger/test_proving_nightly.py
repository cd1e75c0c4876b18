"""The nightly proof: it goes on where the last one ended, in pieces of any size, and misses nothing that the proof from
the first entry on would find."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.access import service as access
from chalicelib.access.domain import OPERATOR
from chalicelib.core.errors import Conflict
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.lines import chain
from chalicelib.ledger.service import deferred, proving_feed, proving_nightly
from chalicelib.ledger.service import feed as feeding
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.service.proving import Report
from chalicelib.ledger.service.proving_nightly import prove_due, prove_on
from chalicelib.ledger.service.trial import trial_balance
from chalicelib.ledger.store import discrepancies, proofs
from chalicelib.ledger.store.history import history_page, to_item
from chalicelib.ledger.store.proofs import load_proven
from tests.ledger import vaults
from tests.ledger.feeding import yuan
from tests.ledger.followed import Followed
from tests.ledger.test_proving import LATER, Hand, busy_books, entry_ids, number_of, sign
from tests.ledger.vaults import Vault
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points


@pytest.fixture(scope="module")
def shared() -> Iterator[Vault]:
    with pytest.MonkeyPatch.context() as environment, vaults.opened(environment) as opened:
        yield opened


@pytest.fixture
def vault(shared: Vault, session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Vault:
    vaults.use(session_tables, monkeypatch)
    monkeypatch.setattr(proving_feed, "TRIES", 2)
    monkeypatch.setattr(discrepancies, "pause", lambda attempt: None)
    return shared


@pytest.fixture
def books(vault: Vault) -> Followed:
    return busy_books()


@pytest.fixture
def hand(session_tables: Tables, books: Followed) -> Hand:
    return Hand(session_tables, books)


def proved(books: Followed, *, now: Any = LATER) -> Report:
    return prove_on(books.tenant, now, out_of_time=lambda: False)


def found(books: Followed) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for difference in proved(books).differences:
        kinds.setdefault(difference.kind, []).append(difference.subject)
    return kinds


def check_kept(books: Followed) -> None:
    """What is kept of each account is what it says of itself."""
    kept = load_proven(books.tenant, books.known)
    for account_id, one in kept.items():
        account = books.account(account_id)
        told = (one.total.amount, one.total.held, one.total.lines, one.version, one.open_since)
        assert told == (account.balance, account.held, account.version, account.version, None)
        assert one.total == one.lines


def test_the_first_night_proves_all_and_the_next_what_is_new(books: Followed) -> None:
    made = sign(books)

    first, second = proved(books), proved(books)
    books.paid(books.bank, books.party, 9)
    third = proved(books)

    assert first == Report(books.tenant, entries=7, accounts=3, lines=8, checkpoints=made)
    assert second == Report(books.tenant)
    assert third == Report(books.tenant, entries=1, accounts=2, lines=2)
    check_kept(books)


@pytest.mark.parametrize("piece", [1, 2, 3, 100])
def test_pieces_of_any_size_come_to_the_same(piece: int, books: Followed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving_nightly, "PIECE", piece)

    report = proved(books)

    assert (report.entries, report.lines, report.differences, report.moving) == (7, 8, (), 0)
    check_kept(books)


def test_a_run_without_time_stops_between_pieces_and_the_next_goes_on(
    books: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proving_nightly, "PIECE", 3)

    runs = [prove_on(books.tenant, LATER, out_of_time=lambda: True) for _ in range(3)]

    assert [run.entries for run in runs] == [3, 3, 1]
    assert proofs.last_proof(books.tenant) == proofs.Proof(7, "2026-03-04T09:00:00.000000Z")
    check_kept(books)


def test_a_night_killed_at_any_call_is_made_good_by_the_next_run(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving_nightly, "PIECE", 4)
    books = busy_books()
    for point in crash_points():
        books.paid(books.bank, books.party, 5)
        books.paid(books.party, books.fees, 1)
        with point:
            proved(books)

        assert proved(books).differences == (), point
        check_kept(books)


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        ("balance", "balance_differs"),
        ("held", "held_differs"),
        ("debit_room", "debit_room_differs"),
        ("credit_room", "credit_room_differs"),
    ],
)
@pytest.mark.parametrize("touched", [True, False])
def test_an_account_changed_after_it_was_proved_is_named_though_no_stream_told(
    attribute: str, kind: str, touched: bool, books: Followed, hand: Hand
) -> None:
    proved(books)
    hand.account(books.party, f"SET {attribute} = {attribute} + :more", more=number_of(1))
    if touched:
        books.paid(books.bank, books.party, 1)

    assert found(books)[kind] == [books.party]


def test_what_differs_is_named_each_night_until_it_is_right_and_the_trial_balance_says_so(
    books: Followed, hand: Hand
) -> None:
    hand.account(books.bank, "SET balance = balance + :more, credit_room = credit_room + :more", more=number_of(5))
    hand.account(books.bank, "SET debit_room = debit_room - :more", more=number_of(5))
    nights = [found(books), found(books)]
    wrong = trial_balance(books.tenant)
    hand.account(books.bank, "SET balance = balance - :more, credit_room = credit_room - :more", more=number_of(5))
    hand.account(books.bank, "SET debit_room = debit_room + :more", more=number_of(5))
    nights.append(found(books))
    right = trial_balance(books.tenant)

    assert [list(night) for night in nights] == [["balance_differs"], ["balance_differs"], []]
    assert (wrong.proved, [one.account_id for one in wrong.discrepancies]) == (False, [books.bank])
    assert wrong.proof is not None and wrong.proof.differences == 1
    assert (right.proved, right.proof and right.proof.differences) == (True, 0)


@pytest.mark.parametrize(
    ("change", "value"),
    [("SET amount = :value", number_of(301)), ("SET digest = :value", {"S": "00" * 32})],
)
def test_an_old_line_changed_after_it_was_proved_is_named(
    change: str, value: dict[str, str], books: Followed, hand: Hand
) -> None:
    proved(books)
    hand.line(books.party, 2, change, value=value)

    assert found(books) == {"history_broken": [books.party]}


def test_an_old_line_dropped_after_it_was_proved_is_named(books: Followed, hand: Hand) -> None:
    proved(books)
    hand.drop_line(books.party, 2)

    assert found(books) == {"history_broken": [books.party]}


def test_a_history_chained_anew_after_it_was_proved_is_named(books: Followed, hand: Hand) -> None:
    proved(books)
    lines = history_page(books.tenant, books.party, after=None, limit=100, newest_first=False).lines
    for line in chain(None, [lines[0], *lines[1:]]):
        forged = to_item(line) | {"reference": {"S": "other"}, "hash": {"S": "00" * 32}}
        hand.tables.client.put_item(TableName=hand.tables.name("history"), Item=forged)

    assert found(books) == {"history_broken": [books.party]}


def test_an_old_entry_changed_after_it_was_proved_is_named_by_its_checkpoint(books: Followed, hand: Hand) -> None:
    sign(books)
    proved(books)
    entry_id = entry_ids(books)[4]
    hand.entry(entry_id, "SET actor = :other", other={"S": "cli_other"})

    assert found(books) == {"entry_altered": [entry_id]}


def test_a_new_checkpoint_over_other_entries_is_named(books: Followed, hand: Hand) -> None:
    proved(books)
    books.paid(books.bank, books.party, 9)
    sign(books)
    hand.entry(entry_ids(books)[7], "SET actor = :other", other={"S": "cli_other"})

    assert found(books)["entry_altered"] == [entry_ids(books)[7]]


def test_an_entry_dropped_before_it_was_proved_is_named(books: Followed, hand: Hand) -> None:
    proved(books)
    books.paid(books.bank, books.party, 9)
    hand.drop("journal", hand.pk(entry_ids(books)[7]))

    names = found(books)
    assert len(names["entry_missing"]) == 1
    assert sorted(names["entries_missing"]) == sorted([books.bank, books.party])


def test_lines_lost_since_are_filled_in(books: Followed) -> None:
    proved(books)
    books.projecting = False
    books.paid(books.bank, books.party, 9)
    early = proved(books, now=MONDAY + timedelta(minutes=30))

    late = proved(books)

    assert (early.late, early.refilled, early.differences) == (2, 0, ())
    assert (late.refilled, late.differences) == (2, ())
    check_kept(books)


def test_an_entry_without_a_number_is_named_by_its_accounts_in_whatever_night(books: Followed) -> None:
    proved(books)
    books.numbering = False
    books.paid(books.bank, books.party, 1)
    assert found(books) == {"entries_missing": sorted([books.bank, books.party])}
    books.numbering = True
    books.paid(books.party, books.fees, 1)

    assert found(books) == {}
    check_kept(books)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 50)), max_size=14),
    nights=st.sets(st.integers(0, 13)),
    piece=st.integers(1, 6),
)
def test_whatever_was_booked_between_whatever_nights_is_proved(
    vault: Vault, moves: list[tuple[int, int, int]], nights: set[int], piece: int
) -> None:
    books = Followed()
    accounts = [books.bank, books.fees, books.opened(Kind.EXPENSE), books.opened(Kind.ASSET, deferred=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(proving_nightly, "PIECE", piece)
        for at, (debited, credited, minor) in enumerate(moves):
            if debited != credited:
                books.paid(accounts[debited], accounts[credited], minor)
            if at in nights:
                assert proved(books).differences == ()

        assert proved(books).differences == ()
    check_kept(books)


def test_books_that_move_while_they_are_proved_never_differ(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proving_nightly, "PIECE", 7)
    books = Followed(projecting=False)
    done = threading.Event()

    def pay(seed: int) -> None:
        chance = random.Random(seed)
        while not done.is_set():
            debited, credited = chance.sample([books.bank, books.party, books.fees], 2)
            post = PostEntry("entry.posted", (debit(debited, yuan(1)), credit(credited, yuan(1))))
            with suppress(Conflict):
                feeding.number([post_entry(call(tenant=books.tenant, now=MONDAY), post).item])
                deferred.fold(books.tenant)

    with ThreadPoolExecutor(3) as pool:
        payers = [pool.submit(pay, seed) for seed in range(3)]
        reports = [proved(books, now=MONDAY + timedelta(minutes=5)) for _ in range(3)]
        done.set()
        for payer in payers:
            payer.result()

    assert [report.differences for report in reports] == [()] * 3
    assert proved(books, now=MONDAY + timedelta(minutes=5)).differences == ()


def test_each_tenant_is_proved_once_a_night_and_again_where_something_differs(shared: Vault, tables: Tables) -> None:
    ids = sorted(access.create_tenant(call(tenant=OPERATOR), name).item.data["tenant_id"] for name in ("a", "b"))
    books = [busy_books(tenant=tenant) for tenant in ids]
    Hand(tables, books[0]).account(books[0].party, "SET balance = balance + :one", one=number_of(1))

    runs = [prove_due(LATER, out_of_time=lambda: False) for _ in range(2)]
    next_night = prove_due(LATER + timedelta(days=1), out_of_time=lambda: False)

    assert {report.tenant for report in runs[0]} == {OPERATOR, *ids}
    assert [report.tenant for report in runs[1]] == [ids[0]]
    assert {report.tenant for report in next_night} == {OPERATOR, *ids}
    assert {r.tenant: len(r.differences) for r in next_night} == {OPERATOR: 0, ids[0]: 3, ids[1]: 0}


def test_the_scan_for_entries_without_a_number_goes_on_where_it_was_broken_off(shared: Vault, tables: Tables) -> None:
    tenant = access.create_tenant(call(tenant=OPERATOR), "a").item.data["tenant_id"]
    books = busy_books(tenant=tenant)
    books.numbering = False
    for _ in range(120):
        books.post(debit(books.bank, yuan(1)), credit(books.party, yuan(1)))

    runs = [prove_due(LATER, out_of_time=lambda: True) for _ in range(3)]

    assert sum(report.numbered for run in runs for report in run if report.tenant == tenant) == 120
    assert proofs.load_scan().done_at
