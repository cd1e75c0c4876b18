"""Random entries under random faults, each sent until it is answered, against a model that is a dictionary."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from chalicelib.core.call import Call
from chalicelib.core.errors import Refusal
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Kind, Posting, Side
from chalicelib.ledger.service.accounts import OpenAccount, get_account, open_account
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.ledger.service.trial import trial_balance
from tests.support.calls import call
from tests.support.dynamodb_local import Tables
from tests.support.faults import CRASHES, LOST, Crash, Effect, conflicted, fault, throttled

TERMS = (
    (Kind.ASSET, None, None),
    (Kind.LIABILITY, 0, None),
    (Kind.LIABILITY, -50, 300),
    (Kind.EXPENSE, None, 200),
    (Kind.EQUITY, 0, None),
)
"""Kind, floor and ceiling of each account."""


@dataclass(frozen=True)
class Step:
    """Some legs by account number (positive: debit), what strikes the first try, and how often it is said again."""

    legs: tuple[tuple[int, int], ...]
    effect: Effect | None
    again: int


def balanced(parts: list[tuple[int, int]], last: int) -> tuple[tuple[int, int], ...]:
    """The legs with one more that makes them balance; accounts that would stand on both sides are netted."""
    sums: dict[int, int] = {}
    for account, amount in (*parts, (last, -sum(amount for _, amount in parts))):
        sums[account] = sums.get(account, 0) + amount
    return tuple((account, amount) for account, amount in sums.items() if amount)


accounts = st.integers(0, len(TERMS) - 1)
amounts = st.integers(-150, 150).filter(bool)
legs = st.builds(balanced, st.lists(st.tuples(accounts, amounts), min_size=1, max_size=3), accounts)
effects = st.one_of(st.none(), st.sampled_from((*CRASHES, *LOST, conflicted, throttled)))
steps = st.builds(Step, legs.filter(lambda parts: len(parts) > 1), effects, st.integers(0, 2))


class Model:
    """Signed balances, debits positive, and the rule of each limit as one would say it."""

    def __init__(self) -> None:
        self.balances = [0] * len(TERMS)

    def post(self, parts: tuple[tuple[int, int], ...]) -> str:
        """What becomes of the legs: "booked", or the code of the first that its account does not allow."""
        for account, amount in parts:
            kind, floor, ceiling = TERMS[account]
            own = (self.balances[account] + amount) * (1 if kind.debit_normal else -1)
            rises = (amount > 0) == kind.debit_normal
            if not rises and floor is not None and own < floor:
                return "insufficient_funds"
            if rises and ceiling is not None and own > ceiling:
                return "ceiling_reached"
        for account, amount in parts:
            self.balances[account] += amount
        return "booked"


class Books:
    """The same accounts in the ledger, in a tenant of their own."""

    def __init__(self) -> None:
        self.tenant = f"ten_{uuid.uuid4().hex}"
        self.ids = [
            str(open_account(self.call(), OpenAccount("any", *terms)).item.data["account_id"])
            for terms in ((kind, "CNY", floor, ceiling) for kind, floor, ceiling in TERMS)
        ]

    def call(self) -> Call:
        return call(tenant=self.tenant)

    def post(self, step: Step) -> list[str]:
        """Send the step's entry until it is answered, then again as often as it says: every answer."""
        postings = tuple(
            Posting(self.ids[account], Side.DEBIT if amount > 0 else Side.CREDIT, Money(abs(amount), "CNY"))
            for account, amount in step.legs
        )
        command, entry = self.call(), PostEntry("entry.posted", postings)
        answers: list[str] = []
        if step.effect is not None:
            with fault(step.effect):
                try:
                    answers.append(answer(command, entry))
                except Crash:
                    note("killed")
        return answers + [answer(command, entry) for _ in range(step.again + (not answers))]

    def balances(self) -> list[int]:
        return [get_account(self.tenant, account_id).balance for account_id in self.ids]


def answer(command: Call, entry: PostEntry) -> str:
    try:
        post_entry(command, entry)
    except Refusal as refusal:
        return refusal.code
    return "booked"


@pytest.fixture
def stage(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", session_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", session_tables.endpoint)


@settings(
    max_examples=20,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(steps, min_size=1, max_size=12))
def test_the_ledger_is_the_model_whatever_strikes_it(stage: None, run: list[Step]) -> None:
    model, books = Model(), Books()

    for step in run:
        expected = model.post(step.legs)
        assert set(books.post(step)) == {expected}, step
        assert books.balances() == model.balances

    assert trial_balance(books.tenant).differences == {"CNY": 0}
