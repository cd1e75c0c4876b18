"""How what a command has journalled becomes its answer."""

from __future__ import annotations

from typing import Any

import msgspec

from chalicelib.settlement.service.dividing import division_facts
from chalicelib.storage.once import Outcome
from chalicelib.web.endpoint import Answer, replayable


class SetOffView(msgspec.Struct, frozen=True):
    """What of a claim on a party was paid by what it got."""

    claim_id: str
    party_id: str
    minor: int


class DivisionView(msgspec.Struct, frozen=True, kw_only=True):
    """What left an escrow, in minor units: the shares by role, the refund and where it went, with the computed lines.
    Of the seller's share, `upstream_minor` went on into the escrow of the trade that this one funds. Of what parties
    got, `set_offs` went to whom they owed it, where the trade's terms have agreed to that."""

    entry_id: str
    trade_id: str
    state: str
    currency: str
    released_minor: int
    shares_minor: dict[str, int]
    upstream_minor: int
    refund_minor: int
    refund_to_interest_minor: int
    refund_to_principal_minor: int
    refund_to_buyer_minor: int
    set_offs: list[SetOffView]
    lines: list[dict[str, Any]]


def facts_answer(outcome: Outcome, view: type[msgspec.Struct]) -> Answer:
    """The facts that the command kept, as a view that has the same names."""
    return replayable(outcome, msgspec.convert(outcome.item.data, view))


def entry_answer(outcome: Outcome, view: type[msgspec.Struct]) -> Answer:
    """The same with the id of the entry that was booked."""
    return replayable(outcome, msgspec.convert(outcome.item.data | {"entry_id": outcome.item.entry_id}, view))


def trade_answer(outcome: Outcome, view: type[msgspec.Struct]) -> Answer:
    """The same with the entry's id and the trade that it is about."""
    own = {"entry_id": outcome.item.entry_id, "trade_id": outcome.item.subject}
    return replayable(outcome, msgspec.convert(outcome.item.data | own, view))


def division_answer(outcome: Outcome, view: type[msgspec.Struct] = DivisionView) -> Answer:
    """What a division of an escrow let go, in full."""
    return replayable(outcome, msgspec.convert(division_facts(outcome.item), view))
