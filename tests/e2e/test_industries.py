"""Each industry's scenario, told to the deployed product; and one of them twice."""

from __future__ import annotations

import msgspec
import pytest

from infra.industries import house_of, row
from infra.marketplace import House, Teller, new_teller
from infra.scenarios import FOLDER, ScenarioFailed, load, names, run
from tests.support.local_stack import LocalStack

INDUSTRIES = (
    "building-materials",
    "components",
    "ev-charging",
    "fresh-produce",
    "grain",
    "health-supplies",
    "herbs",
    "import-export",
    "new-cars",
    "plastics",
    "rural-retail",
    "steel",
    "used-cars",
)


@pytest.fixture(scope="module")
def house(local_stack: LocalStack) -> House:
    """The session's stack."""
    return house_of(local_stack.description, local_stack.place)


@pytest.fixture(scope="module")
def teller(house: House) -> Teller:
    """The scenarios' bank."""
    return new_teller(house)


def test_there_is_a_scenario_for_each_industry() -> None:
    assert tuple(names()) == INDUSTRIES


@pytest.mark.parametrize("name", INDUSTRIES)
def test_it_goes_as_its_scenario_says(name: str, house: House, teller: Teller) -> None:
    """Every answer, every posting and every balance in the end: `run` raises at the first that differs."""
    scenario = load(FOLDER / f"{name}.toml")

    outcome = run(house, teller, scenario)

    assert outcome.entries
    assert row(name, scenario, outcome).endswith("yes")


def test_a_scenario_told_twice_makes_the_same_postings(house: House, teller: Teller) -> None:
    scenario = load(FOLDER / "fresh-produce.toml")

    first, second = (run(house, teller, scenario) for _ in range(2))

    assert first.entries == second.entries
    assert first.balances == second.balances


def test_what_differs_is_named_with_its_step(house: House, teller: Teller) -> None:
    scenario = load(FOLDER / "steel.toml")
    paid = scenario.steps[1]
    bent = msgspec.structs.replace(paid, postings=[paid.postings[0], paid.postings[1].replace("18250000", "18250001")])

    with pytest.raises(ScenarioFailed, match=r"step 2 \(.*\): postings: .*18250000.*expected.*18250001"):
        run(house, teller, msgspec.structs.replace(scenario, steps=[scenario.steps[0], bent]))


def test_money_that_no_step_accounts_for_is_named(house: House, teller: Teller) -> None:
    scenario = load(FOLDER / "steel.toml")

    with pytest.raises(ScenarioFailed, match=r"in the end: closing: .*escrow:outside"):
        run(house, teller, msgspec.structs.replace(scenario, steps=scenario.steps[:2]))
