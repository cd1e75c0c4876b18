"""Evidence: typed documents about what happened to the goods and the index, each kept by the digest of its content.

Leaves to others: which of them a trade wants and when (`domain.py`), what is computed from them (`pricing.py`).
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime, timedelta
from enum import Enum
from hashlib import sha256

from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import instant_text
from chalicelib.core.money import MAX_MINOR, exponent
from chalicelib.core.values import dataclass

MOST_FIXINGS = 31
FUTURE = timedelta(minutes=1)
FIRST_ZONE = timedelta(hours=14)
"""Where on earth a day begins first, ahead of UTC."""


class EvidenceKind(Enum):
    """The kinds of document a milestone can ask for."""

    WEIGHT_NOTE = "weight_note"
    INDEX_FIXINGS = "index_fixings"
    DELIVERY_NOTE = "delivery_note"


@dataclass(frozen=True, slots=True)
class WeightNote:
    """What the weighbridge found: `quantity_milli` thousandths of `unit`."""

    unit: str
    quantity_milli: int
    document_reference: str
    issued_at: datetime


@dataclass(frozen=True, slots=True)
class Fixing:
    """The index on one day, in minor units for one unit of the goods."""

    date: date
    minor: int


@dataclass(frozen=True, slots=True)
class IndexFixings:
    """An index on the days of the pricing window."""

    index: str
    currency: str
    fixings: tuple[Fixing, ...]


@dataclass(frozen=True, slots=True)
class DeliveryNote:
    """The receiver's word that the goods are there."""

    document_reference: str
    issued_at: datetime


Document = WeightNote | IndexFixings | DeliveryNote

SHAPES: dict[EvidenceKind, type[Document]] = {
    EvidenceKind.WEIGHT_NOTE: WeightNote,
    EvidenceKind.INDEX_FIXINGS: IndexFixings,
    EvidenceKind.DELIVERY_NOTE: DeliveryNote,
}
"""The shape of each kind of document."""

_KINDS = {shape: kind for kind, shape in SHAPES.items()}


@dataclass(frozen=True, slots=True)
class Evidence:
    """A document with the digest of its content, who gave it (`recorded_by`, a client id) and when."""

    evidence_id: str
    sha256: str
    recorded_by: str
    recorded_at: datetime
    document: Document

    @property
    def kind(self) -> EvidenceKind:
        """The kind of its document."""
        return kind_of(self.document)


def kind_of(document: Document) -> EvidenceKind:
    """The kind of a document."""
    return _KINDS[type(document)]


def digest(document: Document) -> str:
    """SHA-256 in hex of a document's kind and content, as JSON with sorted names."""
    content = {"type": kind_of(document).value} | asdict(document)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_time_text)
    return sha256(text.encode()).hexdigest()


def check_document(document: Document, *, now: datetime) -> None:
    """Check what a document says of itself. Raises InvalidInput `issued_in_future`, `quantity_not_positive`,
    `quantity_too_large`, `unknown_currency`, `fixings_missing`, `too_many_fixings`, `fixing_date_twice`,
    `fixing_not_positive` or `amount_too_large`."""
    if isinstance(document, IndexFixings):
        _check_fixings(document, today=(now + FIRST_ZONE).date())
        return
    if document.issued_at > now + FUTURE:
        raise InvalidInput("issued_in_future", "issued_at lies more than a minute ahead", field="document.issued_at")
    if isinstance(document, WeightNote):
        check_quantity(document.quantity_milli, "document.quantity_milli")


def check_quantity(quantity_milli: int, field: str) -> None:
    """Raises InvalidInput `quantity_not_positive` or `quantity_too_large`, naming `field`."""
    if quantity_milli <= 0:
        raise InvalidInput("quantity_not_positive", "a quantity is more than nothing", field=field)
    if quantity_milli > MAX_MINOR:
        raise InvalidInput("quantity_too_large", "more than 28 digits", field=field, maximum=MAX_MINOR)


def _check_fixings(document: IndexFixings, *, today: date) -> None:
    exponent(document.currency)
    if not document.fixings:
        raise InvalidInput("fixings_missing", "an average needs at least one fixing", field="document.fixings")
    if len(document.fixings) > MOST_FIXINGS:
        raise InvalidInput("too_many_fixings", "too many days", field="document.fixings", maximum=MOST_FIXINGS)
    if twice := _twice([fixing.date for fixing in document.fixings]):
        raise InvalidInput("fixing_date_twice", "a day is fixed once", field="document.fixings", date=twice.isoformat())
    for i, fixing in enumerate(document.fixings):
        if fixing.date > today:
            raise InvalidInput("issued_in_future", "the day is still to come", field=f"document.fixings[{i}].date")
        if fixing.minor <= 0:
            raise InvalidInput(
                "fixing_not_positive", "a fixing is a positive price", field=f"document.fixings[{i}].minor"
            )
        if fixing.minor > MAX_MINOR:
            raise InvalidInput("amount_too_large", "more than 28 digits", field=f"document.fixings[{i}].minor")


def _twice(days: Sequence[date]) -> date | None:
    return next((day for day in days if days.count(day) > 1), None)


def _time_text(value: object) -> str:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no text for {type(value).__name__}")
