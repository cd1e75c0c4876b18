"""What genuine bank messages lead to: money is booked once however it is told; what cannot be placed is seen."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from typing import Any

import pytest

from tests.e2e.bank import CURRENCY, JSON, XML, Bank, Line, json_notification, notification, payment_status, statement
from tests.e2e.market import DUE, Market, open_parties, trade_body, wait_for
from tests.e2e.queues import dead, wait_until_drained
from tests.e2e.snapshot import BUCKET, objects
from tests.support.local_stack import LocalStack


@pytest.fixture(scope="module")
def teller(register: Callable[[str], Bank]) -> Bank:
    """A bank for this module alone."""
    return register("bank_messages")


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market], teller: Bank) -> Market:
    """A marketplace with parties and an account at this module's bank."""
    market = new_market(teller)
    open_parties(market)
    return market


@pytest.fixture
def tell(market: Market, teller: Bank, local_stack: LocalStack) -> Callable[..., None]:
    """Sends a message, rightly signed, and waits until it has been worked on."""

    def deliver(body: bytes, message_id: str, kind: str = XML) -> None:
        reply = teller.tell(body, message_id, kind=kind)
        assert reply.status == 202, reply
        wait_until_drained(local_stack)

    return deliver


def reasons(market: Market) -> list[str]:
    """Why messages are in quarantine, one for each."""
    return sorted(one["reason"] for one in market.listed("/v1/quarantine", "messages"))


def unmatched(market: Market) -> dict[str, dict[str, Any]]:
    """Money in suspense by the bank's reference."""
    return {one["bank_reference"]: one for one in market.listed("/v1/receipts/unmatched", "receipts")}


def kept(stack: LocalStack, body: bytes) -> bool:
    """Whether exactly these bytes lie where raw messages are kept."""
    s3 = stack.client("s3")
    sizes = [one["Key"] for one in objects(stack) if one["Size"] == len(body) and one["Key"].startswith("callbacks/")]
    return any(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == body for key in sizes)


BOMB = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><Document>&d;</Document>"""
OUTSIDE = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Document>&a;</Document>"""

UNREADABLE: dict[str, tuple[bytes, set[str]]] = {
    "nothing": (b"", {"malformed_xml"}),
    "one byte": (b"\x00", {"malformed_xml"}),
    "a text": (b"Dear Sirs, money has arrived.", {"malformed_xml"}),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), {"malformed_xml"}),
    "cut off": (notification("NL00", "X", Line("X", 1))[:-30], {"malformed_xml"}),
    "an entity bomb": (BOMB, {"forbidden_xml"}),
    "a file from outside": (OUTSIDE, {"forbidden_xml"}),
    "a DTD": (b'<!DOCTYPE Document SYSTEM "x.dtd"><Document/>', {"forbidden_xml"}),
    "an encoding nobody uses": (b'<?xml version="1.0" encoding="UTF-7"?><Document/>', {"forbidden_xml"}),
    "an encoding that is a lie": (b'<?xml version="1.0" encoding="UTF-8"?><a>\xe9</a>', {"malformed_xml"}),
    "300 levels": (b"<a>" * 300 + b"</a>" * 300, {"malformed_xml", "unknown_message_type"}),
    "100,000 levels": (b"<a>" * 100_000, {"malformed_xml", "unknown_message_type"}),
    "a web page": (b"<html><body>503</body></html>", {"unknown_message_type"}),
    "a kind nobody knows": (b"<Document><BkToCstmrXyz/></Document>", {"unknown_message_type"}),
    "no statement": (b"<Document><BkToCstmrStmt/></Document>", {"missing_element"}),
    "JSON that is none": (b'{"type": ', {"malformed_json"}),
    "JSON of a kind nobody knows": (b'{"type": "wish"}', {"unknown_message_type"}),
    "JSON that is a list": (b"[]", {"invalid_field", "malformed_json"}),
    "JSON in Latin-1": (b'{"type": "notification", "message_id": "\xe9"}', {"malformed_json"}),
    "JSON of 20,000 levels": (b'{"type":' * 20_000, {"malformed_json"}),
}
"""Bodies that no reader can read, and what may be said of them."""


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_cannot_be_read_is_kept_and_seen(
    name: str, market: Market, tell: Callable[..., None], local_stack: LocalStack
) -> None:
    body, allowed = UNREADABLE[name]
    before, balance = reasons(market), market.bank_balance()

    tell(body, f"UNREADABLE {name}", JSON if name.startswith("JSON") else XML)

    after = reasons(market)
    assert len(after) == len(before) + 1
    assert set(after) - set(before) <= allowed
    assert kept(local_stack, body)
    assert market.bank_balance() == balance


BENT = {
    "an amount with three decimals": (b">1.00<", b">1.001<", "invalid_amount"),
    "an amount with an exponent": (b">1.00<", b">1e5<", "invalid_amount"),
    "an amount that is not a number": (b">1.00<", b">NaN<", "invalid_amount"),
    "an amount without an end": (b">1.00<", b">" + b"9" * 200 + b"<", "invalid_amount"),
    "an amount below nothing": (b">1.00<", b">-1.00<", "invalid_amount"),
    "an amount in other digits": (b">1.00<", ">١.00<".encode(), "invalid_amount"),
    "a comma for the point": (b">1.00<", b">1,00<", "invalid_amount"),
    "nothing at all": (b">1.00<", b">0.00<", "amount_is_zero"),
    "a currency nobody has": (b'"CNY"', b'"XQX"', "unknown_currency"),
    "another currency": (b'"CNY"', b'"EUR"', "currency_mismatch"),
    "a direction nobody knows": (b"CRDT", b"BOTH", "invalid_direction"),
    "an account of nobody": (b"<IBAN>", b"<IBAN>XX", "unknown_bank_account"),
}
"""What is bent in a message of one credit of 1.00, and the reason given."""


@pytest.mark.parametrize("name", BENT)
def test_what_makes_no_sense_is_kept_and_seen(name: str, market: Market, tell: Callable[..., None]) -> None:
    old, new, reason = BENT[name]
    message_id = f"BENT {name}"
    body = notification(market.iban, message_id, Line("BENT", 100))
    assert old in body
    before, balance = reasons(market), market.bank_balance()

    tell(body.replace(old, new), message_id)

    added = sorted(reasons(market))
    for one in before:
        added.remove(one)
    assert added == [reason]
    assert market.bank_balance() == balance


def test_one_bad_line_holds_up_none_of_the_others(market: Market, tell: Callable[..., None]) -> None:
    lines = [Line("GOOD-1", 100), Line("BAD", 200), Line("GOOD-2", 300)]
    body = notification(market.iban, "MIXED", *lines).replace(b'"CNY">2.00', b'"EUR">2.00')
    before, balance = len(reasons(market)), market.bank_balance()

    tell(body, "MIXED")

    assert market.bank_balance() == balance + 400
    assert len(reasons(market)) == before + 1


def test_money_with_no_known_reference_waits_in_suspense(market: Market, tell: Callable[..., None]) -> None:
    bank, suspense = market.bank_balance(), market.balance("suspense")

    tell(notification(market.iban, "STRAY", Line("STRAY", 1_234, "RF18539007547034", "for the goods")), "STRAY")

    receipt = unmatched(market)["STRAY"]
    assert (receipt["amount_minor"], receipt["currency"], receipt["reason"]) == (1_234, CURRENCY, "unknown_reference")
    assert market.bank_balance() == bank + 1_234
    assert market.balance("suspense") == suspense + 1_234
    assert market.web.read(f"/v1/entries/{receipt['entry_id']}")["reference"] == "STRAY"


def test_money_without_a_reference_of_the_bank_is_booked(market: Market, tell: Callable[..., None]) -> None:
    balance = market.bank_balance()

    for number, reference in enumerate((b"", b"<AcctSvcrRef>NONREF</AcctSvcrRef>")):
        body = notification(market.iban, f"BARE-{number}", Line("BARE", 4_321 + number))
        tell(body.replace(b"<AcctSvcrRef>BARE</AcctSvcrRef>", reference), f"BARE-{number}")

    assert market.bank_balance() == balance + 2 * 4_321 + 1


def test_one_reference_for_two_payments_funds_two_trades(market: Market, tell: Callable[..., None]) -> None:
    trades = [market.web.made("/v1/trades", trade_body(market.ids)) for _ in range(2)]

    for number, trade in enumerate(trades):
        line = Line("0001", DUE, trade["reference"], end_to_end_id=f"E-{number}")
        tell(notification(market.iban, f"SAME-{number}", line), f"SAME-{number}")

    assert [market.balance("escrow", trade["trade_id"]) for trade in trades] == [DUE, DUE]


def test_a_doubtful_movement_is_kept_aside_until_it_is_confirmed(market: Market, tell: Callable[..., None]) -> None:
    balance = market.bank_balance()
    for minor in (700, 701):
        tell(notification(market.iban, f"DOUBT-{minor}", Line("DOUBT", minor)), f"DOUBT-{minor}")
    assert market.bank_balance() == balance + 700
    (kept,) = market.listed("/v1/possible-duplicates", "possible_duplicates")

    path = f"/v1/possible-duplicates/{kept['duplicate_id']}"
    market.web.made(f"{path}/confirm", {"comment": "two payments"})

    assert market.bank_balance() == balance + 1_401
    assert (kept["amount_minor"], market.web.read(path)["status"]) == (701, "confirmed")
    assert market.web.read(f"/v1/entries/{kept['entry_id']}")["reference"] == "DOUBT"


def test_money_out_that_nobody_asked_for_waits_in_suspense(market: Market, tell: Callable[..., None]) -> None:
    bank, suspense = market.bank_balance(), market.balance("suspense")

    tell(notification(market.iban, "CHARGE", Line("CHARGE", -55)), "CHARGE")

    assert unmatched(market)["CHARGE"]["amount_minor"] == -55
    assert market.bank_balance() == bank - 55
    assert market.balance("suspense") == suspense - 55


def test_what_is_more_than_asked_for_waits_in_suspense(market: Market, tell: Callable[..., None]) -> None:
    trade = market.web.made("/v1/trades", trade_body(market.ids))

    tell(notification(market.iban, "MORE", Line("MORE", DUE + 70, trade["reference"])), "MORE")

    assert market.balance("escrow", trade["trade_id"]) == DUE
    assert (unmatched(market)["MORE"]["unallocated_minor"], unmatched(market)["MORE"]["reason"]) == (
        70,
        "more_than_expected",
    )
    assert market.web.read(f"/v1/trades/{trade['trade_id']}")["trade"]["state"] == "funded"


def test_a_trade_is_funded_in_parts_told_together_and_apart(market: Market, tell: Callable[..., None]) -> None:
    trade = market.web.made("/v1/trades", trade_body(market.ids))
    parts = [
        Line(f"PART-{number}", minor, trade["reference"]) for number, minor in enumerate((1, 40_000, DUE - 40_001))
    ]

    tell(notification(market.iban, "PARTS", *parts[:2]), "PARTS")
    tell(notification(market.iban, "REST", *parts), "REST")

    assert market.balance("escrow", trade["trade_id"]) == DUE
    assert not {one.bank_reference for one in parts} & set(unmatched(market))


def test_the_reference_of_another_market_funds_nothing_of_it(
    market: Market, new_market: Callable[..., Market], teller: Bank, tell: Callable[..., None]
) -> None:
    other = new_market(teller)
    open_parties(other)
    trade = other.web.made("/v1/trades", trade_body(other.ids))

    tell(notification(market.iban, "CROSSED", Line("CROSSED", DUE, trade["reference"])), "CROSSED")

    assert other.web.read(f"/v1/trades/{trade['trade_id']}")["trade"]["funded_minor"] == 0
    assert unmatched(market)["CROSSED"]["reason"] == "unknown_reference"
    assert other.bank_balance() == 0


@pytest.mark.parametrize("first", ["camt.054", "camt.053", "JSON"])
def test_a_payment_told_in_every_form_is_booked_once(first: str, market: Market, tell: Callable[..., None]) -> None:
    line = Line(f"TOLD-{first}", 321)
    told: dict[str, tuple[bytes, str]] = {
        "camt.054": (notification(market.iban, f"54-{first}", line), XML),
        "camt.053": (statement(market.iban, f"53-{first}", line), XML),
        "JSON": (json_notification(market.iban, f"JS-{first}", line), JSON),
    }
    balance, quarantined = market.bank_balance(), reasons(market)

    for name in sorted(told, key=lambda name: name != first):
        body, kind = told[name]
        tell(body, f"{name} first {first}", kind)

    assert market.bank_balance() == balance + 321
    assert reasons(market) == quarantined


def test_a_payment_that_has_not_been_booked_is_not_booked(market: Market, tell: Callable[..., None]) -> None:
    body = notification(market.iban, "PENDING", Line("PENDING", 999)).replace(b"BOOK<", b"PDNG<")
    balance = market.bank_balance()

    tell(body, "PENDING")

    assert market.bank_balance() == balance


def test_a_reference_told_again_with_another_amount_is_seen_and_books_nothing(
    market: Market, tell: Callable[..., None]
) -> None:
    tell(notification(market.iban, "TWICE-1", Line("TWICE", 100)), "TWICE-1")
    balance = market.bank_balance()

    tell(notification(market.iban, "TWICE-2", Line("TWICE", 900)), "TWICE-2")

    assert market.bank_balance() == balance
    kept = market.listed("/v1/possible-duplicates", "possible_duplicates")
    assert ("TWICE", 900) in {(one["bank_reference"], one["amount_minor"]) for one in kept}


def test_latin_1_bytes_reach_the_books_as_they_were_signed(
    market: Market, tell: Callable[..., None], local_stack: LocalStack
) -> None:
    written = "Über Bücher für Zoë"
    utf8 = notification(market.iban, "LATIN", Line("LATIN", 100, note=written)).decode()
    body = f'<?xml version="1.0" encoding="ISO-8859-1"?>{utf8}'.encode("latin-1")
    assert b"\xdcber" in body

    tell(body, "LATIN")

    assert unmatched(market)["LATIN"]["reference"] == written
    assert kept(local_stack, body)


def test_chinese_reaches_the_books_in_either_encoding(market: Market, tell: Callable[..., None]) -> None:
    written = "螺纹钢货款"
    for name in ("GB18030", "UTF-8"):
        text = notification(market.iban, name, Line(f"IN-{name}", 100, note=written)).decode()

        tell(f'<?xml version="1.0" encoding="{name}"?>{text}'.encode(name), name)

        assert unmatched(market)[f"IN-{name}"]["reference"] == written


def test_word_on_a_payout_of_nobody_is_tried_five_times_and_then_seen(
    market: Market, tell: Callable[..., None], impatient_queues: None
) -> None:
    """It may be of a payout that we shall know in a moment."""
    before = reasons(market)

    tell(payment_status("STATUS", "pay_" + "0" * 26, "ACCP"), "STATUS")

    assert sorted([*before, "payout_not_found"]) == reasons(market)


def test_a_message_of_a_hundred_lines_is_booked_line_by_line(
    market: Market, teller: Bank, local_stack: LocalStack
) -> None:
    lines = [Line(f"MANY-{number}", number + 1) for number in range(100)]
    balance = market.bank_balance()

    assert teller.tell(notification(market.iban, "MANY", *lines), "MANY").status == 202

    wait_for("all lines", lambda: market.bank_balance() == balance + 5_050)
    assert market.is_balanced()


def test_raw_messages_lie_under_their_digest(
    market: Market, tell: Callable[..., None], local_stack: LocalStack
) -> None:
    body = notification(market.iban, "DIGEST", Line("DIGEST", 5))

    tell(body, "DIGEST")

    assert [one for one in objects(local_stack) if sha256(body).hexdigest() in one["Key"]]


def test_nothing_was_given_up(local_stack: LocalStack) -> None:
    assert dead(local_stack) == {}
