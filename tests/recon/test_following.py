"""Positions kept beside random lives of a bank account, compared with an independent model; races; crashes."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import pytest

from chalicelib.core.errors import Busy
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.recon.positions import Tally
from chalicelib.recon.service import breaks, questions
from chalicelib.recon.service.breaks import ResolveBreak, rematch_break, resolve_break
from chalicelib.recon.service.following import follow
from tests.recon.build import BANK, FEES, FIRST_DAY, IBAN, Line, Sheet, callback, open_books, project, upload
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points

MONTHS = ("2026-03", "2026-04", "2026-05")


def month_day(number: int) -> date:
    return date.fromisoformat(f"{MONTHS[number]}-02")


@dataclass
class Life:
    """What a bank account has gone through, told by nothing of the product: amounts by reference, the months of line
    and entry, and which are matched."""

    chance: random.Random
    lines: dict[str, int] = field(default_factory=dict)
    entries: dict[str, int] = field(default_factory=dict)
    amounts: dict[str, int] = field(default_factory=dict)
    matched: set[str] = field(default_factory=set)
    sheets: list[Sheet] = field(default_factory=list)

    def act(self, books: Tables) -> None:
        """One thing that banks, callbacks, people or time do."""
        action = self.chance.choice([self.book, self.book, self.list_lines, self.rematch, self.resolve, self.catch_up])
        action(books)

    def book(self, books: Tables) -> None:
        """A callback is booked: of a new movement, or of one that a statement has listed."""
        unbooked = [each for each in self.lines if each not in self.entries]
        reference = self.chance.choice(unbooked) if unbooked and self.chance.random() < 0.4 else self.new()
        month = self.chance.randrange(len(MONTHS))
        callback(self.amounts[reference], reference, days=(month_day(month) - FIRST_DAY).days)
        self.entries[reference] = month

    def list_lines(self, books: Tables) -> None:
        """The next statement is uploaded, of this month or a later one."""
        unlisted = [each for each in self.entries if each not in self.lines]
        known = self.chance.sample(unlisted, k=min(len(unlisted), self.chance.randrange(3)))
        listed = [*known, *(self.new() for _ in range(self.chance.randrange(3)))]
        last = self.sheets[-1] if self.sheets else None
        month = self.chance.randrange(MONTHS.index(f"{last.day:%Y-%m}"), len(MONTHS)) if last else 0
        lines = [Line(self.amounts[each], each) for each in listed]
        sheet = last.next(*lines) if last else Sheet(lines=lines)
        if f"{sheet.day:%Y-%m}" < MONTHS[month]:
            sheet = replace(sheet, day=month_day(month))
        upload(sheet)
        self.sheets.append(sheet)
        self.lines |= {each: MONTHS.index(f"{sheet.day:%Y-%m}") for each in listed}
        self.matched |= set(known)

    def rematch(self, books: Tables) -> None:
        """Somebody looks at a break again."""
        for found in self.chance.sample(open_breaks(), k=min(1, len(open_breaks()))):
            reference = str(found.facts["bank_reference"])
            rematch_break(call(), found.break_id)
            if reference in self.entries:
                self.matched.add(reference)

    def resolve(self, books: Tables) -> None:
        """Somebody books a break's line by hand: its entry takes effect on the line's day."""
        unbooked = [each for each in open_breaks() if each.facts["bank_reference"] not in self.entries]
        for found in self.chance.sample(unbooked, k=min(1, len(unbooked))):
            reference = str(found.facts["bank_reference"])
            resolve_break(call(days=90), ResolveBreak(found.break_id, FEES, "charge"))
            self.entries[reference] = self.lines[reference]
            self.matched.add(reference)

    def catch_up(self, books: Tables) -> None:
        """History and positions come up to date."""
        project(books)
        follow(TENANT, BANK, steps=100)

    def new(self) -> str:
        reference = f"R{len(self.amounts)}"
        self.amounts[reference] = self.chance.choice([-7, -300, 25, 1000, 40])
        return reference

    def still_open(self, side: dict[str, int], month: int) -> list[int]:
        """Amounts of a side that are open at the end of a month."""
        open_then = []
        for reference, at in side.items():
            ends = [self.lines[reference], self.entries[reference]] if reference in self.matched else None
            if at <= month and (ends is None or max(ends) > month):
                open_then.append(self.amounts[reference])
        return sorted(open_then)

    def check(self, books: Tables) -> None:
        """Every month is what the model says, and proved."""
        self.catch_up(books)
        carried = (Tally(), Tally())
        for number, month in enumerate(MONTHS):
            found = questions.reconciliation(TENANT, BANK, month, now=MONDAY)
            lines, entries = self.still_open(self.lines, number), self.still_open(self.entries, number)
            booked = [self.amounts[each] for each, at in self.entries.items() if at <= number]
            listed = [self.amounts[each] for each, at in self.lines.items() if at <= number]
            assert found.difference_minor == 0
            assert found.books_closing_minor == sum(booked)
            assert found.statements.closing_minor == sum(listed)
            assert (found.open_lines.before, found.open_entries.before) == carried
            assert found.open_lines.now == Tally(len(lines), sum(lines))
            assert found.open_entries.now == Tally(len(entries), sum(entries))
            assert listed_open(month) == {"line": lines, "ledger": entries}
            carried = (found.open_lines.now, found.open_entries.now)


def open_breaks() -> list[Any]:
    return list(breaks.list_breaks(TENANT, "open", after=None, limit=100).values)


def listed_open(month: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {"line": [], "ledger": []}
    after = None
    for _ in range(100):
        page = questions.list_open_items(TENANT, BANK, month, now=MONDAY, after=after, limit=3)
        for item in page.values:
            found[item.side].append(item.amount_minor)
        after = page.last_key
        if after is None:
            break
    return {side: sorted(amounts) for side, amounts in found.items()}


@pytest.mark.parametrize("seed", range(6))
def test_before_plus_new_less_cleared_is_now_in_every_month_of_a_random_life(books: Tables, seed: int) -> None:
    life = Life(random.Random(seed))
    for step in range(30):
        life.act(books)
        if step % 6 == 5:
            life.check(books)
    life.check(books)

    assert len(life.matched) > 3 and len(life.sheets) > 1


def test_followers_side_by_side_count_each_entry_once(books: Tables) -> None:
    for number in range(60):
        callback(1, f"R{number}")
    upload(Sheet(lines=[Line(1, f"R{number}") for number in range(0, 60, 2)]))
    project(books)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: follow(TENANT, BANK, steps=20), range(4)))

    found = questions.reconciliation(TENANT, BANK, "2026-03", now=MONDAY)
    assert (found.books.version, found.entries, found.matched) == (60, Tally(60, 60), Tally(30, 30))
    assert (found.open_entries.now, found.difference_minor) == (Tally(30, 30), 0)


@pytest.mark.parametrize(("hours", "month"), [(6, "2026-03"), (7, "2026-04")])
def test_an_entry_is_of_the_month_that_it_is_where_the_bank_is(books: Tables, hours: int, month: str) -> None:
    """Midnight in Shanghai is 16:00 by UTC."""
    callback(5, "R1", days=29, hours=hours)
    project(books)
    follow(TENANT, BANK, steps=20)

    found = questions.reconciliation(TENANT, BANK, month, now=MONDAY)

    assert found.entries == Tally(1, 5)


def test_a_match_and_a_follower_at_once_clear_the_pair_once(books: Tables) -> None:
    upload(Sheet(lines=[Line(-10 - number, f"R{number}") for number in range(8)]))
    for number in range(8):
        callback(-10 - number, f"R{number}")
    project(books)

    def rematch(found: Any) -> None:
        for _ in range(5):
            try:
                rematch_break(call(f"k-{found.break_id}"), found.break_id)
                return
            except Busy:
                continue
        raise AssertionError("never matched")

    with ThreadPoolExecutor(9) as pool:
        following = pool.submit(lambda: [follow(TENANT, BANK, steps=3) for _ in range(5)])
        list(pool.map(rematch, open_breaks()))
        following.result()

    found = questions.reconciliation(TENANT, BANK, "2026-03", now=MONDAY)
    total = sum(-10 - number for number in range(8))
    assert (found.matched, found.open_lines.now, found.open_entries.now) == (Tally(8, total), Tally(), Tally())
    assert found.difference_minor == 0


def test_a_follower_killed_at_any_call_has_counted_nothing_twice(books: Tables) -> None:
    for number, point in enumerate(crash_points()):
        tenant = f"ten_{number}"
        open_books(tenant)
        callback(1000, "R1", tenant=tenant)
        callback(-300, "R2", tenant=tenant)
        upload(Sheet(lines=[Line(1000, "R1"), Line(7, "R3")]), tenant=tenant)
        project(books)
        account_id = purpose_account_id(tenant, Purpose.BANK, "CNY", IBAN)
        with point:
            follow(tenant, account_id, steps=9)

        follow(tenant, account_id, steps=9)

        found = questions.reconciliation(tenant, account_id, "2026-03", now=MONDAY)
        assert (found.entries, found.matched, found.difference_minor) == (Tally(2, 700), Tally(1, 1000), 0), point
