"""What a bank's message states and is not booked is kept where its tenant sees it, and holds up nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.messages.build import ACCOUNT, balance, detail, entry, message, statement
from tests.settlement.desk import UNKNOWN_PAYOUT, Desk, moved, status

CNY = ACCOUNT.replace("EUR", "CNY")
GOOD = entry("3.00", currency="CNY").replace(">REF<", ">GOOD<")
BAD = entry("10.00", currency="CNY").replace(">REF<", ">BAD<")
SIGN = "<CdtDbtInd>CRDT</CdtDbtInd>"


def told(*entries: str, account: str = CNY) -> bytes:
    return message(statement(*entries, account=account, wrapper="Ntfctn"), container="BkToCstmrDbtCdtNtfctn")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("<Sts><Prtry>DONE</Prtry></Sts>", "status_unknown"),
        ("<Sts><Cd>BOOKED</Cd></Sts>", "status_unknown"),
        ("<Sts>XYZ</Sts>", "status_unknown"),
        ("<Sts></Sts>", "status_missing"),
        ("", "status_missing"),
    ],
)
def test_an_entry_whose_status_is_unknown_is_kept_and_never_booked(desk: Desk, status: str, reason: str) -> None:
    bad = BAD.replace("<Sts><Cd>BOOK</Cd></Sts>", status)

    assert desk.tell(told(bad, GOOD)) == []

    (kept,) = desk.quarantine()
    assert (kept.reason, kept.tenant, kept.facts["element"]) == (reason, desk.place.tenant, "Ntry/Sts")
    assert (kept.facts["minor"], desk.place.bank) == (1000, 300)


@pytest.mark.parametrize(
    ("bad", "at"),
    [
        (BAD.replace(SIGN, SIGN + "<CdtDbtInd>DBIT</CdtDbtInd>"), "Ntry/CdtDbtInd"),
        (BAD.replace("<Ntry>", "<Ntry><Amt Ccy='CNY'>1.00</Amt>"), "Ntry/Amt"),
        (BAD.replace("<NtryDtls>", f"<NtryDtls>{GOOD}"), "Ntry/Ntry"),
    ],
)
def test_an_entry_that_says_one_thing_twice_is_kept_and_the_rest_is_booked(desk: Desk, bad: str, at: str) -> None:
    assert desk.tell(told(bad, GOOD)) == []

    (kept,) = desk.quarantine()
    assert (kept.reason, kept.facts["element"], desk.place.bank) == ("element_twice", at, 300)


@pytest.mark.parametrize(
    ("old", "new", "reason", "at"),
    [
        (">10.00<", ">ten<", "invalid_amount", "Ntry/Amt"),
        ("<Amt Ccy='CNY'>10.00</Amt>", "", "missing_element", "Ntry/Amt"),
        ("'CNY'", "'ZZZ'", "unknown_currency", "Ntry/Amt"),
        ("CRDT", "BOTH", "invalid_direction", "Ntry/CdtDbtInd"),
        ("2026-03-02", "2026-02-30", "date_unreadable", "Ntry/BookgDt"),
        ("<NtryDtls>", "<ValDt><Dt>soon</Dt></ValDt><NtryDtls>", "date_unreadable", "Ntry/ValDt"),
        ("<NtryDtls>", "<RvslInd>perhaps</RvslInd><NtryDtls>", "invalid_indicator", "Ntry/RvslInd"),
    ],
)
def test_an_entry_that_cannot_be_read_is_kept_with_its_place_and_the_rest_is_booked(
    desk: Desk, old: str, new: str, reason: str, at: str
) -> None:
    assert desk.tell(told(GOOD, BAD.replace(old, new), GOOD.replace("GOOD", "MORE"))) == []

    (kept,) = desk.quarantine()
    assert (kept.reason, kept.tenant, kept.facts["element"]) == (reason, desk.place.tenant, at)
    assert (kept.facts["entry"], kept.facts["bank_reference"], desk.place.bank) == (2, "BAD", 600)


@pytest.mark.parametrize(
    ("changes", "reason", "at"),
    [
        ({"amount_minor": "7"}, "invalid_field", "amount_minor"),
        ({"amount_minor": 7.5}, "invalid_field", "amount_minor"),
        ({"status": "done"}, "invalid_field", "status"),
        ({"direction": "in"}, "invalid_field", "direction"),
        ({"booked_on": "2026-02-30"}, "invalid_field", "booked_on"),
        ({"currency": "ZZZ"}, "unknown_currency", "currency"),
        ({"surprise": 1}, "invalid_field", "surprise"),
        ({"counterparty": {"name": 1}}, "invalid_field", "counterparty.name"),
    ],
)
def test_an_entry_in_json_that_cannot_be_read_is_kept_with_its_place_and_the_rest_is_booked(
    desk: Desk, changes: dict[str, Any], reason: str, at: str
) -> None:
    assert desk.tell(desk.report(moved(300), moved(700, "BAD", **changes), moved(400))) == []

    (kept,) = desk.quarantine()
    assert (kept.reason, kept.tenant, kept.facts["field"]) == (reason, desk.place.tenant, f"entries[1].{at}")
    assert (kept.facts["entry"], kept.facts["bank_reference"], desk.place.bank) == (2, "BAD", 700)


def test_an_entry_in_json_with_a_key_twice_is_kept_and_the_rest_is_booked(desk: Desk) -> None:
    body = desk.report(moved(300), moved(700, "BAD"))

    assert desk.tell(body.replace(b'"amount_minor": 700', b'"amount_minor": 7, "amount_minor": 700')) == []

    (kept,) = desk.quarantine()
    assert (kept.reason, kept.facts["field"], desk.place.bank) == ("field_twice", "entries[1].amount_minor", 300)


def test_a_balance_that_cannot_be_read_is_seen_and_what_moved_is_booked(desk: Desk) -> None:
    assert desk.tell(told(balance(amount="ten", currency="CNY"), GOOD)) == []

    (kept,) = desk.quarantine()
    assert (kept.reason, kept.facts["element"], desk.place.bank) == ("invalid_amount", "Bal/Amt", 300)


def test_a_payment_of_an_unknown_status_holds_up_no_other(desk: Desk) -> None:
    document = json.loads(status(UNKNOWN_PAYOUT, "ABCD"))
    document["payments"] += [{"end_to_end_id": UNKNOWN_PAYOUT, "status": 7}]
    document["payments"] += [{"end_to_end_id": UNKNOWN_PAYOUT, "status": "PDNG"}]

    assert desk.tell(json.dumps(document).encode()) == []

    assert desk.reasons() == ["invalid_field", "unknown_payment_status"]


def test_a_message_of_two_accounts_is_kept_whole(desk: Desk) -> None:
    assert desk.tell(told(GOOD, account=CNY * 2)) == []

    assert (desk.reasons(), desk.place.bank) == (["element_twice"], 0)


def test_entries_of_an_account_in_another_currency_are_kept(desk: Desk) -> None:
    assert desk.tell(told(GOOD, account=ACCOUNT)) == []

    assert (desk.reasons(), desk.place.bank) == (["currency_mismatch"], 0)


def test_what_deviates_is_booked_and_seen_by_its_tenant(desk: Desk) -> None:
    odd = entry("3.00", currency="CNY", details=detail("1.00", "CNY") + detail("1.00", "CNY"))

    for _ in range(2):
        assert desk.tell(told(odd)) == []

    kept = desk.quarantine()
    assert {each.reason for each in kept} == {"message_deviates"}
    assert {each.facts["warnings"] for each in kept} == {"details_do_not_add_up"}
    assert desk.place.bank == 300
