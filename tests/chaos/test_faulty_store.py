"""DynamoDB conflicts, throttles, hangs up before and after it has written, and mumbles: everything happens once."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.day import assert_evening, live_through, prepare
from tests.chaos.proxy import RULES, in_between
from tests.e2e.market import Market, wait_for
from tests.e2e.queues import WORK, depth, redrive
from tests.support.local_stack import LocalStack

ENOUGH = 40


def test_a_day_with_a_store_that_fails_all_along_ends_like_any_other(
    new_market: Callable[[], Market], local_stack: LocalStack, impatient_queues: None
) -> None:
    market = prepare(new_market())
    sqs = local_stack.client("sqs")

    with in_between(local_stack) as proxy:
        proxy.obey(RULES)
        trades = live_through(market)
        wait_for("the work to be taken", lambda: not any(depth(sqs, name) for name in WORK))
        fired = proxy.fired()
        proxy.obey([])
        redrive(local_stack)
        print(f"\ngone wrong: {dict(fired)}")
        assert fired.total() >= ENOUGH, fired
        assert_evening(market, trades)
