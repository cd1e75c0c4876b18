"""Prices by index: each template's month settles with the exchange's own days, and any other day is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.calendars import calendar
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.trades.domain.checking import check_template
from chalicelib.trades.domain.evidence import EvidenceKind, Fixing, IndexFixings, digest
from chalicelib.trades.domain.goods import Goods, whole
from chalicelib.trades.domain.template import PriceMode, PriceRule, Unpublished
from chalicelib.trades.domain.terms import Window
from chalicelib.trades.domain.unit_price import final_unit_price, quotation_month
from chalicelib.trades.templates import all_templates, find_template
from tests.trades.lives import Life, told
from tests.trades.papers import bill_of_lading, pieces
from tests.trades.sketches import AGREED, DEAL, terms_of

MONTH = PriceRule(PriceMode.MONTH_AVERAGE, quotation_calendar="LONDON")
MAY = Window(date(2026, 5, 1), date(2026, 5, 31))
LONDON_CLOSED = {
    2022: "01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27",
    2023: "01-02 04-07 04-10 05-01 05-08 05-29 08-28 12-25 12-26",
    2024: "01-01 03-29 04-01 05-06 05-27 08-26 12-25 12-26",
    2025: "01-01 04-18 04-21 05-05 05-26 08-25 12-25 12-26",
    2026: "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28",
    2027: "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28",
}
"""Weekdays on which London's exchange fixes no price: gov.uk, bank holidays in England and Wales."""
CHINA_CLOSED = {
    2023: "01-02 01-23..01-27 04-05 05-01..05-03 06-22..06-23 09-29 10-02..10-06",
    2024: "01-01 02-09 02-12..02-16 04-04..04-05 05-01..05-03 06-10 09-16..09-17 10-01..10-07",
    2025: "01-01 01-28..02-04 04-04 05-01..05-05 06-02 10-01..10-08",
    2026: "01-01..01-02 02-16..02-23 04-06 05-01..05-05 06-19 09-25 10-01..10-07",
}
"""Weekdays on which China's commodity exchanges do not trade: their own notices for the year."""
CLOSED = {"import-export": LONDON_CLOSED, "plastics": CHINA_CLOSED}
BY_DAYS = sorted(
    name
    for name, template in all_templates().items()
    if template.price.mode in {PriceMode.MONTH_AVERAGE, PriceMode.QUOTATION_PERIOD}
)


def exchange_days(closed: str, first: date, last: date) -> list[date]:
    """The days from `first` to `last` that an exchange's own list leaves, day by day."""
    spans = [(one.partition("..")[0], one.partition("..")[2] or one) for one in closed.split()]
    every = (first + timedelta(days=i) for i in range((last - first).days + 1))
    return [d for d in every if d.weekday() < 5 and not any(a <= f"{d:%m-%d}" <= b for a, b in spans)]


def fixings(days: list[date], without: tuple[date, ...] = (), currency: str = "CNY") -> IndexFixings:
    return IndexFixings("index", currency, tuple(Fixing(day, 100 + day.day) for day in days), without)


def goods(rule: PriceRule, document: IndexFixings, window: Window = MAY) -> Goods:
    return whole(terms_of(replace(AGREED, price=rule), window=window), pieces(document))


def price_of(rule: PriceRule, document: IndexFixings) -> Fraction:
    return final_unit_price(goods(rule, document))[0]


def refused(rule: PriceRule, document: IndexFixings) -> Conflict:
    with pytest.raises(Conflict) as refusal:
        price_of(rule, document)
    return refusal.value


def month_of(template_id: str, year: int, month: int) -> Goods:
    """The goods of a deal under a house template whose price is that of a month, with the exchange's own fixings."""
    template = find_template(template_id)
    window = quotation_month(date(year, month, 1), 0)
    days = exchange_days(CLOSED[template_id][year], window.first, window.last)
    currency = (template.price.currencies or ("CNY",))[0]
    price = template.price
    anchors = [bill_of_lading(shipped_on=_months_before(window.first, price.months_after))] if price.anchor else []
    own_window = None if price.anchor else window
    terms = replace(terms_of(AGREED), template=template, window=own_window, price_currency=currency)
    return whole(terms, pieces(fixings(days, currency=currency), *anchors))


def _months_before(day: date, months: int) -> date:
    years, month = divmod(day.month - 1 - months, 12)
    return date(day.year + years, month + 1, 28)


def test_every_template_that_averages_a_month_has_an_exchange_here() -> None:
    assert sorted(CLOSED) == BY_DAYS


@pytest.mark.parametrize(
    ("template_id", "year"), [(name, year) for name, years in CLOSED.items() for year in sorted(years)]
)
def test_every_month_settles_with_the_exchanges_own_days(template_id: str, year: int) -> None:
    for month in range(1, 13):
        found = month_of(template_id, year, month)
        price, (line, *_) = final_unit_price(found)
        numbers = line.inputs["fixings_minor"]

        assert isinstance(numbers, list)
        assert price == Fraction(sum(numbers), len(numbers)), (year, month)


@pytest.mark.parametrize("name", BY_DAYS)
def test_a_house_template_names_the_days_of_its_price_and_those_of_its_deadlines(name: str) -> None:
    template = find_template(name)

    assert template.price.quotation_calendar
    assert template.calendar == "CN"
    assert template.price.unpublished is Unpublished.OMIT


def test_may_settles_by_london_and_not_by_the_euros_days() -> None:
    may = exchange_days(LONDON_CLOSED[2026], MAY.first, MAY.last)

    assert price_of(MONTH, fixings(may)) == 100 + Fraction(sum(day.day for day in may), len(may))
    refusal = refused(replace(MONTH, quotation_calendar="TARGET"), fixings(may))
    assert (refusal.code, refusal.facts["superfluous"]) == ("fixing_off_calendar", ["2026-05-01"])
    assert refusal.facts["missing"] == ["2026-05-04", "2026-05-25"]
    assert "2026-05-01" in refusal.sentence
    assert "2026-05-04, 2026-05-25" in refusal.sentence


def test_days_that_are_missing_are_named_in_the_refusal() -> None:
    may = exchange_days(LONDON_CLOSED[2026], MAY.first, MAY.last)

    refusal = refused(MONTH, fixings(may[7:]))

    assert refusal.code == "fixings_incomplete"
    assert refusal.facts["missing"] == [day.isoformat() for day in may[:7]]
    assert (refusal.facts["count"], refusal.facts["superfluous"]) == (7, [])
    assert "2026-05-01, 2026-05-05, 2026-05-06, 2026-05-07, 2026-05-08 and 2 more" in refusal.sentence


def test_the_days_of_the_price_are_not_those_of_the_deadlines() -> None:
    own = goods(MONTH, fixings(exchange_days(LONDON_CLOSED[2026], MAY.first, MAY.last)))
    terms = replace(own.terms, template=replace(own.terms.template, calendar="CN"))

    assert final_unit_price(replace(own, terms=terms)) == final_unit_price(own)


def test_a_month_beyond_what_the_calendar_knows_is_refused() -> None:
    window = Window(date(2027, 3, 1), date(2027, 3, 31))
    rule = replace(MONTH, quotation_calendar="CN_EXCHANGE")

    with pytest.raises(Conflict) as refusal:
        final_unit_price(goods(rule, fixings(exchange_days("", window.first, window.last)), window))

    assert refusal.value.code == "calendar_unknown"
    assert (refusal.value.facts["day"], refusal.value.facts["known_through"]) == ("2027-03-01", "2026-12-31")


@pytest.mark.parametrize(
    ("now", "refused"), [("2026-05-28T22:59:59Z", True), ("2026-05-28T23:00:00Z", False), ("2026-05-29T12:00Z", False)]
)
def test_no_price_is_fixed_on_a_day_that_has_not_begun_where_the_exchange_is(now: str, refused: bool) -> None:
    """Friday 29 May, the last of the month: it begins in London an hour before it does by UTC."""
    may = exchange_days(LONDON_CLOSED[2026], MAY.first, MAY.last)
    template = replace(AGREED, price=MONTH, accepts=(EvidenceKind.INDEX_FIXINGS,))
    life = Life(template, replace(DEAL, window=MAY)).funded()
    life.now = datetime.fromisoformat(now)

    if refused:
        assert told(life.give, fixings(may)) == ("InvalidInput", "issued_in_future")
    else:
        assert len(life.give(fixings(may)).evidence) == 1


# A day for which the index was not published


def test_a_day_without_a_fixing_is_dealt_with_as_the_template_says() -> None:
    """The exchange was closed by itself on the 6th of May."""
    may = exchange_days(LONDON_CLOSED[2026], MAY.first, MAY.last)
    left = [day for day in may if day.day != 6]
    document = fixings(left, (date(2026, 5, 6),))

    omitted = price_of(replace(MONTH, unpublished=Unpublished.OMIT), document)
    previous = price_of(replace(MONTH, unpublished=Unpublished.PREVIOUS), document)
    refusal = refused(MONTH, document)

    assert omitted == 100 + Fraction(sum(day.day for day in left), len(left))
    assert previous == 100 + Fraction(sum(day.day for day in left) + 5, len(may))
    assert (refusal.code, refusal.facts["not_published"]) == ("fixing_not_published", "2026-05-06")


def test_how_a_day_without_a_fixing_was_dealt_with_is_shown() -> None:
    may = exchange_days(LONDON_CLOSED[2026], MAY.first, MAY.last)
    document = fixings(may[1:], (may[0],))

    _, (line, *_) = final_unit_price(goods(replace(MONTH, unpublished=Unpublished.OMIT), document))
    first = refused(replace(MONTH, unpublished=Unpublished.PREVIOUS), document)

    assert (line.inputs["not_published"], line.inputs["unpublished"]) == ("2026-05-01", "omit")
    assert first.code == "fixing_not_published"


@pytest.mark.parametrize("rule", list(Unpublished))
def test_a_day_is_missing_that_the_document_does_not_name(rule: Unpublished) -> None:
    may = exchange_days(LONDON_CLOSED[2026], MAY.first, MAY.last)

    refusal = refused(replace(MONTH, unpublished=rule), fixings(may[:5] + may[7:], (may[5],)))

    assert (refusal.code, refusal.facts["missing"]) == ("fixings_incomplete", [may[6].isoformat()])


def test_a_day_without_business_is_not_one_without_a_fixing() -> None:
    may = exchange_days(LONDON_CLOSED[2026], MAY.first, MAY.last)
    rule = replace(MONTH, unpublished=Unpublished.OMIT)

    bank_holiday = refused(rule, fixings(may, (date(2026, 5, 4),)))
    outside = refused(rule, fixings(may, (date(2026, 6, 1),)))

    assert (bank_holiday.code, bank_holiday.facts["superfluous"]) == ("fixing_off_calendar", ["2026-05-04"])
    assert (outside.code, outside.facts["date"]) == ("fixing_outside_window", "2026-06-01")


def test_documents_without_such_days_have_the_digest_they_had() -> None:
    document = IndexFixings("LME copper", "USD", (Fixing(date(2026, 4, 1), 974_250),))

    assert digest(document) != digest(replace(document, not_published=(date(2026, 4, 2),)))
    assert digest(document) == "0658bb2197dd2f5333c9c328a4f8bed46d5cbfbc2ac87774a134bb21bd3803ac"


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        (PriceRule(quotation_calendar="LONDON"), "template_quotation_calendar_not_wanted"),
        (PriceRule(unpublished=Unpublished.OMIT), "template_quotation_calendar_not_wanted"),
        (PriceRule(PriceMode.INDEX_AVERAGE, quotation_calendar="LONDON"), "template_quotation_calendar_not_wanted"),
        (PriceRule(PriceMode.MONTH_AVERAGE, quotation_calendar="LME"), "unknown_calendar"),
    ],
)
def test_a_template_whose_price_has_no_such_days_is_refused(rule: PriceRule, code: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        check_template(replace(AGREED, price=rule))

    assert refusal.value.code == code
    assert refusal.value.facts["field"] == "price.quotation_calendar"


def test_a_template_may_quote_by_several_exchanges() -> None:
    price = PriceRule(PriceMode.QUOTATION_PERIOD, EvidenceKind.BILL_OF_LADING, 1, quotation_calendar="LONDON+NEW_YORK")
    template = find_template("import-export")

    check_template(replace(template, price=replace(price, currencies=template.price.currencies)))


@given(st.sampled_from(["LONDON", "TARGET", "NEW_YORK", "LONDON+NEW_YORK"]), st.integers(0, 300), st.data())
def test_a_month_counts_with_the_calendars_days_and_with_no_other(name: str, months: int, data: st.DataObject) -> None:
    """Which day is of the calendar is found day by day."""
    window = quotation_month(date(2022, 1, 1), months)
    every = [window.first + timedelta(days=i) for i in range((window.last - window.first).days + 1)]
    days = [day for day in every if calendar(name).is_business_day(day)]
    given = sorted(data.draw(st.sets(st.sampled_from(every), min_size=1)))
    rule = replace(MONTH, quotation_calendar=name)
    superfluous = [day.isoformat() for day in given if day not in days]
    missing = [day.isoformat() for day in days if day not in given]

    assert final_unit_price(goods(rule, fixings(days), window))[0] > 100
    if superfluous or missing:
        with pytest.raises(Conflict) as refusal:
            final_unit_price(goods(rule, fixings(given), window))
        assert (refusal.value.facts["superfluous"], refusal.value.facts["missing"]) == (superfluous, missing)
