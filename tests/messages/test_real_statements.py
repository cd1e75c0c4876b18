"""The real files of many banks, held against what an independent reader counted in them."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chalicelib.messages import detect
from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import AccountReport, Statement, StatusReport
from chalicelib.messages.proof import prove

FOLDER = Path(__file__).parents[3] / "shared" / "statements"
CENTRAL_BANK = FOLDER / "central-bank" / "example-files" / "CAMT"
OTHER_CODES = {"OPAV", "CLAV", "OPBD", "CLBD", "INFO"}
GARBLED = "bankstatementparser/tests/test_data/golden/camt053_garbled_amount.xml"
NOT_FOOTING = {
    "camt-parser/spec/fixtures/053/valid_example_v8.xml": "mixed_currencies",
    "camt-parser/spec/fixtures/053/valid_example_with_batch.xml": "does_not_foot",
    "camt-parser/spec/fixtures/053/valid_example_with_debit.xml": "does_not_foot",
    "camt-parser/spec/fixtures/053/valid_example_with_instdamt.xml": "does_not_foot",
    "moov-iso20022/test/testdata/camt.053_P_CH2909000000250094239_1110092698_0_2020112503071366.xml": "does_not_foot",
    "nl-camt053/doc/error-camt053.xml": "does_not_foot",
}

UNKNOWN = [
    "International_payment_RUB_naujas_1.xml",
    "International_payment_USD_naujas_1.xml",
    "gistfile1.xml",
    "invalid.xml",
    "invalid_namespace.xml",
    "musterfile_pain.001_Nov2020.xml",
    "pain.001.001.03.xml",
    "pain008-musterfile.xml",
    "sepa_payment_naujas_1.xml",
    "valid_camt_v09.xml",
    "valid_namespace.xml",
]


def rows(*kinds: str) -> list[dict[str, str]]:
    """The census lines of message kinds; none when the files are not here."""
    if not FOLDER.exists():
        return []
    with (FOLDER / "census.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"].startswith(kinds)]


pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="NOT TESTED: the real bank files are not beside this repo")
CAMT = [row for row in rows("camt.", "no-namespace") if row["file"] != GARBLED]
STATUS = rows("pain.002")
by_file = {"argvalues": CAMT, "ids": [row["file"].rpartition("/")[2][:50] for row in CAMT]}


def read_file(name: str) -> Any:
    return detect.read((FOLDER / name).read_bytes())


def statements_of(path: Path) -> tuple[Statement, ...]:
    report = detect.read(path.read_bytes())
    assert isinstance(report, AccountReport)
    return report.statements


def hundredths(text: str) -> int | None:
    """A census figure in minor units; every currency there has two decimals."""
    figure = text.split(maxsplit=1)[0]
    return None if figure == "None" else int(Decimal(figure) * 100)


@pytest.mark.parametrize("row", **by_file)
def test_statements_entries_and_details_are_as_many_as_counted(row: dict[str, str]) -> None:
    statements = read_file(row["file"]).statements

    entries = [entry for statement in statements for entry in statement.entries]
    assert len(statements) == int(row["statements"])
    assert len(entries) == int(row["entries_or_61_lines"])
    assert sum(len(entry.details) for entry in entries) == int(row["details_or_opening"])


@pytest.mark.parametrize("row", **by_file)
def test_the_first_statements_balances_and_difference_are_as_computed(row: dict[str, str]) -> None:
    proof = prove(read_file(row["file"]).statements[0])

    opening, closing = (hundredths(text) for text in row["opening_closing_or_closing"].split(" → "))
    if closing is not None:
        assert (proof.opening_minor, proof.closing_minor) == (opening, closing)
    if row["proof"] != "None":
        assert proof.difference_minor == hundredths(row["proof"])


def test_every_file_with_balances_foots_but_six_that_are_known_not_to() -> None:
    reasons = {}
    for path in sorted(FOLDER.rglob("*.xml")):
        try:
            report = detect.read(path.read_bytes())
        except MessageUnreadable:
            continue
        for statement in report.statements if isinstance(report, AccountReport) else ():
            proof = prove(statement)
            if proof.status == "broken":
                reasons[str(path.relative_to(FOLDER))] = proof.reason

    assert reasons == NOT_FOOTING


def test_the_files_that_cannot_be_read_are_these() -> None:
    codes = {}
    for path in sorted(FOLDER.rglob("*.xml")):
        try:
            detect.read(path.read_bytes())
        except MessageUnreadable as refusal:
            codes.setdefault(refusal.code, []).append(str(path.relative_to(FOLDER)))

    assert sorted({Path(name).name for name in codes.pop("unknown_message_type")}) == UNKNOWN
    assert codes == {}


def test_the_entries_that_cannot_be_read_are_these() -> None:
    found = {}
    for path in sorted(FOLDER.rglob("*.xml")):
        try:
            report = detect.read(path.read_bytes())
        except MessageUnreadable:
            continue
        statements = report.statements if isinstance(report, AccountReport) else ()
        for entry in (entry for statement in statements for entry in statement.entries):
            if entry.problem:
                found.setdefault(entry.problem, set()).add(path.name)

    assert found.pop("invalid_amount") == {Path(GARBLED).name}
    assert found == {}


def test_daily_statements_of_two_accounts_open_where_the_last_closed() -> None:
    closings: dict[str, int] = {}
    days = sorted((CENTRAL_BANK / "LT625883379695428516" / "CAMT_053").glob("*.xml"))
    proofs = []
    for path in days:
        for statement in statements_of(path):
            proof = prove(statement)
            number = statement.account.number
            assert proof.opening_minor == closings.get(number, proof.opening_minor), path.name
            assert proof.closing_minor is not None
            closings[number] = proof.closing_minor
            proofs.append(proof)

    assert {(proof.status, proof.difference_minor) for proof in proofs} == {("proved_with_warnings", 0)}
    assert (len(days), len(proofs), len(closings)) == (59, 118, 2)


def test_monthly_statements_chain() -> None:
    first, second = (
        prove(statements_of(CENTRAL_BANK / "Other" / name)[0])
        for name in ("account_statement-3.xml", "BE68793230773034-202411.xml")
    )

    assert first.closing_minor == second.opening_minor
    assert (first.status, second.status) == ("proved", "proved")


def test_detail_messages_sum_to_their_control_messages_day_by_day() -> None:
    truth = json.loads((FOLDER / "central-bank" / "truth-054-vs-052.json").read_text())["days"]
    account = CENTRAL_BANK / "LT809872649478701594"
    payments = 0
    for day, expected in truth.items():
        details = [
            detail
            for statement in statements_of(account / "CAMT_054" / f"{day}.xml")
            for entry in statement.entries
            for detail in entry.details
        ]
        (control,) = statements_of(account / "CAMT_052" / f"{day}.xml")
        lines = [balance.amount_minor for balance in control.balances if balance.code not in OTHER_CODES]
        told = sum(detail.amount_minor or 0 for detail in details)
        assert (len(details), told) == (expected["transactions"], hundredths(expected["net_054"])), day
        assert (len(lines), sum(lines)) == (expected["control_lines"], hundredths(expected["net_052"])), day
        assert control.balances[0].amount_minor == hundredths(expected["opening"])
        assert control.balances[-1].amount_minor == hundredths(expected["closing"])
        payments += len(details)

    assert (len(truth), payments) == (112, 15_766)


@pytest.mark.parametrize("row", STATUS, ids=[row["file"][-50:] for row in STATUS])
def test_status_reports_are_as_counted(row: dict[str, str]) -> None:
    report = read_file(row["file"])

    assert isinstance(report, StatusReport)
    counted: dict[str, int] = {}
    for status in [batch.status for batch in report.batches] + [payment.status for payment in report.payments]:
        counted[status] = counted.get(status, 0) + 1
    assert len(report.payments) == int(row["statements"])
    assert f"{report.group_status or None} {counted}" == row["entries_or_61_lines"]
