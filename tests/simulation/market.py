"""A marketplace in the world: put into the table and the model before anything is simulated; and the time that passes
in it, which a worker notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import HTTPClientError

from chalicelib.core.errors import Defect
from chalicelib.queues.worker import WorkerFailed
from chalicelib.settlement.worker import due
from tests.simulation.books import MINUTE, Account
from tests.simulation.deals import DAY
from tests.simulation.trade_acting import IBANS, found_market
from tests.simulation.wrong import Wrong
from tests.support.events import schedule_event

if TYPE_CHECKING:
    from chalicelib.storage.tables import Item
    from tests.simulation.world import World

PARTIES = 6
PATIENCE = 15 * MINUTE
"""How long a worker may take before its function's time is up."""
PASSING = {"try_again", "nothing_done", "ClientError", "NoConnection"} | {
    kind.__name__ for kind in (HTTPClientError, *HTTPClientError.__subclasses__())
}
"""How a record may fail of which a worker says so: by what the store did, or because somebody else was first."""
SMALL = {"SUMMED_AT_ONCE": 7, "OPENED_AT_ONCE": 2}
"""So that the closing of a window takes many steps."""


def found(world: World) -> None:
    """Found the marketplaces of every tenant. Nobody is told: it is how the world begins."""
    told, world.table.told = world.table.told, lambda written: None
    for tenant, model in world.models.items():
        model.parties = [f"pty_{str(number) * 26}" for number in range(1, PARTIES + 1)]
        model.banked = set(IBANS)
        for account in found_market(tenant, model.parties):
            limits = account.floor, account.ceiling
            known = Account(account.kind.value, account.currency, *limits, deferred=False)
            model.accounts[account.account_id] = known
            model.own[account.account_id] = None
    world.table.told = told
    world.table.settle()


def pause(world: World, longest: int) -> int:
    """How long nobody trades: mostly as long as elsewhere, now and then for hours, seldom for days."""
    chance = world.chance.random()
    if chance < 0.985:
        return world.chance.randrange(longest)
    return world.chance.randrange(8 * 60 * MINUTE) if chance < 0.996 else world.chance.randrange(4 * DAY)


def run_due(world: World, transient: tuple[type[BaseException], ...]) -> int:
    """One pass of the worker that does what time does; how many acts it did. Raises what stopped it, if it may."""
    try:
        told: dict[str, int] = due.due(schedule_event(), None)
    except WorkerFailed as failed:
        defect = failed.__context__
        cause = defect.__cause__ if isinstance(defect, Defect) else defect
        if isinstance(cause, transient):
            raise cause from failed
        raise Wrong(f"the worker failed: {cause!r}") from (cause or failed)
    lasting = {item["due_code"]["S"] for item in put_off(world)} - PASSING
    if lasting:
        raise Wrong(f"records fail by what does not pass: {lasting}")
    return told["acts"] + told.get("put_off", 0)


def put_off(world: World) -> list[Item]:
    """The records that have failed since they last changed."""
    failed = (item for item in world.items("records").values() if "due_version" in item)
    return [item for item in failed if item["due_version"] == item["version"] and item["due_tries"] != {"N": "0"}]


def all_due(world: World) -> None:
    """Do all that is due, with nothing in the way."""
    for _ in range(20):
        world.table.settle()
        if put_off(world):
            world.now += 4 * 60 * MINUTE
        if not run_due(world, ()):
            return
    raise Wrong("what is due never ends")
