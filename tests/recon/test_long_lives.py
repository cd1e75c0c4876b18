"""An account of many statements: what comes before one is read in a bounded part, or, where nothing says where days
close, whole, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from chalicelib.recon.chaining import chain
from chalicelib.recon.domain import Statement
from chalicelib.recon.service.linking import link_of
from chalicelib.recon.store import create_statement
from chalicelib.storage.commit import commit
from tests.recon.build import FIRST_DAY, Line, Sheet
from tests.recon.values import statement_of
from tests.support.calls import TENANT
from tests.support.dynamodb_local import Tables
from tests.support.faults import fault

AT_ONCE = 45


def keep(statements: Sequence[Statement]) -> None:
    for start in range(0, len(statements), AT_ONCE):
        commit([write for each in statements[start : start + AT_ONCE] for write in create_statement(TENANT, each)])


def of_day(number: int, opening: int, minor: int, name: str) -> Statement:
    sheet = Sheet(name=name, opening=opening, lines=[Line(minor, "x")], day=FIRST_DAY + timedelta(days=number))
    return statement_of(sheet, sequence=None)


def test_of_many_days_with_two_statements_each_the_day_before_is_enough(tables: Tables) -> None:
    days = [(of_day(n, 5 * n, 2, f"A{n}"), of_day(n, 5 * n + 2, 3, f"B{n}")) for n in range(40)]
    keep([each for day in days for each in day])
    queries = 0

    def counted(asked: object, send: object) -> object:
        nonlocal queries
        queries += asked.operation == "dynamodb.Query"  # type: ignore[attr-defined]
        return send()  # type: ignore[operator]

    with fault(counted, times=1_000):
        link = link_of(TENANT, days[-1][1])

    assert link is not None
    assert (link.continuity, link.closing_minor, queries) == ("chained", 200, 1)


def test_more_statements_than_two_thousand_without_balances_come_to_all_their_lines(tables: Tables) -> None:
    many = [
        replace(of_day(n, 0, 1, f"N{n}"), proof="unproved", opening_minor=None, closing_minor=None)
        for n in range(2_100)
    ]
    keep(many)

    link = link_of(TENANT, many[-1])

    assert link is not None
    assert (link.closing_minor, chain(many)[-1].closing_minor) == (2_100, 2_100)
