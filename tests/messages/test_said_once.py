"""What the schema allows once and stands twice is not guessed at: the entry, or the statement, says so."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from chalicelib.messages import detect
from chalicelib.messages.camt import CONTAINERS
from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import ReturnReport, StatusReport
from tests.messages.build import ACCOUNT, balance, detail, entry, message, read_one, read_report, statement

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


BESIDE = {
    "<Sts><Cd>BOOK</Cd><Prtry>REJECTED</Prtry></Sts>": ("Sts><Cd>BOOK</Cd></Sts>", "Ntry/Sts/Prtry"),
    "<Sts>BOOK<Cd>PDNG</Cd></Sts>": ("Sts><Cd>BOOK</Cd></Sts>", "Ntry/Sts/Cd"),
    "<BookgDt><Dt>2026-03-02</Dt><DtTm>2026-04-07T00:00:00</DtTm></BookgDt>": (
        "BookgDt><Dt>2026-03-02</Dt></BookgDt>",
        "Ntry/BookgDt/DtTm",
    ),
    "<IBAN>NL62MOCK0000000011</IBAN><Othr><Id>6222000000000099</Id></Othr>": (
        "IBAN>NL62MOCK0000000011</IBAN>",
        "TxDtls/RltdPties/DbtrAcct/Id/Othr",
    ),
}


@pytest.mark.parametrize("both", BESIDE)
def test_of_two_of_which_one_may_stand_none_is_taken(both: str) -> None:
    one, path = BESIDE[both]
    bent = WHOLE.replace(f"<{one}", both)
    assert bent != WHOLE

    first, second = read_one(bent, WHOLE).entries

    assert (first.status, first.problem, first.problem_at) == ("info", "element_twice", path)
    assert second.problem == ""


def test_two_that_say_the_same_are_one() -> None:
    dates = "<Dt>2026-03-02</Dt><DtTm>2026-03-02T09:00:00+08:00</DtTm>"
    same = WHOLE.replace("<Dt>2026-03-02</Dt>", dates).replace("</IBAN>", "</IBAN><Othr><Id>0000000011</Id></Othr>")

    assert [each.problem for each in read_one(same).entries] == [""]


def remittance(inside: str) -> str:
    return entry(details=detail("10.00", more=f"<RmtInf>{inside}</RmtInf>"))


@pytest.mark.parametrize(
    ("inside", "path"),
    [
        ("<Strd><CdtrRefInf><Ref>A</Ref><Ref>B</Ref></CdtrRefInf></Strd>", "CdtrRefInf/Ref"),
        ("<Strd><CdtrRefInf><Ref>A</Ref><CdtrRef>B</CdtrRef></CdtrRefInf></Strd>", "CdtrRefInf/Ref"),
        ("<Strd>" + "<CdtrRefInf><Ref>A</Ref></CdtrRefInf>" * 2 + "</Strd>", "CdtrRefInf"),
        ("<Strd/><Strd>" + "<CdtrRefInf><Ref>A</Ref></CdtrRefInf>" * 2 + "</Strd>", "CdtrRefInf"),
    ],
)
def test_two_references_where_one_may_stand_are_not_guessed_at(inside: str, path: str) -> None:
    (only,) = read_one(remittance(inside)).entries

    assert (only.problem, only.problem_at) == ("element_twice", f"TxDtls/RmtInf/Strd/{path}")


def test_two_structured_lines_with_a_reference_each_are_lawful() -> None:
    strd = "<Strd><CdtrRefInf><Ref>RF18</Ref></CdtrRefInf></Strd><Strd><CdtrRefInf><Ref>RF19</Ref></CdtrRefInf></Strd>"

    (only,) = read_one(remittance(strd)).entries

    assert (only.problem, only.details[0].creditor_references) == ("", ("RF18", "RF19"))


@pytest.mark.parametrize("kind", ["Stmt", "Rpt", "Ntfctn"])
@pytest.mark.parametrize(
    "balances",
    [
        balance() + balance(amount="105.00"),
        balance(amount="105.00") + balance(),
        balance() + balance("PRCD", "70.00"),
        balance("CLBD") + balance("CLBD", "9.00"),
        balance("CLBD") + balance("CLBD", currency="USD"),
    ],
)
def test_balances_of_one_place_with_other_figures_are_not_guessed_at(balances: str, kind: str) -> None:
    container = CONTAINER_OF[kind]
    body = message(statement(balances, WHOLE, wrapper=kind), container=container)

    (only,) = read_report(body).statements

    assert only.twice == f"{kind}/Bal"


CONTAINER_OF = {wrapper: container for container, (_, wrapper) in CONTAINERS.items()}


@pytest.mark.parametrize("kind", CONTAINER_OF)
@pytest.mark.parametrize(
    "bend",
    [
        lambda kind: statement(WHOLE, statement(WHOLE, wrapper=kind), wrapper=kind),
        lambda kind: WHOLE + statement(WHOLE, wrapper=kind),
        lambda kind: balance() + statement(WHOLE, wrapper=kind),
        lambda kind: statement(f"<X>{WHOLE}</X>", wrapper=kind),
        lambda kind: f"<X>{statement(WHOLE, wrapper=kind)}</X>",
        lambda kind: statement("<GrpHdr><MsgId>M</MsgId></GrpHdr>", WHOLE, wrapper=kind),
    ],
)
def test_whose_an_element_is_that_stands_elsewhere_is_not_guessed_at(kind: str, bend: Callable[[str], str]) -> None:
    with pytest.raises(MessageUnreadable) as refused:
        read_report(message(bend(kind), container=CONTAINER_OF[kind]))

    assert refused.value.code == "element_misplaced"


@pytest.mark.parametrize(
    ("inside", "path"),
    [
        (balance("CLBD", "77.00"), "Ntry/Bal"),
        ("<TxDtls/>", "Ntry/TxDtls"),
        ("<NtryDtls><TxDtls><TxDtls/></TxDtls></NtryDtls>", "TxDtls/TxDtls"),
    ],
)
def test_what_stands_elsewhere_in_an_entry_holds_up_that_one_alone(inside: str, path: str) -> None:
    bent = WHOLE.replace("<AcctSvcrRef>", f"{inside}<AcctSvcrRef>")

    only = read_one(balance(), bent, WHOLE)

    assert [(each.problem, each.problem_at) for each in only.entries] == [("element_misplaced", path), ("", "")]
    assert [each.code for each in only.balances] == ["OPBD"]


@pytest.mark.parametrize("kind", CONTAINER_OF)
@pytest.mark.parametrize(
    ("stated", "is_turned"),
    [(["DBIT"], True), (["XXX"], True), (["DBIT", "DBIT"], True), (["CRDT"], False), (["CRDT", "DBIT"], False)],
)
def test_a_direction_that_details_contradict_is_believed_where_balances_prove_it(
    kind: str, stated: list[str], is_turned: bool
) -> None:
    details = "".join(detail("10.00", more=f"<CdtDbtInd>{each}</CdtDbtInd>") for each in stated)
    body = message(statement(entry(details=details), wrapper=kind), container=CONTAINER_OF[kind])

    (only,) = read_report(body).statements

    refused = is_turned and kind == "Ntfctn"
    assert only.entries[0].problem == ("invalid_direction" if refused else "")
    assert ("detail_in_another_direction" in only.warnings) is (is_turned and not refused)


def test_charges_that_are_stated_in_parts_add_up() -> None:
    charges = "<Chrgs><Rcrd><Amt Ccy='EUR'>1.00</Amt></Rcrd></Chrgs><Chrgs><TtlChrgsAndTaxAmt Ccy='EUR'>2.00"
    (only,) = read_one(entry(details=detail("10.00", more=f"{charges}</TtlChrgsAndTaxAmt></Chrgs>"))).entries

    assert only.details[0].charges_minor == 300


def test_two_amounts_of_a_transaction_that_differ_are_named() -> None:
    older = "<AmtDtls><TxAmt><Amt Ccy='EUR'>90.00</Amt></TxAmt></AmtDtls>"

    assert "detail_amounts_differ" in read_one(entry(details=detail("10.00", more=older))).warnings


STATUS = "<TxInfAndSts><OrgnlEndToEndId>E</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts>"


def test_a_payment_with_two_statuses_has_none_and_the_others_theirs() -> None:
    body = pain002(STATUS.replace("</TxSts>", "</TxSts><TxSts>RJCT</TxSts>") + STATUS)

    report = detect.read(body)

    assert isinstance(report, StatusReport)
    assert [(one.problem, one.problem_at) for one in report.payments] == [
        ("element_twice", "TxInfAndSts/TxSts"),
        ("", ""),
    ]


@pytest.mark.parametrize(
    "bend",
    [
        lambda body: body.replace(b"<OrgnlMsgId>", b"<GrpSts>RJCT</GrpSts><GrpSts>ACSC</GrpSts><OrgnlMsgId>"),
        lambda body: body.replace(b"<PmtInfSts>", b"<PmtInfSts>RJCT</PmtInfSts><PmtInfSts>"),
        lambda body: body.replace(b"</OrgnlGrpInfAndSts>", b"</OrgnlGrpInfAndSts><OrgnlGrpInfAndSts/>"),
    ],
)
def test_a_file_or_batch_with_two_statuses_is_not_read(bend: Callable[[bytes], bytes]) -> None:
    with pytest.raises(MessageUnreadable) as refused:
        detect.read(bend(pain002(STATUS)))

    assert refused.value.code == "element_twice"


def pain002(payments: str) -> bytes:
    batch = f"<OrgnlPmtInfAndSts><OrgnlPmtInfId>B</OrgnlPmtInfId><PmtInfSts>ACCP</PmtInfSts>{payments}"
    group = "<OrgnlGrpInfAndSts><OrgnlMsgId>M</OrgnlMsgId></OrgnlGrpInfAndSts>"
    return f"<Document><CstmrPmtStsRpt>{group}{batch}</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>".encode()


def test_a_return_of_two_amounts_is_kept_and_the_others_are_read() -> None:
    amount = "<RtrdIntrBkSttlmAmt Ccy='EUR'>1.00</RtrdIntrBkSttlmAmt>"
    body = f"<Document><PmtRtr><TxInf>{amount * 2}</TxInf><TxInf>{amount}</TxInf></PmtRtr></Document>".encode()

    report = detect.read(body)

    assert isinstance(report, ReturnReport)
    assert [one.problem for one in report.returns] == ["element_twice", ""]
