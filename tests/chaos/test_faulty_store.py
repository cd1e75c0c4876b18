"""DynamoDB conflicts, throttles, hangs up before and after it has written, and mumbles: everything happens once."""

from __future__ import annotations

from collections.abc import Callable

from tests.chaos.day import assert_evening, live_through, prepare
from tests.chaos.proxy import RULES, in_between
from tests.e2e.market import Market
from tests.e2e.queues import wait_until_drained
from tests.support.local_stack import LocalStack

ENOUGH = 30


def test_a_day_with_a_store_that_fails_all_along_ends_like_any_other(
    new_market: Callable[[], Market], local_stack: LocalStack, impatient_queues: None
) -> None:
    market = prepare(new_market())

    with in_between(local_stack) as proxy:
        proxy.obey(RULES)
        trades = live_through(market)
        wait_until_drained(local_stack)
        fired = proxy.fired()
        proxy.obey([])
        print(f"\ngone wrong: {dict(fired)}")
        assert fired.total() >= ENOUGH, fired
        assert_evening(market, local_stack, trades)
