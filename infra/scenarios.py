"""Scenarios: a trade told in a file, run step by step through the deployed API and compared with what the file says.

The format is in tests/scenarios/README.md. Leaves to others: what a marketplace consists of (`marketplace.py`), which
scenarios there are and how they are told of (`industries.py`).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import msgspec

from infra import clock
from infra.api import ApiRefused
from infra.marketplace import (
    House,
    Marketplace,
    MarketplaceFailed,
    Teller,
    is_payout,
    open_marketplace,
    open_parties,
    put_in,
    wait_for,
)
from infra.paths import ROOT

FOLDER = ROOT / "tests" / "scenarios"
MORNING = time(9, tzinfo=UTC)
DAY_SECONDS = 24 * 60 * 60
NAME = re.compile(r"\$([a-z][a-z0-9_]*)", re.ASCII)
IDS = {
    "accounts": "account_id",
    "credit-lines": "line_id",
    "disputes": "dispute_id",
    "netting-windows": "net_id",
    "splits": "split_id",
    "trades": "trade_id",
}
"""The member that has the id of what a POST to a path with this end has made."""

Entry = tuple[str, ...]
"""The postings of an entry, as text, sorted."""


class ScenarioFailed(Exception):
    """Something is otherwise than the scenario says: which step, and the difference."""


class Step(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"name": "as"}):
    """One step: a `call`, money that is `paid`, or `days` that pass."""

    say: str
    call: str = ""
    name: str = ""
    body: dict[str, Any] = {}
    keep: dict[str, str] = {}
    expect: dict[str, Any] = {}
    refused: str = ""
    postings: list[str] = []
    paid: int = 0
    reference: str = ""
    currency: str = ""
    days: int = 0
    entries: list[list[str]] = []


class Scenario(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file of tests/scenarios."""

    title: str
    currency: str
    parties: dict[str, str]
    steps: list[Step]
    closing: dict[str, int]
    opening: dict[str, int] = {}
    other_currencies: list[str] = []
    begins: date = date(2026, 3, 2)


@dataclass
class Told:
    """What has been told so far: the stage's date, every entry's postings in order, and the ids of those entries."""

    today: date
    entries: list[Entry] = field(default_factory=list)
    known: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Outcome:
    """How a scenario went: its entries in order, closing balances by account, and its trades as the API shows them."""

    entries: tuple[Entry, ...]
    balances: dict[str, int]
    trades: tuple[dict[str, Any], ...]


def load(path: Path) -> Scenario:
    """The scenario of a file. Raises msgspec.ValidationError where it is none."""
    return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), type=Scenario)


def names() -> list[str]:
    """The names of all scenarios, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def run(house: House, teller: Teller, scenario: Scenario) -> Outcome:
    """Tell a scenario in a fresh tenant, the stage's clock standing at its dates meanwhile. Raises ScenarioFailed."""
    with _clock_kept(house):
        told = Told(scenario.begins)
        clock.stand_at(house.dynamodb, datetime.combine(told.today, MORNING))
        market = open_marketplace(house, teller, scenario.title, (scenario.currency, *scenario.other_currencies))
        open_parties(market, scenario.parties)
        told.known |= set(put_in(market, scenario.opening))
        for number, step in enumerate(scenario.steps, start=1):
            try:
                _do(house, market, told, step)
            except (ApiRefused, MarketplaceFailed, ScenarioFailed, clock.ScheduleFailed) as failure:
                raise ScenarioFailed(f"step {number} ({step.say}): {failure}") from failure
        return _close(market, told, scenario)


def _do(house: House, market: Marketplace, told: Told, step: Step) -> None:
    if step.call:
        _call(market, told, step)
    elif step.paid:
        reference = filled(step.reference, market.ids)
        market.pay_in(step.paid, step.currency or market.currency, reference=reference, on=told.today)
        _await(market, told, [step.postings])
    else:
        told.today += timedelta(days=step.days)
        clock.put_offset(house.dynamodb, clock.offset(house.dynamodb) + step.days * DAY_SECONDS)
        clock.run_schedule(house.functions, "due", datetime.combine(told.today, MORNING))
        _await(market, told, step.entries)


def _call(market: Marketplace, told: Told, step: Step) -> None:
    method, _, path = filled(step.call, market.ids).partition(" ")
    try:
        answer = market.api.get(path) if method == "GET" else market.api.post(path, filled(step.body, market.ids))
    except ApiRefused as refused:
        if not step.refused:
            raise
        _compare("refused", refused.problem.get("code"), step.refused)
        answer = refused.problem
    else:
        _compare("refused", "", step.refused)
    for place, wanted in filled(step.expect, market.ids).items():
        _compare(place, member(answer, place), wanted)
    _name(market, step, path, answer)
    if answer.get("entry_id"):
        _tell(market, told, market.api.get(f"/v1/entries/{answer['entry_id']}"), step.postings)
    elif step.postings:
        raise ScenarioFailed("it made no entry")


def _name(market: Marketplace, step: Step, path: str, answer: dict[str, Any]) -> None:
    if step.name:
        market.ids[step.name] = str(member(answer, IDS[path.rpartition("/")[2]]))
    for name, place in step.keep.items():
        market.ids[name] = str(member(answer, place))


def _await(market: Marketplace, told: Told, wanted: list[list[str]]) -> None:
    """Wait for as many entries as are wanted, and compare them in order."""

    def made() -> list[dict[str, Any]] | None:
        new = [entry for entry in market.feed() if _is_new(entry, told)]
        return new if len(new) >= len(wanted) else None

    if not wanted:
        return
    for entry, postings in zip(wait_for(f"{len(wanted)} entries", made), wanted, strict=False):
        _tell(market, told, entry, postings)


def _tell(market: Marketplace, told: Told, entry: dict[str, Any], wanted: list[str]) -> None:
    found = market.postings(entry)
    _compare("postings", found, tuple(sorted(wanted)))
    told.known.add(entry["entry_id"])
    if found:
        told.entries.append(found)


def _close(market: Marketplace, told: Told, scenario: Scenario) -> Outcome:
    """Read the whole feed, and compare what no step has shown, and what is left."""
    try:
        entries = market.whole_feed()
        _compare("entries of no step", [market.postings(entry) for entry in entries if _is_new(entry, told)], [])
        balances = market.balances(entries)
        _compare("closing", balances, {name: minor for name, minor in scenario.closing.items() if minor})
    except (MarketplaceFailed, ScenarioFailed) as failure:
        raise ScenarioFailed(f"in the end: {failure}") from failure
    return Outcome(tuple(told.entries), balances, tuple(market.trades()))


def _is_new(entry: dict[str, Any], told: Told) -> bool:
    return bool(entry["postings"]) and not is_payout(entry) and entry["entry_id"] not in told.known


def _compare(what: str, found: object, wanted: object) -> None:
    if found != wanted:
        raise ScenarioFailed(f"{what}: {found}, expected {wanted}")


def filled(value: Any, ids: dict[str, str]) -> Any:
    """A body or a path with every `$name` replaced. Raises ScenarioFailed where nothing has the name."""
    if isinstance(value, dict):
        return {filled(key, ids): filled(one, ids) for key, one in value.items()}
    if isinstance(value, list):
        return [filled(one, ids) for one in value]
    return NAME.sub(lambda found: _known(found[1], ids), value) if isinstance(value, str) else value


def _known(name: str, ids: dict[str, str]) -> str:
    if name not in ids:
        raise ScenarioFailed(f"nothing was named {name}")
    return ids[name]


def member(answer: Any, place: str) -> Any:
    """What stands at a dotted path: `trade.state`, `settlements.0.minor`. Raises ScenarioFailed where nothing does."""
    for part in place.split("."):
        try:
            answer = answer[int(part)] if isinstance(answer, list) else answer[part]
        except (KeyError, IndexError, TypeError, ValueError):
            raise ScenarioFailed(f"the answer has no {place}: {answer}") from None
    return answer


@contextmanager
def _clock_kept(house: House) -> Iterator[None]:
    """Whatever happens, the stage's clock is put back."""
    before = clock.offset(house.dynamodb)
    try:
        yield
    finally:
        clock.put_offset(house.dynamodb, before)
