"""`make industries`: every scenario of tests/scenarios told to a fresh local stack, and a table of how each went.

The stack has a place of its own, so it neither disturbs nor depends on what `make up` holds. The program's status is 1
where a scenario failed.
"""

from __future__ import annotations

import shutil
from typing import Any

from infra import progress
from infra.emulator import Emulator
from infra.marketplace import House, Teller, new_teller
from infra.paths import LOCAL, OUT
from infra.place import Place
from infra.scenarios import FOLDER, Outcome, Scenario, ScenarioFailed, load, names, run
from infra.stack import down, reset, up

PLACE = Place(LOCAL / "industries", OUT / "industries" / "stack.json")
COLUMNS = "{:20} {:>7} {:>8} {:>18} {:>16} {:>14}  {}"


def main() -> None:
    """Set up, tell all, print the table."""
    reset(PLACE)
    shutil.rmtree(PLACE.described.parent, ignore_errors=True)
    try:
        house = house_of(up(PLACE), PLACE)
        rows, failures = tell_all(house, new_teller(house))
    finally:
        down(PLACE)
    PLACE.forget()
    progress.say("\n" + COLUMNS.format("industry", "trades", "entries", "released", "refunded", "fees", "ok"))
    for row in rows:
        progress.say(row)
    progress.say(f"\n{len(rows) - len(failures)} of {len(rows)}")
    for failure in failures:
        progress.say(failure)
    raise SystemExit(1 if failures else 0)


def house_of(stack: dict[str, Any], place: Place) -> House:
    """A running stack, as scenarios need it."""
    emulator = Emulator(place.ports().gateway, place.folder / "aws")
    return House(stack["api_url"], emulator.client("lambda"), emulator.client("dynamodb"))


def tell_all(house: House, teller: Teller) -> tuple[list[str], list[str]]:
    """Tell every scenario; the table's rows, and of each that failed where it did."""
    rows, failures = [], []
    for name in names():
        scenario = load(FOLDER / f"{name}.toml")
        try:
            with progress.step(f"{name}: {scenario.title}"):
                outcome = run(house, teller, scenario)
            rows.append(row(name, scenario, outcome))
        except ScenarioFailed as failure:
            rows.append(COLUMNS.format(name, "", "", "", "", "", "no"))
            failures.append(f"{name}: {failure}")
    return rows, failures


def row(name: str, scenario: Scenario, outcome: Outcome) -> str:
    """A scenario's line of the table, in its own currency."""
    own = [trade for trade in outcome.trades if trade["currency"] == scenario.currency]
    released = sum(trade["released_minor"] for trade in own)
    refunded = sum(trade["refunded_minor"] for trade in own)
    amounts = (shown(minor) for minor in (released, refunded, outcome.balances.get("fees", 0)))
    return COLUMNS.format(name, len(outcome.trades), len(outcome.entries), *amounts, "yes")


def shown(minor: int) -> str:
    """`1,815,379.76`, of a currency with two decimals."""
    whole, part = divmod(minor, 100)
    return f"{whole:,}.{part:02d}"


if __name__ == "__main__":
    main()
