"""Statements of many lines: twice as many cost at most some twice the work to prove, to name and to match."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from chalicelib.messages.proof import prove
from chalicelib.recon.domain import Upload, lines_of, new_statement
from chalicelib.recon.formats import read_statements
from chalicelib.recon.matching import Known, reconcile_line
from tests.messages.build import ACCOUNT, balance, entry, message, statement
from tests.support.calls import MONDAY, TENANT
from tests.support.growth import MOST_RATIO, ratio

OPENING, CLOSING = balance("OPBD", "0.00"), balance("CLBD", "10.00")
UPLOAD = Upload(TENANT, "acc_1", "0" * 64, MONDAY)

FILES: dict[str, Callable[[int], bytes]] = {
    "lines": lambda n: message(statement(OPENING, CLOSING, entry() * n)),
    "lines that differ": lambda n: message(statement(OPENING, CLOSING, "".join(entry(f"{i}.00") for i in range(n)))),
    "balances": lambda n: message(statement(OPENING * n, CLOSING * n, entry())),
    "days": lambda n: message(*[statement(OPENING, entry(), CLOSING)] * min(n, 90), statement(OPENING * n)),
    "details": lambda n: message(statement(OPENING, entry(details="<TxDtls/>" * n), CLOSING)),
    "words": lambda n: message(
        statement(OPENING, entry(details="<TxDtls><RmtInf>" + "<Ustrd>a</Ustrd>" * n + "</RmtInf></TxDtls>"), CLOSING)
    ),
    "no account": lambda n: message(statement(entry() * n, account=ACCOUNT.replace("Ccy", "X"))),
}


@pytest.mark.parametrize("name", FILES)
def test_twice_as_large_a_file_is_at_most_some_twice_the_work(name: str) -> None:
    def read(raw: bytes) -> object:
        for told in read_statements(raw):
            for line in lines_of(new_statement(told, prove(told), UPLOAD), told):
                assert line.movement_facts.amount.minor == line.amount_minor
                reconcile_line(line, Known(None), now=MONDAY)
        return None

    assert ratio(FILES[name], read) <= MOST_RATIO
