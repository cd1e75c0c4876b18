"""Commands at one instant, 32 at a time: money is taken once, a key has one effect, a hold is never exceeded."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest

from chalicelib.core.errors import Busy, Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.holds import Terms
from chalicelib.ledger.service.batches import post_batch
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.service.holds import CaptureHold, PlaceHold, capture_hold, get_hold, place_hold, void_hold
from chalicelib.ledger.service.reversals import ReverseEntry, reverse_entry
from chalicelib.ledger.service.transfers import transfer_up_to
from tests.ledger.books import Books, entry, new_books
from tests.ledger.sums import own_sums
from tests.support.dynamodb_local import Tables

THREADS = 32
MOST_TRIES = 50
Act = Callable[[], Any]


@pytest.fixture
def books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Books:
    return new_books(session_tables, monkeypatch)


def at_once(acts: Sequence[Act]) -> list[Any]:
    """What each of these came to, all begun at one instant: its answer, or the code it was refused with. Contention
    that outlasted the tries is tried again, as a caller would."""
    barrier = threading.Barrier(len(acts))

    def run(act: Act) -> Any:
        barrier.wait()
        for _ in range(MOST_TRIES):
            try:
                return act()
            except Busy:
                continue
            except Refusal as refusal:
                return refusal.code
        raise AssertionError("contention that does not end")

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def refused(results: list[Any]) -> list[str]:
    return [result for result in results if isinstance(result, str)]


def hold_of(books: Books, payer: str, payee: str, minor: int) -> PlaceHold:
    return PlaceHold(Terms(payer, payee, Money(minor, "CNY")))


def placed(books: Books, payer: str, payee: str, minor: int) -> str:
    return str(place_hold(books.call(), hold_of(books, payer, payee, minor)).item.subject)


def pair(books: Books, funds: int) -> tuple[str, str]:
    """A payer with so much, who cannot be overdrawn, and a payee."""
    return books.opened(funds=funds, floor=0), books.opened()


def test_thirty_two_commands_of_every_kind_never_overdraw_one_account(books: Books) -> None:
    payer, payee = pair(books, 500)
    transfers = [lambda: books.post(payer, payee, 31) for _ in range(8)]
    ups = [lambda: transfer_up_to(books.call(), entry(payer, payee, 40)) for _ in range(8)]
    holds = [lambda: place_hold(books.call(), hold_of(books, payer, payee, 29)) for _ in range(8)]
    batches = [lambda: post_batch(books.call(), keyed(books, payer, payee, 13, 17)) for _ in range(8)]

    results = at_once([*transfers, *ups, *holds, *batches])

    account = books.account(payer)
    moved = sum(item.legs[0].amount for result in results if not isinstance(result, str) for item in items(result))
    held = 29 * sum(not isinstance(result, str) and is_placed(result) for result in results)
    assert (account.own_balance, account.held) == (500 - moved, held)
    assert account.available >= 0
    assert books.balances(payee) == [moved]
    assert set(refused(results)) <= {"insufficient_funds", "nothing_to_move"}


def is_placed(result: Any) -> bool:
    return getattr(result, "outcome", result).item.kind == "hold.placed"


def items(result: Any) -> list[Any]:
    """The journal items of an answer that move money."""
    found = result.items if hasattr(result, "items") else (result.item,)
    return [item for item in found if item.legs]


def keyed(books: Books, payer: str, payee: str, *amounts: int) -> list[Keyed]:
    """The entries of a batch, each under a key of its own."""
    return [Keyed(books.call().key[2:], entry(payer, payee, minor)) for minor in amounts]


def test_thirty_two_captures_of_one_hold_never_exceed_it(books: Books) -> None:
    payer, payee = pair(books, 1_000)
    hold_id = placed(books, payer, payee, 100)

    results = at_once(
        [
            partial(capture_hold, books.call(), CaptureHold(hold_id, Money(7, "CNY"), close=False))
            for _ in range(THREADS)
        ]
    )

    hold, account = get_hold(books.tenant, hold_id).hold, books.account(payer)
    assert refused(results) == ["capture_exceeds_hold"] * 18
    assert (hold.captured, hold.remaining) == (98, 2)
    assert (account.own_balance, account.held) == (902, 2)
    assert books.balances(payee) == [98]


def test_a_hold_is_captured_or_voided_and_never_both(books: Books) -> None:
    payer, payee = pair(books, 100)
    hold_id = placed(books, payer, payee, 60)
    captures = [partial(capture_hold, books.call(), CaptureHold(hold_id)) for _ in range(16)]
    voids = [partial(void_hold, books.call(), hold_id) for _ in range(16)]

    results = at_once([*captures, *voids])

    account = books.account(payer)
    assert len(refused(results)) == THREADS - 1
    assert len(set(refused(results))) == 1
    captured = 60 if set(refused(results)) == {"hold_captured"} else 0
    assert (account.own_balance, account.held, books.balances(payee)) == (100 - captured, 0, [captured])


def commands(books: Books, payer: str, payee: str) -> dict[str, Act]:
    """One command of each kind under a key of its own, and what it moves: 5."""
    call, batch = books.call(), keyed(books, payer, payee, 2, 3)
    hold_id, posted = placed(books, payer, payee, 5), books.post(payee, payer, 5).item.entry_id
    return {
        "entry": partial(post_entry, call, entry(payer, payee, 5)),
        "up_to": partial(transfer_up_to, call, entry(payer, payee, 5)),
        "batch": partial(post_batch, call, batch),
        "capture": partial(capture_hold, call, CaptureHold(hold_id)),
        "reversal": partial(reverse_entry, call, ReverseEntry(posted)),
    }


@pytest.mark.parametrize("kind", ["entry", "up_to", "batch", "capture", "reversal"])
def test_thirty_two_retries_of_one_key_have_one_effect(books: Books, kind: str) -> None:
    payer, payee = books.opened(funds=100, floor=0), books.opened(funds=100, floor=0)
    act = commands(books, payer, payee)[kind]
    [before] = books.balances(payee)

    results = at_once([act] * THREADS)

    outcomes = [getattr(result, "outcome", result) for result in results]
    assert books.balances(payee) == [before + 5]
    assert [outcome.replayed for outcome in outcomes].count(False) == 1
    assert len({repr(outcome.item) for outcome in outcomes}) == 1


def test_batches_against_singles_book_all_or_none_and_nothing_twice(books: Books) -> None:
    one, other = books.opened(funds=300, floor=0), books.opened(funds=300, floor=0)
    there = [partial(post_batch, books.call(), keyed(books, one, other, 30, 40)) for _ in range(8)]
    back = [partial(post_batch, books.call(), keyed(books, other, one, 25, 35)) for _ in range(8)]
    singles = [partial(books.post, one, other, 20) for _ in range(8)]
    others = [partial(books.post, other, one, 15) for _ in range(8)]

    results = at_once([*there, *back, *singles, *others])

    done = [sum(not isinstance(result, str) for result in results[i : i + 8]) for i in range(0, THREADS, 8)]
    moved = 70 * done[0] - 60 * done[1] + 20 * done[2] - 15 * done[3]
    assert books.balances(one, other) == [300 - moved, 300 + moved]
    assert books.versions(one) == [1 + 2 * (done[0] + done[1]) + done[2] + done[3]]
    assert set(refused(results)) <= {"insufficient_funds"}
    assert not any(own_sums(books.tenant).values())


def test_a_key_belongs_to_a_batch_or_to_a_single_and_never_to_both(books: Books) -> None:
    payer, payee = pair(books, 1_000)
    keys = [f"contested-{number}" for number in range(16)]
    batches = [
        partial(post_batch, books.call(), [*keyed(books, payer, payee, 1), Keyed(key, entry(payer, payee, 10))])
        for key in keys
    ]
    singles = [partial(books.post, payer, payee, 10, key=key) for key in keys]

    results = at_once([*batches, *singles])

    in_batches = sum(not isinstance(result, str) for result in results[:16])
    assert refused(results) == ["idempotency_key_reused"] * 16
    assert books.balances(payee) == [160 + in_batches]


def test_only_so_much_is_taken_back_as_was_booked(books: Books) -> None:
    one, other = books.opened(Kind.ASSET), books.opened(funds=0)
    posted = books.post(one, other, 100).item.entry_id
    parts = entry(other, one, 7).postings

    results = at_once([partial(reverse_entry, books.call(), ReverseEntry(posted, parts)) for _ in range(THREADS)])

    assert refused(results) == ["reversal_exceeds_entry"] * 18
    assert books.balances(one, other) == [2, 2]
