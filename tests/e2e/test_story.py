"""The steel story, told to the deployed product with IAM enforced; its figures and its exports."""

from __future__ import annotations

import csv
import io
import json
import subprocess
from pathlib import Path

import pytest

from infra.bank.http import send
from infra.demo import BEAN_CHECK, EXPORTS, fetch_export, stage_of
from infra.story import Stage, Told, tell
from tests.e2e.queues import dead
from tests.support.local_stack import LocalStack

ZERO = {"CNY": 0}
BANK = 200_952_970
LENDER, FEE, INTEREST = 200_000_000, 544_613, 408_357


@pytest.fixture(scope="module")
def stage(local_stack: LocalStack) -> Stage:
    """The steel marketplace."""
    return stage_of(local_stack.description, local_stack.place)


@pytest.fixture(scope="module")
def told(stage: Stage) -> Told:
    """The story, told to its end; it stops at the first figure that is not the worked one."""
    return tell(stage)


@pytest.fixture(scope="module")
def exports(stage: Stage, told: Told, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the exports, as finance would download them."""
    folder = tmp_path_factory.mktemp("exports")
    for kind, name in EXPORTS.items():
        (folder / name).write_bytes(fetch_export(stage, kind, told.today.isoformat()))
    return folder


def accounts(stage: Stage) -> dict[str, int]:
    """Balances by purpose, added up."""
    sums: dict[str, int] = {}
    for account in stage.api.get("/v1/accounts?limit=100")["accounts"]:
        sums[account["purpose"]] = sums.get(account["purpose"], 0) + account["balance_minor"]
    return sums


def rows(folder: Path, name: str) -> list[dict[str, str]]:
    """A CSV export, row by row."""
    return list(csv.DictReader(io.StringIO((folder / name).read_text(encoding="utf-8-sig"))))


def test_it_ends_with_the_trade_completed_and_every_line_matched(told: Told) -> None:
    assert told.facts["trade_state"] == "completed"
    assert (told.facts["statement_lines"], told.facts["matched_lines"]) == (5, 5)
    assert told.facts["credit_outstanding"] == 0


def test_the_books_balance_and_hold_what_the_bank_holds(stage: Stage, told: Told) -> None:
    trial = stage.api.get("/v1/trial-balance")
    sums = accounts(stage)

    assert (trial["proved"], trial["differences"]) == (True, ZERO)
    assert sums["bank"] == BANK == LENDER + FEE + INTEREST
    assert (sums["lender_undrawn"], sums["fee_income"], sums["interest_income"]) == (LENDER, FEE, INTEREST)


def test_nothing_is_left_anywhere_else(stage: Stage, told: Told) -> None:
    kept = {"bank", "lender_undrawn", "fee_income", "interest_income"}

    assert {purpose: minor for purpose, minor in accounts(stage).items() if minor and purpose not in kept} == {}


def test_no_break_no_stray_receipt_and_nothing_in_quarantine(stage: Stage, told: Told) -> None:
    assert stage.api.get("/v1/breaks")["breaks"] == []
    assert stage.api.get("/v1/receipts/unmatched")["receipts"] == []


def test_the_banks_balance_is_reconciled_to_the_books(stage: Stage, told: Told) -> None:
    (position,) = stage.api.get("/v1/reconciliation")["accounts"]

    assert position["difference_minor"] == 0
    assert position["bank_closing_minor"] == position["books_closing_minor"] == BANK
    assert position["complete"] and position["open_lines"]["now"] == position["open_entries"]["now"] == 0


def test_the_bank_itself_says_the_same(told: Told, local_stack: LocalStack) -> None:
    _, state = send("GET", f"{local_stack.description['bank']['control_url']}/_mock/state")

    assert json.loads(state)["balances"]["CNY"] == BANK


def test_bean_check_accepts_the_journal_with_no_tolerance(exports: Path) -> None:
    journal = exports / "journal.beancount"

    checked = subprocess.run([BEAN_CHECK, journal], capture_output=True, text=True, check=False, timeout=60)

    assert checked.returncode == 0, checked.stderr + checked.stdout
    assert 'option "tolerance_multiplier" "0"' in journal.read_text()


def test_the_exports_hold_every_line(exports: Path) -> None:
    assert len(rows(exports, "statement-lines.csv")) == 5
    months = rows(exports, "reconciliation.csv")
    assert sum(int(month["lines"]) for month in months) == 5
    assert {month["difference"] for month in months} == {"0.00"}


def test_postings_and_trial_balance_of_the_period_sum_to_nothing(exports: Path) -> None:
    postings, trial = rows(exports, "postings.csv"), rows(exports, "trial-balance.csv")

    assert sum(int(row["amount"].replace(".", "")) for row in postings) == 0
    assert sum(int(row["closing"].replace(".", "")) for row in trial) == 0
    assert len(trial) >= 5


def test_a_second_export_is_the_first_one(stage: Stage, told: Told, exports: Path) -> None:
    for kind, name in EXPORTS.items():
        if kind != "journal":  # its title names the feed number, which the exports themselves have moved
            assert fetch_export(stage, kind, told.today.isoformat()) == (exports / name).read_bytes(), name


def test_the_history_of_the_bank_account_runs_to_its_balance(stage: Stage, told: Told) -> None:
    bank = next(one for one in stage.api.get("/v1/accounts?purpose=bank")["accounts"] if one["purpose"] == "bank")

    history = stage.api.get(f"/v1/accounts/{bank['account_id']}/history")

    assert history["complete"]
    assert history["lines"][0]["balance_minor"] == BANK
    assert sum(line["amount_minor"] for line in history["lines"]) == BANK


def test_nothing_was_given_up(local_stack: LocalStack, told: Told) -> None:
    assert dead(local_stack) == {}
