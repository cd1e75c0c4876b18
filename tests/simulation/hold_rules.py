"""What the model knows of holds: reserving money of one account, and what may become of it."""

from __future__ import annotations

from functools import partial
from typing import Any

from tests.simulation.books import LONGEST_HOLD, MINUTE, Body, Books, Hold, Move, Plan, Refused


class HoldRules(Books):
    """Placing, capturing, voiding and expiring, one by one or in groups."""

    def _shape_place(self, body: Body, now: int) -> None:
        if body["minor"] <= 0:
            raise Refused("amount_not_positive")
        if body["debit"] == body["credit"]:
            raise Refused("account_on_both_sides", body["debit"])
        if body[body["side"]].startswith("hot_"):
            raise Refused("account_deferred", body[body["side"]])

    def _shape_capture(self, body: Body, now: int) -> None:
        if body["minor"] is not None and (body["minor"] < 0 or (body["minor"] == 0 and not body["close"])):
            raise Refused("amount_not_positive")
        if body["occurred"] is not None and body["occurred"] > now + MINUTE:
            raise Refused("occurred_in_future")

    def _shape_group(self, body: Body, now: int) -> None:
        parts = body["parts"]
        if not parts:
            raise Refused("too_few_holds")
        if len(parts) > 20:
            raise Refused("too_many_holds")
        if body["act"] == "place":
            self._each(parts, lambda part: self._shape_place(part, now))
            return
        for index, part in enumerate(parts):
            if part["hold"] in [earlier["hold"] for earlier in parts[:index]]:
                raise Refused("duplicate_hold", None, index)
        if body["act"] == "capture":
            self._each(parts, lambda part: self._shape_capture(part, now))

    def _place(self, body: Body, now: int) -> Plan:
        self._lasts(body, now)
        plan = Plan()
        plan.moves[body[body["side"]]] = Move(body["currency"], held=body["minor"], side=body["side"], books=False)
        self._moved(plan, now)
        plan.then.append(lambda told: self._placed(body, told["hold"]))
        return plan

    def _lasts(self, body: Body, now: int) -> None:
        if body["expires"] is not None and not now < body["expires"] <= now + LONGEST_HOLD:
            raise Refused("invalid_expiry")

    def _placed(self, body: Body, hold_id: str) -> None:
        terms = [body[name] for name in ("debit", "credit", "minor", "currency", "side", "expires", "minor")]
        self.holds[hold_id] = Hold(*terms)

    def _capture(self, body: Body, now: int) -> Plan:
        plan = Plan()
        self._step(plan, body, now)
        self._gather(plan)
        self._moved(plan, now if body["occurred"] is None else body["occurred"])
        return plan

    def _void(self, body: Body, now: int) -> Plan:
        plan = Plan()
        self._let_go(plan, self._pending(body["hold"], now), "voided")
        self._gather(plan)
        return plan

    def _expire(self, body: Body, now: int) -> Plan:
        hold = self.holds[body["hold"]]
        if hold.status != "pending":
            raise Refused(f"hold_{hold.status}")
        if hold.expires is None or now < hold.expires:
            raise Refused("hold_not_due")
        plan = Plan()
        self._let_go(plan, hold, "expired")
        self._gather(plan)
        return plan

    def _pending(self, hold_id: str, now: int) -> Hold:
        if hold_id not in self.holds:
            raise Refused("hold_not_found")
        hold = self.holds[hold_id]
        if hold.status != "pending":
            raise Refused(f"hold_{hold.status}")
        if hold.expires is not None and now >= hold.expires:
            raise Refused("hold_expired")
        return hold

    def _step(self, plan: Plan, body: Body, now: int, index: int | None = None) -> None:
        """Add a capture to a plan."""
        hold = self._pending(body["hold"], now)
        wanted = hold.remaining if body["minor"] is None else body["minor"]
        if body["minor"] is not None and body["currency"] != hold.currency:
            raise Refused("currency_mismatch")
        if wanted > hold.remaining:
            raise Refused("capture_exceeds_hold")
        closes = body["close"] or wanted == hold.remaining
        signed = wanted if hold.side == "debit" else -wanted
        let_go = hold.remaining if closes else wanted
        move = Move(hold.currency, signed, -let_go, hold.side, books=wanted > 0, index=index)
        plan.asked.append((hold.reserved, move))
        if wanted:
            plan.asked.append((hold.other, Move(hold.currency, -signed, index=index)))
            plan.legs[index or 0] = [(hold.debit, wanted, hold.currency), (hold.credit, -wanted, hold.currency)]
        plan.then.append(lambda told: self._captured(hold, wanted, closes))

    def _captured(self, hold: Hold, wanted: int, closes: bool) -> None:
        hold.captured += wanted
        hold.remaining = 0 if closes else hold.remaining - wanted
        hold.status = "captured" if closes else hold.status

    def _let_go(self, plan: Plan, hold: Hold, status: str, index: int | None = None) -> None:
        move = Move(hold.currency, held=-hold.remaining, side=hold.side, books=False, index=index)
        plan.asked.append((hold.reserved, move))

        def closed(told: dict[str, Any]) -> None:
            hold.remaining, hold.status = 0, status

        plan.then.append(closed)

    def _group(self, body: Body, now: int) -> Plan:
        plan = Plan(legs=[[] for _ in body["parts"]])
        if body["act"] == "place":
            self._each(body["parts"], lambda part: self._lasts(part, now))
        for index, part in enumerate(body["parts"]):
            self._at(index, partial(self._part, plan, body["act"], part, now, index))
        for account_id, move in plan.asked:
            if account_id.startswith("hot_"):
                self._at(move.index or 0, partial(self._usable, account_id, move, now))
        plan.asked = [asked for asked in plan.asked if not asked[0].startswith("hot_")]
        self._gather(plan)
        self._moved(plan, now)
        return plan

    def _part(self, plan: Plan, act: str, part: Body, now: int, index: int) -> None:
        if act == "capture":
            self._step(plan, part, now, index)
        elif act == "void":
            self._let_go(plan, self._pending(part["hold"], now), "voided", index)
        else:
            account_id = part[part["side"]]
            move = Move(part["currency"], held=part["minor"], side=part["side"], books=False, index=index)
            plan.asked.append((account_id, move))
            plan.then.append(lambda told: self._placed(part, told["holds"][index]))
