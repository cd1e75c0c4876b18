"""The sandbox clock of the local stage: an offset to the real time, kept as a record and moved by the demo.

Only the local package holds this module. Where it is missing the real time is used.
"""

from __future__ import annotations

from typing import cast

from chalicelib.storage.reads import get
from chalicelib.storage.tables import RecordItem, record_key


def offset_seconds() -> int:
    """Seconds the sandbox is ahead of the real time; 0 before it was first moved."""
    item = cast("RecordItem | None", get(record_key("sandbox", "clock")))
    return 0 if item is None else int(item.doc)
