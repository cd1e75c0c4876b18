"""A callback is taken once, whatever comes first or dies; what cannot be used is seen."""

from __future__ import annotations

from datetime import timedelta
from hashlib import sha256

import pytest

from chalicelib.banking import callbacks, service
from chalicelib.banking.callbacks import receive_callback
from chalicelib.banking.domain import BankAccount, Callback
from chalicelib.banking.quarantine import list_quarantine, quarantine
from chalicelib.core.errors import Busy, InvalidInput, NotFound, Refusal, TooLarge, Unauthenticated
from chalicelib.storage.tables import Item
from tests.banking.build import BANK, TENANT, Cloud, bank_public_key, signed
from tests.support.calls import MONDAY, call
from tests.support.faults import crash_points, fault, never_sent, watching

BODY = b"<Document>\xe9</Document>"
FOLDER = f"callbacks/{BANK}"
IN_SANDBOX = MONDAY + timedelta(days=30)


def received(body: bytes = BODY, *, message_id: str = "MB-C054-1", signature: str | None = None) -> Callback:
    """A callback signed on Monday and taken on a sandbox day a month later."""
    mark = signed(body, message_id=message_id, issued_at=MONDAY) if signature is None else signature
    return receive_callback(BANK, body, mark, wall_now=MONDAY, now=IN_SANDBOX)


def refusal(body: bytes = BODY, *, message_id: str = "MB-C054-1", signature: str | None = None) -> Refusal:
    with pytest.raises(Refusal) as refused:
        received(body, message_id=message_id, signature=signature)
    return refused.value


def test_a_callback_is_kept_raw_and_queued(books: Cloud) -> None:
    callback = received()

    (message,) = books.taken()
    assert message == {
        "callback_id": callback.callback_id,
        "bank_id": BANK,
        "message_id": "MB-C054-1",
        "blob": f"{FOLDER}/{sha256(BODY).hexdigest()}",
        "sha256": sha256(BODY).hexdigest(),
    }
    assert books.read(message["blob"]) == BODY
    assert callback.received_at == IN_SANDBOX


def test_a_callback_is_noted_then_kept_then_queued_then_marked(books: Cloud) -> None:
    with watching() as calls:
        received()

    assert calls.operations == [
        "dynamodb.GetItem",
        "dynamodb.TransactWriteItems",
        "s3.PutObject",
        "sqs.SendMessage",
        "dynamodb.TransactWriteItems",
    ]


def test_a_repetition_is_answered_and_not_queued_again(books: Cloud) -> None:
    first = received()
    books.taken()

    with watching() as calls:
        again = received()

    assert again.callback_id == first.callback_id
    assert again.received_at == first.received_at
    assert calls.operations == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
    assert books.taken() == []


def test_the_same_id_with_another_body_is_refused_and_nothing_of_it_is_kept(books: Cloud) -> None:
    received()
    files = books.files()
    books.taken()

    refused = refusal(b"<Document>other</Document>")

    assert (type(refused), refused.code) == (Unauthenticated, "message_id_reused")
    assert (books.files(), books.taken()) == (files, [])
    assert received().queued


def test_the_same_body_under_another_id_is_another_message(books: Cloud) -> None:
    received(message_id="MB-C054-1")
    received(message_id="MB-C054-2")

    assert [message["message_id"] for message in books.taken()] == ["MB-C054-1", "MB-C054-2"]
    assert books.versions() == 1


@pytest.mark.parametrize(
    ("signature", "code"),
    [
        ("", "signature_missing"),
        ("x..y", "signature_invalid"),
        (signed(BODY + b" ", issued_at=MONDAY), "signature_invalid"),
        (signed(BODY, issued_at=MONDAY, bank_id="bank_other"), "signature_invalid"),
        (signed(BODY, issued_at=MONDAY - timedelta(seconds=301)), "signature_expired"),
        (signed(BODY, issued_at=IN_SANDBOX), "signature_expired"),
    ],
)
def test_a_callback_that_proves_nothing_leaves_nothing(books: Cloud, signature: str, code: str) -> None:
    refused = refusal(signature=signature)

    assert (type(refused), refused.code) == (Unauthenticated, code)
    assert (books.files(), books.taken()) == ([], [])
    received()


def test_a_bank_nobody_knows_is_not_found(books: Cloud) -> None:
    for bank_id in ("bank_other", "Bank", "b#x"):
        with pytest.raises(NotFound):
            receive_callback(bank_id, BODY, "", wall_now=MONDAY, now=MONDAY)


def test_a_body_over_4_mb_is_too_large(books: Cloud) -> None:
    with pytest.raises(TooLarge):
        receive_callback(BANK, b"x" * (callbacks.MOST_BYTES + 1), "", wall_now=MONDAY, now=MONDAY)


def test_a_body_of_4_mb_is_taken(books: Cloud) -> None:
    body = b"x" * callbacks.MOST_BYTES

    assert books.read(received(body).blob) == body


def test_a_process_killed_at_any_call_leaves_one_message_queued_after_the_banks_retry(books: Cloud) -> None:
    for number, point in enumerate(crash_points()):
        body, message_id = f"<Document>{number}</Document>".encode(), f"MB-C054-{number}"
        with point:
            received(body, message_id=message_id)

        callback = received(body, message_id=message_id)

        assert [message["message_id"] for message in books.taken()] == [message_id], point
        assert books.read(callback.blob) == body, point
        assert received(body, message_id=message_id).queued, point
        assert books.versions() == number + 1, point


def test_a_retry_with_another_body_after_a_crash_is_refused_at_any_point_after_the_note(books: Cloud) -> None:
    for number, point in enumerate(crash_points()):
        message_id = f"MB-C054-{number}"
        with point as calls:
            received(message_id=message_id)
        noted = calls.operations[:2] == ["dynamodb.GetItem", "dynamodb.TransactWriteItems"]
        if not noted or (len(calls.operations) == 2 and "crash_before" in repr(point)):
            continue

        assert refusal(b"other", message_id=message_id).code == "message_id_reused", point


def test_a_queue_out_of_reach_is_told_and_a_later_retry_is_queued(books: Cloud) -> None:
    with fault(never_sent, times=99, only="sqs"), pytest.raises(Exception, match="Connection was closed"):
        received()

    assert books.taken() == []
    received()
    assert len(books.taken()) == 1


def test_files_out_of_reach_are_told_as_busy_and_nothing_is_queued(books: Cloud) -> None:
    with fault(never_sent, times=99, only="s3"), pytest.raises(Busy):
        received()

    assert books.taken() == []


def kept(number: int, *, tenant: str | None = TENANT, bank_id: str = BANK, part: str = "") -> bool:
    return quarantine(
        bank_id=bank_id,
        message_id=f"MB-{number}",
        blob=f"{FOLDER}/abc",
        reason="malformed_xml",
        now=MONDAY + timedelta(minutes=number),
        tenant=tenant,
        part=part,
        facts={"line": 3, "element": "Ntry", "amount": [1]},
    )


def listed(tenant: str = TENANT, *, limit: int = 100) -> list[str]:
    """The message ids of the whole list, page by page."""
    found: list[str] = []
    after: Item | None = None
    for _ in range(20):
        page = list_quarantine(tenant, after=after, limit=limit)
        assert len(page.entries) <= limit
        found += [entry.message_id for entry in page.entries]
        after = page.last_key
        if after is None:
            return found
    raise AssertionError("a list without an end")


def test_what_cannot_be_used_is_kept_once_with_its_reason(books: Cloud) -> None:
    assert [kept(1), kept(1), kept(1, part="2")] == [True, False, True]

    entry = list_quarantine(TENANT, after=None, limit=1).entries[0]
    assert (entry.reason, entry.facts, entry.blob) == (
        "malformed_xml",
        {"line": 3, "element": "Ntry"},
        f"{FOLDER}/abc",
    )


def test_of_what_is_nobodys_only_the_place_is_kept(books: Cloud) -> None:
    facts = {"line": 3, "element": "Ntry", "amount": 500, "payout_id": "pay_1"}
    quarantine(bank_id=BANK, message_id="MB-1", blob="b", reason="payout_state", now=MONDAY, facts=facts)

    assert list_quarantine(TENANT, after=None, limit=1).entries[0].facts == {"line": 3, "element": "Ntry"}


def other_tenant_links(bank_id: str = BANK) -> None:
    service.link_bank_account(call(tenant="ten_other"), BankAccount(bank_id, "6222", "ten_other", "CNY"))


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
def test_a_tenant_sees_its_own_and_then_what_is_nobodys_page_by_page(books: Cloud, limit: int) -> None:
    service.register_bank(call(), "another_bank", name="Bank", public_key_pem=bank_public_key())
    service.link_bank_account(call(tenant=TENANT), BankAccount("another_bank", "6223", TENANT, "CNY"))
    for number in (1, 2):
        kept(number)
    kept(3, tenant=None)
    kept(4, tenant=None, bank_id="another_bank")
    kept(5, tenant="ten_other")
    kept(6, tenant=None, bank_id="bank_of_others")

    assert listed(limit=limit) == ["MB-1", "MB-2", "MB-4", "MB-3"]


def test_what_is_one_tenants_no_other_sees(books: Cloud) -> None:
    other_tenant_links()
    kept(1)
    kept(2, tenant=None)

    assert listed("ten_other") == ["MB-2"]


def test_a_cursor_cannot_reach_into_another_list(books: Cloud) -> None:
    kept(1, tenant="ten_other")
    made_up = {"list_key": {"S": "ten_other#quarantine"}, "list_sort": {"S": ""}, "pk": {"S": "x"}, "sk": {"S": "y"}}

    with pytest.raises(InvalidInput) as refused:
        list_quarantine(TENANT, after=made_up, limit=1)

    assert refused.value.code == "invalid_cursor"
