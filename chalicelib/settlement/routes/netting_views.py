"""How netting windows and their obligations are shown. Amounts are in minor units of the window's currency."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from chalicelib.settlement.domain.nets import Flow, Position, positions
from chalicelib.settlement.domain.netting import Added, Window, settling, trade_serial
from chalicelib.settlement.service.netting_windows import Traced, Whole


class WindowView(msgspec.Struct, frozen=True, kw_only=True):
    """A netting window: `open`, `summing`, `settling` (its trades are being opened) or `closed`. `closed_at` is when it
    took its last obligation, and `total_minor` what they come to, once that is known."""

    net_id: str
    state: str
    mode: str
    template_id: str
    template_version: int
    currency: str
    parties: dict[str, str]
    fixed_shares: dict[str, int]
    opened_at: str
    closes_at: str
    closed_at: str | None
    total_minor: int | None


class WindowPage(msgspec.Struct, frozen=True):
    """Netting windows, the newest first."""

    windows: list[WindowView]
    next_cursor: str | None


class PositionView(msgspec.Struct, frozen=True):
    """What a party owes all others, what they owe it, and what it gets (negative: pays) in all."""

    party_id: str
    owes_minor: int
    owed_minor: int
    net_minor: int


class PairView(msgspec.Struct, frozen=True):
    """What two parties owe each other, in how many obligations: `payer_party_id` owes as much as the other or more."""

    payer_party_id: str
    payee_party_id: str
    obligations: int
    owed_minor: int
    owed_back_minor: int
    net_minor: int


class NettingSettlementView(msgspec.Struct, frozen=True):
    """A payment that netting has left. It is settled by its trade, once that is open; `refused` is the code of what
    keeps it from one."""

    payer_party_id: str
    payee_party_id: str
    minor: int
    trade_id: str | None
    refused: str | None


class WindowDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A netting window with the number of its obligations. Once it is netted: the positions of its parties, what each
    two of them owe each other, and the payments that settle it."""

    window: WindowView
    obligations: int
    positions: list[PositionView]
    pairs: list[PairView]
    settlements: list[NettingSettlementView]


class ObligationView(msgspec.Struct, frozen=True):
    """An obligation as it was added."""

    reference: str
    payer_party_id: str
    payee_party_id: str
    minor: int
    currency: str
    details: dict[str, str]
    added_by: str
    added_at: str


class ObligationPage(msgspec.Struct, frozen=True):
    """Obligations in the order of their references."""

    obligations: list[ObligationView]
    next_cursor: str | None


class ObligationTrace(msgspec.Struct, frozen=True):
    """An obligation and, once its window is netted, what it went into: the position of its payer and of its payee, and
    the payments. Netted between two parties that is the one between them, or none; netted among all it is those that
    either of them makes or gets."""

    obligation: ObligationView
    state: str
    positions: list[PositionView]
    settlements: list[NettingSettlementView]


def window_view(window: Window) -> WindowView:
    """A window as lists show it."""
    return WindowView(
        net_id=window.net_id,
        state=window.stage.value,
        mode=window.mode.value,
        template_id=window.template_id,
        template_version=window.template_version,
        currency=window.currency,
        parties=window.parties,
        fixed_shares=window.fixed_shares,
        opened_at=window.opened_at.isoformat(),
        closes_at=window.closes_at.isoformat(),
        closed_at=None if window.closed_at is None else window.closed_at.isoformat(),
        total_minor=window.total_minor if window.is_netted else None,
    )


def window_detail(whole: Whole) -> WindowDetail:
    """A window with all that is known of it."""
    netted = whole.window.is_netted
    places = range(whole.window.transfers) if netted else ()
    return WindowDetail(
        window=window_view(whole.window),
        obligations=whole.passed,
        positions=[_position(whole, one) for one in positions(whole.sums)] if netted else [],
        pairs=_pairs(whole) if netted else [],
        settlements=_settlements(whole, places),
    )


def obligation_view(added: Added) -> ObligationView:
    """An obligation as lists show it."""
    one = added.obligation
    return ObligationView(
        reference=one.reference,
        payer_party_id=one.payer,
        payee_party_id=one.payee,
        minor=one.amount.minor,
        currency=one.amount.currency,
        details=one.details,
        added_by=added.added_by,
        added_at=added.added_at.isoformat(),
    )


def trace_view(traced: Traced) -> ObligationTrace:
    """An obligation with what it went into."""
    whole, one = traced.whole, traced.added.obligation
    own = obligation_view(traced.added)
    if not whole.window.is_netted:
        return ObligationTrace(own, whole.window.stage.value, [], [])
    ends = [whole.roster.parties.index(party_id) for party_id in (one.payer, one.payee)]
    stands = {position.party: position for position in positions(whole.sums)}
    places = settling(whole.window.mode, whole.netted.transfers, *ends)
    return ObligationTrace(
        own,
        whole.window.stage.value,
        [_position(whole, stands[party]) for party in ends],
        _settlements(whole, places),
    )


def _position(whole: Whole, position: Position) -> PositionView:
    party_id = whole.roster.parties[position.party]
    return PositionView(party_id, position.owes, position.owed, position.net)


def _pairs(whole: Whole) -> list[PairView]:
    flows = {(flow.payer, flow.payee): flow for flow in whole.sums.listed()}
    pairs: list[PairView] = []
    for payer, payee in sorted({(min(way), max(way)) for way in flows}):
        there = flows.get((payer, payee), Flow(payer, payee, 0, 0))
        back = flows.get((payee, payer), Flow(payee, payer, 0, 0))
        pairs.append(_pair(whole, *((there, back) if there.minor >= back.minor else (back, there))))
    return pairs


def _pair(whole: Whole, more: Flow, less: Flow) -> PairView:
    payer, payee = whole.roster.parties[more.payer], whole.roster.parties[more.payee]
    return PairView(payer, payee, more.count + less.count, more.minor, less.minor, more.minor - less.minor)


def _settlements(whole: Whole, places: Iterable[int]) -> list[NettingSettlementView]:
    return [_settlement(whole, place) for place in places]


def _settlement(whole: Whole, place: int) -> NettingSettlementView:
    transfer = whole.netted.transfers[place]
    payer, payee = whole.roster.parties[transfer.payer], whole.roster.parties[transfer.payee]
    own = f"trd_{trade_serial(whole.window, payer=payer, payee=payee)}"
    trade_id = own if whole.window.has_trade(place) else None
    return NettingSettlementView(payer, payee, transfer.minor, trade_id, whole.window.refused.get(str(place)))
