"""Instants as aware UTC datetimes, and their one text form: sortable, microseconds, always a Z."""

from __future__ import annotations

from datetime import UTC, date, datetime

from chalicelib.core.errors import Defect, InvalidInput

LONG_AGO = "0001-01-01T00:00:00.000000Z"
"""Sorts before every instant: an account that was never closed for a period is closed until then."""

END_OF_TIME = "9999-12-31T23:59:59.999999Z"
"""Sorts after every instant."""


def instant_text(instant: datetime) -> str:
    """`2026-11-02T09:00:00.000000Z`. A naive datetime is a defect."""
    if instant.tzinfo is None:
        raise Defect("instants are aware")
    in_utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return f"{in_utc.isoformat(timespec='microseconds')[:26]}Z"


def parse_instant(text: str, field: str = "instant") -> datetime:
    """The instant a text names (any ISO 8601 form with an offset). Raises InvalidInput `invalid_instant`."""
    try:
        parsed = datetime.fromisoformat(text)
        if parsed.tzinfo is not None:
            return parsed.astimezone(UTC)
    except (ValueError, OverflowError):  # the offset of an instant at either end of the calendar can lead out of it
        pass
    raise InvalidInput("invalid_instant", f"{field} is an ISO 8601 instant with an offset", field=field)


def parse_date(text: str, field: str = "date") -> date:
    """The day a text names (`2026-11-02`). Raises InvalidInput `invalid_date`."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InvalidInput("invalid_date", f"{field} is an ISO 8601 date", field=field) from None
