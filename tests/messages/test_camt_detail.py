"""What one transaction of an entry says: references, the other party, the payer's words."""

from __future__ import annotations

import pytest

from chalicelib.messages.model import Detail
from tests.messages.build import detail, entry, read_one, read_report, sample

BOTH = "<RltdPties><Dbtr><Nm>Payer</Nm></Dbtr><Cdtr><Nm>Payee</Nm></Cdtr></RltdPties>"
RETURN = "<RtrInf><Rsn><Cd>AC04</Cd></Rsn></RtrInf>"


def only_detail(*parts: str) -> Detail:
    (found,) = read_one(*parts).entries[0].details
    return found


def test_a_credit_names_its_payer_its_reference_and_its_words() -> None:
    (found,) = read_report(sample("credit.camt054.xml")).statements[0].entries[0].details

    assert found == Detail(
        amount_minor=100_000_000,
        currency="CNY",
        creditor_references=("QT7K2M9P4",),
        remittance=("deposit for rebar", "contract 12"),
        counterparty_name="买方钢材有限公司",
        counterparty_account="6222020200112233445",
    )


def test_a_debit_and_its_return_carry_the_payments_own_ids_and_the_same_party() -> None:
    debit, credit = (each.details[0] for each in read_report(sample("returned.camt054.xml")).statements[0].entries)

    assert (debit.amount_minor, credit.amount_minor) == (-4_250_000, 4_250_000)
    assert debit.end_to_end_id == credit.end_to_end_id == "pay_7"
    assert debit.message_id == credit.instruction_id == "pay_7"
    assert debit.counterparty_name == credit.counterparty_name == "Carrier Ltd"
    assert debit.counterparty_iban == "NL08MOCK0000000013"
    assert (debit.return_reason, credit.return_reason) == ("", "AC04")


def test_placeholders_are_missing_references_at_every_level() -> None:
    kinds = ("MsgId", "AcctSvcrRef", "InstrId", "EndToEndId", "TxId", "UETR")
    refs = "".join(f"<{kind}>NonRef</{kind}>" for kind in kinds)
    refs += "<Prtry><Tp>Original</Tp><Ref>NONE</Ref></Prtry>"
    body = entry(details=detail(more=f"<Refs>{refs}</Refs>"), more="<NtryRef>N/A</NtryRef>")
    (found,) = read_one(body.replace("<AcctSvcrRef>REF<", "<AcctSvcrRef>not provided<")).entries

    assert (found.bank_reference, found.entry_reference, found.own_reference) == ("", "", "")
    assert found.details == (Detail(1000, "EUR"),)


def test_a_transaction_names_its_uetr_and_the_movement_it_undoes() -> None:
    uetr = "97ED4827-7B6F-4491-A06F-B548D5A7512D"
    original = "<Prtry><Tp>OrgnlAcctSvcrRef</Tp><Ref>MB-1</Ref></Prtry>"
    other = "<Prtry><Tp>BATCH</Tp><Ref>B-1</Ref></Prtry>"
    found = only_detail(entry(details=detail(more=f"<Refs><UETR>{uetr}</UETR>{other}{original}</Refs>")))

    assert (found.uetr, found.original_reference) == (uetr.lower(), "MB-1")


@pytest.mark.parametrize(
    ("sign", "more", "reversal", "name"),
    [
        ("CRDT", BOTH, "", "Payer"),
        ("DBIT", BOTH, "", "Payee"),
        ("CRDT", BOTH + RETURN, "", "Payee"),
        ("CRDT", BOTH, "<RvslInd>true</RvslInd>", "Payee"),
        ("DBIT", BOTH, "<RvslInd>true</RvslInd>", "Payer"),
        ("DBIT", "<RltdPties><Dbtr><Nm>Payer</Nm></Dbtr></RltdPties>", "", "Payer"),
        ("CRDT", "", "", ""),
    ],
)
def test_the_other_party_follows_the_direction(sign: str, more: str, reversal: str, name: str) -> None:
    found = only_detail(entry(sign=sign, more=reversal, details=detail(more=more)))

    assert found.counterparty_name == name


def test_a_transaction_may_go_against_its_entry() -> None:
    against = detail("2.00", more="<CdtDbtInd>DBIT</CdtDbtInd>")

    only = read_one(entry("10.00", details=detail("12.00") + against))

    assert [found.amount_minor for found in only.entries[0].details] == [1200, -200]
    assert only.warnings == ()


def test_the_booked_amount_is_read_and_neither_the_instructed_one_nor_the_charges() -> None:
    amounts = (
        "<AmtDtls><InstdAmt><Amt Ccy='EUR'>5500.00</Amt></InstdAmt>"
        "<TxAmt><Amt Ccy='EUR'>5455.00</Amt></TxAmt></AmtDtls>"
        "<Chrgs><Amt Ccy='EUR'>45.00</Amt></Chrgs>"
    )

    found = only_detail(entry("5455.00", details=detail(more=amounts)))

    assert (found.amount_minor, found.currency) == (545_500, "EUR")


def test_an_instructed_amount_in_another_currency_is_not_the_booked_one() -> None:
    instructed = "<AmtDtls><InstdAmt><Amt Ccy='USD'>3200.00</Amt></InstdAmt></AmtDtls>"

    found = only_detail(entry("2120.00", details=detail(more=instructed)))

    assert (found.amount_minor, found.currency) == (212_000, "EUR")


def test_every_structured_reference_is_kept_in_order() -> None:
    remittance = (
        "<RmtInf><Strd><RfrdDocInf><Nb>INV-1</Nb></RfrdDocInf><CdtrRefInf><Ref>RF1</Ref></CdtrRefInf></Strd>"
        "<Strd><CdtrRefInf><CdtrRef>RF2</CdtrRef></CdtrRefInf><AddtlRmtInf>part two</AddtlRmtInf></Strd>"
        "<Strd/></RmtInf>"
    )

    found = only_detail(entry(details=detail(more=remittance)))

    assert found.creditor_references == ("RF1", "RF2")
    assert found.remittance == ("INV-1", "part two")


def test_placeholders_are_no_references() -> None:
    refs = (
        "<Refs><MsgId>M</MsgId><AcctSvcrRef>A</AcctSvcrRef><InstrId>NOTPROVIDED</InstrId>"
        "<EndToEndId>NOTPROVIDED</EndToEndId><TxId>T</TxId></Refs><AddtlTxInf>note</AddtlTxInf>"
    )

    found = only_detail(entry(details=detail(more=refs)))

    assert (found.message_id, found.bank_reference, found.transaction_id, found.info) == ("M", "A", "T", "note")
    assert (found.instruction_id, found.end_to_end_id) == ("", "")
