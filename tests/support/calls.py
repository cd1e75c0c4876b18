"""Builders of what the edge would pass down: calls with a tenant, a key and an instant."""

from __future__ import annotations

import os
import uuid
from datetime import UTC, datetime, timedelta

from chalicelib.core.call import Call, fingerprint
from chalicelib.core.ids import serial

MONDAY = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def over(days: int) -> datetime:
    """The instant at which so many days after that Monday have passed, by the calendar of weekdays."""
    return MONDAY.replace(hour=0) + timedelta(days=days + 1)


TENANT = "ten_test"


def call(
    key: str | None = None, *, tenant: str = TENANT, body: object = None, now: datetime = MONDAY, days: int = 0
) -> Call:
    """A call under a key of its own (or the one given), `days` after a Monday morning."""
    at = now + timedelta(days=days)
    return Call(
        tenant=tenant,
        key=f"c:{key or uuid.uuid4()}",
        fingerprint=fingerprint("POST", "/test", body),
        now=at,
        serial=serial(at, os.urandom(10)),
        actor="cli_test",
    )
