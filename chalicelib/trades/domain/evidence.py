"""Evidence: typed documents about what happened to the goods and the index, each kept by the digest of its content.

Leaves to others: whether a document can be true (`checks.py`), which of them a trade wants and when (`proof.py`), what
is computed from them (`pricing.py`).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, datetime
from enum import Enum
from hashlib import sha256

from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass


class EvidenceKind(Enum):
    """The kinds of document a milestone can ask for."""

    WEIGHT_NOTE = "weight_note"
    INDEX_FIXINGS = "index_fixings"
    EXCHANGE_RATE = "exchange_rate"
    DELIVERY_NOTE = "delivery_note"
    QUALITY_CERTIFICATE = "quality_certificate"
    WAREHOUSE_RECEIPT = "warehouse_receipt"
    BILL_OF_LADING = "bill_of_lading"
    CUSTOMS_RELEASE = "customs_release"
    VEHICLE_TITLE = "vehicle_title"
    METER_READING = "meter_reading"
    DELIVERY_PHOTO = "delivery_photo"
    RECALL_NOTICE = "recall_notice"


@dataclass(frozen=True, slots=True)
class WeightNote:
    """What the weighbridge found: `quantity_milli` thousandths of `unit`, of one lot where the trade has lots."""

    unit: str
    quantity_milli: int
    document_reference: str
    issued_at: datetime
    lot: str = ""


@dataclass(frozen=True, slots=True)
class Fixing:
    """The index on one day, in minor units for one unit of the goods."""

    date: date
    minor: int


@dataclass(frozen=True, slots=True)
class IndexFixings:
    """An index on the days of the pricing window, in the currency of the price. `not_published` are the days on which
    it should have been published and was not: the exchange was closed by itself."""

    index: str
    currency: str
    fixings: tuple[Fixing, ...]
    not_published: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class ExchangeRate:
    """What one whole unit of `base` was worth in `quote` on a day, as numerator and denominator: 7.1234 is 71234 over
    10000. `source` says who fixed it."""

    base: str
    quote: str
    numerator: int
    denominator: int
    date: date
    source: str


@dataclass(frozen=True, slots=True)
class DeliveryNote:
    """The receiver's word that the goods (or one lot of them) are there."""

    document_reference: str
    issued_at: datetime
    lot: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One property as the laboratory found it: `milli` thousandths of the property's own unit (15800: 15.8 %)."""

    property: str
    milli: int


@dataclass(frozen=True, slots=True)
class QualityCertificate:
    """What a laboratory or an inspector found of the goods, or of one lot."""

    document_reference: str
    issued_at: datetime
    findings: tuple[Finding, ...]
    lot: str = ""


@dataclass(frozen=True, slots=True)
class WarehouseReceipt:
    """A warehouse has taken so much in, or holds it for the buyer."""

    document_reference: str
    issued_at: datetime
    warehouse: str
    unit: str
    quantity_milli: int
    lot: str = ""


@dataclass(frozen=True, slots=True)
class BillOfLading:
    """A carrier has so much on board since `shipped_on`."""

    document_reference: str
    issued_at: datetime
    shipped_on: date
    port_of_loading: str
    port_of_discharge: str
    unit: str
    quantity_milli: int
    lot: str = ""


@dataclass(frozen=True, slots=True)
class CustomsRelease:
    """Customs let the goods of a declaration go."""

    document_reference: str
    issued_at: datetime
    declaration: str
    lot: str = ""


@dataclass(frozen=True, slots=True)
class VehicleTitle:
    """A vehicle, by its 17 character identification number (ISO 3779), stands in the holder's name."""

    document_reference: str
    issued_at: datetime
    vin: str
    holder: str
    lot: str = ""


@dataclass(frozen=True, slots=True)
class MeterReading:
    """A meter before and after, in thousandths of `unit`."""

    document_reference: str
    issued_at: datetime
    meter: str
    unit: str
    from_milli: int
    to_milli: int
    lot: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryPhoto:
    """A photo of the delivery, by the SHA-256 of its file in hex."""

    photo_sha256: str
    issued_at: datetime
    lot: str = ""


@dataclass(frozen=True, slots=True)
class RecallNotice:
    """A lot must not be used: what it cost goes back to the buyer."""

    document_reference: str
    issued_at: datetime
    reason: str
    lot: str


Document = (
    WeightNote
    | IndexFixings
    | ExchangeRate
    | DeliveryNote
    | QualityCertificate
    | WarehouseReceipt
    | BillOfLading
    | CustomsRelease
    | VehicleTitle
    | MeterReading
    | DeliveryPhoto
    | RecallNotice
)

SHAPES: dict[EvidenceKind, type[Document]] = {
    EvidenceKind.WEIGHT_NOTE: WeightNote,
    EvidenceKind.INDEX_FIXINGS: IndexFixings,
    EvidenceKind.EXCHANGE_RATE: ExchangeRate,
    EvidenceKind.DELIVERY_NOTE: DeliveryNote,
    EvidenceKind.QUALITY_CERTIFICATE: QualityCertificate,
    EvidenceKind.WAREHOUSE_RECEIPT: WarehouseReceipt,
    EvidenceKind.BILL_OF_LADING: BillOfLading,
    EvidenceKind.CUSTOMS_RELEASE: CustomsRelease,
    EvidenceKind.VEHICLE_TITLE: VehicleTitle,
    EvidenceKind.METER_READING: MeterReading,
    EvidenceKind.DELIVERY_PHOTO: DeliveryPhoto,
    EvidenceKind.RECALL_NOTICE: RecallNotice,
}
"""The shape of each kind of document."""

_UNNAMED_IF_EMPTY = ("lot", "not_published")
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

    @property
    def lot(self) -> str:
        """The lot it is about; empty: the whole trade."""
        return lot_of(self.document)

    @property
    def place(self) -> str:
        """What there is one document of: its kind, or its kind and lot (`weight_note/A1`)."""
        return place(self.kind, self.lot)


def kind_of(document: Document) -> EvidenceKind:
    """The kind of a document."""
    return _KINDS[type(document)]


def lot_of(document: Document) -> str:
    """The lot a document is about; empty: the whole trade."""
    return "" if isinstance(document, IndexFixings | ExchangeRate) else document.lot


def place(kind: EvidenceKind, lot: str = "") -> str:
    """Where a document of a kind, and of a lot if it is about one, stands among a trade's evidence."""
    return f"{kind.value}/{lot}" if lot else kind.value


def digest(document: Document) -> str:
    """SHA-256 in hex of a document's kind and content, as JSON with sorted names. An empty lot is not named, nor is an
    empty list of days without a fixing."""
    content = {"type": kind_of(document).value} | asdict(document)
    for name in _UNNAMED_IF_EMPTY:
        if not content.get(name):
            content.pop(name, None)
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_time_text)
    return sha256(text.encode()).hexdigest()


def _time_text(value: object) -> str:
    if isinstance(value, datetime):
        return instant_text(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"no text for {type(value).__name__}")
