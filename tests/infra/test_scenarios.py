"""Scenario files: what their format takes and refuses, and how a marketplace writes what it did."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from infra.api import ApiClient
from infra.industries import shown
from infra.marketplace import Marketplace, Teller, new_iban
from infra.scenarios import FOLDER, ScenarioFailed, filled, load, member

EXAMPLE = """
title = "t"
currency = "CNY"
[parties]
buyer = "B"
[[steps]]
say = "s"
days = 1
[closing]
"""


def market(**ids: str) -> Marketplace:
    return Marketplace(ApiClient("", "", ""), Teller("bank", b"", ""), "CNY", {}, ids)


def test_the_example_of_the_readme_is_a_scenario(tmp_path: Path) -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    file = tmp_path / "example.toml"
    file.write_text(text.partition("```toml\n")[2].partition("```")[0], encoding="utf-8")

    scenario = load(file)

    assert [step.call.partition(" ")[0] for step in scenario.steps] == ["POST", "POST", "POST", "", ""]


@pytest.mark.parametrize("wrong", ["dayss = 1", "entry = []", 'unknown = "x"'])
def test_a_word_that_is_none_of_the_formats_is_refused(wrong: str, tmp_path: Path) -> None:
    file = tmp_path / "wrong.toml"
    file.write_text(EXAMPLE.replace("days = 1", wrong), encoding="utf-8")

    with pytest.raises(msgspec.ValidationError):
        load(file)


def test_names_are_filled_in_wherever_they_stand() -> None:
    ids = {"trade": "trd_1", "buyer": "pty_1"}

    assert filled({"$buyer": ["$trade", {"path": "/v1/$trade/x"}, 5]}, ids) == {
        "pty_1": ["trd_1", {"path": "/v1/trd_1/x"}, 5]
    }


def test_a_name_that_nothing_has_is_said() -> None:
    with pytest.raises(ScenarioFailed, match="nothing was named lot"):
        filled("$lot", {})


def test_a_member_is_found_by_its_dotted_path() -> None:
    answer = {"window": {"settlements": [{"minor": 5}, {"minor": 7}]}}

    assert member(answer, "window.settlements.1.minor") == 7
    with pytest.raises(ScenarioFailed):
        member(answer, "window.settlements.2.minor")


@pytest.mark.parametrize(
    ("account", "label"),
    [
        ({"purpose": "party", "owner": "pty_1", "currency": "CNY"}, "party:buyer"),
        ({"purpose": "party", "owner": "pty_1", "currency": "USD"}, "party:buyer:USD"),
        ({"purpose": "fee_income", "owner": None, "currency": "CNY"}, "fees"),
        ({"purpose": "bank", "owner": "NL00", "currency": "USD"}, "bank:USD"),
        ({"purpose": "fx_position", "owner": None, "currency": "USD"}, "fx:USD"),
        ({"purpose": "escrow", "owner": "trd_9", "currency": "CNY"}, "escrow:trd_9"),
        ({"account_id": "acc_1", "purpose": "general", "owner": None, "currency": "CNY"}, "till"),
    ],
)
def test_an_account_is_named_by_purpose_owner_and_currency(account: dict[str, str | None], label: str) -> None:
    assert market(buyer="pty_1", till="acc_1").name_of(account) == label


def test_an_iban_is_valid_and_another_each_time() -> None:
    one, other = new_iban(), new_iban()

    assert int("".join(str(int(character, 36)) for character in one[4:] + one[:4])) % 97 == 1
    assert one != other


def test_amounts_are_shown_with_two_decimals() -> None:
    assert shown(181_537_976) == "1,815,379.76"
