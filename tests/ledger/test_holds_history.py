"""What holds leave in the history of their accounts: a line for each step, with what it reserves or lets go of."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from chalicelib.ledger.documents import digest
from chalicelib.ledger.expiring import return_expired
from chalicelib.ledger.lines import Line, check_chain
from chalicelib.ledger.rebuild import effects
from chalicelib.ledger.service.hold_groups import CapturePart, capture_group, place_group
from chalicelib.ledger.service.holds import PlaceHold, void_hold
from chalicelib.ledger.service.projection import project
from chalicelib.ledger.store.entries import load_entries
from chalicelib.ledger.store.history import history_page
from tests.ledger.holding import SECOND, Desk, new_desk, yuan
from tests.support.dynamodb_local import Tables


@pytest.fixture(autouse=True)
def stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


@contextmanager
def projected(tables: Tables, desk: Desk, *account_ids: str) -> Iterator[None]:
    """What the block does to these accounts is told to the projector."""

    def images() -> list[dict[str, dict[str, str]]]:
        keys = [{"pk": {"S": f"{desk.tenant}#{account_id}"}} for account_id in account_ids]
        return [tables.client.get_item(TableName=tables.name("accounts"), Key=key)["Item"] for key in keys]

    before = images()
    yield
    project(zip(before, images(), strict=True))


def test_each_step_of_a_hold_is_a_line_with_what_it_moves_and_reserves(session_tables: Tables) -> None:
    desk = new_desk()
    mill = desk.account(floor=0)
    accounts = (desk.payer, desk.payee, mill)
    with projected(session_tables, desk, *accounts):
        desk.fund(100)
    with projected(session_tables, desk, *accounts):
        single = desk.hold(40, seconds=1)
    with projected(session_tables, desk, *accounts):
        desk.capture(single, 15, close=False)
    with projected(session_tables, desk, *accounts):
        return_expired(desk.tenant, single, now=desk.now + SECOND, actor="sweep")
    with projected(session_tables, desk, *accounts):
        terms = [desk.terms(10), desk.terms(20, credit_account_id=mill), desk.terms(30)]
        group = place_group(desk.call(), [PlaceHold(term) for term in terms])
    first, second, third = (str(item.subject) for item in group.parts)
    with projected(session_tables, desk, *accounts):
        capture_group(desk.call(), [CapturePart(first), CapturePart(second, yuan(5), close=False)])
    with projected(session_tables, desk, *accounts):
        void_hold(desk.call(), third)

    payer, payee, miller = (_lines(desk, account_id) for account_id in accounts)
    assert [(line.amount, line.held, line.balance) for line in payer] == [
        (-100, 0, -100),
        (0, 40, -100),
        (15, -15, -85),
        (0, -25, -85),
        (0, 10, -85),
        (0, 20, -85),
        (0, 30, -85),
        (10, -10, -75),
        (5, -5, -70),
        (0, -30, -70),
    ]
    assert [line.amount for line in payee] == [-15, -10]
    assert [line.amount for line in miller] == [-5]
    assert [line.entry_id for line in payer[4:7]] == [item.entry_id for item in group.parts]
    assert [check_chain(lines) for lines in (payer, payee, miller)] == [None] * 3


def test_the_entries_of_holds_alone_say_what_is_held(session_tables: Tables) -> None:
    desk = new_desk(100)
    with projected(session_tables, desk, desk.payer):
        hold_id = desk.hold(40)
    with projected(session_tables, desk, desk.payer):
        desk.capture(hold_id, 15, close=False)

    items = load_entries(desk.tenant, [line.entry_id for line in _lines(desk, desk.payer)])
    totals = [effects(item, digest(item))[desk.payer] for item in items.values()]
    assert sum(total.held for total in totals) == desk.held() == 25


def _lines(desk: Desk, account_id: str) -> list[Line]:
    page = history_page(desk.tenant, account_id, after=None, limit=100, newest_first=False)
    return list(page.lines)
