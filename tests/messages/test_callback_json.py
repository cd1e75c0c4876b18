"""JSON callbacks: the same shapes as XML ones, and strict."""

from __future__ import annotations

import json
import sys
from datetime import UTC, date, datetime
from typing import Any

import pytest

from chalicelib.messages import callback_json
from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import AccountReport, Detail, Entry, PaymentStatus, StatusReport
from tests.messages.build import sample


def notification(**changes: Any) -> dict[str, Any]:
    """The sample notification; `entry__x` changes a field of its first entry, None drops one."""
    document: dict[str, Any] = json.loads(sample("notification.json"))
    for name, value in changes.items():
        target, field = (document["entries"][0], name[7:]) if name.startswith("entry__") else (document, name)
        target[field] = value
        if value is None:
            del target[field]
    return document


def refusal_of(body: dict[str, Any] | str) -> MessageUnreadable:
    with pytest.raises(MessageUnreadable) as refusal:
        callback_json.read((body if isinstance(body, str) else json.dumps(body)).encode())
    return refusal.value


def dumped(document: dict[str, Any]) -> str:
    """A document as JSON, in which an integer may have any number of digits."""
    before = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        return json.dumps(document)
    finally:
        sys.set_int_max_str_digits(before)


def entries_of(body: str) -> tuple[Entry, ...]:
    report = callback_json.read(body.encode())
    assert isinstance(report, AccountReport)
    return report.statements[0].entries


def test_a_notification_is_read_into_entries() -> None:
    report = callback_json.read(sample("notification.json"))

    assert isinstance(report, AccountReport)
    assert (report.kind, report.message_id) == ("notification", "N-1")
    assert report.created_at == datetime(2026, 3, 2, 1, tzinfo=UTC)
    credit, debit = report.statements[0].entries
    assert (credit.amount_minor, credit.status, credit.bank_reference) == (100_000_000, "booked", "RCV-1")
    assert (debit.amount_minor, debit.status, debit.valued_on) == (-4_250_000, "pending", date(2026, 3, 3))
    assert debit.details[0].end_to_end_id == "pay_1"
    assert credit.details == (
        Detail(
            amount_minor=100_000_000,
            currency="CNY",
            creditor_references=("QT7K2M9P4",),
            remittance=("deposit",),
            counterparty_name="Buyer Ltd",
            counterparty_account="6222",
        ),
    )


def test_placeholders_are_missing_references_at_every_level() -> None:
    given = dict.fromkeys(("bank_reference", "reference", "end_to_end_id", "uetr", "transaction_id"), "NONREF")
    named = {f"entry__{name}": text for name, text in given.items()}
    report = callback_json.read(json.dumps(notification(message_id="UNKNOWN", **named)).encode())

    assert isinstance(report, AccountReport)
    assert (report.message_id, report.statements[0].statement_id) == ("", "")
    (first, _), (found,) = report.statements[0].entries, report.statements[0].entries[0].details
    assert (first.bank_reference, found.end_to_end_id, found.uetr, found.transaction_id) == ("", "", "", "")
    assert found.creditor_references == ()


def test_a_movement_may_name_the_payment_and_the_movement_it_undoes() -> None:
    named = {"uetr": "97ED4827-7B6F-4491-A06F-B548D5A7512D", "transaction_id": "T-1", "original_reference": "MB-1"}
    report = callback_json.read(json.dumps(notification(**{f"entry__{k}": v for k, v in named.items()})).encode())

    assert isinstance(report, AccountReport)
    (found,) = report.statements[0].entries[0].details
    assert (found.uetr, found.transaction_id, found.original_reference) == (named["uetr"].lower(), "T-1", "MB-1")


def test_a_status_is_read_into_payments() -> None:
    report = callback_json.read(sample("status.json"))

    assert isinstance(report, StatusReport)
    assert (report.original_message_id, report.group_status) == ("file-1", "PART")
    assert report.payments == (
        PaymentStatus("pay_1", "", "", "ACSC", ""),
        PaymentStatus("pay_2", "", "", "RJCT", "AC04"),
    )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"surprise": 1}, "surprise"),
        ({"message_id": None}, "message_id"),
        ({"message_id": 7}, "message_id"),
        ({"message_id": "x" * 1001}, "message_id"),
        ({"created_at": "yesterday"}, "created_at"),
        ({"account": None}, "account"),
        ({"account": {"currency": "CNY"}}, "account"),
        ({"entries": []}, "entries"),
        ({"entries": {}}, "entries"),
        ({"entry__surprise": 1, "surprise": 1}, "surprise"),
    ],
)
def test_a_field_of_the_message_that_breaks_its_rule_is_named(changes: dict[str, Any], field: str) -> None:
    refusal = refusal_of(notification(**changes))

    assert (refusal.code, refusal.facts) == ("invalid_field", {"field": field})


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"entry__surprise": 1}, "entries[0].surprise"),
        ({"entry__direction": "in"}, "entries[0].direction"),
        ({"entry__status": "done"}, "entries[0].status"),
        ({"entry__amount_minor": 0}, "entries[0].amount_minor"),
        ({"entry__amount_minor": -5}, "entries[0].amount_minor"),
        ({"entry__amount_minor": "5"}, "entries[0].amount_minor"),
        ({"entry__amount_minor": True}, "entries[0].amount_minor"),
        ({"entry__amount_minor": 10**28}, "entries[0].amount_minor"),
        ({"entry__amount_minor": None}, "entries[0].amount_minor"),
        ({"entry__bank_reference": 1}, "entries[0].bank_reference"),
        ({"entry__booked_on": "2026-02-30"}, "entries[0].booked_on"),
        ({"entry__valued_on": "soon"}, "entries[0].valued_on"),
        ({"entry__reversal": "no"}, "entries[0].reversal"),
        ({"entry__remittance": "text"}, "entries[0].remittance"),
        ({"entry__counterparty": {"bank": "x"}}, "entries[0].counterparty.bank"),
        ({"entry__direction": None}, "entries[0].direction"),
        ({"entry__direction": 1}, "entries[0].direction"),
        ({"entry__status": None}, "entries[0].status"),
        ({"entry__status": []}, "entries[0].status"),
        ({"entry__amount_minor": 5.0}, "entries[0].amount_minor"),
        ({"entry__amount_minor": 10**5000}, "entries[0].amount_minor"),
        ({"entry__currency": None}, "entries[0].currency"),
        ({"entry__booked_on": None}, "entries[0].booked_on"),
        ({"entry__booked_on": 20260302}, "entries[0].booked_on"),
        ({"entry__reference": {}}, "entries[0].reference"),
        ({"entry__end_to_end_id": 1}, "entries[0].end_to_end_id"),
        ({"entry__transaction_id": 1}, "entries[0].transaction_id"),
        ({"entry__uetr": 1}, "entries[0].uetr"),
        ({"entry__original_reference": 1}, "entries[0].original_reference"),
        ({"entry__return_reason": 1}, "entries[0].return_reason"),
        ({"entry__charges_minor": -1}, "entries[0].charges_minor"),
        ({"entry__remittance": [1]}, "entries[0].remittance"),
        ({"entry__remittance": ["x"] * 10_001}, "entries[0].remittance"),
        ({"entry__counterparty": "x"}, "entries[0].counterparty"),
        ({"entry__counterparty": {"name": 1}}, "entries[0].counterparty.name"),
    ],
)
def test_an_entry_that_cannot_be_read_says_where_and_the_others_stand(changes: dict[str, Any], field: str) -> None:
    bad, good = entries_of(dumped(notification(**changes)))

    assert (bad.problem, bad.problem_at, bad.status) == ("invalid_field", field, "info")
    assert (good.problem, good.amount_minor) == ("", -4_250_000)


def test_an_entry_that_is_no_object_is_one_that_cannot_be_read() -> None:
    document = notification()
    document["entries"][0] = "x"

    bad, good = entries_of(dumped(document))

    assert (bad.problem, bad.problem_at, good.problem) == ("invalid_field", "entries[0]", "")


def test_an_entry_in_a_currency_that_is_none_says_so() -> None:
    bad, good = entries_of(dumped(notification(entry__currency="XXX")))

    assert (bad.problem, bad.problem_at, good.problem) == ("unknown_currency", "entries[0].currency", "")


@pytest.mark.parametrize(
    ("old", "place"),
    [
        ('"amount_minor":', "entries[0].amount_minor"),
        ('"direction":', "entries[0].direction"),
        ('"booked_on":', "entries[0].booked_on"),
        ('"status":', "entries[0].status"),
        ('"name":', "entries[0].counterparty.name"),
    ],
)
def test_an_entry_that_has_a_key_twice_is_not_guessed_at(old: str, place: str) -> None:
    body = dumped(notification()).replace(old, f"{old} 7, {old}", 1)

    bad, good = entries_of(body)

    assert (bad.problem, bad.problem_at, bad.status, good.problem) == ("field_twice", place, "info", "")


def test_a_payment_whose_status_cannot_be_read_says_so_and_the_others_stand() -> None:
    document = json.loads(sample("status.json"))
    document["payments"][0]["status"] = 7

    report = callback_json.read(json.dumps(document).encode())

    assert isinstance(report, StatusReport)
    bad, good = report.payments
    assert (bad.end_to_end_id, bad.problem, bad.problem_at) == ("pay_1", "invalid_field", "payments[0].status")
    assert good == PaymentStatus("pay_2", "", "", "RJCT", "AC04")


@pytest.mark.parametrize(
    "body",
    [
        "{",
        '{"type": "status", "type": "notification"}',
        '{"type": 1.5}',
        '{"type": NaN}',
        '{"a": ' + "[" * 100_000,
        '{"a": ' + "9" * 5000 + "}",
        '{"a": "\udcff"}'.encode("utf-8", "surrogatepass").decode("latin-1"),
        r'{"a": ["half of a pair: \ud83d"]}',
        r'{"\udc00": 1}',
    ],
    ids=["cut", "twice", "float", "nan", "deep", "digits", "latin", "surrogate", "surrogate-name"],
)
def test_what_is_no_strict_json_is_malformed(body: str) -> None:
    with pytest.raises(MessageUnreadable) as refusal:
        callback_json.read(body.encode("latin-1") if "\xed" in body else body.encode())

    assert refusal.value.code == "malformed_json"
    assert refusal.value.__suppress_context__


def test_another_type_is_unknown() -> None:
    assert refusal_of(notification(type="statement")).code == "unknown_message_type"


def test_a_list_is_no_message() -> None:
    assert refusal_of("[]").facts == {"field": "body"}


def test_a_body_too_large_is_refused_unparsed() -> None:
    assert refusal_of(" " * (4 * 1024 * 1024 + 1)).code == "message_too_large"
