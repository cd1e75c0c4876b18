"""The house's own templates: sound, readable, and each with a page and a scenario."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.trades.domain.checking import check_template
from chalicelib.trades.templates import FOLDER, all_templates
from infra import scenarios
from infra.paths import ROOT

GENERAL = {"fixed-price", "netted"}
"""Templates that are no industry's."""

INDUSTRIES = sorted(set(all_templates()) - GENERAL)
PAGES = ROOT / "docs" / "industries"


def test_there_are_thirteen_industries() -> None:
    assert len(INDUSTRIES) == 13


@pytest.mark.parametrize("template_id", sorted(all_templates()))
def test_a_house_template_keeps_every_rule(template_id: str) -> None:
    check_template(all_templates()[template_id])


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_a_template_says_itself_in_words(path: Path) -> None:
    """It opens with its story, and says its milestones, its split and its deductions in words."""
    lines = path.read_text(encoding="utf-8").splitlines()
    rules = {"[[milestones]]", "[[split]]", "[[deductions]]"} & set(lines)

    assert lines[0].startswith("# ")
    assert all(lines[lines.index(rule) - 1].startswith("# ") for rule in rules)


@pytest.mark.parametrize("name", INDUSTRIES)
def test_an_industry_has_a_page_with_its_numbers_and_where_practice_differs(name: str) -> None:
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")

    assert {"## The numbers", "## Sources", "## Where practice differs"} <= set(page.splitlines())
    assert f"{name}.toml" in page
    assert f"]({name}.md)" in (PAGES / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", INDUSTRIES)
def test_an_industry_has_a_scenario_that_uses_its_template(name: str) -> None:
    scenario = scenarios.load(scenarios.FOLDER / f"{name}.toml")

    used = {step.body.get("template_id") for step in scenario.steps if step.body}

    assert name in used
    assert scenario.closing


@pytest.mark.parametrize("name", INDUSTRIES)
def test_what_a_scenario_puts_in_is_what_it_ends_with(name: str) -> None:
    """In each currency: what parties and lenders pay in is what the closing balances come to, until money is exchanged
    or repaid with interest. Only scenarios that do neither are told in full by that."""
    scenario = scenarios.load(scenarios.FOLDER / f"{name}.toml")
    if scenario.other_currencies:
        return
    paid_in = sum(scenario.opening.values()) + sum(step.paid for step in scenario.steps)

    assert sum(minor for account, minor in scenario.closing.items() if not account.startswith("loan:")) == paid_in
