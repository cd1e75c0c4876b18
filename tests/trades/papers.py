"""A sound document of every kind, for tests that bend or price one."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from chalicelib.trades.domain.evidence import (
    BillOfLading,
    CustomsRelease,
    DeliveryNote,
    DeliveryPhoto,
    Document,
    Evidence,
    ExchangeRate,
    Finding,
    Fixing,
    IndexFixings,
    MeterReading,
    QualityCertificate,
    RecallNotice,
    VehicleTitle,
    WarehouseReceipt,
    WeightNote,
    digest,
)
from tests.support.calls import MONDAY

TODAY = MONDAY.date()
VIN = "LFV3A24G3C3012345"
AMERICAN_VIN = "1M8GDM9AXKP042788"


def weight_note(
    quantity_milli: int = 498_320, *, unit: str = "t", issued_at: datetime = MONDAY, lot: str = ""
) -> WeightNote:
    return WeightNote(unit, quantity_milli, "WB-2026-0117", issued_at, lot)


def index_fixings(*minors: int, currency: str = "CNY", until: date = TODAY) -> IndexFixings:
    """Fixings of the days up to `until`; their mean is 3,628.00 unless told."""
    values = minors or (362_500, 362_900, 363_000)
    days = [until - timedelta(days=len(values) - 1 - i) for i in range(len(values))]
    fixings = tuple(Fixing(day, minor) for day, minor in zip(days, values, strict=True))
    return IndexFixings("Rebar HRB400 20 mm, Shanghai", currency, fixings)


def exchange_rate(
    numerator: int = 71_234, denominator: int = 10_000, *, base: str = "USD", quote: str = "CNY"
) -> ExchangeRate:
    """7.1234 yuan for a dollar unless told."""
    return ExchangeRate(base, quote, numerator, denominator, TODAY, "CFETS central parity")


def delivery_note(lot: str = "") -> DeliveryNote:
    return DeliveryNote("DN-4711", MONDAY, lot)


def certificate(*, lot: str = "", **findings: int) -> QualityCertificate:
    """Findings by property, in thousandths: moisture 15.8 % and impurity 1.3 % unless told."""
    found = findings or {"moisture": 15_800, "impurity": 1_300}
    return QualityCertificate("QC-88", MONDAY, tuple(Finding(name, milli) for name, milli in found.items()), lot)


def warehouse_receipt(quantity_milli: int = 500_000, *, unit: str = "t", lot: str = "") -> WarehouseReceipt:
    return WarehouseReceipt("WR-12", MONDAY, "Zhangjiagang 3", unit, quantity_milli, lot)


def bill_of_lading(
    quantity_milli: int = 500_000, *, shipped_on: date = TODAY, unit: str = "t", lot: str = ""
) -> BillOfLading:
    return BillOfLading("BL-7", MONDAY, shipped_on, "Callao", "Ningbo", unit, quantity_milli, lot)


def customs_release(lot: str = "") -> CustomsRelease:
    return CustomsRelease("CR-1", MONDAY, "310120261000000001", lot)


def vehicle_title(vin: str = VIN, lot: str = "") -> VehicleTitle:
    return VehicleTitle("VT-9", MONDAY, vin, "Chen Motors", lot)


def meter_reading(from_milli: int = 1_000, to_milli: int = 43_500, *, unit: str = "kWh", lot: str = "") -> MeterReading:
    return MeterReading("MR-5", MONDAY, "pile-3", unit, from_milli, to_milli, lot)


def delivery_photo(sha256: str = "0a" * 32, lot: str = "") -> DeliveryPhoto:
    return DeliveryPhoto(sha256, MONDAY, lot)


def recall_notice(lot: str = "A1") -> RecallNotice:
    return RecallNotice("RN-2", MONDAY, "seal broken", lot)


def one_of_each() -> tuple[Document, ...]:
    """A sound document of every kind."""
    return (
        weight_note(),
        index_fixings(),
        exchange_rate(),
        delivery_note(),
        certificate(),
        warehouse_receipt(),
        bill_of_lading(),
        customs_release(),
        vehicle_title(),
        meter_reading(),
        delivery_photo(),
        recall_notice(),
    )


def pieces(*documents: Document) -> tuple[Evidence, ...]:
    """The documents as evidence `evd_1`, `evd_2`, ... in their order."""
    return tuple(
        Evidence(f"evd_{i}", digest(document), "cli_test", MONDAY, document) for i, document in enumerate(documents, 1)
    )
