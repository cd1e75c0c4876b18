"""A movement out of what a bank's message says."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from chalicelib.banking.movements import Movement, movement_of
from chalicelib.banking.references import reference_for
from chalicelib.core.errors import InvalidInput
from chalicelib.ledger.domain import movement_key
from chalicelib.messages.detect import read
from chalicelib.messages.model import AccountReport, Detail, Entry
from tests.banking.build import ACCOUNT, PAYOUT_ID, cny

REFERENCE = reference_for("ten_a", "trd_1")
SAMPLES = Path(__file__).parents[1] / "messages" / "samples"
CREDIT = Entry(
    amount_minor=1000,
    currency="CNY",
    status="booked",
    reversal=False,
    bank_reference="MB-RCV-1",
    entry_reference="",
    booked_on=None,
    valued_on=None,
    details=(Detail(1000, "CNY", creditor_references=(REFERENCE,), remittance=("deposit", "steel")),),
)


def detailed(**changes: object) -> Entry:
    return replace(CREDIT, details=(replace(CREDIT.details[0], **changes),))  # type: ignore[arg-type]


def refusal(entry: Entry) -> str:
    with pytest.raises(InvalidInput) as refused:
        movement_of(ACCOUNT, entry)
    return refused.value.code


def test_a_credit_carries_its_references_and_what_was_written() -> None:
    movement = movement_of(ACCOUNT, CREDIT)

    assert movement == Movement(
        ACCOUNT, "MB-RCV-1", cny(1000), references=(REFERENCE,), text=f"{REFERENCE} deposit steel"
    )
    assert movement.key == movement_key(ACCOUNT.account_id, "MB-RCV-1")
    assert movement.content == {"minor": 1000, "currency": "CNY"}


def test_a_movement_of_one_payment_names_its_payer_and_its_ids() -> None:
    day = date(2026, 3, 2)
    one = {"end_to_end_id": "E-1", "uetr": "u-1", "transaction_id": "T-1", "original_reference": "MB-0"}
    payer = {"counterparty_name": "Buyer", "counterparty_account": "62 22-1"}
    entry = replace(detailed(**one, **payer), valued_on=day)

    movement = movement_of(ACCOUNT, entry)

    assert {name: getattr(movement, name) for name in one} == one
    assert (movement.counterparty_name, movement.counterparty_account) == ("Buyer", "62221")
    assert movement.value_on == day


def test_a_reference_is_found_in_free_text_too() -> None:
    entry = detailed(creditor_references=(), remittance=(f"for {REFERENCE[:4]} {REFERENCE[4:]}",))

    assert movement_of(ACCOUNT, entry).references == (REFERENCE,)


@pytest.mark.parametrize(
    ("entry", "code"),
    [
        (replace(CREDIT, amount_minor=0, currency="EUR"), "currency_mismatch"),
        (replace(CREDIT, amount_minor=0), "amount_is_zero"),
    ],
)
def test_a_movement_is_refused_in_this_order(entry: Entry, code: str) -> None:
    assert refusal(entry) == code


def test_the_only_detail_lends_its_reference_to_an_entry_without_one() -> None:
    entry = replace(detailed(bank_reference="TX-1"), bank_reference="")

    assert movement_of(ACCOUNT, entry).bank_reference == "TX-1"


def test_a_sum_of_several_payments_belongs_to_none_of_them() -> None:
    one = Detail(-500, "CNY", end_to_end_id=PAYOUT_ID)
    entry = replace(CREDIT, amount_minor=-1000, details=(one, replace(one, end_to_end_id="other")))

    assert not movement_of(ACCOUNT, entry).is_payout_debit


def test_a_debit_with_our_id_is_a_payout() -> None:
    debit = replace(detailed(end_to_end_id=PAYOUT_ID), amount_minor=-1000)

    assert movement_of(ACCOUNT, debit).is_payout_debit
    assert not movement_of(ACCOUNT, replace(debit, reversal=True)).is_payout_debit
    assert not movement_of(ACCOUNT, replace(detailed(end_to_end_id="po-1"), amount_minor=-1000)).is_payout_debit


def test_a_credit_is_a_return_only_when_the_bank_says_so() -> None:
    quoted = detailed(end_to_end_id=PAYOUT_ID)

    assert not movement_of(ACCOUNT, quoted).is_payout_return
    assert movement_of(ACCOUNT, detailed(end_to_end_id=PAYOUT_ID, return_reason="AC04")).is_payout_return
    assert movement_of(ACCOUNT, replace(quoted, reversal=True)).is_payout_return


def test_a_banks_own_message_becomes_a_movement() -> None:
    report = read((SAMPLES / "credit.camt054.xml").read_bytes())
    assert isinstance(report, AccountReport)

    movement = movement_of(ACCOUNT, report.statements[0].entries[0])

    assert movement.bank_reference.startswith("RCV-")
    assert movement.amount.minor > 0
