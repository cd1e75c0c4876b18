"""The deduction schedule: what the laboratory's findings take off quantity and unit price, rule by rule, exactly.

A rule looks at one property. Its rate is of the quantity or price before any deduction (gross), or of what the rules
before it have left (net). Nothing falls below zero. Practice that this follows: increments and deductions by whole half
points for grain (China, State Grain Administration's rules of 2010, No. 178), dry matter as in ores and feed, payable
metal with a unit deduction as in concentrates.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from chalicelib.core.errors import Conflict
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.waterfall import WHOLE_BPS
from chalicelib.trades.domain.evidence import QualityCertificate
from chalicelib.trades.domain.goods import Goods
from chalicelib.trades.domain.lines import Inputs, Line, ratio
from chalicelib.trades.domain.quantity import rounded
from chalicelib.trades.domain.template import Base, Deduction, DeductionKind, Direction, Taken

WHOLE_MILLI = 100_000
"""100 %, in thousandths of a per cent."""


@dataclass(frozen=True, slots=True)
class Worth:
    """A quantity in thousandths of the unit, and what one unit costs in minor units, both exact."""

    quantity: Fraction
    unit_price: Fraction


@dataclass(frozen=True, slots=True)
class Assay:
    """What a laboratory found, property by property in thousandths, and the id of the evidence that says so."""

    evidence_id: str
    found: Mapping[str, int]


def deducted(goods: Goods, gross: Worth) -> tuple[Worth, tuple[Line, ...]]:
    """What is left of quantity and unit price after every rule of the schedule, and a line for each.

    Raises Conflict `evidence_missing`, `property_missing`, `property_over_whole`, `quality_rejected`.
    """
    rules = goods.terms.template.deductions
    if not rules:
        return gross, ()
    evidence_id, certificate = goods.paper(QualityCertificate, of_whole=True)
    assay = Assay(evidence_id, {one.property: one.milli for one in certificate.findings})
    net, lines = gross, list[Line]()
    for rule in rules:
        net, line = _apply(goods, rule, assay, gross, net)
        lines.append(line)
    return net, tuple(lines)


def _apply(goods: Goods, rule: Deduction, assay: Assay, gross: Worth, net: Worth) -> tuple[Worth, Line]:
    found = _found(goods, rule, assay)
    beyond = _beyond(rule, found)
    inputs: Inputs = {"property": rule.property, "found_milli": found, "evidence_id": assay.evidence_id}
    if rule.kind is not DeductionKind.PAYABLE_METAL:
        inputs |= {"standard_milli": rule.standard_milli, "beyond_milli": beyond}
    if rule.kind is DeductionKind.REJECT:
        if beyond:
            facts = {"lot": goods.lot} if goods.lot else {}
            raise Conflict("quality_rejected", "the goods are beyond the limit", **inputs, **facts)
        return net, Line("deduction", "within_limit", inputs, {}, goods.lot)
    base = gross if rule.base is Base.GROSS else net
    if rule.takes is Taken.PRICE:
        change = _change(rule, found, beyond, base.unit_price)
        left = _left(rule, net.unit_price, change)
        return Worth(net.quantity, left), _line(goods, rule, inputs | _terms_of(rule, base.unit_price), change, left)
    change = _change(rule, found, beyond, base.quantity)
    left = _left(rule, net.quantity, change)
    return Worth(left, net.unit_price), _line(goods, rule, inputs | _terms_of(rule, base.quantity), change, left)


def _found(goods: Goods, rule: Deduction, assay: Assay) -> int:
    """What the laboratory found of a rule's property."""
    facts: dict[str, object] = {"property": rule.property, "evidence_id": assay.evidence_id}
    if goods.lot:
        facts["lot"] = goods.lot
    if rule.property not in assay.found:
        raise Conflict("property_missing", "the certificate says nothing of it", **facts)
    found = assay.found[rule.property]
    if rule.kind in {DeductionKind.DRY_MATTER, DeductionKind.PAYABLE_METAL} and found > WHOLE_MILLI:
        raise Conflict("property_over_whole", "no part is more than 100 %", found_milli=found, **facts)
    return found


def _beyond(rule: Deduction, found: int) -> int:
    """How far beyond the standard a finding lies and counts."""
    over = found - rule.standard_milli
    beyond = max(over if rule.direction is Direction.OVER else -over, 0)
    return min(beyond, rule.most_milli) if rule.most_milli else beyond


def _change(rule: Deduction, found: int, beyond: int, base: Fraction) -> Fraction:
    """What a rule takes of (or adds to) quantity or price, whose base is `base`."""
    if rule.kind is DeductionKind.DRY_MATTER:
        return base * Fraction(beyond, WHOLE_MILLI - rule.standard_milli)
    if rule.kind is DeductionKind.PAYABLE_METAL:
        payable = max(min(Fraction(found * rule.rate_bps, WHOLE_BPS), Fraction(found - rule.unit_milli)), Fraction(0))
        return base * (1 - payable * Fraction(1, WHOLE_MILLI))
    steps = Fraction(beyond, rule.step_milli)
    if rule.kind is DeductionKind.STEPS:
        steps = Fraction(-(-beyond // rule.step_milli) if rule.started else beyond // rule.step_milli)
    return steps * rule.rate_minor if rule.rate_minor else base * steps * Fraction(rule.rate_bps, WHOLE_BPS)


def _left(rule: Deduction, net: Fraction, change: Fraction) -> Fraction:
    left = max(net + change if rule.adds else net - change, Fraction(0))
    if rule.takes is Taken.QUANTITY and rule.rounded_to_milli:
        return Fraction(rounded(left, rule.rounded_to_milli))
    return left


def _terms_of(rule: Deduction, base: Fraction) -> Inputs:
    """The numbers of a rule that its line needs."""
    inputs: Inputs = {"rate_minor": rule.rate_minor} if rule.rate_minor else {**ratio("base", base)}
    if rule.rate_bps:
        inputs["rate_bps"] = rule.rate_bps
    if rule.kind is DeductionKind.PAYABLE_METAL:
        inputs["unit_milli"] = rule.unit_milli
    if rule.kind in {DeductionKind.STEPS, DeductionKind.LINEAR}:
        inputs["step_milli"] = rule.step_milli
    if rule.takes is Taken.QUANTITY and rule.rounded_to_milli:
        inputs["rounded_to_milli"] = rule.rounded_to_milli
    return inputs


def _line(goods: Goods, rule: Deduction, inputs: Inputs, change: Fraction, left: Fraction) -> Line:
    names = "added" if rule.adds else "taken", "quantity" if rule.takes is Taken.QUANTITY else "unit_price"
    result = ratio(names[0], change) | ratio(names[1], left)
    whole = "" if rule.started or rule.kind is not DeductionKind.STEPS else "whole_"
    return Line("deduction", f"{whole}{rule.kind.value}", inputs, result, goods.lot)
