"""What a document says of itself, checked: nothing is of the future, no meter runs backwards, nothing is found twice.

Leaves to others: whether a trade wants the document (`proof.py`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import fields
from datetime import date, datetime, timedelta
from typing import TypeVar

from chalicelib.core.calendars import latest_day
from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR, exponent
from chalicelib.ledger.exchange import Rate
from chalicelib.trades.domain.evidence import (
    BillOfLading,
    DeliveryPhoto,
    Document,
    ExchangeRate,
    Finding,
    IndexFixings,
    MeterReading,
    QualityCertificate,
    VehicleTitle,
    WarehouseReceipt,
    WeightNote,
)
from chalicelib.trades.domain.vin import check_vin

T = TypeVar("T")

MOST_FIXINGS = 100
MOST_FINDINGS = 30
FUTURE = timedelta(minutes=1)
MAY_BE_EMPTY = frozenset({"lot"})
SHA256 = re.compile("[0-9a-f]{64}")


def check_document(document: Document, *, now: datetime) -> None:
    """Check what a document says of itself.

    Raises InvalidInput, in this order: `text_missing`; `unknown_currency`, `same_currency`, `invalid_rate`;
    `fixings_missing`, `too_many_fixings`, `fixing_date_twice`; `issued_in_future`; `fixing_not_positive`,
    `amount_too_large`; `quantity_not_positive`, `quantity_too_large`; `meter_negative`, `meter_runs_backwards`;
    `vin_invalid`, `vin_check_digit_wrong`; `findings_missing`, `too_many_findings`, `finding_twice`,
    `finding_negative`; `sha256_invalid`.
    """
    _check_texts(document)
    today = latest_day(now)
    if isinstance(document, IndexFixings):
        _check_fixings(document, today=today)
    elif isinstance(document, ExchangeRate):
        _check_rate(document, today=today)
    else:
        if document.issued_at > now + FUTURE:
            sentence = "issued_at lies more than a minute ahead"
            raise InvalidInput("issued_in_future", sentence, field="document.issued_at")
        _check_content(document, today=today)


def check_quantity(quantity_milli: int, field: str) -> None:
    """Raises InvalidInput `quantity_not_positive` or `quantity_too_large`, naming `field`."""
    if quantity_milli <= 0:
        raise InvalidInput("quantity_not_positive", "a quantity is more than nothing", field=field)
    _check_size(quantity_milli, field)


def _check_texts(document: Document) -> None:
    for one in fields(document):
        value = getattr(document, one.name)
        if isinstance(value, str) and not value.strip() and one.name not in MAY_BE_EMPTY:
            raise InvalidInput("text_missing", "it says nothing", field=f"document.{one.name}")


def _check_content(document: Document, *, today: date) -> None:
    match document:
        case WeightNote() | WarehouseReceipt():
            check_quantity(document.quantity_milli, "document.quantity_milli")
        case BillOfLading():
            _check_passed(document.shipped_on, "document.shipped_on", today=today)
            check_quantity(document.quantity_milli, "document.quantity_milli")
        case MeterReading():
            _check_meter(document)
        case VehicleTitle():
            check_vin(document.vin, "document.vin")
        case QualityCertificate():
            _check_findings(document.findings)
        case DeliveryPhoto() if not SHA256.fullmatch(document.photo_sha256):
            raise InvalidInput("sha256_invalid", "64 small hexadecimal digits", field="document.photo_sha256")


def _check_fixings(document: IndexFixings, *, today: date) -> None:
    exponent(document.currency)
    if not document.fixings:
        raise InvalidInput("fixings_missing", "an average needs at least one fixing", field="document.fixings")
    if len(document.fixings) > MOST_FIXINGS:
        raise InvalidInput("too_many_fixings", "too many days", field="document.fixings", maximum=MOST_FIXINGS)
    days = [*(fixing.date for fixing in document.fixings), *document.not_published]
    if len(document.not_published) > MOST_FIXINGS:
        facts = {"field": "document.not_published", "maximum": MOST_FIXINGS}
        raise InvalidInput("too_many_fixings", "too many days", **facts)
    if (twice := _twice(days)) is not None:
        sentence = "a day is fixed once, or not at all"
        raise InvalidInput("fixing_date_twice", sentence, field="document.fixings", date=twice.isoformat())
    for i, day in enumerate(document.not_published):
        _check_passed(day, f"document.not_published[{i}]", today=today)
    for i, fixing in enumerate(document.fixings):
        _check_passed(fixing.date, f"document.fixings[{i}].date", today=today)
        field = f"document.fixings[{i}].minor"
        if fixing.minor <= 0:
            raise InvalidInput("fixing_not_positive", "a fixing is a positive price", field=field)
        _check_size(fixing.minor, field, "amount_too_large")


def _check_rate(document: ExchangeRate, *, today: date) -> None:
    exponent(document.base)
    exponent(document.quote)
    if document.base == document.quote:
        raise InvalidInput("same_currency", "a rate joins two currencies", field="document.quote")
    try:
        Rate(document.numerator, document.denominator)
    except InvalidInput as refusal:
        raise InvalidInput(refusal.code, refusal.sentence, **refusal.facts, field="document.numerator") from refusal
    _check_passed(document.date, "document.date", today=today)


def _check_meter(document: MeterReading) -> None:
    if document.from_milli < 0:
        raise InvalidInput("meter_negative", "a meter begins at nothing", field="document.from_milli")
    if document.to_milli < document.from_milli:
        raise InvalidInput("meter_runs_backwards", "a meter counts upwards", field="document.to_milli")
    _check_size(document.to_milli, "document.to_milli")


def _check_findings(findings: Sequence[Finding]) -> None:
    if not findings:
        raise InvalidInput("findings_missing", "a certificate finds something", field="document.findings")
    if len(findings) > MOST_FINDINGS:
        raise InvalidInput("too_many_findings", "too many", field="document.findings", maximum=MOST_FINDINGS)
    if (twice := _twice([finding.property for finding in findings])) is not None:
        raise InvalidInput("finding_twice", "a property is found once", field="document.findings", property=twice)
    for i, finding in enumerate(findings):
        field = f"document.findings[{i}]"
        if not finding.property.strip():
            raise InvalidInput("text_missing", "it says nothing", field=f"{field}.property")
        if finding.milli < 0:
            raise InvalidInput("finding_negative", "a finding is nothing or more", field=f"{field}.milli")
        _check_size(finding.milli, f"{field}.milli")


def _check_passed(day: date, field: str, *, today: date) -> None:
    if day > today:
        raise InvalidInput("issued_in_future", "the day is still to come", field=field)


def _check_size(number: int, field: str, code: str = "quantity_too_large") -> None:
    if number > MAX_MINOR:
        raise InvalidInput(code, "more than 28 digits", field=field, maximum=MAX_MINOR)


def _twice(values: Sequence[T]) -> T | None:
    return next((value for i, value in enumerate(values) if value in values[:i]), None)
