"""What a bank's message states and is not booked is kept where its tenant sees it, and holds up nothing else."""

from __future__ import annotations

import pytest

from tests.messages.build import ACCOUNT, detail, entry, message, statement
from tests.settlement.desk import Desk

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
