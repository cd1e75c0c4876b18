"""One computed step of a settlement, with its inputs, so that a trader can check it by hand."""

from __future__ import annotations

from dataclasses import field
from fractions import Fraction

from chalicelib.core.values import dataclass

Inputs = dict[str, int | str | list[int]]


@dataclass(frozen=True, slots=True)
class Line:
    """One computed step: `rule` names what was done, `inputs` and `result` are integers by name (quantities in
    thousandths, money in minor units, exact ratios as numerator and denominator) and the ids of the evidence. `lot`
    says which lot it is of, where there are lots."""

    step: str
    rule: str
    inputs: Inputs = field(default_factory=dict)
    result: dict[str, int] = field(default_factory=dict)
    lot: str = ""


def ratio(name: str, value: Fraction) -> dict[str, int]:
    """An exact ratio by name, as numerator and denominator."""
    return {f"{name}_numerator": value.numerator, f"{name}_denominator": value.denominator}
