"""What the schema allows once and stands twice is not guessed at: the entry, or the statement, says so."""

from __future__ import annotations

import re

import pytest

from tests.messages.build import ACCOUNT, balance, detail, entry, read_one

PAYER = "<RltdPties><DbtrAcct><Id><IBAN>NL62MOCK0000000011</IBAN></Id></DbtrAcct></RltdPties>"
WHOLE = entry(
    details=detail("10.00", more=f"<Refs><EndToEndId>E-1</EndToEndId></Refs>{PAYER}<RmtInf><Ustrd>x</Ustrd></RmtInf>"),
    more="<RvslInd>false</RvslInd><NtryRef>1</NtryRef>",
)
IN_ENTRIES = {
    "Amt": "Ntry/Amt",
    "CdtDbtInd": "Ntry/CdtDbtInd",
    "RvslInd": "Ntry/RvslInd",
    "Sts": "Ntry/Sts",
    "Cd": "Ntry/Sts/Cd",
    "BookgDt": "Ntry/BookgDt",
    "Dt": "Ntry/BookgDt/Dt",
    "AcctSvcrRef": "Ntry/AcctSvcrRef",
    "NtryRef": "Ntry/NtryRef",
    "EndToEndId": "TxDtls/Refs/EndToEndId",
    "Refs": "TxDtls/Refs",
    "RltdPties": "TxDtls/RltdPties",
    "DbtrAcct": "TxDtls/RltdPties/DbtrAcct",
    "IBAN": "TxDtls/RltdPties/DbtrAcct/Id/IBAN",
    "RmtInf": "TxDtls/RmtInf",
}


def doubled(xml: str, name: str) -> str:
    """The XML with its first element of that name standing twice."""
    return re.sub(rf"<{name}[ >].*?</{name}>", lambda found: found[0] * 2, xml, count=1)


def test_an_entry_that_says_each_thing_once_has_no_problem() -> None:
    only = read_one(balance(), WHOLE, WHOLE, balance("CLBD", "120.00"))

    assert [(each.status, each.problem) for each in only.entries] == [("booked", "")] * 2
    assert only.twice == ""


@pytest.mark.parametrize("name", IN_ENTRIES)
def test_an_entry_that_says_one_thing_twice_is_not_booked_and_the_others_are(name: str) -> None:
    bent = doubled(WHOLE, name)
    assert bent != WHOLE

    first, second = read_one(bent, WHOLE).entries

    assert (first.status, first.problem, first.problem_at) == ("info", "element_twice", IN_ENTRIES[name])
    assert (second.status, second.problem) == ("booked", "")


def test_a_second_amount_within_a_transaction_is_seen() -> None:
    bent = WHOLE.replace("<TxDtls>", "<TxDtls><Amt Ccy='EUR'>9.00</Amt>")

    assert read_one(bent).entries[0].problem_at == "TxDtls/Amt"


def test_an_entry_inside_an_entry_is_no_entry_of_its_own() -> None:
    bent = WHOLE.replace("<NtryDtls>", f"<NtryDtls>{entry('7.00')}", 1)

    first, second = read_one(bent, WHOLE).entries

    assert (first.amount_minor, first.problem_at, second.problem) == (1000, "Ntry/Ntry", "")


@pytest.mark.parametrize(
    ("parts", "account", "path"),
    [
        ((WHOLE,), ACCOUNT * 2, "Stmt/Acct"),
        ((WHOLE,), doubled(ACCOUNT, "IBAN"), "Stmt/Acct/Id/IBAN"),
        ((WHOLE,), doubled(ACCOUNT, "Ccy"), "Stmt/Acct/Ccy"),
        ((doubled(balance(), "Amt"), WHOLE), ACCOUNT, "Bal/Amt"),
        ((doubled(balance(), "CdtDbtInd"), WHOLE), ACCOUNT, "Bal/CdtDbtInd"),
        ((doubled(balance(), "Tp"), WHOLE), ACCOUNT, "Bal/Tp"),
        ((WHOLE, "<Id>S-2</Id>"), ACCOUNT, "Stmt/Id"),
        ((WHOLE, "<ElctrncSeqNb>1</ElctrncSeqNb>" * 2), ACCOUNT, "Stmt/ElctrncSeqNb"),
    ],
)
def test_a_statement_that_says_one_thing_twice_says_so(parts: tuple[str, ...], account: str, path: str) -> None:
    assert read_one(*parts, account=account).twice == path
