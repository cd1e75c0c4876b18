"""How the model comes from documents to a final amount, for the templates that are simulated. Exact fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from tests.simulation.books import Refused
from tests.simulation.deals import MILLI, WHOLE, Deal, Rules

OF_ALL = {"index_fixings", "quality_certificate"}
"""Documents of which one of the whole will do for a lot."""


def final_amount(deal: Deal, lot: str) -> int:
    """What a lot, or all goods, come to by the documents."""
    if not lot and deal.lots:
        return sum(final_amount(deal, one) for one in deal.lots)
    if "" in deal.recalled or lot in deal.recalled:
        return 0
    agreed, own_price = deal.lots[lot] if lot else (deal.quantity, None)
    quantity = _counted(deal, lot, agreed)
    price = _unit_price(deal, lot, deal.price if own_price is None else own_price)
    for rule in deal.rules.get("deductions", []):
        price -= _deduction(deal, lot, rule, price)
    return round(Fraction(quantity, MILLI) * price)


def _paper(deal: Deal, kind: str, lot: str) -> dict[str, Any]:
    spots = [f"{kind}/{lot}" if lot else kind] + ([kind] if kind in OF_ALL else [])
    found = next((deal.papers[spot] for spot in spots if spot in deal.papers), None)
    if found is None:
        raise Refused("evidence_missing")
    return found


def _counted(deal: Deal, lot: str, agreed: int) -> int:
    rule = deal.rules["quantity"]
    if rule["mode"] == "agreed":
        return agreed
    found: int = _paper(deal, "weight_note" if rule["mode"] == "weighed" else rule["document"], lot)["quantity"]
    if rule["mode"] == "weighed" and Fraction(abs(found - agreed), agreed) <= Fraction(
        rule["tolerance_per_mille"], 1000
    ):
        return agreed
    delivery = rule.get("delivery")
    return found if delivery is None else _delivered(delivery, found, agreed)


def _delivered(rule: Rules, found: int, agreed: int) -> int:
    bound = Fraction(agreed * rule["tolerance_bps"], WHOLE)
    if abs(found - agreed) <= bound:
        return found
    side = "over" if found > agreed else "under"
    if rule[side] == "refuse":
        raise Refused(f"delivery_{side}_tolerance")
    return found if rule[side] == "count" else agreed + bound.numerator // bound.denominator


def _unit_price(deal: Deal, lot: str, agreed: int) -> Fraction:
    if deal.rules["price"]["mode"] == "agreed":
        return Fraction(agreed)
    fixings = _paper(deal, "index_fixings", lot)["fixings"]
    if deal.window and any(not deal.window[0] <= day <= deal.window[1] for day, _ in fixings):
        raise Refused("fixing_outside_window")
    price = Fraction(sum(minor for _, minor in fixings), len(fixings)) + deal.premium
    if price <= 0:
        raise Refused("final_price_not_positive")
    return price


def _deduction(deal: Deal, lot: str, rule: Rules, price: Fraction) -> Fraction:
    """What a rule takes of the unit price; of one that rejects, nothing, or the goods are refused."""
    findings = dict(_paper(deal, "quality_certificate", lot)["findings"])
    if rule["property"] not in findings:
        raise Refused("property_missing")
    over = findings[rule["property"]] - rule["standard_milli"]
    beyond = max(over if rule.get("direction", "over") == "over" else -over, 0)
    if rule["kind"] == "reject":
        if beyond:
            raise Refused("quality_rejected")
        return Fraction(0)
    steps = (beyond + rule["step_milli"] - 1) // rule["step_milli"]
    gross = Fraction(deal.price if not lot or deal.lots[lot][1] is None else deal.lots[lot][1] or 0)
    return min(gross * steps * Fraction(rule["rate_bps"], WHOLE), price)
