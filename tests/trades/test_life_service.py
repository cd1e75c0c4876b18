"""What parties say of a trade, on DynamoDB Local: each is one commit, happens once, and moves no money."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, InvalidInput, NotFound, Refusal
from chalicelib.ledger.store.entries import load_entry
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain.disputes import OpenDispute
from chalicelib.trades.domain.evidence import EvidenceKind
from chalicelib.trades.domain.proof import Signature
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.template import DisputeRule, ExpiryRule, Template
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.service import life
from chalicelib.trades.service.evidence import RecordEvidence, record_evidence
from chalicelib.trades.service.questions import get_trade
from chalicelib.trades.templates import find_template
from tests.support.calls import TENANT, call, over
from tests.support.dynamodb_local import Tables
from tests.support.faults import crash_points, watching
from tests.trades.deals import FIXED_PRICE, funded
from tests.trades.papers import delivery_note
from tests.trades.stored import moved, stored


def template() -> Template:
    """Goods at a fixed price, which the buyer accepts by word or by two business days of silence."""
    plain = find_template("fixed-price")
    delivery = replace(plain.milestones[0], signers=("buyer", "inspector"), signatures=1, deemed_days=2)
    return replace(
        plain,
        milestones=(replace(delivery, needs=(EvidenceKind.DELIVERY_NOTE,)),),
        dispute=DisputeRule(by=("buyer",), arbiter="inspector"),
        expiry=ExpiryRule(draft_days=3, funding_days=5),
    )


@pytest.fixture(autouse=True)
def _books(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)
    yield


def draft() -> Trade:
    return stored(FIXED_PRICE, template(), draft=True)[1]


def delivered() -> Trade:
    """A trade that is paid for, with its delivery note."""
    terms, trade = stored(FIXED_PRICE, template())
    moved(funded(terms, trade), version=1)
    record_evidence(call(), RecordEvidence(trade.trade_id, delivery_note()))
    return now(trade)


def now(trade: Trade) -> Trade:
    return get_trade(TENANT, trade.trade_id).trade


def signed(trade: Trade, role: str = "buyer", *, command: Call | None = None, **more: str) -> Outcome:
    signature = Signature("delivery", role, more.pop("party_id", f"pty_{role}"), **more)
    return life.sign_milestone(command or call(), trade.trade_id, signature)


def disputed(trade: Trade, minor: int = 700, *, currency: str = "EUR", role: str = "buyer") -> Outcome:
    command = OpenDispute(role, f"pty_{role}", minor)
    return life.open_dispute(call(), trade.trade_id, command, currency=currency, reason="two crates broken")


def refusal(act: Callable[[], object]) -> Refusal:
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value


def test_a_draft_binds_once_it_is_agreed_to() -> None:
    trade = draft()

    outcome = life.agree_trade(call(days=1), trade.trade_id)

    ends = over(6)
    assert (now(trade).state, now(trade).expires_at) == (State.AGREED, ends)
    assert (outcome.item.kind, outcome.item.legs, outcome.item.subject) == ("trade.agreed", (), trade.trade_id)
    assert outcome.item.data == {"state": "agreed", "expires_at": "2026-03-09T00:00:00.000000Z"}
    assert refusal(lambda: life.agree_trade(call(), trade.trade_id)).code == "trade_state"


def test_a_signature_is_kept_and_stops_the_clock() -> None:
    trade = delivered()
    assert trade.progress["delivery"].deemed_at is not None

    outcome = signed(trade)

    progress = now(trade).progress["delivery"]
    assert (progress.signed, progress.deemed_at) == (("buyer",), None)
    assert (outcome.item.kind, outcome.item.data["signed"]) == ("trade.signed", ["buyer"])
    assert (outcome.item.data["milestone"], outcome.item.data["state"]) == ("delivery", "performing")


def test_silence_is_taken_for_acceptance_when_it_has_lasted() -> None:
    trade = delivered()
    early = refusal(lambda: life.accept_milestone(call(days=2), trade.trade_id, "delivery"))

    outcome = life.accept_milestone(call(days=3), trade.trade_id, "delivery")

    assert (early.code, outcome.item.kind) == ("not_due", "trade.accepted")
    assert now(trade).progress["delivery"].accepted


def test_a_dispute_says_who_how_much_and_why() -> None:
    trade = delivered()

    outcome = disputed(trade)

    dispute = now(trade).dispute
    assert dispute is not None
    assert (dispute.dispute_id, dispute.minor, dispute.role) == (outcome.item.data["dispute_id"], 700, "buyer")
    assert outcome.item.data == {
        "state": "disputed",
        "expires_at": None,
        "dispute_id": dispute.dispute_id,
        "role": "buyer",
        "disputed_minor": 700,
        "of_retention": False,
        "currency": "EUR",
        "reason": "two crates broken",
    }


SIGNATURES: list[tuple[str, type[Refusal], dict[str, str]]] = [
    ("not_a_signer", InvalidInput, {"role": "seller", "party_id": "pty_none"}),
    ("signer_without_role", InvalidInput, {"party_id": "pty_none"}),
    ("signed_twice", Conflict, {}),
]


@pytest.mark.parametrize(("code", "kind", "given"), SIGNATURES, ids=[row[0] for row in SIGNATURES])
def test_a_signature_is_refused_in_this_order(code: str, kind: type[Refusal], given: dict[str, str]) -> None:
    trade = delivered()
    signed(trade)

    refused = refusal(lambda: signed(trade, **given))

    assert (refused.code, type(refused)) == (code, kind)


def test_a_dispute_in_another_currency_is_refused_first() -> None:
    trade = delivered()

    assert refusal(lambda: disputed(trade, currency="CNY", role="seller")).code == "currency_mismatch"
    assert refusal(lambda: disputed(trade, role="seller")).code == "not_a_disputant"
    assert refusal(lambda: disputed(trade, 10**9)).code == "dispute_exceeds_escrow"
    disputed(trade)
    assert refusal(lambda: disputed(trade)).facts["state"] == "disputed"


@pytest.mark.parametrize("trade_id", ["trd_0", f"trd_{'0' * 26}"])
def test_what_is_no_trade_of_the_tenant_is_not_found(trade_id: str) -> None:
    for act in (
        lambda: life.agree_trade(call(), trade_id),
        lambda: life.accept_milestone(call(), trade_id, "delivery"),
        lambda: life.sign_milestone(call(), trade_id, Signature("delivery", "buyer", "pty_buyer")),
    ):
        refused = refusal(act)
        assert (type(refused), refused.code) == (NotFound, "trade_not_found")


def test_each_is_one_read_and_one_commit_and_once() -> None:
    trade, command = delivered(), call()

    with watching() as calls:
        first = signed(trade, command=command)
    again = signed(trade, command=command)

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]
    assert (again.replayed, again.item) == (True, first.item)


def test_a_process_killed_at_any_call_leaves_one_signature_after_a_retry() -> None:
    for point in crash_points():
        trade, command = delivered(), call()
        with point:
            signed(trade, command=command)

        outcome = signed(trade, command=command)

        assert now(trade).progress["delivery"].signed == ("buyer",), point
        assert load_entry(TENANT, command.entry_id) == outcome.item, point
