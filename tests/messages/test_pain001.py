"""Payment files: what is in them, and that the same input makes the same bytes."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from xml.etree import ElementTree

import pytest

from chalicelib.core.errors import Defect
from chalicelib.core.money import Money
from chalicelib.messages import pain001
from chalicelib.messages.pain001 import Payee, PaymentFile, Payout

IN = f"{{{pain001.NAMESPACE}}}"
CARRIER = Payee("Carrier Ltd", iban="NL08MOCK0000000013", bic="MOCKNL2A")
MILL = Payee("钢厂 & <Mill>", account="6222020200112233445")
FILE = PaymentFile(
    message_id="pay_01JMILL",
    created_at=datetime(2026, 3, 5, 9, tzinfo=UTC),
    execute_on=date(2026, 3, 5),
    payer=Payee("Steel Marketplace", iban="NL62MOCK0000000011", bic="MOCKNL2A"),
    payouts=(
        Payout("pay_01JMILL", Money(176743363, "CNY"), MILL, "trade trd_1"),
        Payout("pay_01JCARR", Money(4250000, "CNY"), CARRIER),
    ),
)


def path(names: str) -> str:
    return "/".join(IN + name for name in names.split("/"))


def texts(body: bytes, names: str) -> list[str | None]:
    return [found.text for found in ElementTree.fromstring(body).iterfind(path(names))]


def test_a_file_states_its_count_and_its_sum_twice() -> None:
    body = pain001.write(FILE)

    for holder in ("CstmrCdtTrfInitn/GrpHdr", "CstmrCdtTrfInitn/PmtInf"):
        assert texts(body, f"{holder}/NbOfTxs") == ["2"]
        assert texts(body, f"{holder}/CtrlSum") == ["1809933.63"]


def test_a_file_names_its_debtor_its_day_and_itself() -> None:
    body = pain001.write(FILE)

    assert texts(body, "CstmrCdtTrfInitn/GrpHdr/MsgId") == ["pay_01JMILL"]
    assert texts(body, "CstmrCdtTrfInitn/GrpHdr/CreDtTm") == ["2026-03-05T09:00:00Z"]
    assert texts(body, "CstmrCdtTrfInitn/PmtInf/ReqdExctnDt/Dt") == ["2026-03-05"]
    assert texts(body, "CstmrCdtTrfInitn/PmtInf/DbtrAcct/Id/IBAN") == ["NL62MOCK0000000011"]
    assert texts(body, "CstmrCdtTrfInitn/PmtInf/DbtrAgt/FinInstnId/BICFI") == ["MOCKNL2A"]


def test_each_payout_carries_its_id_amount_party_and_words() -> None:
    body = pain001.write(FILE)
    transfer = "CstmrCdtTrfInitn/PmtInf/CdtTrfTxInf"

    assert texts(body, f"{transfer}/PmtId/EndToEndId") == ["pay_01JMILL", "pay_01JCARR"]
    assert texts(body, f"{transfer}/Amt/InstdAmt") == ["1767433.63", "42500.00"]
    assert texts(body, f"{transfer}/Cdtr/Nm") == ["钢厂 & <Mill>", "Carrier Ltd"]
    assert texts(body, f"{transfer}/CdtrAcct/Id/Othr/Id") == ["6222020200112233445"]
    assert texts(body, f"{transfer}/CdtrAcct/Id/IBAN") == ["NL08MOCK0000000013"]
    assert texts(body, f"{transfer}/RmtInf/Ustrd") == ["trade trd_1"]


def test_a_debtor_without_a_bic_says_that_it_is_missing() -> None:
    body = pain001.write(replace(FILE, payer=replace(FILE.payer, bic="")))

    assert texts(body, "CstmrCdtTrfInitn/PmtInf/DbtrAgt/FinInstnId/Othr/Id") == ["NOTPROVIDED"]


def test_a_currency_without_decimals_is_written_without() -> None:
    body = pain001.write(replace(FILE, payouts=(Payout("p", Money(500, "JPY"), CARRIER),)))

    assert texts(body, "CstmrCdtTrfInitn/GrpHdr/CtrlSum") == ["500"]


def test_the_same_input_makes_the_same_bytes() -> None:
    again = replace(FILE, payouts=tuple(replace(each) for each in FILE.payouts))

    assert pain001.write(FILE) == pain001.write(again)


PAYOUT = FILE.payouts[0]


@pytest.mark.parametrize(
    "broken",
    [
        replace(FILE, payouts=()),
        replace(FILE, message_id=""),
        replace(FILE, message_id="x" * 36),
        replace(FILE, message_id=" padded"),
        replace(FILE, created_at=datetime(2026, 3, 5)),  # noqa: DTZ001  (a naive instant is the point)
        replace(FILE, payer=Payee("Nobody")),
        replace(FILE, payer=Payee("Both", iban="NL62MOCK0000000011", account="1")),
        replace(FILE, payer=replace(FILE.payer, iban="nl62 mock")),
        replace(FILE, payer=replace(FILE.payer, bic="SHORT")),
        replace(FILE, payouts=(PAYOUT, PAYOUT)),
        replace(FILE, payouts=(replace(PAYOUT, amount=Money(0, "CNY")),)),
        replace(FILE, payouts=(replace(PAYOUT, amount=Money(-1, "CNY")),)),
        replace(FILE, payouts=(replace(PAYOUT, amount=Money(10**18, "CNY")),)),
        replace(FILE, payouts=(PAYOUT, replace(PAYOUT, end_to_end_id="b", amount=Money(1, "EUR")))),
        replace(FILE, payouts=(replace(PAYOUT, end_to_end_id=""),)),
        replace(FILE, payouts=(replace(PAYOUT, remittance="two\nlines"),)),
        replace(FILE, payouts=(replace(PAYOUT, remittance="x" * 141),)),
        replace(FILE, payouts=(replace(PAYOUT, payee=Payee("\x00", account="1")),)),
        replace(FILE, payouts=(replace(PAYOUT, payee=Payee("n", account="1" * 35)),)),
    ],
)
def test_a_file_that_breaks_the_standard_is_a_defect(broken: PaymentFile) -> None:
    with pytest.raises(Defect):
        pain001.write(broken)
