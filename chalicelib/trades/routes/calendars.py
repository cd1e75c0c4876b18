"""The calendars that templates name, over HTTP: whose days they are, and from when to when these are known."""

from __future__ import annotations

import msgspec

from chalicelib.core.calendars import CALENDARS
from chalicelib.core.centres import all_centres
from chalicelib.web import clock
from chalicelib.web.endpoint import Request, Router

router = Router(__name__)


class CalendarView(msgspec.Struct, frozen=True):
    """A calendar by the name that templates call it. Its days begin in its zone, and are known from the first to the
    last; `days_left` are those from today to the last. `currencies` are those whose banks keep its days."""

    calendar: str
    title: str
    version: int
    zone: str
    known_from: str
    known_through: str
    days_left: int
    currencies: list[str]
    source: str


class CalendarPage(msgspec.Struct, frozen=True):
    """Every calendar, by its name."""

    calendars: list[CalendarView]


@router.endpoint("GET", "/v1/calendars", scope="trades:read", answer=CalendarPage)
def list_calendars(request: Request) -> CalendarPage:
    """List the calendars that a template may name, alone or joined by a plus."""
    return CalendarPage([_view(name) for name in sorted(CALENDARS)])


def _view(name: str) -> CalendarView:
    centre = all_centres()[name]
    return CalendarView(
        calendar=name,
        title=centre.title,
        version=centre.version,
        zone=centre.zone,
        known_from=centre.known_from.isoformat(),
        known_through=centre.known_through.isoformat(),
        days_left=CALENDARS[name].days_left(clock.now()),
        currencies=list(centre.currencies),
        source=centre.source,
    )
