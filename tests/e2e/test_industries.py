"""Each industry's scenario, told to the deployed product; and one of them twice."""

from __future__ import annotations

import pytest

from infra.industries import house_of, row
from infra.marketplace import House, Teller, new_teller
from infra.scenarios import FOLDER, load, names, run
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
