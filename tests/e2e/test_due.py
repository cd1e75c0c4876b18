"""What time does on the deployed stage, once its schedule runs: a window closes, a long split is paid, a retention is
let go, silence becomes acceptance, and what nobody performed expires; a second run finds nothing left to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from infra import clock
from tests.e2e.clearing import obligations_body, open_splits, window_body
from tests.e2e.goods import RETAINED, are_sent, funded, opened, proved, publish_goods, released, template_body
from tests.e2e.ledger import open_ledger
from tests.e2e.market import Market, open_parties, wait_for
from tests.e2e.snapshot import difference, snapshot
from tests.support.local_stack import LocalStack

DAYS = 10
RECEIVERS = 100
"""More than one commit pays."""

Run = Callable[[], None]


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market]) -> Market:
    """A marketplace in which much will be due."""
    market = new_market()
    open_parties(market)
    open_ledger(market)
    publish_goods(market)
    released(market, "retained")
    proved(market, "silent")
    market.ids["goods"] = "hasty"
    rules = {"expiry": {"funding_days": 2, "performance_days": 3, "performance_fault": "seller"}}
    market.web.made("/v1/trade-templates", template_body("hasty", **rules))
    opened(market, "unpaid")
    funded(market, "undone")
    _owe_each_other(market)
    _split(market)
    return market


def _owe_each_other(market: Market) -> None:
    ids = market.ids
    ids["net_id"] = market.web.made("/v1/netting-windows", window_body(ids, "multilateral"))["net_id"]
    path = f"/v1/netting-windows/{ids['net_id']}/obligations"
    market.web.made(path, obligations_body(ids, "there", minor=900))
    market.web.made(path, obligations_body(ids | {"buyer": ids["seller"], "seller": ids["buyer"]}, "back", minor=200))


def _split(market: Market) -> None:
    ids = market.ids
    open_splits(market, "split_id")
    for number in range(RECEIVERS):
        body = {"name": f"receiver {number}", "kind": "liability", "currency": "CNY"}
        ids[f"receiver_{number}"] = market.web.made("/v1/accounts", body)["account_id"]
    receivers = [{"account_id": ids[f"receiver_{number}"], "minor": 1} for number in range(RECEIVERS)]
    reply = market.web.post(f"/v1/splits/{ids['split_id']}/receivers", {"receivers": receivers})
    assert reply.status == 202, reply


@pytest.fixture(scope="module")
def run(local_stack: LocalStack, functions: Any, market: Market) -> Iterator[Run]:
    """Runs the schedule ten days later; afterwards the stage's clock is put back."""
    dynamodb = local_stack.client("dynamodb")
    before = clock.offset(dynamodb)
    clock.put_offset(dynamodb, before + round(timedelta(days=DAYS).total_seconds()))
    now = datetime.now(UTC) + timedelta(seconds=clock.offset(dynamodb))
    try:
        yield lambda: clock.run_schedule(functions, "due", now)
    finally:
        clock.put_offset(dynamodb, before)


@pytest.fixture(scope="module")
def done(run: Run, market: Market) -> Market:
    """The marketplace after the schedule has run."""
    run()
    for name, payouts in (("retained", 2), ("silent", 1), ("undone", 1)):
        wait_for(f"the payouts of {name}", partial(are_sent, market, market.ids[name], payouts))
    return market


def trade_of(market: Market, name: str) -> dict[str, Any]:
    """A trade as it is shown."""
    return dict(market.web.read(f"/v1/trades/{market.ids[name]}")["trade"])


@pytest.mark.parametrize(
    ("name", "state", "held"),
    [
        ("retained", "completed", 0),
        ("silent", "retained", RETAINED),
        ("unpaid", "expired", 0),
        ("undone", "expired", 0),
    ],
)
def test_a_trade_comes_to_what_its_time_brings(name: str, state: str, held: int, done: Market) -> None:
    assert trade_of(done, name)["state"] == state
    assert done.balance("escrow", done.ids[name]) == held


def test_a_window_closes_into_one_trade(done: Market) -> None:
    window = done.web.read(f"/v1/netting-windows/{done.ids['net_id']}")
    trace = done.web.read(f"/v1/netting-windows/{done.ids['net_id']}/obligations/there")

    (settlement,) = window["settlements"]
    assert (window["window"]["state"], settlement["minor"]) == ("closed", 700)
    assert done.web.read(f"/v1/trades/{settlement['trade_id']}")["trade"]["due_minor"] == 700
    assert settlement["trade_id"] in str(trace)


def test_a_long_split_is_paid_to_the_last_receiver(done: Market) -> None:
    split = done.web.read(f"/v1/splits/{done.ids['split_id']}")
    minors = {done.web.read(f"/v1/accounts/{done.ids[f'receiver_{n}']}")["balance_minor"] for n in range(RECEIVERS)}

    assert (split["state"], split["paid_minor"], split["held_minor"]) == ("closed", RECEIVERS, 0)
    assert minors == {1}


def test_another_run_finds_nothing_to_do(done: Market, run: Run, local_stack: LocalStack) -> None:
    before = snapshot(local_stack, but="history")

    run()

    assert difference(before, snapshot(local_stack, but="history")) == {}
    assert done.is_balanced()
