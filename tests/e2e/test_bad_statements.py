"""Statement files that are no good: refused with a code, kept with the reason where it is seen; nothing is matched."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from tests.e2e.bank import XML, Line, iban, notification, statement
from tests.e2e.market import Market, wait_for
from tests.e2e.problems import assert_problem
from tests.e2e.snapshot import difference, snapshot
from tests.e2e.test_bank_messages import BOMB, OUTSIDE
from tests.e2e.web import Reply
from tests.support.local_stack import LocalStack

NOWHERE = iban(999_999_999)


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market]) -> Market:
    """A marketplace with an account and nothing in it."""
    return new_market()


def upload(market: Market, content: bytes, *, key: str = "") -> Reply:
    """Send a file."""
    headers = {"Content-Type": XML, "Idempotency-Key": key or str(uuid.uuid4())}
    return market.web.send("POST", "/v1/statements", content, headers)


BAD: dict[str, tuple[Callable[[Market], bytes], int, set[str]]] = {
    "nothing": (lambda m: b"", 400, {"malformed_xml"}),
    "a text": (lambda m: b"Kontoauszug", 400, {"malformed_xml"}),
    "cut off": (lambda m: statement(m.iban, "S-1", Line("A", 1))[:-40], 400, {"malformed_xml"}),
    "an entity bomb": (lambda m: BOMB, 400, {"forbidden_xml"}),
    "a file from outside": (lambda m: OUTSIDE, 400, {"forbidden_xml"}),
    "100,000 levels": (lambda m: b"<a>" * 100_000, 400, {"malformed_xml", "unknown_message_type"}),
    "a camt.054": (lambda m: notification(m.iban, "N-1", Line("A", 1)), 400, {"not_a_statement"}),
    "JSON": (lambda m: b"{}", 400, {"malformed_xml", "unknown_message_type", "not_a_statement", "invalid_field"}),
    "an account of nobody": (lambda m: statement(NOWHERE, "S-1", Line("A", 1)), 404, {"unknown_bank_account"}),
    "no account": (
        lambda m: statement(m.iban, "S-1").replace(m.iban.encode(), b""),
        400,
        {"account_missing"},
    ),
    "a bent amount": (
        lambda m: statement(m.iban, "S-1", Line("A", 100)).replace(b"1.00<", b"1.0e2<"),
        400,
        {"invalid_amount"},
    ),
}
"""What is uploaded, the status, and the codes that may be."""


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_refused_and_seen(name: str, market: Market) -> None:
    make, status, codes = BAD[name]
    content, key = make(market), str(uuid.uuid4())

    reply = upload(market, content, key=key)

    assert_problem(reply, status)
    assert reply.code in codes
    newest = market.web.read("/v1/statement-files?limit=1")["files"][0]
    assert (newest["status"], newest["reason"], newest["bytes"]) == ("quarantined", reply.code, len(content))
    assert market.web.read("/v1/statements")["statements"] == []
    assert upload(market, content, key=key).code == reply.code


def test_a_file_that_is_too_long_is_refused_and_not_kept(market: Market, local_stack: LocalStack) -> None:
    before = snapshot(local_stack)

    reply = upload(market, b" " * (4 * 1024 * 1024 + 1))

    assert_problem(reply, 413)
    assert difference(before, snapshot(local_stack)) == {}


def test_a_large_file_is_answered_first_and_stored_by_its_queue(new_market: Callable[..., Market]) -> None:
    market = new_market()
    lines = [Line(f"L-{number}", number) for number in range(1, 601)]

    reply = upload(market, statement(market.iban, "S-1", *lines))

    assert (reply.status, reply.json["status"]) == (202, "loading")
    path = f"/v1/statement-files/{reply.json['file_id']}"
    wait_for("its lines to be stored", lambda: market.web.read(path)["file"]["status"] == "accepted")
    assert market.web.read(path)["stored"] == len(lines)


def test_the_file_of_another_market_is_refused_as_that_of_nobody(
    market: Market, new_market: Callable[..., Market]
) -> None:
    other = new_market()

    foreign, missing = (upload(market, statement(one, "S-1", Line("A", 1))) for one in (other.iban, NOWHERE))

    assert_problem(foreign, 404, "unknown_bank_account")
    assert foreign.json | {"iban": ""} == missing.json | {"iban": ""}
    assert other.web.read("/v1/statement-files")["files"] == []


def test_a_statement_that_does_not_foot_matches_nothing(new_market: Callable[..., Market]) -> None:
    market = new_market()
    market.pay_in("A", 100)
    content = statement(market.iban, "S-1", Line("A", 100)).replace(
        b'"CNY">1.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>', b'"CNY">9.00</Amt><CdtDbtInd>CRDT</CdtDbtInd><Dt>'
    )

    reply = upload(market, content)

    assert reply.status == 201, reply
    (told,) = reply.json["statements"]
    assert (told["status"], told["reason"], told["matched"]) == ("quarantined", "does_not_foot", 0)


def test_a_statement_told_again_with_other_lines_is_refused(new_market: Callable[..., Market]) -> None:
    market = new_market()
    assert upload(market, statement(market.iban, "S-1", Line("A", 100))).status == 201

    reply = upload(market, statement(market.iban, "S-1", Line("A", 100), Line("B", 1)))

    assert_problem(reply, 409, "statement_differs")
    (held,) = market.web.read("/v1/statements")["statements"]
    assert held["lines"] == 1
