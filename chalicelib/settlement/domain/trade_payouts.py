"""What has become of the payouts of a trade, summed for each receiver and currency. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from enum import Enum

from chalicelib.banking.payout_states import GIVEN_UP, State
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reservations import SHORT, WAITING
from chalicelib.core.values import dataclass


class PayoutStage(Enum):
    """How far the payouts of a trade have come in all: by the first of these that is so of any of them."""

    SHORT = "short"
    RETURNED = "returned"
    UNANSWERED = "unanswered"
    RESERVED = "reserved"
    PAID = "paid"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class ReceiverPayouts:
    """What a party gets in payouts of one trade in a currency, in minor units. Each unit of it stands in one place:

    `reserved` for payouts that are not made yet; `short`: also, but the account holds less than that; `on_the_way`: the
    bank has not said that it left; `paid`; `returned`: it came back, or was rejected or cancelled, and is the party's
    balance; `charges` that banks kept of what came back; `unreserved`: a refund took it back, or it stays the party's
    balance, by its payout schedule or a command. `unanswered_since`: when the oldest that is on its way was made.
    """

    party_id: str
    currency: str
    payout_ids: tuple[str, ...] = ()
    reserved_minor: int = 0
    short_minor: int = 0
    on_the_way_minor: int = 0
    paid_minor: int = 0
    returned_minor: int = 0
    charges_minor: int = 0
    unreserved_minor: int = 0
    unanswered_since: datetime | None = None


def sum_payouts(payouts: Iterable[Payout]) -> tuple[ReceiverPayouts, ...]:
    """The payouts of a trade, oldest first, summed by receiver and currency."""
    sums: dict[tuple[str, str], ReceiverPayouts] = {}
    for payout in payouts:
        place = payout.party_id, payout.currency
        sums[place] = _with(sums.get(place, ReceiverPayouts(*place)), payout)
    return tuple(sums[place] for place in sorted(sums))


def payout_stage(receivers: Iterable[ReceiverPayouts]) -> PayoutStage:
    """How far they have come in all."""
    sums = tuple(receivers)
    amounts = (
        (PayoutStage.SHORT, sum(one.short_minor for one in sums)),
        (PayoutStage.RETURNED, sum(one.returned_minor for one in sums)),
        (PayoutStage.UNANSWERED, sum(one.on_the_way_minor for one in sums)),
        (PayoutStage.RESERVED, sum(one.reserved_minor for one in sums)),
        (PayoutStage.PAID, sum(one.paid_minor for one in sums)),
    )
    return next((stage for stage, minor in amounts if minor), PayoutStage.NONE)


def _with(sums: ReceiverPayouts, payout: Payout) -> ReceiverPayouts:
    amounts = _amounts(payout)
    added = {f"{name}_minor": getattr(sums, f"{name}_minor") + minor for name, minor in amounts.items()}
    since = sums.unanswered_since
    if amounts.get("on_the_way"):
        since = payout.began_at if since is None else min(since, payout.began_at)
    return replace(sums, payout_ids=(*sums.payout_ids, payout.payout_id), unanswered_since=since, **added)


def _amounts(payout: Payout) -> dict[str, int]:
    """Where what a payout was to pay stands now."""
    first_minor = payout.earlier[0].amount_minor if payout.earlier else payout.amount_minor
    lost = {
        "unreserved": payout.reserved_minor - first_minor if payout.entry_id else 0,
        "charges": first_minor - payout.amount_minor,
    }
    if payout.state in WAITING:
        return lost | {"short" if payout.reason == SHORT else "reserved": payout.amount_minor}
    if payout.state in GIVEN_UP:
        return lost | {"returned": payout.amount_minor}
    if payout.state not in {State.SETTLED, State.PARTLY_RETURNED, State.RETURNED}:
        return lost | {"on_the_way": payout.amount_minor}
    back_minor = payout.returned_minor + payout.return_charges_minor
    return lost | {
        "paid": payout.amount_minor - back_minor,
        "returned": payout.regained_minor,
        "charges": lost["charges"] + back_minor - payout.regained_minor,
    }
