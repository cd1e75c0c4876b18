"""A bank's messages at the door: what is not the bank's is refused and kept nowhere; what is, is taken once."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.e2e.bank import JSON, KINDS, XML, Bank, Line, notification
from tests.e2e.forgery import aged, forged, header_of, malleated, signed
from tests.e2e.market import Market, wait_for
from tests.e2e.problems import assert_problem
from tests.e2e.queues import wait_until_drained
from tests.e2e.snapshot import difference, snapshot
from tests.e2e.web import Reply, at_once
from tests.support.local_stack import LocalStack

MOST_BYTES = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def teller(register: Callable[[str], Bank]) -> Bank:
    """A bank for this module alone."""
    return register("bank_callbacks")


@pytest.fixture(scope="module")
def stranger(register: Callable[[str], Bank]) -> Bank:
    """Another bank, registered as well, where nobody has an account."""
    return register("bank_stranger")


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market], teller: Bank) -> Market:
    """A marketplace with an account at this module's bank."""
    return new_market(teller)


def assert_accepted(reply: Reply, message_id: str) -> None:
    """The bank may forget the message."""
    assert (reply.status, reply.json) == (202, {"message_id": message_id, "status": "accepted"}), reply


def test_a_signature_that_is_not_the_banks_is_refused_and_nothing_is_kept(
    market: Market, teller: Bank, stranger: Bank, local_stack: LocalStack
) -> None:
    body = notification(market.iban, "FORGED", Line("FORGED", 100))
    cases = forged(teller, stranger, body, "FORGED")
    before = snapshot(local_stack)

    replies = at_once(lambda signature: teller.deliver(body, signature), cases.values())

    for wrong, reply in zip(cases, replies, strict=True):
        assert_problem(reply, 401, "signature_invalid" if cases[wrong] else "signature_missing", wrong)
    assert difference(before, snapshot(local_stack)) == {}


def test_a_body_changed_by_one_byte_is_refused_wherever_the_byte_is(
    market: Market, teller: Bank, local_stack: LocalStack
) -> None:
    body = notification(market.iban, "CHANGED", Line("CHANGED", 100))
    signature = teller.sign(body, "CHANGED")
    places = [0, len(body) // 3, body.index(b"1.00"), len(body) - 1]
    changed = [body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :] for at in places]
    changed += [body + b"\n", body[:-1], b" " + body, body.replace(b"><", b">\r\n<", 1)]
    before = snapshot(local_stack)

    replies = at_once(lambda other: teller.deliver(other, signature), changed)

    for reply in replies:
        assert_problem(reply, 401, "signature_invalid")
    assert difference(before, snapshot(local_stack)) == {}


@pytest.mark.parametrize("seconds", [-86_400, -310, 310, 86_400])
def test_a_signature_of_another_time_is_refused(
    seconds: int, market: Market, teller: Bank, local_stack: LocalStack
) -> None:
    body = notification(market.iban, "AGED", Line("AGED", 100))
    before = snapshot(local_stack)

    reply = teller.deliver(body, aged(teller, body, "AGED", seconds))

    assert_problem(reply, 401, "signature_expired")
    assert difference(before, snapshot(local_stack)) == {}


@pytest.mark.parametrize("seconds", [-280, 280])
def test_a_signature_within_the_window_is_taken(seconds: int, market: Market, teller: Bank) -> None:
    message_id = f"WITHIN{seconds}"
    body = notification(market.iban, message_id)

    assert_accepted(teller.deliver(body, aged(teller, body, message_id, seconds)), message_id)


@pytest.mark.parametrize("bank_id", ["bank_none", "bank_sandbox", "bank_stranger", "BANK_CALLBACKS", "x"])
def test_a_message_at_another_banks_door_is_refused(
    bank_id: str, market: Market, teller: Bank, stranger: Bank, local_stack: LocalStack
) -> None:
    body = notification(market.iban, "ELSEWHERE", Line("ELSEWHERE", 100))
    elsewhere = Bank(bank_id, teller.private_key_pem, teller.web)
    signatures = [teller.sign(body, "ELSEWHERE"), elsewhere.sign(body, "ELSEWHERE")]
    before = snapshot(local_stack)

    replies = [elsewhere.deliver(body, signature) for signature in signatures]

    for reply in replies:
        if bank_id in ("bank_sandbox", stranger.bank_id):
            assert_problem(reply, 401, "signature_invalid")
        else:
            assert_problem(reply, 404, "bank_not_found")
    assert difference(before, snapshot(local_stack)) == {}


def test_a_message_that_is_too_long_is_refused(teller: Bank, local_stack: LocalStack) -> None:
    body = b" " * (MOST_BYTES + 1)
    before = snapshot(local_stack)

    assert_problem(teller.tell(body, "LONG"), 413, "body_too_large")
    assert difference(before, snapshot(local_stack)) == {}


def test_a_token_opens_no_banks_door(market: Market, teller: Bank) -> None:
    body = notification(market.iban, "TOKEN", Line("TOKEN", 100))

    reply = market.web.send("POST", teller.path, body, {"Content-Type": XML})

    assert_problem(reply, 401, "signature_missing")


@pytest.mark.parametrize("form", KINDS)
def test_a_message_is_booked_once_however_often_it_comes(
    form: str, market: Market, teller: Bank, local_stack: LocalStack
) -> None:
    write, kind = KINDS[form]
    message_id = f"OFTEN-{form}"
    body = write(market.iban, message_id, Line(message_id, 700))
    before = market.bank_balance()

    first = teller.tell(body, message_id, kind=kind)
    wait_for("the booking", lambda: market.bank_balance() == before + 700)
    again = [teller.tell(body, message_id, kind=kind) for _ in range(3)]
    parallel = at_once(lambda _: teller.tell(body, message_id, kind=kind), range(8))

    for reply in [first, *again, *parallel]:
        assert_accepted(reply, message_id)
    wait_until_drained(local_stack)
    assert market.bank_balance() == before + 700
    assert market.is_balanced()


def test_sixteen_first_deliveries_at_once_are_booked_once(
    market: Market, teller: Bank, local_stack: LocalStack
) -> None:
    body = notification(market.iban, "CROWD", Line("CROWD", 900))
    before = market.bank_balance()

    replies = at_once(lambda _: teller.tell(body, "CROWD"), range(16), workers=16)

    assert {reply.status for reply in replies} <= {202, 503}, replies
    wait_for("the booking", lambda: market.bank_balance() == before + 900)
    wait_until_drained(local_stack)
    assert market.bank_balance() == before + 900


def test_a_known_id_with_another_body_is_refused_and_nothing_is_kept(
    market: Market, teller: Bank, local_stack: LocalStack
) -> None:
    first = notification(market.iban, "REUSED", Line("REUSED", 100))
    other = notification(market.iban, "REUSED", Line("REUSED", 100_000_000))
    assert_accepted(teller.tell(first, "REUSED"), "REUSED")
    wait_until_drained(local_stack)
    before = snapshot(local_stack, but="history")

    reply = teller.tell(other, "REUSED")

    assert_problem(reply, 401, "message_id_reused")
    assert difference(before, snapshot(local_stack, but="history")) == {}


def test_the_other_form_of_a_signature_brings_no_second_booking(
    market: Market, teller: Bank, local_stack: LocalStack
) -> None:
    body = notification(market.iban, "TURNED", Line("TURNED", 300))
    before = market.bank_balance()
    signature = teller.sign(body, "TURNED")

    replies = [teller.deliver(body, one) for one in (signature, malleated(signature))]

    assert {reply.status for reply in replies} <= {202, 401}
    wait_for("the booking", lambda: market.bank_balance() == before + 300)
    wait_until_drained(local_stack)
    assert market.bank_balance() == before + 300


def test_a_key_id_in_the_header_chooses_no_key(market: Market, teller: Bank) -> None:
    body = notification(market.iban, "KID")

    reply = teller.deliver(
        body, signed(teller, body, header_of(teller, "KID", kid="../other", jku="http://127.0.0.1:1"))
    )

    assert_accepted(reply, "KID")


@pytest.mark.parametrize("kind", [XML, "text/xml", "application/octet-stream", JSON, "application/xml; charset=utf-8"])
def test_the_body_tells_what_it_is_and_not_its_type(
    kind: str, market: Market, teller: Bank, local_stack: LocalStack
) -> None:
    message_id = re.sub(r"\W+", "-", kind)
    body = notification(market.iban, message_id, Line(message_id, 10))
    before = market.bank_balance()

    assert_accepted(teller.tell(body, message_id, kind=kind), message_id)

    wait_for("the booking", lambda: market.bank_balance() == before + 10)


def test_another_bank_cannot_tell_of_this_banks_account(
    market: Market, teller: Bank, stranger: Bank, local_stack: LocalStack
) -> None:
    """Its signature is genuine; the account is not one of its own."""
    body = notification(market.iban, "FOREIGN", Line("FOREIGN", 5_000))
    before = market.bank_balance()
    seen = len(market.listed("/v1/quarantine", "messages"))

    assert_accepted(stranger.tell(body, "FOREIGN"), "FOREIGN")

    wait_until_drained(local_stack)
    assert market.bank_balance() == before
    assert len(market.listed("/v1/quarantine", "messages")) == seen


def test_one_message_id_of_two_banks_is_two_messages(
    market: Market, teller: Bank, stranger: Bank, local_stack: LocalStack
) -> None:
    before = market.bank_balance()
    stray = notification("NL62MOCK0000000011", "SHARED", Line("SHARED", 1))
    assert_accepted(stranger.tell(stray, "SHARED"), "SHARED")

    assert_accepted(teller.tell(notification(market.iban, "SHARED", Line("SHARED", 2)), "SHARED"), "SHARED")

    wait_for("the booking", lambda: market.bank_balance() == before + 2)
