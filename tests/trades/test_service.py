"""Trades on DynamoDB Local: evidence is one commit and happens once, reads are of one's own, hot items stay small."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, InvalidInput, KeyReused, NotFound, Refusal
from chalicelib.core.money import MAX_MINOR
from chalicelib.ledger.store.entries import load_entry
from chalicelib.storage.commit import Stale
from chalicelib.storage.once import Outcome
from chalicelib.storage.reads import fetch
from chalicelib.trades import store
from chalicelib.trades.domain.evidence import Document
from chalicelib.trades.domain.final import final_settlement
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.trade import Got, Progress, Trade
from chalicelib.trades.service.evidence import RecordEvidence, record_evidence
from chalicelib.trades.service.questions import get_trade, list_trades
from tests.support.calls import MONDAY, TENANT, call
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, lost_points, watching
from tests.trades.deals import FIXED_PRICE, delivery_note, index_fixings, ready, weight_note
from tests.trades.stored import moved, stored

MOST_HOT_BYTES = 1024


def given(trade: Trade, document: Document, command: Call | None = None) -> Outcome:
    return record_evidence(command or call(), RecordEvidence(trade.trade_id, document))


def refusal_of(trade_id: str, document: Document, tenant: str = TENANT) -> Refusal:
    with pytest.raises(Refusal) as refused:
        record_evidence(call(tenant=tenant), RecordEvidence(trade_id, document))
    return refused.value


def kinds(trade: Trade) -> list[str]:
    return [piece.kind.value for piece in get_trade(TENANT, trade.trade_id).evidence]


def test_a_trade_is_read_as_it_was_opened(tables: Tables) -> None:
    terms, trade = stored()

    file = get_trade(TENANT, trade.trade_id)

    assert (file.terms, file.trade, file.evidence) == (terms, trade, ())


def test_evidence_is_there_with_its_digest_and_who_gave_it_when(tables: Tables) -> None:
    _, trade = stored()

    outcome = given(trade, weight_note(), call(days=3))

    piece = get_trade(TENANT, trade.trade_id).evidence[0]
    assert (piece.document, piece.recorded_by) == (weight_note(), "cli_test")
    assert (piece.evidence_id, piece.recorded_at) == (outcome.item.data["evidence_id"], outcome.item.recorded_at)
    assert outcome.item.subject == trade.trade_id
    assert outcome.item.data == {
        "evidence_id": piece.evidence_id,
        "type": "weight_note",
        "sha256": piece.sha256,
        "state": "agreed",
    }


def test_every_kind_of_document_comes_back_as_it_was_given(tables: Tables) -> None:
    _, steel = stored()
    _, fixed_price = stored(FIXED_PRICE, "fixed-price")
    given(steel, index_fixings())
    given(steel, weight_note())
    given(fixed_price, delivery_note())

    evidence = [
        piece.document for trade in (steel, fixed_price) for piece in get_trade(TENANT, trade.trade_id).evidence
    ]

    assert evidence == [index_fixings(), weight_note(), delivery_note()]


def test_evidence_is_one_batch_read_and_one_transaction(tables: Tables) -> None:
    _, trade = stored()

    with watching() as calls:
        given(trade, weight_note())

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


def test_a_repeated_call_adds_its_evidence_once_and_answers_the_same(tables: Tables) -> None:
    _, trade = stored()
    first = given(trade, weight_note(), call("k"))

    again = given(trade, weight_note(), call("k", days=2))

    assert (again.item, again.replayed, kinds(trade)) == (first.item, True, ["weight_note"])


def test_a_key_used_for_another_document_is_refused(tables: Tables) -> None:
    _, trade = stored()
    given(trade, weight_note(), call("k", body=1))

    with pytest.raises(KeyReused):
        given(trade, index_fixings(), call("k", body=2))

    assert kinds(trade) == ["weight_note"]


def test_refused_evidence_changes_nothing_and_leaves_its_key_free(tables: Tables) -> None:
    _, trade = stored()
    with pytest.raises(InvalidInput):
        given(trade, weight_note(unit="kg"), call("k"))

    outcome = given(trade, weight_note(), call("k"))

    assert (outcome.replayed, kinds(trade)) == (False, ["weight_note"])


def test_refusals_come_in_the_order_of_their_rules(tables: Tables) -> None:
    _, trade = stored()
    given(trade, weight_note())

    assert refusal_of("trd_0", weight_note(0)).code == "trade_not_found"
    assert refusal_of(trade.trade_id, weight_note(0)).code == "quantity_not_positive"
    assert refusal_of(trade.trade_id, delivery_note()).code == "evidence_not_wanted"
    assert refusal_of(trade.trade_id, index_fixings(currency="USD")).code == "currency_mismatch"
    assert refusal_of(trade.trade_id, weight_note()).code == "evidence_twice"
    assert refusal_of(trade.trade_id, weight_note(1)).code == "evidence_contradicts"


def test_evidence_after_completion_comes_too_late(tables: Tables) -> None:
    terms, trade = stored()
    completed = final_settlement(terms, *ready()[1:], now=MONDAY).trade
    moved(replace(completed, trade_id=trade.trade_id), version=1)

    refusal = refusal_of(trade.trade_id, weight_note())

    assert (refusal.code, refusal.facts) == ("trade_state", {"state": "completed", "command": "add_evidence"})


@pytest.mark.parametrize("trade_id", ["trd_0", "pty_01jnb3t2q00000000000000000", "trd_" + "0" * 3000, "trd_#", ""])
def test_what_is_no_trades_id_is_not_found(tables: Tables, trade_id: str) -> None:
    with pytest.raises(NotFound) as refused:
        get_trade(TENANT, trade_id)

    assert refused.value.code == "trade_not_found"


def test_another_tenants_trade_does_not_exist(tables: Tables) -> None:
    _, trade = stored(tenant="ten_other")

    assert isinstance(refusal_of(trade.trade_id, weight_note()), NotFound)
    with pytest.raises(NotFound):
        get_trade(TENANT, trade.trade_id)
    assert list_trades(TENANT, after=None, limit=10).values == ()


def test_trades_are_listed_newest_first_in_pages(tables: Tables) -> None:
    trades = [stored()[1] for _ in range(3)]
    newest_first = sorted((trade.trade_id for trade in trades), reverse=True)

    first = list_trades(TENANT, after=None, limit=2)
    second = list_trades(TENANT, after=first.last_key, limit=2)

    assert [trade.trade_id for trade in (*first.values, *second.values)] == newest_first
    assert second.last_key is None


def test_a_trade_id_is_taken_once(tables: Tables) -> None:
    terms, trade = stored()
    again = store.create_trade(TENANT, terms, trade)[0]

    assert isinstance(again.refuse(None), Conflict)


def test_two_kinds_given_at_once_are_both_kept(tables: Tables) -> None:
    _, trade = stored()
    documents: list[Document] = [weight_note(), index_fixings()]

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda document: given(trade, document), documents))

    file = get_trade(TENANT, trade.trade_id)
    assert sorted(kinds(trade)) == ["index_fixings", "weight_note"]
    assert file.trade.evidence == {piece.kind.value: piece.evidence_id for piece in file.evidence}


def test_of_many_notes_given_at_once_one_is_kept(tables: Tables) -> None:
    _, trade = stored()

    with ThreadPoolExecutor(8) as pool:
        told = list(pool.map(lambda weight: attempt(trade, weight_note(weight)), range(1, 9)))

    assert told.count("kept") == 1
    assert set(told) <= {"kept", "evidence_contradicts", "try_again"}
    assert kinds(trade) == ["weight_note"]


def attempt(trade: Trade, document: Document) -> str:
    try:
        given(trade, document)
    except Refusal as refusal:
        return refusal.code
    return "kept"


def test_a_process_killed_at_any_call_leaves_the_evidence_once_after_a_retry(tables: Tables) -> None:
    for point in crash_points():
        _, trade = stored()
        command = call()
        with point:
            given(trade, weight_note(), command)

        outcome = given(trade, weight_note(), command)

        file = get_trade(TENANT, trade.trade_id)
        assert [piece.evidence_id for piece in file.evidence] == [outcome.item.data["evidence_id"]], point
        assert file.trade.evidence == {"weight_note": outcome.item.data["evidence_id"]}, point
        assert load_entry(TENANT, command.entry_id) == outcome.item, point


def test_a_lost_answer_is_absorbed(tables: Tables) -> None:
    for point in lost_points():
        _, trade = stored()

        with point:
            outcome = given(trade, weight_note())

        assert (kinds(trade), outcome.replayed) == (["weight_note"], False), point


def test_evidence_read_before_a_commit_and_state_after_it_is_told_apart(tables: Tables) -> None:
    _, trade = stored()
    before = fetch([store.evidence_key(TENANT, trade.trade_id)])
    given(trade, weight_note())
    torn = {**fetch([store.state_key(TENANT, trade.trade_id)]), **before}
    state = store.take_trade(torn, TENANT, trade.trade_id).value

    with pytest.raises(Stale):
        store.take_evidence_of(torn, TENANT, state)


def test_the_evidence_of_a_state_is_found_with_it(tables: Tables) -> None:
    _, trade = stored()
    given(trade, weight_note())
    found = fetch(store.trade_keys(TENANT, trade.trade_id))
    state = store.take_trade(found, TENANT, trade.trade_id).value

    assert [piece.document for piece in store.take_evidence_of(found, TENANT, state)] == [weight_note()]


def test_a_state_with_the_longest_ids_and_amounts_of_five_roles_stays_under_a_kilobyte(tables: Tables) -> None:
    tenant, evidence_id = call().new_id("ten"), call().new_id("evd")
    _, trade = stored(tenant=tenant)
    roles = ("carrier", "inspector", "warehouse", "platform", "seller")
    largest = Trade(
        trade.trade_id,
        State.COMPLETED,
        "CNY",
        due_minor=MAX_MINOR,
        price_minor=MAX_MINOR,
        funded_minor=MAX_MINOR,
        released_minor=MAX_MINOR,
        evidence={"delivery_note": evidence_id},
        progress={"delivery": Progress(signed=("buyer",), ready_at=MONDAY, accepted=True)},
        done=("delivery",),
        got={role: Got(MAX_MINOR - 4 * (MAX_MINOR // 5) if role == "seller" else MAX_MINOR // 5) for role in roles},
    )
    moved(largest, version=1, tenant=tenant)
    key = store.state_key(tenant, trade.trade_id).wire()

    item = tables.client.get_item(TableName=tables.name("records"), Key=key)["Item"]

    assert sum(len(name) + len(next(iter(value.values()))) for name, value in item.items()) < MOST_HOT_BYTES
