"""Money never lies where no command takes it out: the finance guide names one for every purpose, and each exists."""

from __future__ import annotations

import re
from pathlib import Path

from app import openapi_document
from chalicelib.ledger.domain import KIND_OF_PURPOSE, Kind, Purpose

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guides" / "finance.md"
BY_THE_BANK = {Purpose.BANK, Purpose.LOAN, Purpose.INTEREST_RECEIVABLE, Purpose.LENDER_DRAWN}
"""What leaves by a payment at the bank, or follows from one."""


def ways_out() -> dict[Purpose, set[str]]:
    """The commands by which money leaves each kind of account, as the guide has them."""
    section = GUIDE.read_text(encoding="utf-8").partition("## Every way out")[2].partition("\n## ")[0]
    rows = [line.split("|")[1:-1] for line in section.splitlines() if line.startswith("| `")]
    return {
        Purpose(purpose): set(re.findall("POST (/v1/[^`]+)`", out))
        for purposes, _, out in rows
        for purpose in re.findall("`([a-z_]+)`", purposes)
    }


def test_the_guide_has_a_way_out_of_every_purpose_there_is() -> None:
    assert set(ways_out()) == set(Purpose)


def test_each_way_out_is_a_command_of_the_api() -> None:
    paths = openapi_document()["paths"]

    assert isinstance(paths, dict)
    assert {path for out in ways_out().values() for path in out if "post" not in paths.get(path, {})} == set()


def test_only_what_the_bank_moves_has_no_command() -> None:
    assert {purpose for purpose, out in ways_out().items() if not out} == BY_THE_BANK


def test_what_is_owed_or_earned_leaves_by_a_command_of_its_own() -> None:
    """An entry by hand moves money within the books; what somebody is owed needs more than that."""
    by_hand = {"/v1/entries", "/v1/transfers"}
    owed = {purpose for purpose, kind in KIND_OF_PURPOSE.items() if kind in {Kind.LIABILITY, Kind.INCOME}}

    assert {purpose for purpose in owed - BY_THE_BANK if ways_out()[purpose] <= by_hand} == set()
