"""When a party is paid, over HTTP."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from chalicelib.banking import payout_runs
from chalicelib.banking.payout_schedules import MAX_CURRENCIES, Mode, new_schedule
from chalicelib.core.errors import InvalidInput
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.parse import Body, MoneyBody, Refused

router = Router(__name__)

MAX_NAME = 60
"""Characters of a calendar's name: four centres joined."""


class PayoutScheduleBody(Body):
    """When a party is paid. `delay_days`: so many whole days released money waits first. `weekday`: 1 (Monday) to 7, of
    weekly payouts. `minimum_balances` stay on the party's accounts, one for each currency. `calendar`: where days begin
    and end (`GET /v1/calendars`); else that of the centre which settles the currency of the first bank account."""

    mode: Literal["at_once", "daily", "weekly", "by_hand"]
    delay_days: int = 0
    weekday: int | None = None
    minimum_balances: Annotated[tuple[MoneyBody, ...], msgspec.Meta(max_length=MAX_CURRENCIES)] = ()
    calendar: Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)] | None = None

    def __post_init__(self) -> None:
        currencies = [one.currency for one in self.minimum_balances]
        if len(set(currencies)) < len(currencies):
            sentence = "one minimum for each currency"
            raise Refused(InvalidInput("currency_twice", sentence, field="minimum_balances"))


class MinimumView(msgspec.Struct, frozen=True):
    """What stays on a party's account in a currency."""

    minor: int
    currency: str


class PayoutScheduleView(msgspec.Struct, frozen=True):
    """When a party is paid. `next_run_on` is the day on which the next daily or weekly payout is made, as it begins
    where `calendar` is."""

    party_id: str
    mode: str
    delay_days: int
    weekday: int | None
    minimum_balances: list[MinimumView]
    calendar: str
    next_run_on: str | None


@router.endpoint(
    "POST",
    "/v1/parties/{party_id}/payout-schedule",
    scope="parties:write",
    body=PayoutScheduleBody,
    answer=PayoutScheduleView,
    writes=True,
)
def set_payout_schedule(request: Request, party_id: str) -> Answer:
    """Set when a party is paid."""
    body: PayoutScheduleBody = request.body
    schedule = new_schedule(
        Mode(body.mode),
        delay_days=body.delay_days,
        weekday=body.weekday,
        minimums={one.currency: one.minor for one in body.minimum_balances},
        now=request.call.now,
        calendar=body.calendar or payout_runs.usual_calendar(request.tenant),
    )
    outcome = payout_runs.set_schedule(request.call, party_id, schedule)
    return replayable(outcome, msgspec.convert(outcome.item.data, PayoutScheduleView))


@router.endpoint("GET", "/v1/parties/{party_id}/payout-schedule", scope="parties:read", answer=PayoutScheduleView)
def get_payout_schedule(request: Request, party_id: str) -> PayoutScheduleView:
    """Read when a party is paid: at once, unless something else was set."""
    schedule = payout_runs.get_schedule(request.tenant, party_id)
    return msgspec.convert(payout_runs.schedule_facts(party_id, schedule), PayoutScheduleView)
