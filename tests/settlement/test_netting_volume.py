"""Two thousand sessions of forty parties in one window, as the bench has ten thousand of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pytest

from bench.netting import measured, sessions
from chalicelib.settlement.domain.nets import Mode
from chalicelib.settlement.service import netting_windows
from chalicelib.settlement.store import netting as store
from chalicelib.storage.reads import get
from chalicelib.storage.tables import RecordItem
from tests.settlement.clearing import Owed, books, clearing
from tests.support.dynamodb_local import Tables

SESSIONS = 2_000
PARTIES = 40
MOST_ITEM_BYTES = 400 * 1024


def nets(owed: Iterable[Owed]) -> dict[str, int]:
    """What each party gets in all, of those that get or pay anything."""
    net: Counter[str] = Counter()
    for payer, payee, minor in owed:
        net[payee] += minor
        net[payer] -= minor
    return {party: minor for party, minor in net.items() if minor}


def test_two_thousand_sessions_become_a_trade_less_than_parties(session_tables: Tables) -> None:
    with books(session_tables):
        place = clearing(Mode.MULTILATERAL)
        told = measured(place, SESSIONS, PARTIES)
        paid, whole = place.paid(), place.whole()
        traced = netting_windows.get_obligation(place.tenant, place.net_id, "ses-1234")
        sums = get(store.sums_key(place.tenant, place.net_id))

    assert nets((payer, payee, minor) for (payer, payee), minor in paid.items()) == nets(sessions(SESSIONS, PARTIES))
    assert told["settlements"] == len(paid) < PARTIES
    assert told["obligations"] == whole.passed == SESSIONS
    assert traced.added.obligation.amount.minor == 1_000 + 1_234 * 137 % 9_000
    assert isinstance(sums, RecordItem)
    assert len(sums.doc) < MOST_ITEM_BYTES // 4


@pytest.mark.parametrize("count", [0, 1, 89])
def test_sessions_are_between_two_parties(count: int) -> None:
    assert all(payer != payee and minor > 0 for payer, payee, minor in sessions(count, PARTIES))
