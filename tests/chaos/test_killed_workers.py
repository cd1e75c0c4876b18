"""kill -9 of the functions' processes, API and workers alike, while a busy day goes on: everything happens once."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.day import assert_evening, live_through, prepare
from tests.chaos.workers import EACH_ROUND, killing
from tests.e2e.market import Market
from tests.e2e.queues import wait_until_drained
from tests.support.local_stack import LocalStack

EVERY_SECONDS = 0.3
ROUNDS = 2
MOST_DAYS = 3


def test_days_with_processes_killed_all_along_end_like_any_other(
    new_market: Callable[[], Market], local_stack: LocalStack, impatient_queues: None
) -> None:
    market, trades, days = prepare(new_market()), list[str](), 0

    with killing(local_stack, every_seconds=EVERY_SECONDS, rounds=ROUNDS) as wanted:
        while wanted.total() and days < MOST_DAYS:
            days += 1
            trades += live_through(market, days)
        wait_until_drained(local_stack)

    print(f"\nto be killed after {days} days: {dict(+wanted)}")
    assert all(wanted[name] < ROUNDS * times for name, times in EACH_ROUND.items()), wanted
    assert_evening(market, local_stack, trades, days=days)
