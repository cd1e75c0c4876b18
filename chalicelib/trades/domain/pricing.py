"""From evidence to the final amount, exactly: which quantity counts, which unit price, and their product rounded once.

Each step leaves a line with its inputs, so that a trader can check it by hand.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from fractions import Fraction
from typing import TypeVar

from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.money import Money, round_ratio
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.waterfall import Share, ShareKind, Shares, Waterfall
from chalicelib.trades.domain.evidence import Evidence, IndexFixings, WeightNote
from chalicelib.trades.domain.template import PER_MILLE, PriceMode, QuantityMode
from chalicelib.trades.domain.terms import MILLI, Terms

D = TypeVar("D", WeightNote, IndexFixings)
Inputs = dict[str, int | str | list[int]]


@dataclass(frozen=True, slots=True)
class Line:
    """One computed step: `rule` names what was done, `inputs` and `result` are integers by name (quantities in
    thousandths, money in minor units, exact ratios as numerator and denominator) and the ids of the evidence."""

    step: str
    rule: str
    inputs: Inputs = field(default_factory=dict)
    result: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Priced:
    """The final amount and the lines that lead to it."""

    amount: Money
    lines: tuple[Line, ...]


def price(terms: Terms, evidence: Sequence[Evidence]) -> Priced:
    """The final amount: the quantity that counts times the final unit price, rounded half to even.

    Raises Conflict `final_price_not_positive`, InvalidInput `amount_too_large`.
    """
    quantity_milli, quantity_line = _quantity(terms, evidence)
    unit_price, price_line = _unit_price(terms, evidence)
    exact = Fraction(quantity_milli, MILLI) * unit_price
    amount = Money(round_ratio(exact.numerator, exact.denominator), terms.currency)
    product = Line(
        step="amount",
        rule="quantity_times_price_half_even",
        inputs={"quantity_milli": quantity_milli, **_ratio("unit_price", unit_price)},
        result={"amount_minor": amount.minor},
    )
    return Priced(amount, (quantity_line, price_line, product))


def difference_line(*, held: Money, final: Money) -> Line:
    """What is left over for the buyer, or still missing, once the final amount is known."""
    inputs: Inputs = {"held_minor": held.minor, "final_minor": final.minor}
    if held < final:
        return Line("difference", "top_up_from_buyer", inputs, {"top_up_minor": (final - held).minor})
    return Line("difference", "refund_to_buyer", inputs, {"refund_minor": (held - final).minor})


def share_lines(waterfall: Waterfall, amount: Money, shares: Shares) -> tuple[Line, ...]:
    """How each share of the amount came about."""
    return tuple(_share_line(rule, amount, part) for rule, (_, part) in zip(waterfall.shares, shares, strict=True))


def _share_line(rule: Share, amount: Money, part: Money) -> Line:
    inputs: Inputs = {"role": rule.role}
    if rule.kind is ShareKind.BPS:
        inputs |= {"bps": rule.bps, "amount_minor": amount.minor}
    return Line("share", rule.kind.value, inputs, {"minor": part.minor})


def _quantity(terms: Terms, evidence: Sequence[Evidence]) -> tuple[int, Line]:
    """The weighed quantity counts where it lies outside the tolerance around the agreed one, else the agreed one."""
    agreed = terms.quantity_milli
    if terms.quantity.mode is QuantityMode.AGREED:
        return agreed, Line("quantity", "agreed", {"agreed_milli": agreed}, {"quantity_milli": agreed})
    evidence_id, note = _document(evidence, WeightNote)
    weighed, tolerance = note.quantity_milli, terms.quantity.tolerance_per_mille
    inside = abs(weighed - agreed) * PER_MILLE <= tolerance * agreed
    counts = agreed if inside else weighed
    line = Line(
        step="quantity",
        rule="agreed_within_tolerance" if inside else "weighed_beyond_tolerance",
        inputs={
            "agreed_milli": agreed,
            "weighed_milli": weighed,
            "difference_milli": weighed - agreed,
            "tolerance_per_mille": tolerance,
            "evidence_id": evidence_id,
        },
        result={"quantity_milli": counts},
    )
    return counts, line


def _unit_price(terms: Terms, evidence: Sequence[Evidence]) -> tuple[Fraction, Line]:
    """The agreed price, or the exact mean of the fixings plus the premium."""
    if terms.price.mode is PriceMode.AGREED:
        agreed = Fraction(terms.unit_price_minor)
        inputs: Inputs = {"agreed_minor": terms.unit_price_minor}
        return agreed, Line("unit_price", "agreed", inputs, _ratio("unit_price", agreed))
    evidence_id, document = _document(evidence, IndexFixings)
    fixings = [fixing.minor for fixing in document.fixings]
    final = Fraction(sum(fixings), len(fixings)) + terms.premium_minor
    if final <= 0:
        facts = {"premium_minor": terms.premium_minor, "evidence_id": evidence_id}
        raise Conflict("final_price_not_positive", "the discount eats up the index price", **facts)
    line = Line(
        step="unit_price",
        rule="mean_of_fixings_plus_premium",
        inputs={"fixings_minor": fixings, "premium_minor": terms.premium_minor, "evidence_id": evidence_id},
        result=_ratio("unit_price", final),
    )
    return final, line


def _document(evidence: Sequence[Evidence], shape: type[D]) -> tuple[str, D]:
    for piece in evidence:
        if isinstance(piece.document, shape):
            return piece.evidence_id, piece.document
    raise Defect(f"a milestone let the trade settle without its {shape.__name__}")


def _ratio(name: str, value: Fraction) -> dict[str, int]:
    return {f"{name}_numerator": value.numerator, f"{name}_denominator": value.denominator}
