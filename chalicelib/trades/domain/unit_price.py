"""The final unit price: agreed, or a mean of index fixings in a window, a month or a quotation period, with premium or
discount, floor and cap. Exact, in minor units of the price's currency; leaves to `deductions.py` what quality takes."""

from __future__ import annotations

from calendar import monthrange
from datetime import date
from fractions import Fraction

from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.money import round_ratio
from chalicelib.trades.domain.evidence import BillOfLading, Document, ExchangeRate, IndexFixings
from chalicelib.trades.domain.fixings import fixings_of
from chalicelib.trades.domain.goods import Goods
from chalicelib.trades.domain.lines import Inputs, Line, ratio
from chalicelib.trades.domain.template import PriceMode
from chalicelib.trades.domain.terms import Window

MONTHS = 12


def final_unit_price(goods: Goods) -> tuple[Fraction, tuple[Line, ...]]:
    """The unit price before quality counts, and how it was found.

    Raises Conflict `evidence_missing`, `fixing_outside_window`, `calendar_unknown`, `fixing_off_calendar`,
    `fixings_incomplete`, `fixing_not_published`, `final_price_not_positive`.
    """
    if goods.terms.template.price.mode is PriceMode.AGREED:
        found = Fraction(goods.agreed_minor)
        first = _line(goods, "agreed", {"agreed_minor": goods.agreed_minor}, found)
    else:
        found, first = _averaged(goods)
    price, bounds = _bounded(goods, found)
    if price <= 0:
        facts = {"premium_minor": goods.terms.premium_minor, "evidence_id": first.inputs.get("evidence_id")}
        raise Conflict("final_price_not_positive", "the discount eats up the index price", **facts)
    return price, (first, *bounds)


def whole_minor(goods: Goods, price: Fraction) -> tuple[Fraction, tuple[Line, ...]]:
    """The unit price in whole minor units, half to even, where the template rounds it."""
    if not goods.terms.template.price.whole_minor:
        return price, ()
    whole = Fraction(round_ratio(price.numerator, price.denominator))
    return whole, (_line(goods, "whole_minor_half_even", {**ratio("exact", price)}, whole),)


def quotation_month(day: date, months_after: int) -> Window:
    """The month that lies so many months after a day's, from its first day to its last."""
    years, month = divmod(day.month - 1 + months_after, MONTHS)
    year = day.year + years
    return Window(date(year, month + 1, 1), date(year, month + 1, monthrange(year, month + 1)[1]))


def _averaged(goods: Goods) -> tuple[Fraction, Line]:
    """The exact mean of the fixings plus the premium."""
    evidence_id, document = goods.paper(IndexFixings, of_whole=True)
    window, inputs = _window(goods)
    fixings = [fixing.minor for fixing in document.fixings]
    if window is not None:
        fixings, days = fixings_of(goods, document, window, evidence_id)
        inputs |= {"first": window.first.isoformat(), "last": window.last.isoformat(), **days}
    premium = goods.terms.premium_minor
    price = Fraction(sum(fixings), len(fixings)) + premium
    inputs |= {"fixings_minor": fixings, "premium_minor": premium, "evidence_id": evidence_id}
    return price, _line(goods, "mean_of_fixings_plus_premium", inputs, price)


def _window(goods: Goods) -> tuple[Window | None, Inputs]:
    """The days that are averaged, and what says so where a document does."""
    rule = goods.terms.template.price
    if rule.mode is not PriceMode.QUOTATION_PERIOD:
        return goods.terms.window, {}
    if rule.anchor is None:
        raise Defect("the template names no document for the quotation period")
    anchor = goods.piece(rule.anchor, of_whole=True)
    day = _day_of(goods, anchor.document)
    inputs: Inputs = {"anchor": day.isoformat(), "anchor_evidence_id": anchor.evidence_id}
    return quotation_month(day, rule.months_after), inputs | {"months_after": rule.months_after}


def _day_of(goods: Goods, document: Document) -> date:
    """The day a document is of: of a bill of lading that of shipping, else that of issue where the template's
    calendar is."""
    match document:
        case BillOfLading():
            return document.shipped_on
        case ExchangeRate():
            return document.date
        case IndexFixings():
            return max(fixing.date for fixing in document.fixings)
        case _:
            return goods.terms.days.day_of(document.issued_at)


def _bounded(goods: Goods, price: Fraction) -> tuple[Fraction, tuple[Line, ...]]:
    """The price between the deal's floor and cap, with a line for each that the deal has."""
    terms, lines = goods.terms, list[Line]()
    if terms.floor_minor is not None:
        bound = max(price, Fraction(terms.floor_minor))
        rule = "raised_to_floor" if bound > price else "above_floor"
        lines.append(_line(goods, rule, {"floor_minor": terms.floor_minor, **ratio("price", price)}, bound))
        price = bound
    if terms.cap_minor is not None:
        bound = min(price, Fraction(terms.cap_minor))
        rule = "lowered_to_cap" if bound < price else "below_cap"
        lines.append(_line(goods, rule, {"cap_minor": terms.cap_minor, **ratio("price", price)}, bound))
        price = bound
    return price, tuple(lines)


def _line(goods: Goods, rule: str, inputs: Inputs, price: Fraction) -> Line:
    return Line("unit_price", rule, inputs, ratio("unit_price", price), goods.lot)
