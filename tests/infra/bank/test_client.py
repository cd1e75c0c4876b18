"""The control plane of a real mock-bank, as our client speaks to it, and what its messages carry."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from chalicelib.messages import detect
from chalicelib.messages.model import AccountReport, ReturnReport, StatusReport
from chalicelib.messages.pain001 import Payee
from chalicelib.messages.proof import prove
from infra.bank.accounts import GRAIN, STEEL, open_accounts
from infra.bank.client import BankClient, BankError, message_id_of
from tests.infra.bank.build import payment_file
from tests.infra.bank.conftest import bank_process


def read_all(bank: BankClient) -> list[Any]:
    """Every waiting message of the steel account, read, then collected."""
    waiting = bank.mailbox()
    bank.collect(waiting)
    return [detect.read(message.body) for message in waiting if message.account == STEEL.account]


def test_only_the_sandboxes_accounts_are_open(bank: BankClient) -> None:
    open_accounts(bank)

    is_open = {account["id"]: not account["closed"] for account in bank.accounts()}
    assert [account for account, opened in is_open.items() if opened] == [GRAIN.account, STEEL.account]


def test_money_in_is_told_with_its_reference_and_a_bank_reference_that_the_statement_repeats(bank: BankClient) -> None:
    bank.credit(STEEL.account, 100_000_000, reference="QT7K2M9P4", payer="买方钢材", note="deposit")
    (told,) = read_all(bank)
    bank.advance(days=1)
    (stated,) = read_all(bank)

    assert isinstance(told, AccountReport)
    assert isinstance(stated, AccountReport)
    (credit,) = told.statements[0].entries
    assert (told.kind, told.statements[0].account.iban) == ("notification", STEEL.iban)
    assert (credit.amount_minor, credit.currency, credit.status) == (100_000_000, "CNY", "booked")
    assert credit.booked_on == date(2026, 3, 2)
    assert credit.details[0].creditor_references == ("QT7K2M9P4",)
    assert (credit.details[0].counterparty_name, credit.details[0].remittance) == ("买方钢材", ("deposit",))
    assert credit.details[0].end_to_end_id == ""
    assert credit.bank_reference
    assert stated.statements[0].entries == (credit,)


def test_a_payout_is_accepted_debited_and_stated_under_our_id(bank: BankClient) -> None:
    answer = bank.hand_over(payment_file("pay_1"))
    status, told = read_all(bank)
    bank.advance(days=1)
    (stated,) = read_all(bank)

    assert answer["status"] == "ACCP"
    assert isinstance(status, StatusReport)
    assert (status.original_message_id, status.group_status) == ("pay_1", "ACCP")
    assert [(each.end_to_end_id, each.status) for each in status.payments] == [("pay_1", "ACCP")]
    (debit,) = told.statements[0].entries
    assert (debit.amount_minor, debit.details[0].end_to_end_id) == (-4_250_000, "pay_1")
    assert debit.details[0].counterparty_account == "6222020200112233445"
    assert stated.statements[0].entries == (debit,)
    assert bank.balance_minor(STEEL.account) == -4_250_000


@pytest.mark.parametrize("payee", [Payee("Mill", account="6222"), Payee("Mill", iban=GRAIN.iban, bic="MOCKNL2A")])
def test_our_payment_files_have_no_finding(bank: BankClient, payee: Payee) -> None:
    assert bank.findings(payment_file("pay_1", payee=payee)) == []


def test_statements_of_a_period_prove_and_chain(bank: BankClient) -> None:
    bank.credit(STEEL.account, 200_000_000, reference="A")
    bank.hand_over(payment_file("pay_1"))
    bank.advance(days=3)

    statements = [
        statement
        for report in read_all(bank)
        if isinstance(report, AccountReport) and report.kind == "statement"
        for statement in report.statements
    ]

    proofs = [prove(statement) for statement in statements]
    assert [proof.status for proof in proofs] == ["proved"] * 3
    assert [statement.electronic_sequence for statement in statements] == [1, 2, 3]
    assert [proof.closing_minor for proof in proofs] == [195_750_000] * 3
    assert [proof.opening_minor for proof in proofs] == [0, 195_750_000, 195_750_000]
    assert [row["closing"] for row in bank.statements(STEEL.account)] == [195_750_000] * 3


def test_a_refused_file_is_told_by_its_own_id(bank: BankClient) -> None:
    bank.change_account(STEEL.account, behaviour="reject-file")

    answer = bank.hand_over(payment_file("pay_1"))

    (status,) = read_all(bank)
    assert (answer["status"], status.original_message_id, status.group_status) == ("RJCT", "pay_1", "RJCT")
    assert (status.group_reason, status.payments) == ("FF01", ())


def test_a_rejected_payment_has_its_reason(bank: BankClient) -> None:
    bank.change_account(STEEL.account, behaviour="insufficient-funds")

    bank.hand_over(payment_file("pay_1"))

    (status,) = read_all(bank)
    assert [(each.status, each.reason) for each in status.payments] == [("RJCT", "AM04")]


def test_a_file_handed_over_twice_is_a_duplicate_and_pays_once(bank: BankClient) -> None:
    first, second = (bank.hand_over(payment_file("pay_1")) for _ in range(2))

    reports = [report for report in read_all(bank) if isinstance(report, StatusReport)]
    assert (first["status"], second["reason"]) == ("ACCP", "DUPL")
    assert [(report.group_status, report.group_reason) for report in reports] == [("ACCP", ""), ("RJCT", "DUPL")]
    assert bank.balance_minor(STEEL.account) == -4_250_000


def test_a_returned_payment_is_told_twice_over_and_credited(bank: BankClient) -> None:
    bank.change_account(STEEL.account, behaviour="return-later", parameters={"days": 1, "reason": "AC04"})
    bank.hand_over(payment_file("pay_1"))
    _, told = read_all(bank)
    bank.advance(days=1)
    returned, credited, _ = read_all(bank)

    assert isinstance(returned, ReturnReport)
    (payment,) = returned.returns
    assert (payment.end_to_end_id, payment.amount_minor, payment.reason) == ("pay_1", 4_250_000, "AC04")
    (credit,) = credited.statements[0].entries
    (debit,) = told.statements[0].entries
    assert (credit.amount_minor, credit.details[0].return_reason) == (4_250_000, "AC04")
    assert credit.details[0].end_to_end_id == "pay_1"
    assert credit.bank_reference not in ("", debit.bank_reference)
    assert bank.balance_minor(STEEL.account) == 0


def test_collecting_takes_exactly_the_messages_named(bank: BankClient) -> None:
    for reference in ("A", "B", "C"):
        bank.credit(STEEL.account, 100, reference=reference)
    first, second, third = bank.mailbox()

    bank.collect([second])

    assert bank.mailbox() == (first, third)
    assert [message.taken for message in bank.sent()] == [False, True, False]


def test_looking_into_the_mailbox_takes_nothing(bank: BankClient) -> None:
    bank.credit(STEEL.account, 100)

    assert bank.mailbox() == bank.mailbox() != ()


def test_a_holiday_moves_what_would_book_on_it(bank: BankClient) -> None:
    bank.set_holidays([date(2026, 3, 3)])

    assert bank.advance(days=2).date() == date(2026, 3, 4)
    assert [row["day"] for row in bank.statements(STEEL.account)] == ["2026-03-02"]


def test_an_answer_that_no_working_sandbox_gives_is_an_error(bank: BankClient) -> None:
    with pytest.raises(BankError, match="409"):
        bank.credit("NOBODY", 100)


def test_nothing_listening_is_not_up() -> None:
    assert not BankClient("http://127.0.0.1:9").is_up()


def test_bytes_that_are_no_message_have_no_message_id() -> None:
    assert [message_id_of(body) for body in (b"", b"<a/>", b"not xml")] == ["", "", ""]


def test_bank_time_and_books_go_on_after_a_clean_stop(tmp_path: Path) -> None:
    process = bank_process(tmp_path)
    process.start()
    open_accounts(process.client)
    process.client.credit(STEEL.account, 500)
    process.client.advance(days=3)
    process.stop()

    process.start()

    try:
        assert process.client.now() >= datetime(2026, 3, 5, 9, tzinfo=UTC)
        assert process.client.balance_minor(STEEL.account) == 500
        assert len(process.client.statements(STEEL.account)) == 3
    finally:
        process.kill()
    assert process.pid is None


def test_bank_time_does_not_run_backwards_after_a_crash(tmp_path: Path) -> None:
    process = bank_process(tmp_path)
    process.start()
    open_accounts(process.client)
    process.client.advance(days=3)
    process.kill()

    process.start()

    try:
        assert process.client.now() >= datetime(2026, 3, 5, 9, tzinfo=UTC)
        assert [row["day"] for row in process.client.statements(STEEL.account)][-1] == "2026-03-04"
    finally:
        process.kill()


def test_a_bank_killed_before_it_had_tables_starts(tmp_path: Path) -> None:
    process = bank_process(tmp_path)
    (tmp_path / "bank.db").touch()

    process.start()

    assert process.client.now().date() == date(2026, 3, 2)
    process.kill()


def test_a_bank_that_cannot_start_says_so(tmp_path: Path) -> None:
    process = bank_process(tmp_path)
    (tmp_path / "bank.db").mkdir()

    with pytest.raises(RuntimeError, match=r"bank\.log"):
        process.start()
