"""The fixings of a window, a month or a quotation period: there is one for each day on which the index is published.

Which days those are the template's quotation calendar says, which may be another than that of deadlines. A day for
which the index was not published all the same is named by the document, and the template says what becomes of it.
"""

from __future__ import annotations

from datetime import date

from chalicelib.core.calendars import business_days, calendar
from chalicelib.core.errors import Conflict
from chalicelib.trades.domain.evidence import IndexFixings
from chalicelib.trades.domain.goods import Goods
from chalicelib.trades.domain.lines import Inputs
from chalicelib.trades.domain.template import PriceMode, Unpublished
from chalicelib.trades.domain.terms import Window

MOST_NAMED = 31
"""Missing or superfluous days that a refusal names."""
MOST_IN_WORDS = 5

Facts = dict[str, object]


def fixings_of(goods: Goods, document: IndexFixings, window: Window, evidence_id: str) -> tuple[list[int], Inputs]:
    """The fixings that are averaged, and which days without one were dealt with, and how.

    Raises Conflict `fixing_outside_window`; then, unless the template averages whatever fixings there are,
    `calendar_unknown`, `fixing_off_calendar`, `fixings_incomplete`, `fixing_not_published`.
    """
    facts: Facts = {"first": window.first.isoformat(), "last": window.last.isoformat()}
    facts["evidence_id"] = evidence_id
    for day in (*(fixing.date for fixing in document.fixings), *document.not_published):
        if not window.first <= day <= window.last:
            raise Conflict("fixing_outside_window", "a day lies outside the window", date=day.isoformat(), **facts)
    by_day = {fixing.date: fixing.minor for fixing in document.fixings}
    rule = goods.terms.template.price
    if rule.mode is PriceMode.INDEX_AVERAGE:
        return [fixing.minor for fixing in document.fixings], {}
    days = business_days(calendar(goods.terms.template.quotation_calendar), window.first, window.last)
    facts["calendar"] = goods.terms.template.quotation_calendar
    _check_days(days, by_day, document, facts)
    if not document.not_published:
        return [fixing.minor for fixing in document.fixings], {}
    without = " ".join(day.isoformat() for day in sorted(document.not_published))
    if rule.unpublished is Unpublished.REFUSE:
        sentence = "the template averages no month in which the index was not published every day"
        raise Conflict("fixing_not_published", sentence, not_published=without, **facts)
    dealt: Inputs = {"not_published": without, "unpublished": rule.unpublished.value}
    return _averaged(days, by_day, rule.unpublished, without, facts), dealt


def _check_days(days: tuple[date, ...], by_day: dict[date, int], document: IndexFixings, facts: Facts) -> None:
    """Each day has its fixing, or is named as one without; no other day has."""
    told = set(by_day) | set(document.not_published)
    superfluous, missing = sorted(told - set(days)), [day for day in days if day not in told]
    facts = facts | _named("superfluous", superfluous) | _named("missing", missing)
    if superfluous:
        sentence = f"the calendar has no fixing on {_words(superfluous)}"
        if missing:
            sentence += f", and {_words(missing)} are missing"
        raise Conflict("fixing_off_calendar", sentence, date=superfluous[0].isoformat(), **facts)
    if missing:
        sentence = f"the average needs a fixing for each day of the calendar; missing are {_words(missing)}"
        raise Conflict("fixings_incomplete", sentence, **facts, count=len(missing))


def _averaged(
    days: tuple[date, ...], by_day: dict[date, int], rule: Unpublished, without: str, facts: Facts
) -> list[int]:
    if rule is Unpublished.OMIT:
        return [by_day[day] for day in days if day in by_day]
    averaged: list[int] = []
    for day in days:
        if day not in by_day and not averaged:
            sentence = "the window has no fixing before its first day, which could count once more"
            raise Conflict("fixing_not_published", sentence, not_published=without, **facts)
        averaged.append(by_day.get(day, averaged[-1] if averaged else 0))
    return averaged


def _named(name: str, days: list[date]) -> Facts:
    return {name: [day.isoformat() for day in days[:MOST_NAMED]]}


def _words(days: list[date]) -> str:
    named = ", ".join(day.isoformat() for day in days[:MOST_IN_WORDS])
    return f"{named} and {len(days) - MOST_IN_WORDS} more" if len(days) > MOST_IN_WORDS else named
