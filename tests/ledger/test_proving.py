"""The proof of the books: sound books are proved, and whatever somebody bends, drops or adds is named."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.access import service as access
from chalicelib.access.domain import OPERATOR
from chalicelib.core.errors import Conflict
from chalicelib.ledger.batches import Keyed
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import Kind, credit, debit
from chalicelib.ledger.holds import Terms, hold_id_of
from chalicelib.ledger.lines import chain
from chalicelib.ledger.service import checkpoints as making
from chalicelib.ledger.service import deferred, holds, proving_feed
from chalicelib.ledger.service import feed as feeding
from chalicelib.ledger.service.batches import post_batch
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.service.proving import Report, prove_all, prove_tenant
from chalicelib.ledger.store import checkpoints, feed
from chalicelib.ledger.store.history import history_page, to_item
from tests.ledger import vaults
from tests.ledger.feeding import yuan
from tests.ledger.followed import Followed
from tests.ledger.vaults import Vault
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables

LATER = MONDAY + timedelta(days=2)
"""By then every stream has told what it had to tell."""


@pytest.fixture(scope="module")
def shared() -> Iterator[Vault]:
    """The module's vault; tests keep apart by tenant."""
    with pytest.MonkeyPatch.context() as environment, vaults.opened(environment) as opened:
        yield opened


@pytest.fixture
def vault(shared: Vault, session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Vault:
    vaults.use(session_tables, monkeypatch)
    monkeypatch.setattr(proving_feed, "TRIES", 2)
    return shared


@pytest.fixture
def books(vault: Vault) -> Followed:
    """Books in which something of each kind was booked."""
    return busy_books()


def busy_books(**terms: Any) -> Followed:
    books = Followed(**terms)
    for minor in (500, 300, 40):
        books.paid(books.bank, books.party, minor)
    books.paid(books.party, books.fees, 7)
    return books


def sign(books: Followed) -> int:
    """Make the checkpoints that are due; how many."""
    made = 0
    while making.make_next(books.tenant, MONDAY, checkpoints.positions([books.tenant]).get(books.tenant)):
        made += 1
    return made


def proved(books: Followed, *, mend: bool = False, now: Any = LATER) -> Report:
    return prove_tenant(books.tenant, now, mend=mend)


def found(books: Followed, **terms: Any) -> dict[str, list[str]]:
    """What the proof finds: each kind of difference with its subjects."""
    kinds: dict[str, list[str]] = {}
    for difference in proved(books, **terms).differences:
        kinds.setdefault(difference.kind, []).append(difference.subject)
    return kinds


class Hand:
    """Somebody who writes into the tables past the code."""

    def __init__(self, tables: Tables, books: Followed) -> None:
        self.tables, self.books = tables, books

    def change(self, table: str, key: dict[str, Any], change: str, **values: Any) -> None:
        self.tables.client.update_item(
            TableName=self.tables.name(table),
            Key=key,
            UpdateExpression=change,
            ExpressionAttributeValues={f":{name}": value for name, value in values.items()},
        )

    def account(self, account_id: str, change: str, **values: Any) -> None:
        self.change("accounts", self.pk(account_id), change, **values)

    def entry(self, entry_id: str, change: str, **values: Any) -> None:
        self.change("journal", self.pk(entry_id), change, **values)

    def line(self, account_id: str, version: int, change: str, **values: Any) -> None:
        self.change("history", self.pk(account_id) | {"version": {"N": str(version)}}, change, **values)

    def drop(self, table: str, key: dict[str, Any]) -> None:
        self.tables.client.delete_item(TableName=self.tables.name(table), Key=key)

    def drop_line(self, account_id: str, version: int) -> None:
        self.drop("history", self.pk(account_id) | {"version": {"N": str(version)}})

    def pk(self, part: str) -> dict[str, Any]:
        return {"pk": {"S": f"{self.books.tenant}#{part}"}}


@pytest.fixture
def hand(session_tables: Tables, books: Followed) -> Hand:
    return Hand(session_tables, books)


def number_of(minor: int) -> dict[str, str]:
    return {"N": str(minor)}


def entry_ids(books: Followed) -> list[str]:
    return [entry.item.entry_id for entry in feed.run_after(books.tenant, 0, limit=100)]


def test_sound_books_are_proved(books: Followed) -> None:
    made = sign(books)

    report = proved(books)

    assert report == Report(books.tenant, entries=7, accounts=3, lines=8, checkpoints=made)


def test_books_without_anything_in_them_are_proved(vault: Vault) -> None:
    assert prove_tenant("ten_nobody", LATER, mend=True) == Report("ten_nobody")


def test_batches_holds_and_deferred_legs_are_proved(books: Followed) -> None:
    def batch() -> Any:
        legs = [(books.bank, books.party, 5), (books.party, books.bank, 5), (books.party, books.fees, 1)]
        keyed = [Keyed(f"k{i}", entry(*leg)) for i, leg in enumerate(legs)]
        return post_batch(call(tenant=books.tenant), keyed).outcome.item

    def entry(debited: str, credited: str, minor: int) -> PostEntry:
        return PostEntry("entry.posted", (debit(debited, yuan(minor)), credit(credited, yuan(minor))))

    def placed() -> Any:
        command = holds.PlaceHold(Terms(books.party, books.bank, yuan(100)))
        return holds.place_hold(call(tenant=books.tenant), command).item

    def captured(hold_id: str, minor: int) -> Any:
        command = holds.CaptureHold(hold_id, yuan(minor), close=False)
        return holds.capture_hold(call(tenant=books.tenant), command).item

    books.done(batch)
    hold_id = hold_id_of(books.done(placed).entry_id)
    books.done(lambda: captured(hold_id, 30))
    assert found(books) == {}
    assert books.account(books.party).held == 70
    books.done(lambda: holds.void_hold(call(tenant=books.tenant), hold_id).item)

    assert found(books) == {}
    assert proved(books).lines == sum(books.account(a).version for a in books.known)


def test_a_deferred_account_is_proved_where_it_stands(books: Followed) -> None:
    books.numbering = False
    books.paid(books.party, books.fees, 9)
    books.number()

    assert books.account(books.fees).own_balance == 7
    assert found(books) == {}


@pytest.mark.parametrize(
    ("attribute", "kind"),
    [
        ("balance", "balance_differs"),
        ("held", "held_differs"),
        ("debit_room", "debit_room_differs"),
        ("credit_room", "credit_room_differs"),
    ],
)
def test_a_changed_account_is_named(attribute: str, kind: str, books: Followed, hand: Hand) -> None:
    hand.account(books.party, f"SET {attribute} = {attribute} + :more", more=number_of(1))

    assert found(books)[kind] == [books.party]


def test_a_changed_balance_of_a_deferred_account_is_named(books: Followed, hand: Hand) -> None:
    hand.account(books.fees, "SET balance = balance + :more", more=number_of(1))

    assert found(books)["balance_differs"] == [books.fees]


def test_a_changed_currency_is_named(books: Followed, hand: Hand) -> None:
    hand.account(books.bank, "SET currency = :other", other={"S": "EUR"})

    assert found(books) == {"currency_differs": [books.bank]}


def test_a_changed_leg_is_named_by_entry_and_by_account(books: Followed, hand: Hand) -> None:
    entry_id = entry_ids(books)[4]
    hand.entry(entry_id, "SET legs[0].amount = :more", more=number_of(301))

    names = found(books)
    assert names["entry_unbalanced"] == [entry_id]
    assert names["balance_differs"] == [books.bank]
    assert sorted(names["history_differs"]) == sorted([books.bank, books.party])


def test_what_was_signed_cannot_be_changed_unseen_even_with_all_that_follows_from_it(
    books: Followed, hand: Hand
) -> None:
    sign(books)
    entry_id = entry_ids(books)[4]
    hand.entry(entry_id, "SET actor = :other", other={"S": "cli_other"})

    assert found(books)["entry_altered"] == [entry_id]


def test_a_dropped_entry_is_named(books: Followed, hand: Hand) -> None:
    entry_id = entry_ids(books)[4]
    hand.drop("journal", hand.pk(entry_id))

    names = found(books)
    assert names["entry_missing"] == [entry_id]
    assert sorted(names["entries_missing"]) == sorted([books.bank, books.party])


def test_an_entry_dropped_with_its_number_is_named_by_the_gap(books: Followed, hand: Hand) -> None:
    entry_id = entry_ids(books)[4]
    hand.drop("journal", hand.pk(entry_id))
    hand.drop("feed", hand.pk(entry_id))

    names = found(books)
    assert names["number_missing"] == [books.tenant]
    assert sorted(names["entries_missing"]) == sorted([books.bank, books.party])


def test_a_number_given_twice_is_named(books: Followed, hand: Hand) -> None:
    sixth, other = entry_ids(books)[5], "ent_other"
    row = hand.pk(other) | {"tenant": {"S": books.tenant}, "number": number_of(6)}
    hand.tables.client.put_item(TableName=hand.tables.name("feed"), Item=row)

    names = found(books)
    assert len(names["number_twice"]) == 1
    assert set(names["number_twice"]) <= {sixth, other}


def test_an_account_that_is_gone_is_named(books: Followed, hand: Hand) -> None:
    hand.drop("accounts", hand.pk(books.party))

    assert found(books) == {"account_missing": [books.party]}


def test_a_version_set_back_is_named(books: Followed, hand: Hand) -> None:
    hand.account(books.bank, "SET version = version - :one", one=number_of(1))

    assert found(books) == {"version_behind": [books.bank]}


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("SET amount = :value", number_of(301)),
        ("SET balance = :value", number_of(1)),
        ("SET held = :value", number_of(1)),
        ("SET digest = :value", {"S": "00" * 32}),
        ("SET entry_id = :value", {"S": "ent_other"}),
        ("SET occurred = :value", {"S": "2026-03-03T09:00:00.000000Z#000000000002"}),
    ],
)
def test_a_changed_line_is_named(change: str, value: dict[str, str], books: Followed, hand: Hand) -> None:
    hand.line(books.party, 2, change, value=value)

    differences = proved(books).differences
    assert [(d.kind, d.subject, d.facts["version"]) for d in differences] == [("history_broken", books.party, 2)]


def test_a_history_chained_anew_over_other_entries_is_named(books: Followed, hand: Hand) -> None:
    """Whoever can hash can make a chain that holds. It is not made of the journal's entries."""
    version = books.account(books.party).version
    page = history_page(books.tenant, books.party, after=None, limit=100, newest_first=False)
    lines = list(page.lines)
    lines[0], lines[1] = replace(lines[0], amount=-300), replace(lines[1], amount=-500)
    forged = chain(None, lines)
    for line in forged:
        hand.tables.client.put_item(TableName=hand.tables.name("history"), Item=to_item(line))

    assert forged[-1].balance == books.account(books.party).balance
    assert len(forged) == version
    assert found(books) == {"history_differs": [books.party]}


def test_a_lost_line_is_filled_in_and_the_books_are_whole_again(books: Followed, hand: Hand) -> None:
    for version in (2, 3):
        hand.drop_line(books.party, version)
    hand.drop_line(books.bank, 3)
    assert found(books) == {"lines_missing": sorted([books.bank, books.party])}

    report = proved(books, mend=True)

    assert (report.refilled, report.differences, report.lines) == (3, (), 8)
    assert proved(books).differences == ()


def test_lines_that_may_still_come_are_late_and_nothing_else(vault: Vault) -> None:
    books = busy_books(projecting=False)

    report = proved(books, mend=True, now=MONDAY + timedelta(hours=1))

    assert (report.late, report.lines, report.refilled, report.differences) == (8, 0, 0, ())


def test_a_history_that_was_never_written_is_filled_in(vault: Vault) -> None:
    books = busy_books(projecting=False)

    report = proved(books, mend=True)

    assert (report.refilled, report.late, report.differences) == (8, 0, ())


def test_an_entry_that_was_just_booked_is_no_difference(books: Followed) -> None:
    books.numbering = False
    books.paid(books.bank, books.party, 1)

    report = proved(books, now=MONDAY)

    assert (report.moving, report.accounts, report.differences) == (2, 1, ())


def test_an_entry_that_never_got_a_number_is_told_by_its_accounts(books: Followed) -> None:
    books.numbering = False
    books.paid(books.bank, books.party, 1)

    assert found(books) == {"entries_missing": sorted([books.bank, books.party])}


def test_books_that_move_while_they_are_proved_never_differ(vault: Vault) -> None:
    books = Followed(projecting=False)
    done = threading.Event()

    def pay(seed: int) -> None:
        accounts = [books.bank, books.party, books.fees]
        chance = random.Random(seed)
        while not done.is_set():
            debited, credited = chance.sample(accounts, 2)
            post = PostEntry("entry.posted", (debit(debited, yuan(1)), credit(credited, yuan(1))))
            with suppress(Conflict):
                feeding.number([post_entry(call(tenant=books.tenant, now=MONDAY), post).item])
                deferred.fold(books.tenant)

    with ThreadPoolExecutor(4) as pool:
        payers = [pool.submit(pay, seed) for seed in range(4)]
        reports = [proved(books, now=MONDAY + timedelta(minutes=5)) for _ in range(4)]
        done.set()
        for payer in payers:
            payer.result()

    assert [report.differences for report in reports] == [()] * 4
    assert reports[-1].entries > reports[0].entries
    final = proved(books, now=MONDAY + timedelta(minutes=5))
    assert (final.moving, final.accounts, final.differences) == (0, 3, ())


def test_a_changed_checkpoint_is_named(books: Followed, vault: Vault) -> None:
    sign(books)
    told = json.loads(vault.get(books.tenant, 1))
    told["checkpoint"] = told["checkpoint"].replace('"last":7', '"last":6')
    vault.put(books.tenant, 1, json.dumps(told).encode())

    assert found(books) == {"checkpoint_broken": ["checkpoint 1"]}


def test_changed_digests_of_a_checkpoint_are_named(books: Followed, vault: Vault) -> None:
    sign(books)
    told = json.loads(vault.get(books.tenant, 1))
    told["digests"][2] = "00" * 32
    vault.put(books.tenant, 1, json.dumps(told).encode())

    assert found(books) == {"checkpoint_broken": ["checkpoint 1"]}


def test_a_checkpoint_whose_file_is_gone_is_named(books: Followed, vault: Vault) -> None:
    sign(books)
    vault.s3.delete_object(Bucket=vaults.BUCKET, Key=checkpoints.file_key(books.tenant, 1))

    assert found(books) == {"checkpoint_broken": ["checkpoint 1"]}


def test_a_checkpoint_over_more_than_there_is_is_named(books: Followed, hand: Hand) -> None:
    sign(books)
    hand.drop("journal", hand.pk(entry_ids(books)[6]))
    hand.tables.client.update_item(
        TableName=hand.tables.name("feed"),
        Key={"pk": {"S": books.tenant}},
        UpdateExpression="SET #number = :n",
        ExpressionAttributeNames={"#number": "number"},
        ExpressionAttributeValues={":n": number_of(6)},
    )
    for entry_id in entry_ids_of_feed(hand, 7):
        hand.drop("feed", hand.pk(entry_id))

    assert found(books)["checkpoint_beyond_feed"] == ["checkpoint 1"]


def entry_ids_of_feed(hand: Hand, number: int) -> list[str]:
    """Who has a number, by the feed's rows alone."""
    answer = hand.tables.client.query(
        TableName=hand.tables.name("feed"),
        IndexName="by_number",
        KeyConditionExpression="tenant = :t AND #number = :n",
        ExpressionAttributeNames={"#number": "number"},
        ExpressionAttributeValues={":t": {"S": hand.books.tenant}, ":n": number_of(number)},
    )
    return [item["pk"]["S"].partition("#")[2] for item in answer["Items"]]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 50)), max_size=12))
def test_whatever_was_booked_is_proved(vault: Vault, moves: list[tuple[int, int, int]]) -> None:
    books = Followed()
    accounts = [books.bank, books.fees, books.opened(Kind.EXPENSE), books.opened(Kind.ASSET, deferred=True)]
    for debited, credited, minor in moves:
        if debited != credited:
            books.paid(accounts[debited], accounts[credited], minor)
    sign(books)

    assert proved(books).differences == ()


def test_the_whole_journal_is_scanned_and_what_has_no_number_gets_one(shared: Vault, tables: Tables) -> None:
    tenant = access.create_tenant(call(tenant=OPERATOR), "a").item.data["tenant_id"]
    books = busy_books(tenant=tenant)
    books.numbering = False
    books.paid(books.bank, books.party, 1)

    without = {report.tenant: report for report in prove_all(LATER, mend=False)}
    mended = {report.tenant: report for report in prove_all(LATER, mend=True)}
    again = {report.tenant: report for report in prove_all(LATER, mend=True)}

    kinds = {difference.kind for difference in without[tenant].differences}
    assert kinds == {"entry_unnumbered", "entries_missing"}
    assert (mended[tenant].numbered, mended[tenant].differences) == (1, ())
    assert mended[OPERATOR].numbered == 1
    assert all(not report.numbered and not report.differences for report in again.values())


@pytest.mark.parametrize(
    ("change", "value"),
    [("SET recorded_at = :none", {"S": "never"}), ("SET legs[0].account = :none", {"NULL": True})],
)
def test_a_tenant_that_cannot_be_proved_does_not_stop_the_others(
    shared: Vault, tables: Tables, change: str, value: dict[str, Any]
) -> None:
    ids = sorted(access.create_tenant(call(tenant=OPERATOR), name).item.data["tenant_id"] for name in ("a", "b"))
    books = [busy_books(tenant=tenant) for tenant in ids]
    Hand(tables, books[0]).entry(entry_ids(books[0])[4], change, none=value)

    reports = {report.tenant: report for report in prove_all(LATER, mend=True)}

    assert [d.kind for d in reports[ids[0]].differences] == ["not_proved"]
    assert reports[ids[1]].differences == ()
