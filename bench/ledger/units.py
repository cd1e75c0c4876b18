"""Capacity units and round trips of each command of the ledger, counted on the emulator's data stack.

Table and indexes, default ids, keys of 36 characters. What a transfer costs in all is counted by handing the records
that its commit would put on the streams to the functions that follow them.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

from bench.capacity import PRICES, Use, data_stage, metered
from infra.paths import LOCAL, OUT
from infra.place import Place

PLACE = Place(LOCAL / "bench-ledger", OUT / "bench" / "stack-ledger.json")
BATCH = 50
RUN = 90
"""Entries that the sequencer numbers and folds at a time in the measure of what a transfer costs in all."""

Operation = tuple[str, Callable[[], object]]
KEYS = {
    "wcu_two_leg": "transfer",
    "wcu_six_postings": "entry of six postings",
    "wcu_release_five": "release to five parties",
    "wcu_deferred": "transfer with one deferred leg",
    "wcu_hold": "hold",
}
ROUND_TRIPS = {"transfer": "transfer", "entry": "entry of six postings", "batch": "batch of 50", "hold": "hold"}


def units() -> dict[str, Any]:
    """Write units by the names of the bounds, round trips by command, what a transfer costs in all, and everything
    that was counted."""
    with data_stage(PLACE):
        figures = _counted()
        in_all = _all_in()
    trips = {key: figures[name]["round_trips"] for key, name in ROUND_TRIPS.items()}
    others = {name: one["round_trips"] for name, one in figures.items() if name not in ROUND_TRIPS.values()}
    return {
        **{key: figures[name]["write_units"] for key, name in KEYS.items()},
        **in_all,
        "round_trips_per_command": trips,
        "round_trips_of_others": others,
        "capacity": figures,
    }


def _counted() -> dict[str, dict[str, Any]]:
    figures = {}
    for name, act in _operations():
        with metered() as use:
            act()
        figures[name] = use.figure()
    return figures


def _operations() -> Iterator[Operation]:
    # Imported here, when the environment says where the store is.
    from bench.operations import entry_operations, release_operations  # noqa: PLC0415
    from tests.settlement.market import market  # noqa: PLC0415

    place = market(seal=True)
    yield from entry_operations(place)
    yield from _ledger_operations()
    yield from release_operations(place)


def _ledger_operations() -> Iterator[Operation]:
    from bench.ledger.books import AMOUNT, Books, pairs, transfer  # noqa: PLC0415
    from chalicelib.ledger.batches import Keyed  # noqa: PLC0415
    from chalicelib.ledger.domain import Kind  # noqa: PLC0415
    from chalicelib.ledger.holds import Terms, hold_id_of  # noqa: PLC0415
    from chalicelib.ledger.service import holds  # noqa: PLC0415
    from chalicelib.ledger.service.batches import post_batch  # noqa: PLC0415
    from chalicelib.ledger.service.entries import post_entry  # noqa: PLC0415
    from chalicelib.ledger.service.reversals import ReverseEntry, reverse_entry  # noqa: PLC0415
    from chalicelib.ledger.service.transfers import transfer_up_to  # noqa: PLC0415

    books = Books(None)  # type: ignore[arg-type]  # no tables of DynamoDB Local here
    accounts, fees = books.accounts(20), books.account(Kind.INCOME, deferred=True)
    debited, credited = accounts[:2]
    post_entry(books.call(), transfer(accounts[2], fees))  # the copy of the deferred accounts is there
    yield "transfer with one deferred leg", lambda: post_entry(books.call(), transfer(accounts[2], fees))
    keyed = [Keyed(str(uuid.uuid4()), transfer(*pair)) for pair in pairs(accounts, BATCH)]
    yield "batch of 50", lambda: post_batch(books.call(), keyed)
    post_entry(books.call(), transfer(accounts[3], credited))  # something is there to move
    yield "transfer up to an amount", lambda: transfer_up_to(books.call(), transfer(credited, debited))
    call = books.call()
    post_entry(call, transfer(debited, credited))
    yield "reversal", lambda: reverse_entry(books.call(), ReverseEntry(call.entry_id))
    placed: list[str] = []
    terms = Terms(debited, credited, AMOUNT, expires_at=books.call().now + timedelta(days=1))

    def place() -> None:
        placed.append(hold_id_of(holds.place_hold(books.call(), holds.PlaceHold(terms)).item.entry_id))

    yield "hold", place
    yield "capture", lambda: holds.capture_hold(books.call(), holds.CaptureHold(placed[0]))
    place()
    yield "void", lambda: holds.void_hold(books.call(), placed[1])


def _all_in() -> dict[str, Any]:
    """What a two-leg transfer comes to with its history, its number and its part of a fold: the mean of a run."""
    from bench.ledger.books import Books  # noqa: PLC0415
    from bench.ledger.streams import Follower  # noqa: PLC0415
    from chalicelib.ledger.domain import Kind  # noqa: PLC0415
    from chalicelib.ledger.worker.project import project  # noqa: PLC0415
    from chalicelib.ledger.worker.sequence import sequence  # noqa: PLC0415

    books, endpoint = Books(None), os.environ["AWS_ENDPOINT_URL"]  # type: ignore[arg-type]
    follow = [
        Follower(endpoint, "quittance-local-journal", sequence),
        Follower(endpoint, "quittance-local-accounts", project),
    ]
    plain, fees = books.account(), books.account(Kind.INCOME, deferred=True)
    uses = [_run(books, credited, follow) for credited in (plain, fees)]
    figures: dict[str, Any] = {}
    for name, use in zip(("all_in", "all_in_deferred"), uses, strict=True):
        figures |= {f"wcu_{name}": round(use.write_units / RUN, 2), f"usd_per_million_{name}": _usd(use)}
    return figures


def _run(books: Any, credited: str, follow: Sequence[Any]) -> Use:
    from bench.ledger.books import transfer  # noqa: PLC0415
    from chalicelib.ledger.service.entries import post_entry  # noqa: PLC0415

    debited = books.account()
    for one in follow:
        one.catch_up()
    with metered() as use:
        for _ in range(RUN):
            post_entry(books.call(), transfer(debited, credited))
        # The fold changes accounts, which the projector sees after.
        for one in follow:
            one.catch_up()
    return use


def _usd(use: Use) -> float:
    cost = use.write_units * PRICES["dynamodb_write_units"] + use.read_units * PRICES["dynamodb_read_units"]
    return round(cost / RUN, 2)
