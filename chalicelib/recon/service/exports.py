"""Exports asked for, run again, looked at. The file is made by a worker: see `export_runs.py`."""

from __future__ import annotations

from datetime import date, datetime

import msgspec

from chalicelib.core.calendars import latest_day
from chalicelib.core.call import Call
from chalicelib.core.values import dataclass
from chalicelib.recon.export_jobs import REQUESTED, Export, Kind, check_period, check_rerun, run_again
from chalicelib.recon.store import exports as store
from chalicelib.storage import uploads
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item

LINK_SECONDS = 900


@dataclass(frozen=True, slots=True)
class RequestExport:
    """A kind of file, and the first and last day it is about, by effective time."""

    kind: Kind
    from_on: date
    to_on: date


def request_export(call: Call, command: RequestExport) -> Outcome:
    """Ask for an export. Facts: `export`. Raises InvalidInput `invalid_period`, `period_in_future`."""
    check_period(command.from_on, command.to_on, today=latest_day(call.now))
    export = Export(
        export_id=call.new_id("exp"),
        tenant=call.tenant,
        kind=command.kind,
        from_on=command.from_on,
        to_on=command.to_on,
        requested_by=call.actor,
        requested_at=call.now,
    )
    return once(call, lambda _: Plan(_requested(call, export), (store.create_export(export),)))


def rerun_export(call: Call, export_id: str) -> Outcome:
    """Run an export again that failed, or whose file is no longer kept. Facts: `export`. Raises NotFound
    `export_not_found`, Conflict `export_running`."""

    def decide(found: Found) -> Plan:
        before = store.take_export(found, call.tenant, export_id)
        check_rerun(before.value, now=call.now)
        again = run_again(before.value)
        return Plan(_requested(call, again), (store.replace_export(again, version=before.version),))

    return once(call, decide, [store.export_key(call.tenant, export_id)])


def get_export(tenant: str, export_id: str) -> Export:
    """An export as it stands. Raises NotFound `export_not_found`."""
    return store.load_export(tenant, export_id).value


def list_exports(tenant: str, *, after: Item | None, limit: int) -> Listing[Export]:
    """One page of a tenant's exports, the newest first."""
    return store.list_exports(tenant, after=after, limit=limit)


def download_link(export: Export, *, now: datetime) -> str | None:
    """A link to the file, good for a quarter of an hour; None where there is no file."""
    if export.expires_at is None or export.expires_at <= now:
        return None
    return uploads.link(export.key, seconds=LINK_SECONDS, name=export.file_name)


def export_of(data: dict[str, object]) -> Export:
    """The export in the facts of a command on it."""
    return msgspec.convert(data["export"], Export)


def _requested(call: Call, export: Export) -> JournalItem:
    facts = {"export": msgspec.to_builtins(export), "export_id": export.export_id, "attempt": export.attempt}
    return journal_item(call, REQUESTED, subject=export.export_id, data=facts)
