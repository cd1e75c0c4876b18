"""Where exports are kept: each a record listed by when it was asked for; and how far a tenant's carried positions
go."""

from __future__ import annotations

from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.recon.export_jobs import Export
from chalicelib.storage import records
from chalicelib.storage.commit import Failed, Write, commit
from chalicelib.storage.reads import Found, fetch
from chalicelib.storage.records import Listing, Versioned, create, require, take
from chalicelib.storage.tables import Item, Key, record_key


@dataclass(frozen=True, slots=True)
class CarriedFile:
    """The file with what every account comes to by month, of the entries numbered up to `number`."""

    number: int
    key: str


def export_key(tenant: str, export_id: str) -> Key:
    """Where an export is kept."""
    return record_key(tenant, export_id, "export")


def create_export(export: Export) -> Write:
    """Keep a new export; Conflict `export_exists` where it stands."""
    return create(
        export_key(export.tenant, export.export_id),
        export,
        exists="export_exists",
        list_key=f"{export.tenant}#exports",
        list_sort=f"{instant_text(export.requested_at)}#{export.export_id}",
    )


def replace_export(export: Export, *, version: int) -> Write:
    """Write the next state of an export.

    condition: version = the version that was read; else decide again
    """
    return records.replace(export_key(export.tenant, export.export_id), export, version=version)


def take_export(found: Found, tenant: str, export_id: str) -> Versioned[Export]:
    """The export that a batch found. Raises NotFound `export_not_found`."""
    return require(found, export_key(tenant, export_id), Export, "export_not_found", export_id=export_id)


def load_export(tenant: str, export_id: str) -> Versioned[Export]:
    """An export, read strongly. Raises NotFound `export_not_found`."""
    return records.load(export_key(tenant, export_id), Export, "export_not_found", export_id=export_id)


def list_exports(tenant: str, *, after: Item | None, limit: int) -> Listing[Export]:
    """One page of a tenant's exports, the newest first."""
    return records.listing(f"{tenant}#exports", Export, after=after, limit=limit, newest_first=True)


def find_carried(tenant: str) -> Versioned[CarriedFile] | None:
    """How far the carried positions of a tenant go; None before the first export."""
    key = _carried_key(tenant)
    return take(fetch([key]), key, CarriedFile)


def save_carried(tenant: str, carried: CarriedFile, before: Versioned[CarriedFile] | None) -> None:
    """Carry positions further. Where another export has, that is as good."""
    key = _carried_key(tenant)
    if before is None:
        write = create(key, carried, exists="carried")
    else:
        write = records.replace(key, carried, version=before.version)
    try:
        commit((write,))
    except Failed:
        return


def _carried_key(tenant: str) -> Key:
    return record_key(tenant, "carried-positions")
