"""What all commands of a trade have in common: its state, its money, its clocks, what time will do to it."""

from __future__ import annotations

from datetime import timedelta

from chalicelib.ledger.domain import Purpose, purpose_account_id
from tests.simulation.books import Body, Books, Move, Plan, Refused
from tests.simulation.deals import (
    CLOSED,
    ENDED,
    IN_FULL,
    NEVER,
    Deal,
    Point,
    Rules,
    after_all_days,
    begins,
    day_of,
)

Shares = dict[str, int]
"""Minor units by role."""


class DealRules(Books):
    """The trades of one tenant, its parties and the currencies it banks in."""

    def __init__(self, tenant: str) -> None:
        super().__init__()
        self.tenant = tenant
        self.deals: dict[str, Deal] = {}
        self.parties: list[str] = []
        self.banked: set[str] = set()
        self.references: dict[str, str] = {}
        self.own: dict[str, None] = {}
        self.credited: dict[str, dict[str, int]] = {}
        self.unpaid: dict[str, list[dict[str, int]]] = {}
        self.set_aside: dict[str, int] = {}

    def place(self, purpose: str, currency: str, owner: str = "") -> str:
        """The account of a purpose."""
        return purpose_account_id(self.tenant, Purpose(purpose), currency, owner)

    def _trade(self, trade_id: str) -> Deal:
        """A trade, to be changed."""
        if trade_id not in self.deals:
            raise Refused("trade_not_found")
        return self.deals[trade_id].another()

    def _allowed_now(self, deal: Deal, command: str) -> None:
        if not deal.allows(command):
            raise Refused("trade_state")

    def _reached(self, deal: Deal, name: str, lot: str) -> tuple[Rules, str]:
        """A milestone by its name, and the key of its point."""
        milestone = next((one for one in deal.milestones if one["name"] == name), None)
        if milestone is None:
            raise Refused("unknown_milestone")
        by_lot = milestone.get("per_lot", False) and bool(deal.lots)
        if by_lot and not lot:
            raise Refused("lot_missing")
        if lot and not by_lot:
            raise Refused("lot_not_wanted")
        if lot and lot not in deal.lots:
            raise Refused("unknown_lot")
        return milestone, f"{name}/{lot}" if lot else name

    def _still_open(self, deal: Deal, milestone: Rules, lot: str, key: str) -> None:
        if key in deal.done:
            raise Refused("milestone_done")
        if any(earlier not in deal.done for earlier in deal.before(milestone, lot)):
            raise Refused("milestone_before_missing")

    def _money(self, deal: Deal, body: Body) -> int:
        """The amount that a command names."""
        minor: int = body["minor"]
        if minor <= 0:
            raise Refused("amount_not_positive")
        if body["currency"] != deal.currency:
            raise Refused("currency_mismatch")
        return minor

    def _is_party(self, deal: Deal, role: str, party: str) -> None:
        if deal.parties.get(role) != party:
            raise Refused("signer_without_role")

    # Money.

    def _account_of(self, deal: Deal, role: str) -> str:
        """Where a role's money goes."""
        if role in deal.parties:
            return self.place("party", deal.currency, deal.parties[role])
        return self.place("fee_income", deal.currency)

    def _legs(
        self,
        plan: Plan,
        legs: list[tuple[str, int]],
        currency: str,
        now: int,
        held: dict[str, int] | None = None,
        *,
        fact: bool = False,
    ) -> None:
        """Book legs of one currency, summed by account, that reserve so much more or less of it (`held`). Raises what
        an account refuses."""
        sums: dict[str, int] = {}
        for account, signed in legs:
            sums[account] = sums.get(account, 0) + signed
        plan.legs[0] += [(account, signed, currency) for account, signed in sums.items() if signed]
        changes = held or {}
        plan.moves |= {
            account: Move(currency, signed, held=changes.get(account, 0)) for account, signed in sums.items() if signed
        }
        self._moved(plan, now, fact=fact)
        plan.then.append(lambda told: self._set_aside(changes))

    def _set_aside(self, changes: dict[str, int]) -> None:
        """Remember what of each account is set aside for payouts."""
        for account, change in changes.items():
            self.set_aside[account] = self.set_aside.get(account, 0) + change

    def _reserved(self, deal: Deal, legs: list[tuple[str, int]], *roles: str) -> dict[str, int]:
        """What is set aside of legs for the payouts of these roles' parties (all of them, unless named)."""
        accounts = {self._account_of(deal, role) for role in roles or deal.parties}
        sums = {account: -sum(signed for one, signed in legs if one == account) for account in accounts}
        return {account: minor for account, minor in sums.items() if minor > 0}

    def _release(self, trade_id: str, reserved: dict[str, int]) -> None:
        """Remember what an entry that gave roles something has set aside."""
        self.unpaid.setdefault(trade_id, []).append(reserved)

    def _out(self, plan: Plan, deal: Deal, shares: Shares, refund: int, now: int, *, feeds: bool = False) -> None:
        """Let money out of an escrow: shares to their roles, a refund to the buyer; the seller's share of a trade that
        funds another one into that escrow first, as far as it is asked for there."""
        legs = [(deal.escrow, sum(shares.values()) + refund)]
        legs += [(self._account_of(deal, role), -minor) for role, minor in shares.items()]
        legs.append((self.place("party", deal.currency, deal.parties[deal.buyer]), -refund))
        if feeds and deal.funds is not None:
            upstream = self.deals[deal.funds].another()
            fed = min(shares.get(deal.seller, 0), upstream.outstanding)
            if fed and upstream.allows("fund"):
                self._take(upstream, fed, now)
                legs += [(self._account_of(deal, deal.seller), fed), (upstream.escrow, -fed)]
                plan.also.append("fed")
                self._changed(plan, upstream)
        held = self._reserved(deal, legs)
        self._legs(plan, legs, deal.currency, now, held)
        plan.then.append(lambda told: self._credit(deal.trade_id, shares))
        if shares:
            plan.then.append(lambda told: self._release(deal.trade_id, held))

    def _credit(self, trade_id: str, shares: Shares) -> None:
        """Remember what roles were credited, by the journal."""
        sums = self.credited.setdefault(trade_id, {})
        for role, minor in shares.items():
            sums[role] = sums.get(role, 0) + minor

    def _take(self, deal: Deal, minor: int, now: int) -> int:
        """Money for a trade's escrow: how much of it is taken. Its deal changes."""
        raise NotImplementedError

    def _changed(self, plan: Plan, deal: Deal) -> None:
        """The trade is written with the plan."""
        plan.changes = True
        deal.version += 1
        deal.deeds = {**deal.deeds, deal.version: set(deeds(deal))}
        plan.then.append(lambda told: self.deals.__setitem__(deal.trade_id, deal))

    def _after(
        self,
        deal: Deal,
        shares: Shares,
        refund: int,
        *,
        otherwise: str,
        now: int,
        emptied: str | None = None,
        goes_on: bool = False,
    ) -> None:
        """The trade after money has left it. What it keeps back must have been said before."""
        before = deal.stage
        for role, minor in shares.items():
            if minor:
                deal.got.setdefault(role, [0, 0])[0] += minor
        deal.released += sum(shares.values())
        deal.refunded += refund
        if goes_on:
            deal.stage = otherwise
        elif not deal.held:
            deal.stage = emptied or ("completed" if deal.released else "refunded")
        else:
            deal.stage = "retained" if deal.held == deal.retained else otherwise
        if deal.stage in CLOSED:
            deal.expires = None
        if deal.stage in ENDED:
            deal.by_split = {}
        self._goes_on(deal, before, now)

    def _goes_on(self, deal: Deal, before: str, now: int) -> None:
        """The day of the retention, once nothing else is held; else the clocks."""
        rule = deal.rules.get("retention")
        if rule and deal.retained and deal.stage == "retained" != before:
            here = day_of(now, deal.rules.get("calendar", "weekdays"))
            deal.retained_until = (here + timedelta(days=rule["days"])).isoformat()
        else:
            self._clocks(deal, now)

    # Clocks.

    def _clocks(self, deal: Deal, now: int) -> None:
        """Begin the clock of each point that only its signers keep waiting."""
        if deal.stage not in IN_FULL or deal.dispute:
            return
        for milestone, lot, key in deal.keys():
            days, point = milestone.get("deemed_days", 0), deal.point(key)
            waits = days and key not in deal.done and not point.ready and not deal.signed(milestone, key)
            reached = not deal.missing(milestone, lot) and all(one in deal.done for one in deal.before(milestone, lot))
            if waits and reached:
                deal.points[key] = point
                point.ready = True
                point.begin(deal.rules.get("calendar", "weekdays"), now, days)

    def _expires_in(self, deal: Deal, name: str, now: int) -> int | None:
        days = deal.rules.get("expiry", {}).get(name, 0)
        return after_all_days(deal.rules.get("calendar", "weekdays"), now, days) if days else None


def deeds(deal: Deal) -> list[tuple[str, str, int]]:
    """What time will do to a trade: the deed, the point it is about, and when."""
    found: list[tuple[str, str, int]] = []
    if deal.stage in IN_FULL and not deal.dispute:
        waiting = [(key, point) for key, point in deal.points.items() if key not in deal.done]
        found += [("release" if one.accepted else "accept", key, one.deemed) for key, one in waiting if one.deemed]
        found += [("recount", key, NEVER) for key, one in waiting if one.waits]
    if deal.retained_until and deal.retained > deal.frozen_retained:
        until = day_of(0).fromisoformat(deal.retained_until)
        found.append(("retention", "", begins(until, deal.rules.get("calendar", "weekdays"))))
    if deal.expires is not None and deal.allows("expire") and not deal.waits:
        found.append(("expire", "", deal.expires))
    return found


def next_deed(deal: Deal) -> tuple[str, str, int] | None:
    """The deed that comes first."""
    return min(deeds(deal), key=lambda deed: (deed[2], deed[0], deed[1]), default=None)


def point_to_change(deal: Deal, key: str) -> Point:
    """How far a point has come, to be changed."""
    return deal.points.setdefault(key, Point())
