"""kill -9 of the functions' processes, API and workers alike, while a busy day goes on: everything happens once."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.day import assert_evening, live_through, prepare
from tests.chaos.workers import FUNCTIONS, killing
from tests.e2e.market import Market, wait_for
from tests.e2e.queues import WORK, depth, redrive
from tests.support.local_stack import LocalStack

EVERY_SECONDS = 0.3
ROUNDS = 2
MOST_DAYS = 12


def test_days_with_processes_killed_all_along_end_like_any_other(
    new_market: Callable[[], Market], local_stack: LocalStack, impatient_queues: None
) -> None:
    market, trades, days = prepare(new_market()), list[str](), 0
    sqs = local_stack.client("sqs")

    with killing(local_stack, every_seconds=EVERY_SECONDS, rounds=ROUNDS) as killed:
        while killed.total() < len(FUNCTIONS) * ROUNDS and days < MOST_DAYS:
            days += 1
            trades += live_through(market, days)
        wait_for("the work to be taken", lambda: not any(depth(sqs, name) for name in WORK))
    # A message whose process was killed at every try lies in the dead-letter queue, not lost: an operator's turn.
    redrive(local_stack)

    print(f"\nkilled in {days} days: {dict(killed)}")
    assert min(killed[name] for name in FUNCTIONS) > 0, killed
    assert_evening(market, trades, days=days)
