"""Templates: the house's own are complete and understood to the word, and one that does not add up is refused."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec
import pytest

from chalicelib.core.errors import InvalidInput, NotFound
from chalicelib.trades.domain.template import Ending, Part
from chalicelib.trades.templates import FOLDER, all_templates, find_template, read_template

STEEL = (FOLDER / "steel.toml").read_text(encoding="utf-8")


def names_in(value: object, path: str = "") -> set[str]:
    """Every named value of a document, as `quantity.unit`."""
    if isinstance(value, dict):
        return {name for key, inner in value.items() for name in {f"{path}.{key}"} | names_in(inner, f"{path}.{key}")}
    return {name for inner in value for name in names_in(inner, path)} if isinstance(value, list | tuple) else set()


def refused(text: str) -> str:
    with pytest.raises(InvalidInput) as refusal:
        read_template(text)
    return refusal.value.code


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_word_of_a_template_is_understood(path: Path) -> None:
    text = path.read_text(encoding="utf-8")

    template = read_template(text)

    assert names_in(tomllib.loads(text)) <= names_in(msgspec.to_builtins(template))
    assert template.id == path.stem


def test_steel_settles_finally_and_fixed_price_is_released_to_five() -> None:
    steel, fixed_price = find_template("steel"), find_template("fixed-price")

    assert steel.milestones[0].ends_in is Ending.FINAL_SETTLEMENT
    assert fixed_price.milestones[0].ends_in is Ending.RELEASE
    assert [rule.role for rule in fixed_price.split] == ["carrier", "inspector", "warehouse", "platform", "seller"]
    assert [role.name for role in steel.roles if role.part is Part.MARKETPLACE] == ["platform"]


def test_templates_are_listed_by_id() -> None:
    assert list(all_templates()) == ["fixed-price", "steel"]


def test_an_unknown_template_is_not_found() -> None:
    with pytest.raises(NotFound) as refusal:
        find_template("../steel")

    assert (refusal.value.code, refusal.value.facts) == ("template_not_found", {"template_id": "../steel"})


@pytest.mark.parametrize(
    ("code", "pattern", "replacement"),
    [
        ("unknown_currency", '"CNY"', '"CNX"'),
        ("template_version_invalid", "version = 1", "version = 0"),
        ("template_without_currency", r"currencies = \[.*\]", "currencies = []"),
        ("template_tolerance_invalid", "tolerance_per_mille = 3", "tolerance_per_mille = 1000"),
        ("template_tolerance_invalid", "tolerance_per_mille = 3", "tolerance_per_mille = -1"),
        ("template_role_twice", 'name = "carrier"', 'name = "mill"'),
        ("template_needs_one_buyer", 'part = "buyer"', 'part = "receiver"'),
        ("template_needs_one_buyer", 'part = "receiver"', 'part = "buyer"'),
        ("template_marketplace_twice", 'part = "receiver"', 'part = "marketplace"'),
        ("template_split_role_unknown", 'role = "mill"', 'role = "smelter"'),
        ("template_split_role_unknown", 'role = "mill"', 'role = "buyer"'),
        ("template_needs_one_milestone", r"\[\[milestones\]\](.|\n)*?settlement\"", "milestones = []"),
        ("template_milestone_without_evidence", r"needs = .*", "needs = []"),
        ("template_evidence_does_not_fix_terms", r"needs = .*", 'needs = ["weight_note"]'),
        ("template_evidence_does_not_fix_terms", r"needs = .*", 'needs = ["index_fixings"]'),
        ("template_evidence_does_not_fix_terms", '"final_settlement"', '"release"'),
        ("split_two_remainders", 'kind = "fixed"', 'kind = "remainder"'),
        ("split_over_whole", "bps = 30", "bps = 10000\n[[split]]\nrole = 'mill2'\nkind = 'bps'\nbps = 1"),
        ("split_leaves_rest", 'kind = "remainder"', 'kind = "fixed"'),
        ("share_invalid", "bps = 30", "bps = 10001"),
    ],
)
def test_a_template_that_does_not_add_up_is_refused(code: str, pattern: str, replacement: str) -> None:
    text, changes = re.subn(pattern, replacement, STEEL)
    if "mill2" in text:
        text = text.replace(
            "[[milestones]]", "[[roles]]\nname = 'mill2'\ntitle = ''\npart = 'receiver'\n[[milestones]]"
        )
    if replacement == "milestones = []":
        text = replacement + "\n" + text.replace(replacement, "")

    assert changes
    assert refused(text) == code


def test_a_final_settlement_with_nothing_to_fix_is_refused() -> None:
    text = STEEL.replace('"weighed"', '"agreed"').replace('"index_average"', '"agreed"')

    assert refused(text) == "template_evidence_does_not_fix_terms"
