"""From evidence to the final amount, exactly: which quantity counts, which unit price, what quality takes of both, and
their product rounded once. Each step leaves a line with its inputs, so that a trader can check it by hand.

The order is: quantity, unit price with its bounds, deductions, rounding of both, exchange rate, product.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction

from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.exchange import Rate
from chalicelib.trades.domain.deductions import Worth, deducted
from chalicelib.trades.domain.evidence import Evidence, ExchangeRate
from chalicelib.trades.domain.goods import Goods, of_lot, whole
from chalicelib.trades.domain.lines import Inputs, Line, ratio
from chalicelib.trades.domain.quantity import counted, rounded, rounding_line
from chalicelib.trades.domain.terms import Lot, Terms
from chalicelib.trades.domain.unit_price import final_unit_price, whole_minor


@dataclass(frozen=True, slots=True)
class Priced:
    """The final amount and the lines that lead to it. `rate` is what the price's currency was worth in the trade's,
    where those are two."""

    amount: Money
    lines: tuple[Line, ...]
    rate: Rate | None = None


def price(terms: Terms, evidence: Sequence[Evidence], *, recalled: Collection[str] = ()) -> Priced:
    """The final amount of a deal, the sum of its lots where it has any. What was called back comes to nothing.

    Raises Conflict: what `price_lot` raises.
    """
    if not terms.lots:
        return _priced(whole(terms, evidence), recalled)
    lots = [price_lot(terms, lot, evidence, recalled=recalled) for lot in terms.lots]
    amount = Money(sum(one.amount.minor for one in lots), terms.currency)
    total = Line("amount", "sum_of_lots", {"lots_minor": [one.amount.minor for one in lots]}, _result(amount))
    rate = next((one.rate for one in lots if one.rate is not None), None)
    return Priced(amount, (*(line for one in lots for line in one.lines), total), rate)


def price_lot(terms: Terms, lot: Lot, evidence: Sequence[Evidence], *, recalled: Collection[str] = ()) -> Priced:
    """The final amount of one lot, by its own documents; nothing where it was called back.

    Raises Conflict: `evidence_missing`, `delivery_over_tolerance`, `delivery_under_tolerance`; what
    `final_unit_price` raises; `property_missing`, `property_over_whole`, `quality_rejected`; InvalidInput
    `currency_mismatch`, `amount_too_large`.
    """
    return _priced(of_lot(terms, lot, evidence), recalled)


def _priced(goods: Goods, recalled: Collection[str]) -> Priced:
    if "" in recalled or goods.lot in recalled:
        nothing = Money(0, goods.terms.currency)
        return Priced(nothing, (Line("amount", "called_back", {}, _result(nothing), goods.lot),))
    quantity, lines = counted(goods)
    unit_price, more = final_unit_price(goods)
    net, deductions = deducted(goods, Worth(Fraction(quantity), unit_price))
    counts = rounded(net.quantity, goods.terms.template.quantity.rounded_to_milli)
    final, whole_line = whole_minor(goods, net.unit_price)
    rate, rate_lines = _rate(goods)
    amount, product = _product(goods, counts, final, rate)
    lines += (*more, *deductions, *rounding_line(goods, net.quantity, counts), *whole_line, *rate_lines, product)
    return Priced(amount, lines, rate)


def _product(goods: Goods, quantity_milli: int, unit_price: Fraction, rate: Rate | None) -> tuple[Money, Line]:
    """Quantity times unit price, and times the rate where there is one, rounded half to even."""
    amount = goods.terms.amount(Fraction(quantity_milli), unit_price, rate)
    inputs: Inputs = {"quantity_milli": quantity_milli, **ratio("unit_price", unit_price)}
    rule = "quantity_times_price_half_even"
    if rate is not None:
        inputs |= {"rate_numerator": rate.numerator, "rate_denominator": rate.denominator}
        rule = "quantity_times_price_times_rate_half_even"
    return amount, Line("amount", rule, inputs, _result(amount), goods.lot)


def _rate(goods: Goods) -> tuple[Rate | None, tuple[Line, ...]]:
    """What one unit of the price's currency is worth in the trade's, by the rate that was fixed. The document may say
    it either way round."""
    ours, theirs = goods.terms.currency, goods.terms.price_currency
    if ours == theirs:
        return None, ()
    evidence_id, document = goods.paper(ExchangeRate, of_whole=True)
    if {document.base, document.quote} != {ours, theirs}:
        facts = {"expected": f"{theirs}/{ours}", "given": f"{document.base}/{document.quote}"}
        raise InvalidInput("currency_mismatch", "the rate is of other currencies", field="document.base", **facts)
    rate = Rate(document.numerator, document.denominator)
    if document.base == ours:
        rate = Rate(document.denominator, document.numerator)
    inputs: Inputs = {
        "base": document.base,
        "quote": document.quote,
        "numerator": document.numerator,
        "denominator": document.denominator,
        "date": document.date.isoformat(),
        "evidence_id": evidence_id,
    }
    result = {"rate_numerator": rate.numerator, "rate_denominator": rate.denominator}
    return rate, (Line("rate", f"{theirs}_in_{ours}", inputs, result, goods.lot),)


def _result(amount: Money) -> dict[str, int]:
    return {"amount_minor": amount.minor}
