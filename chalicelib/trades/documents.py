"""Documents as requests and answers have them, told apart by their `type`. Their fields are those of the documents that
rules know, by the same names; times are texts."""

from __future__ import annotations

from dataclasses import fields
from datetime import date, datetime
from typing import Annotated, Any

import msgspec

from chalicelib.core.instants import parse_date, parse_instant
from chalicelib.trades.domain.checks import MOST_FINDINGS, MOST_FIXINGS
from chalicelib.trades.domain.evidence import SHAPES, Document, EvidenceKind, Finding, Fixing, kind_of
from chalicelib.trades.domain.problems import MOST_NAME
from chalicelib.web.parse import Body, Currency, ShortText

Time = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
"""An ISO 8601 instant with an offset, or a date."""

LotName = Annotated[str, msgspec.Meta(max_length=MOST_NAME)]
"""The lot a document is about; empty: the whole trade."""


class WeightNoteBody(Body, tag_field="type", tag="weight_note"):
    """What the weighbridge found, in whole thousandths of `unit`."""

    unit: ShortText
    quantity_milli: int
    document_reference: ShortText
    issued_at: Time
    lot: LotName = ""


class FixingBody(Body):
    """The index on one day, in minor units for one unit of the goods."""

    date: Time
    minor: int


class IndexFixingsBody(Body, tag_field="type", tag="index_fixings"):
    """An index on the days that are averaged, in the currency of the price, and the days on which it should have been
    published and was not."""

    index: ShortText
    currency: Currency
    fixings: Annotated[list[FixingBody], msgspec.Meta(max_length=2 * MOST_FIXINGS)]
    not_published: Annotated[list[Time], msgspec.Meta(max_length=2 * MOST_FIXINGS)] = msgspec.field(
        default_factory=list
    )


class ExchangeRateBody(Body, tag_field="type", tag="exchange_rate"):
    """What one unit of `base` was worth in `quote` on a day: 7.1234 is 71234 over 10000."""

    base: Currency
    quote: Currency
    numerator: int
    denominator: int
    date: Time
    source: ShortText


class DeliveryNoteBody(Body, tag_field="type", tag="delivery_note"):
    """The receiver's word that the goods are there."""

    document_reference: ShortText
    issued_at: Time
    lot: LotName = ""


class FindingBody(Body):
    """One property, in thousandths of its own unit: moisture of 15.8 % is 15800."""

    property: ShortText
    milli: int


class QualityCertificateBody(Body, tag_field="type", tag="quality_certificate"):
    """What a laboratory or an inspector found."""

    document_reference: ShortText
    issued_at: Time
    findings: Annotated[list[FindingBody], msgspec.Meta(max_length=2 * MOST_FINDINGS)]
    lot: LotName = ""


class WarehouseReceiptBody(Body, tag_field="type", tag="warehouse_receipt"):
    """What a warehouse has taken in, in whole thousandths of `unit`."""

    document_reference: ShortText
    issued_at: Time
    warehouse: ShortText
    unit: ShortText
    quantity_milli: int
    lot: LotName = ""


class BillOfLadingBody(Body, tag_field="type", tag="bill_of_lading"):
    """What a carrier has on board since `shipped_on` (a date), in whole thousandths of `unit`."""

    document_reference: ShortText
    issued_at: Time
    shipped_on: Time
    port_of_loading: ShortText
    port_of_discharge: ShortText
    unit: ShortText
    quantity_milli: int
    lot: LotName = ""


class CustomsReleaseBody(Body, tag_field="type", tag="customs_release"):
    """Customs let the goods of a declaration go."""

    document_reference: ShortText
    issued_at: Time
    declaration: ShortText
    lot: LotName = ""


class VehicleTitleBody(Body, tag_field="type", tag="vehicle_title"):
    """A vehicle, by its identification number of 17 characters (ISO 3779), stands in the holder's name."""

    document_reference: ShortText
    issued_at: Time
    vin: ShortText
    holder: ShortText
    lot: LotName = ""


class MeterReadingBody(Body, tag_field="type", tag="meter_reading"):
    """A meter before and after, in whole thousandths of `unit`."""

    document_reference: ShortText
    issued_at: Time
    meter: ShortText
    unit: ShortText
    from_milli: int
    to_milli: int
    lot: LotName = ""


class DeliveryPhotoBody(Body, tag_field="type", tag="delivery_photo"):
    """A photo of the delivery, by the SHA-256 of its file in hex."""

    photo_sha256: ShortText
    issued_at: Time
    lot: LotName = ""


class RecallNoticeBody(Body, tag_field="type", tag="recall_notice"):
    """A lot must not be used (without its name: none of the goods): what it cost goes back to the buyer."""

    document_reference: ShortText
    issued_at: Time
    reason: ShortText
    lot: LotName = ""


AnyDocumentBody = (
    WeightNoteBody
    | IndexFixingsBody
    | ExchangeRateBody
    | DeliveryNoteBody
    | QualityCertificateBody
    | WarehouseReceiptBody
    | BillOfLadingBody
    | CustomsReleaseBody
    | VehicleTitleBody
    | MeterReadingBody
    | DeliveryPhotoBody
    | RecallNoticeBody
)

BODIES = {EvidenceKind(one.__struct_config__.tag): one for one in AnyDocumentBody.__args__}
"""The body of each kind of document."""

_TIMES = {"issued_at": parse_instant, "date": parse_date, "shipped_on": parse_date}


class EvidenceBody(Body):
    """A document, told apart by its `type`."""

    document: AnyDocumentBody


def document_of(body: AnyDocumentBody) -> Document:
    """The document a body describes. Raises InvalidInput `invalid_instant`, `invalid_date`."""
    shape = SHAPES[EvidenceKind(body.__struct_config__.tag)]
    return shape(**{one.name: _read(one.name, getattr(body, one.name)) for one in fields(shape)})


def document_body(document: Document) -> AnyDocumentBody:
    """A document as answers show it: the form it was sent in."""
    values = {one.name: _shown(getattr(document, one.name)) for one in fields(document)}
    return BODIES[kind_of(document)](**values)


def _read(name: str, value: Any) -> Any:
    """A body's value as the document has it."""
    field = f"document.{name}"
    if name in _TIMES:
        return _TIMES[name](value, field)
    if name == "fixings":
        days = (parse_date(one.date, f"{field}[{i}].date") for i, one in enumerate(value))
        return tuple(Fixing(day, one.minor) for day, one in zip(days, value, strict=True))
    if name == "not_published":
        return tuple(parse_date(one, f"{field}[{i}]") for i, one in enumerate(value))
    if name == "findings":
        return tuple(Finding(one.property, one.milli) for one in value)
    return value


def _shown(value: Any) -> Any:
    """A document's value as its body has it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, tuple):
        return [_part(one) for one in value]
    return value


def _part(one: Fixing | Finding | date) -> FixingBody | FindingBody | str:
    if isinstance(one, date):
        return one.isoformat()
    if isinstance(one, Fixing):
        return FixingBody(date=one.date.isoformat(), minor=one.minor)
    return FindingBody(property=one.property, milli=one.milli)
