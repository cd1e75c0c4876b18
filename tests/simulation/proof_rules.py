"""What the model knows of what is said of a trade: documents, signatures, silence, disputes, and how these end."""

from __future__ import annotations

from datetime import timedelta

from tests.simulation.books import MINUTE, Body, Plan, Refused
from tests.simulation.deal_rules import DealRules, point_to_change
from tests.simulation.deals import IN_FULL, KEPT, Deal, Dispute, begins, day_of, days_left, days_passed
from tests.simulation.portions import closing, divided, rest

WHOLE_ONLY = {"index_fixings"}
WITH_UNIT = {"weight_note", "warehouse_receipt"}


class ProofRules(DealRules):
    """Words, and the clocks that they stop."""

    def _trade_paper(self, body: Body, now: int) -> Plan:
        deal, plan, kind, lot = self._trade(body["trade"]), Plan(), body["kind"], body["lot"]
        _true(body, now)
        self._wanted(deal, body)
        self._allowed_now(deal, "paper")
        spot, content = self._not_there(deal, body)
        self._in_time(deal, kind, lot)
        deal.papers[spot] = content
        if kind == "recall_notice":
            deal.recalled.add(lot)
            deal.clean = False
        self._performs(deal)
        self._clocks(deal, now)
        self._changed(plan, deal)
        return plan

    def _not_there(self, deal: Deal, body: Body) -> tuple[str, Body]:
        """The place and the content of a document that is not there yet."""
        spot = f"{body['kind']}/{body['lot']}" if body["lot"] else body["kind"]
        content = {name: value for name, value in body.items() if name not in {"do", "trade"}}
        if spot in deal.papers:
            raise Refused("evidence_twice" if deal.papers[spot] == content else "evidence_contradicts")
        return spot, content

    def _wanted(self, deal: Deal, body: Body) -> None:
        kind, lot = body["kind"], body["lot"]
        needing = [one for one in deal.milestones if kind in one["needs"]]
        if not needing and kind not in deal.rules.get("accepts", []):
            raise Refused("evidence_not_wanted")
        by_lot = bool(needing) and all(one.get("per_lot") for one in needing) and kind not in WHOLE_ONLY
        if lot and lot not in deal.lots:
            raise Refused("unknown_lot")
        if not lot and deal.lots and (by_lot or kind == "recall_notice"):
            raise Refused("lot_missing")
        if kind in WITH_UNIT and body["unit"] != deal.rules["quantity"]["unit"]:
            raise Refused("unit_mismatch")
        if kind == "index_fixings" and body["currency"] != deal.currency:
            raise Refused("currency_mismatch")

    def _in_time(self, deal: Deal, kind: str, lot: str) -> None:
        shown = [
            key
            for milestone, other, key in deal.keys()
            if (kind == "recall_notice" or kind in milestone["needs"]) and (not other or not lot or other == lot)
        ]
        if deal.stage in IN_FULL and shown and set(shown) <= set(deal.done):
            raise Refused("evidence_too_late")

    def _performs(self, deal: Deal) -> None:
        deal.stage = "performing" if deal.stage == "funded" else deal.stage

    def _trade_sign(self, body: Body, now: int) -> Plan:
        deal, plan, role = self._trade(body["trade"]), Plan(), body["role"]
        milestone, key = self._reached(deal, body["milestone"], body["lot"])
        if role not in milestone.get("signers", []):
            raise Refused("not_a_signer")
        self._is_party(deal, role, body["party"])
        self._allowed_now(deal, "sign")
        self._still_open(deal, milestone, body["lot"], key)
        point = point_to_change(deal, key)
        if role in point.signed:
            raise Refused("signed_twice")
        point.signed.append(role)
        if len(point.signed) >= (milestone.get("signatures") or len(milestone["signers"])):
            point.forget()
        self._performs(deal)
        self._clocks(deal, now)
        self._changed(plan, deal)
        return plan

    def _trade_accept(self, body: Body, now: int) -> Plan:
        """The silence of a point's signers has lasted long enough."""
        deal, plan, key = self._trade(body["trade"]), Plan(), body["key"]
        self._allowed_now(deal, "accept")
        point = point_to_change(deal, key)
        if key in deal.done or point.accepted or point.deemed is None or now < point.deemed:
            raise Refused("not_due")
        point.accepted = True
        self._performs(deal)
        self._changed(plan, deal)
        return plan

    # Disputes.

    def _trade_dispute(self, body: Body, now: int) -> Plan:
        deal, plan = self._trade(body["trade"]), Plan()
        if body["currency"] != deal.currency:
            raise Refused("currency_mismatch")
        rule = deal.rules.get("dispute")
        if rule is None:
            raise Refused("no_disputes")
        if body["role"] not in rule["by"]:
            raise Refused("not_a_disputant")
        self._is_party(deal, body["role"], body["party"])
        if body["minor"] <= 0:
            raise Refused("amount_not_positive")
        self._allowed_now(deal, "dispute")
        if body["minor"] > (deal.retained if body["retention"] else deal.free):
            raise Refused("dispute_exceeds_escrow")
        self._stop(deal, now)
        deal.clean = False
        of_retention = body["minor"] if body["retention"] else 0
        deal.dispute = Dispute(body["role"], body["minor"], of_retention, now, deal.stage)
        self._changed(plan, deal)
        return plan

    def _stop(self, deal: Deal, now: int) -> None:
        """Every clock that has not run out keeps the business days that are left."""
        calendar = deal.rules.get("calendar", "weekdays")
        for key, point in deal.points.items():
            if key in deal.done or point.accepted:
                continue
            if point.waits:
                since, count = point.waits
                point.left, point.waits = max(count - days_passed(calendar, since, now), 0), None
            elif point.deemed is None:
                continue
            elif now >= point.deemed:
                point.accepted = True
            else:
                point.left, point.deemed = days_left(calendar, now, point.deemed), None

    def _trade_resolve(self, body: Body, now: int) -> Plan:
        deal, plan, division = self._trade(body["trade"]), Plan(), body["division"]
        self._may_decide(deal, body)
        known = {role["name"] for role in deal.rules["roles"] if role["part"] != "witness"} | {KEPT}
        for role, minor in division.items():
            if role not in known:
                raise Refused("unknown_role")
            if minor < 0:
                raise Refused("amount_negative")
        self._allowed_now(deal, "resolve")
        if deal.dispute is None or sum(division.values()) != deal.dispute.minor:
            raise Refused("resolution_does_not_add_up")
        parts = {role: minor for role, minor in division.items() if minor}
        refund, kept = parts.pop(deal.buyer, 0), parts.pop(KEPT, 0)
        ended = self._decided(deal, sum(parts.values()), refund)
        for role, minor in self._kept_on(deal, ended, kept).items():
            parts[role] = parts.get(role, 0) + minor
        otherwise = "releasing" if deal.stage in {"funded", "performing"} and parts else deal.stage
        self._go_on(deal, parts, refund, otherwise, ended, now)
        self._changed(plan, deal)
        self._out(plan, deal, parts, refund, now, feeds=True)
        return plan

    def _may_decide(self, deal: Deal, body: Body) -> None:
        rule = deal.rules.get("dispute")
        if rule is None:
            raise Refused("no_disputes")
        given_up = deal.dispute and body["role"] == deal.dispute.role and set(body["division"]) == {KEPT}
        if body["role"] != rule["arbiter"] and not given_up:
            raise Refused("arbiter_required")
        if body["role"] != deal.role_of("marketplace"):
            self._is_party(deal, body["role"], body["party"])

    def _decided(self, deal: Deal, decided: int, refund: int) -> Dispute:
        """The dispute is over: what it was, and the trade without it."""
        ended, deal.dispute = deal.dispute, None
        assert ended is not None
        if ended.retained:
            deal.retained -= decided + refund
        else:
            deal.charged = max(deal.charged, min(deal.charged + decided, deal.worth))
        deal.conceded += refund
        return ended

    def _kept_on(self, deal: Deal, ended: Dispute, kept: int) -> dict[str, int]:
        """What is kept goes on at once where all milestones were reached meanwhile."""
        missed = deal.stage == "retained" != ended.stage and not ended.retained
        if not missed or not kept:
            return {}
        price, _, upto = rest(deal, kept)
        parts = divided(deal, closing(deal).get("split") or deal.rules["split"], price, upto)
        deal.charged = upto
        return parts

    def _go_on(self, deal: Deal, parts: dict[str, int], refund: int, otherwise: str, ended: Dispute, now: int) -> None:
        """The clocks go on with what was left of them; it expires so many days later."""
        before = deal.stage
        self._after(deal, parts, refund, otherwise=otherwise, now=now)
        for key, point in deal.points.items():
            if key not in deal.done and point.left is not None:
                point.begin(deal.rules.get("calendar", "weekdays"), now, point.left)
        if deal.expires is not None:
            calendar = deal.rules.get("calendar", "weekdays")
            since = (day_of(now, calendar) - day_of(ended.at, calendar)).days
            deal.expires = begins(day_of(deal.expires, calendar) + timedelta(days=since), calendar)
        self._goes_on(deal, before, now)


def _true(body: Body, now: int) -> None:
    """What a document says of itself."""
    if body["kind"] == "index_fixings":
        if not body["fixings"]:
            raise Refused("fixings_missing")
        if any(minor <= 0 for _, minor in body["fixings"]):
            raise Refused("fixing_not_positive")
        return
    if body["issued"] > now + MINUTE:
        raise Refused("issued_in_future")
    if body["kind"] in WITH_UNIT and body["quantity"] <= 0:
        raise Refused("quantity_not_positive")
    if body["kind"] == "quality_certificate" and not body["findings"]:
        raise Refused("findings_missing")
