"""Bank callbacks in JSON, for banks without ISO 20022: the same facts in the same shapes. Strict: unknown or missing
fields, floats and duplicate names are refused, in an entry or payment for it alone: it has a `problem`.

A notification of money moved:

    {"type": "notification", "message_id": "N-1", "created_at": "2026-03-02T09:00:00Z",
     "account": {"iban": "NL62MOCK0000000011", "currency": "CNY"},
     "entries": [{"direction": "credit", "amount_minor": 100000000, "currency": "CNY", "status": "booked",
                  "bank_reference": "MB-RCV-1", "booked_on": "2026-03-02", "valued_on": "2026-03-02",
                  "reference": "QT7K2M9P4", "end_to_end_id": "", "uetr": "", "transaction_id": "",
                  "original_reference": "", "remittance": ["deposit"],
                  "counterparty": {"name": "Buyer Ltd", "iban": "", "account": "6222"},
                  "reversal": false, "return_reason": "", "charges_minor": 0}]}

The status of payments of ours:

    {"type": "status", "message_id": "S-1", "created_at": "2026-03-02T09:00:00Z", "original_message_id": "pay_1",
     "group_status": "PART", "group_reason": "",
     "payments": [{"end_to_end_id": "pay_1", "status": "RJCT", "reason": "AC04"}]}

`account` takes `iban` or `other`. Of an entry, `direction`, `amount_minor`, `currency`, `status` and `booked_on` are
required; of a payment, `end_to_end_id` and `status`. `original_reference` is the bank's reference of the movement that
a reversal or return undoes, `charges_minor` what the bank has kept of what it books.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from chalicelib.messages.errors import MessageUnreadable
from chalicelib.messages.model import (
    AccountId,
    AccountReport,
    Detail,
    Entry,
    Message,
    PaymentStatus,
    Statement,
    Status,
    StatusReport,
)
from chalicelib.messages.strict_json import Fields, parse
from chalicelib.messages.values import account_number, reference
from chalicelib.messages.watch import Watch, unwatched

_SIGNS = {"credit": 1, "debit": -1}
_STATUSES: dict[str, Status] = {"booked": "booked", "pending": "pending", "info": "info"}


def read(body: bytes, watch: Watch = unwatched) -> Message:
    """The message. Raises MessageUnreadable `malformed_json`, `unknown_message_type`, or `invalid_field`, `field_twice`
    (naming it) of what is about the whole message."""
    document = Fields(parse(body), "")
    readers: dict[str, Callable[[Fields, Watch], Message]] = {"notification": _notification, "status": _status}
    kind = document.text("type")
    if kind not in readers:
        raise MessageUnreadable("unknown_message_type", "no known type of JSON message")
    message = readers[kind](document, watch)
    document.end()
    return message


def _notification(document: Fields, watch: Watch) -> AccountReport:
    message_id, created_at = reference(document.text("message_id")), document.instant("created_at")
    account = document.fields("account")
    identity = AccountId(account.optional("iban"), account.optional("other"), account.text("currency"), "")
    account.end()
    if not identity.number:
        document.refuse("account", None)
    statement = Statement(
        kind="notification",
        message_id=message_id,
        statement_id=message_id,
        electronic_sequence=None,
        legal_sequence=None,
        account=identity,
        created_at=created_at,
        starts_at=None,
        ends_at=None,
        balances=(),
        entries=tuple(_entry(each) for each in _watched(document.items("entries"), watch)),
    )
    return AccountReport("notification", message_id, created_at, (statement,))


def _watched(items: Iterable[Fields], watch: Watch) -> Iterator[Fields]:
    for each in items:
        watch()
        yield each


def _entry(fields: Fields) -> Entry:
    sign = fields.one_of("direction", _SIGNS, 0)
    amount, currency = sign * fields.amount(), fields.currency()
    entry = Entry(
        amount_minor=amount,
        currency=currency,
        status=fields.one_of("status", _STATUSES, "info"),
        reversal=fields.flag("reversal"),
        bank_reference=reference(fields.optional("bank_reference")),
        entry_reference="",
        booked_on=fields.day("booked_on"),
        valued_on=fields.day("valued_on", required=False),
        details=(_detail(fields, amount, currency),),
        stated_details=1,
    )
    problem, place = _problem(fields)
    return replace(entry, status="info", problem=problem, problem_at=place) if problem else entry


def _problem(fields: Fields) -> tuple[str, str]:
    """The code and place of the first thing wrong with what was read; empty where nothing is."""
    fields.end()
    first = next(iter(fields.faults or ()), None)
    return (first.code, str(first.facts["field"])) if first else ("", "")


def _detail(fields: Fields, amount_minor: int, currency: str) -> Detail:
    counterparty = fields.fields("counterparty", required=False)
    quoted = reference(fields.optional("reference"))
    detail = Detail(
        amount_minor=amount_minor,
        currency=currency,
        end_to_end_id=reference(fields.optional("end_to_end_id")),
        transaction_id=reference(fields.optional("transaction_id")),
        uetr=reference(fields.optional("uetr")).lower(),
        original_reference=reference(fields.optional("original_reference")),
        creditor_references=(quoted,) if quoted else (),
        remittance=fields.texts("remittance"),
        counterparty_name=counterparty.optional("name"),
        counterparty_iban=account_number(counterparty.optional("iban")),
        counterparty_account=reference(counterparty.optional("account")),
        return_reason=fields.optional("return_reason"),
        charges_minor=fields.amount("charges_minor", required=False),
    )
    counterparty.end()
    return detail


def _status(document: Fields, watch: Watch) -> StatusReport:
    return StatusReport(
        message_id=reference(document.text("message_id")),
        created_at=document.instant("created_at"),
        original_message_id=reference(document.text("original_message_id"))
        or document.refuse("original_message_id", ""),
        group_status=document.optional("group_status"),
        group_reason=document.optional("group_reason"),
        batches=(),
        payments=tuple(_payment(each) for each in _watched(document.items("payments"), watch)),
    )


def _payment(fields: Fields) -> PaymentStatus:
    payment = PaymentStatus(
        end_to_end_id=reference(fields.text("end_to_end_id")),
        instruction_id="",
        batch_id="",
        status=fields.text("status"),
        reason=fields.optional("reason"),
    )
    problem, place = _problem(fields)
    return replace(payment, problem=problem, problem_at=place)
