"""Whatever happens to a trade and its line, in whatever order: after each step the books agree with what is known."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import ExpectedPayment
from chalicelib.core.errors import Conflict
from chalicelib.credit import store as credit_store
from chalicelib.credit.domain import CreditLine
from chalicelib.credit.service import accrue_line
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.store.accounts import load_accounts
from chalicelib.settlement.domain.credit import CreditFunding
from chalicelib.settlement.store.credit import credit_funding_key, take_credit_funding
from chalicelib.settlement.store.expected import take_expected
from chalicelib.storage.reads import fetch
from chalicelib.trades import store as trades_store
from chalicelib.trades.domain.template import Fault
from chalicelib.trades.domain.trade import Trade
from tests.settlement.goods import Trading, trading
from tests.settlement.market import Deal, Line, day
from tests.trades.deals import STEEL

UNIT_PRICE = 4_000
SMALL = replace(STEEL, quantity_milli=1_000, unit_price_minor=UNIT_PRICE, fixed_shares={"carrier": 300})
LIMIT = 5_000

Step = tuple[str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("pay"), st.integers(1, UNIT_PRICE + 500)),
        st.tuples(st.just("draw"), st.integers(1, LIMIT + 100)),
        st.tuples(st.just("lend"), st.integers(1, 3_000)),
        st.tuples(st.just("repay"), st.integers(1, 3_000)),
        st.tuples(st.just("accrue"), st.integers(1, 40)),
        st.tuples(st.just("settle"), st.just(0)),
        st.tuples(st.just("charge"), st.integers(1, 10)),
        st.tuples(st.just("fund"), st.integers(1, UNIT_PRICE + 100)),
        st.tuples(st.just("refund"), st.integers(1, UNIT_PRICE)),
        st.tuples(st.just("dispute"), st.integers(1, UNIT_PRICE)),
        st.tuples(st.just("resolve"), st.integers(0, 100)),
        st.tuples(st.just("take_back"), st.integers(1, UNIT_PRICE)),
        st.tuples(st.just("cancel"), st.integers(0, 2)),
    ),
    min_size=3,
    max_size=14,
)
FIXINGS = st.sampled_from([UNIT_PRICE // 2, UNIT_PRICE - 1_500, UNIT_PRICE, UNIT_PRICE + 900])


class Story:
    """One trade, one line and one lender, and what has come by bank so far."""

    def __init__(self, fixing: int) -> None:
        self.days = 3
        self.place: Trading = trading()
        self.lent = self.came = self.own = 0
        self.line: Line = self.place.line(limit=LIMIT)
        self.deal: Deal = self.place.deal(SMALL)
        self.place.weighed(self.deal, 1_000, fixing)

    def take(self, step: Step) -> None:
        """Take a step. One that is refused changes nothing, which the checks after it show."""
        name, size = step
        try:
            getattr(self, f"_{name}")(size)
        except Conflict:
            return

    def check(self) -> None:
        """All that must hold after every step."""
        trade, credit_line, expected, funding = self._known()
        by_line = funding.drawn_minor if funding else 0
        balance = self._balances()
        assert balance["escrow"] == trade.held_minor
        assert balance["loan"] == balance["drawn"] == credit_line.principal_minor
        assert balance["undrawn"] + balance["drawn"] == self.lent
        assert balance["receivable"] == credit_line.booked_interest.minor
        assert balance["bank"] == self.came
        assert balance["suspense"] == sum(receipt.unallocated_minor for receipt in self.place.unmatched())
        assert trade.funded_minor == expected.received_minor + by_line + self.own
        assert trade.outstanding.minor == (expected.expected_minor or 0) - expected.received_minor
        paid = balance["mill"] + balance["carrier"] + balance["fee"]
        assert paid == trade.released_minor - sum(one.back_minor for one in trade.got.values())
        assert trade.funded_minor == trade.released_minor + trade.refunded_minor + trade.held_minor
        assets = balance["bank"] + balance["loan"] + balance["receivable"]
        assert 2 * assets == sum(balance.values())

    def _known(self) -> tuple[Trade, CreditLine, ExpectedPayment, CreditFunding | None]:
        tenant, trade_id, line_id = self.place.tenant, self.deal.trade_id, self.line.line_id
        state, line = trades_store.state_key(tenant, trade_id), credit_store.line_key(tenant, line_id)
        expected = banking_store.expected_key(tenant, self.deal.reference)
        found = fetch((state, line, expected, credit_funding_key(tenant, trade_id)))
        funding = take_credit_funding(found, tenant, trade_id)
        return (
            trades_store.take_trade(found, tenant, trade_id).value,
            credit_store.take_line(found, tenant, line_id).value,
            take_expected(found, tenant, self.deal.reference).value,
            funding.value if funding else None,
        )

    def _balances(self) -> dict[str, int]:
        """Every balance there is, on its account's own side."""
        ids = {
            name: purpose_account_id(self.place.tenant, purpose, "CNY", owner)
            for name, (purpose, owner) in self._accounts().items()
        }
        accounts = load_accounts(self.place.tenant, list(ids.values()))
        return {name: accounts[account_id].own_balance for name, account_id in ids.items()}

    def _accounts(self) -> dict[str, tuple[Purpose, str]]:
        party, line_id = self.place.party, self.line.line_id
        return {
            "bank": (Purpose.BANK, self.place.account.iban),
            "suspense": (Purpose.SUSPENSE, ""),
            "fee": (Purpose.FEE_INCOME, ""),
            "interest": (Purpose.INTEREST_INCOME, ""),
            "escrow": (Purpose.ESCROW, self.deal.trade_id),
            "loan": (Purpose.LOAN, line_id),
            "receivable": (Purpose.INTEREST_RECEIVABLE, line_id),
            "undrawn": (Purpose.LENDER_UNDRAWN, self.line.lender),
            "drawn": (Purpose.LENDER_DRAWN, self.line.lender),
            **{role: (Purpose.PARTY, party(role)) for role in ("buyer", "mill", "carrier")},
        }

    def _pay(self, minor: int) -> None:
        self._comes(self.deal.reference, minor)

    def _repay(self, minor: int) -> None:
        self._comes(self.line.reference, minor)

    def _lend(self, minor: int) -> None:
        self._comes(self.place.lender(), minor)
        self.lent += minor

    def _charge(self, minor: int) -> None:
        self._comes("", -minor)

    def _comes(self, reference: str, minor: int) -> None:
        self.place.pay(reference, minor, days=self.days)
        self.came += minor

    def _draw(self, minor: int) -> None:
        self.place.draw(self.line, self.deal, minor, days=self.days)

    def _accrue(self, days: int) -> None:
        self.days += days
        accrue_line(self.place.call(), self.place.credit_line(self.line), day(self.days))

    def _settle(self, _: int) -> None:
        self.place.settle(self.deal, days=self.days)

    def _fund(self, minor: int) -> None:
        """The buyer has so much on its account, and funds the trade with it."""
        self.place.owe("buyer", minor)
        self.came += minor
        self.place.fund(self.deal, minor)
        self.own += minor

    def _refund(self, minor: int) -> None:
        self.place.refund(self.deal, minor)

    def _dispute(self, minor: int) -> None:
        self.place.dispute(self.deal, minor)

    def _resolve(self, percent: int) -> None:
        """The marketplace gives the buyer a part and the mill the rest."""
        dispute = self.place.trade(self.deal).dispute
        minor = dispute.minor if dispute else 1
        back = minor * percent // 100
        self.place.resolve(self.deal, role="platform", buyer=back, mill=minor - back)

    def _take_back(self, minor: int) -> None:
        self.place.take_back(self.deal, minor)

    def _cancel(self, fault: int) -> None:
        self.place.cancel(self.deal, list(Fault)[fault])


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(STEPS, FIXINGS)
def test_the_books_agree_after_every_step(place: Trading, steps: list[Step], fixing: int) -> None:
    story = Story(fixing)
    # So that most stories come to their end: the lender has money, and the end is tried whatever came before.
    for step in (
        ("lend", 2_000),
        *steps,
        ("draw", 500),
        ("pay", UNIT_PRICE),
        ("settle", 0),
        ("pay", 900),
        ("settle", 0),
    ):
        story.take(step)
        story.check()
