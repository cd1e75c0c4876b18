"""Hostile texts of payers: twice as much of them costs at most some twice the work to find references in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.banking.domain import BankAccount
from chalicelib.banking.movements import movement_of
from chalicelib.banking.payout_status import news_of, words_of
from chalicelib.banking.references import creditor_reference, is_creditor_reference, is_iban, references_in
from chalicelib.messages.model import BatchStatus, Detail, Entry, PaymentStatus, StatusReport
from tests.support.growth import MOST_RATIO, ratio

OWN = creditor_reference("ABCDEFGH01234567")

TEXTS: dict[str, Callable[[int], str]] = {
    "beginnings": lambda n: "RF" * n,
    "beginnings with digits": lambda n: "RF18" * n,
    "almost references": lambda n: "RF18 5390 0754 7034 539" * n,
    "references": lambda n: f"{OWN} " * n,
    "references in one word": lambda n: OWN * n,
    "separated": lambda n: "RF" + "- " * n,
    "digits": lambda n: "RF" + "1" * n,
    "digits with spaces": lambda n: "RF" + " 1" * n,
    "letters that grow": lambda n: "ŉ" * n,
    "spaces": lambda n: " " * n,
}


@pytest.mark.parametrize("name", TEXTS)
def test_twice_as_long_a_text_is_at_most_some_twice_the_work(name: str) -> None:
    def make(n: int) -> bytes:
        return TEXTS[name](n).encode()

    in_text = ratio(make, lambda raw: references_in((), (raw.decode(),)))
    alone = ratio(make, lambda raw: (is_creditor_reference(raw.decode()), is_iban(raw.decode())))

    assert max(in_text, alone) <= MOST_RATIO


def test_twice_as_many_lines_are_at_most_some_twice_the_work() -> None:
    lines = ratio(lambda n: b"x" * n, lambda raw: references_in([OWN] * len(raw), [OWN] * len(raw)))
    others = ratio(lambda n: b"x" * n, lambda raw: references_in([f"RF18{i}" for i in range(len(raw))], ()))

    assert max(lines, others) <= MOST_RATIO


def test_twice_as_many_details_are_at_most_some_twice_the_work() -> None:
    account = BankAccount("bank", "NL62MOCK0000000011", "tnt_1", "CNY")
    detail = Detail(1, "CNY", creditor_references=(OWN,), remittance=("lot 7", OWN))

    def read(raw: bytes) -> object:
        details = (detail,) * len(raw)
        return movement_of(account, Entry(len(raw), "CNY", "booked", False, "R", "", None, None, details))

    assert ratio(lambda n: b"x" * n, read) <= MOST_RATIO


def test_twice_as_many_statuses_are_at_most_some_twice_the_work() -> None:
    def read(raw: bytes) -> object:
        payments = tuple(PaymentStatus(f"pay_{i}", "", f"b{i}", "RJCT", "") for i in range(len(raw)))
        batches = tuple(BatchStatus(f"b{i}", "PART", "") for i in range(len(raw)))
        return list(map(news_of, words_of(StatusReport("S", None, "pay_1", "PART", "", batches, payments))))

    assert ratio(lambda n: b"x" * n, read) <= MOST_RATIO
