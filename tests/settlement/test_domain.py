"""Who gets what, as pure rules: shares and refunds always balance and add up, a drawdown is refused in order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.banking.domain import ExpectedPayment
from chalicelib.core.errors import Conflict, InvalidInput, Refusal
from chalicelib.core.money import Money
from chalicelib.credit.changes import draw
from chalicelib.credit.domain import CreditLine, accrue, interest_due
from chalicelib.ledger.domain import Posting, Purpose, Side, credit, debit, entry_of, purpose_account_id
from chalicelib.settlement.domain.accounts import netted, party_account_id, share_account_id
from chalicelib.settlement.domain.back_to_back import Deal, feed, link
from chalicelib.settlement.domain.credit import CreditFunding, fund_by_credit
from chalicelib.settlement.domain.division import refund, refund_postings, share_postings
from chalicelib.settlement.domain.funding import expected_after
from chalicelib.splits.domain.waterfall import divide
from chalicelib.trades.domain.funding import fund
from chalicelib.trades.domain.states import State
from chalicelib.trades.domain.trade import Division, Got
from tests.credit.lines import day, line_of
from tests.support.calls import MONDAY, TENANT
from tests.trades.deals import FIXED_PRICE, STEEL, cny, eur, funded, opened

ACCOUNTS = st.sampled_from(["acc_a", "acc_b", "acc_c"])
POSTINGS = st.lists(
    st.builds(Posting, ACCOUNTS, st.sampled_from(Side), st.builds(Money, st.integers(1, 1000), st.just("CNY"))),
    max_size=12,
)
BORROWERS_LINE = replace(line_of(), borrower_party_id="pty_buyer")


def sums(postings: Iterable[Posting]) -> dict[str, int]:
    """Debits less credits of each account that is left with something."""
    found: dict[str, int] = defaultdict(int)
    for posting in postings:
        found[posting.account_id] += posting.signed
    return {account_id: signed for account_id, signed in found.items() if signed}


def credited(postings: Sequence[Posting], account_id: str) -> int:
    return -sum(posting.signed for posting in postings if posting.account_id == account_id)


def drawn(minor: int, *, on: int = 0, limit: int = 200_000_000) -> CreditLine:
    """The buyer's line with this much drawn on a day."""
    line = replace(line_of(limit), borrower_party_id="pty_buyer")
    return draw(line, cny(minor), day(on)).line if minor else line


# ---- netting ---------------------------------------------------------------------------------------------------------


@given(POSTINGS)
def test_netting_keeps_what_each_account_is_left_with(postings: list[Posting]) -> None:
    once = netted(postings)

    assert sums(once) == sums(postings)
    assert len({posting.account_id for posting in once}) == len(once)
    assert all(posting.amount.minor > 0 for posting in once)


def test_netting_keeps_currencies_apart() -> None:
    postings = (debit("acc_a", cny(5)), credit("acc_a", eur(5)))

    assert netted(postings) == postings


# ---- shares ----------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**12), st.integers(0, 10**6), st.integers(0, 10**6))
def test_shares_leave_the_escrow_in_full_and_reach_their_accounts(rest: int, carrier: int, inspector: int) -> None:
    shares = {"carrier": carrier, "inspector": inspector, "warehouse": 0}
    terms, trade = opened(FIXED_PRICE, "fixed-price", fixed_shares=shares, quantity_milli=10**7, unit_price_minor=10**9)
    amount = eur(2 * (carrier + inspector) + rest)
    divided = divide(terms.waterfall(), amount)

    postings = share_postings(TENANT, terms, Division(trade, divided, amount.of(0)))

    assert credited(postings, terms.escrow_account_id) == -amount.minor
    for role, share in divided:
        assert credited(postings, share_account_id(TENANT, terms, role)) == share.minor
    if amount.minor:
        entry_of("test", postings, occurred_at=MONDAY)


def test_a_role_without_a_party_is_the_marketplaces_fee() -> None:
    terms, _ = opened()

    fee = purpose_account_id(TENANT, Purpose.FEE_INCOME, "CNY")
    assert share_account_id(TENANT, terms, "platform") == fee
    assert share_account_id(TENANT, terms, "mill") == party_account_id(TENANT, "pty_mill", "CNY")


def test_a_party_in_two_roles_is_credited_once_with_both_shares() -> None:
    terms, trade = opened(STEEL, parties={"buyer": "pty_buyer", "mill": "pty_mill", "carrier": "pty_mill"})
    shares = divide(terms.waterfall(), cny(10_000_000))

    postings = share_postings(TENANT, terms, Division(trade, shares, cny(0)))

    assert len(postings) == 3
    assert credited(postings, party_account_id(TENANT, "pty_mill", "CNY")) == 9_970_000


# ---- refunds ---------------------------------------------------------------------------------------------------------


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 400), st.integers(0, 400))
def test_a_refund_adds_up_and_balances(owed: int, back: int, accrued_on: int, on: int) -> None:
    terms, _ = opened()
    line = drawn(owed, limit=10**9)
    line = accrue(line, day(accrued_on)).line if accrued_on else line
    due = interest_due(line, day(on)).minor

    refunded = refund(line, cny(back), day(on))
    postings = netted(refund_postings(TENANT, terms, refunded))

    assert credited(postings, terms.escrow_account_id) == -back
    assert credited(postings, party_account_id(TENANT, terms.buyer, "CNY")) == refunded.to_buyer.minor
    assert refunded.to_buyer.minor == max(0, back - owed - due)
    if refunded.repayment is not None:
        repaid = refunded.repayment.interest + refunded.repayment.principal
        assert (repaid + refunded.to_buyer).minor == back
        assert refunded.line is not None
        assert refunded.line.principal_minor == owed - refunded.repayment.principal.minor
    if postings:
        entry_of("test", postings, occurred_at=MONDAY)


@given(st.integers(1, 10**9))
def test_a_refund_without_a_line_is_the_buyers(back: int) -> None:
    terms, _ = opened()

    postings = netted(refund_postings(TENANT, terms, refund(None, cny(back), day(3))))

    assert sums(postings) == {
        terms.escrow_account_id: back,
        party_account_id(TENANT, terms.buyer, "CNY"): -back,
    }


def test_a_line_repaid_meanwhile_gets_nothing_of_a_refund() -> None:
    refunded = refund(drawn(0), cny(962_024), day(3))

    assert refunded.to_buyer == cny(962_024)
    assert refunded.line is not None
    assert (refunded.line.principal_minor, refunded.line.booked_interest.minor) == (0, 0)


def test_no_refund_leaves_the_line_as_it_is() -> None:
    line = drawn(500)

    assert refund(line, cny(0), day(3)).line is line
    assert refund_postings(TENANT, opened()[0], refund(None, cny(0), day(3)))[0].amount.minor == 0


def test_a_refund_dated_before_the_accrual_pays_the_interest_of_its_own_day() -> None:
    line = accrue(drawn(82_500_000), day(3)).line

    refunded = refund(line, cny(962_024), day(2))

    assert refunded.repayment is not None
    assert (refunded.repayment.interest, refunded.repayment.recognised) == (cny(27_500), cny(0))
    assert refunded.repayment.adjustment.interest_minor == 13_594 - 13_750


# ---- funding by credit -----------------------------------------------------------------------------------------------


def test_a_drawdown_moves_line_trade_and_record_together() -> None:
    terms, trade = opened()
    before = CreditFunding("crl_one", 5)

    funded_by = fund_by_credit(BORROWERS_LINE, terms, trade, before, cny(100), now=MONDAY + timedelta(days=1))

    assert funded_by.drawdown.line.principal == cny(100)
    assert (funded_by.trade.state, funded_by.trade.funded_minor) == (State.FUNDING, 100)
    assert funded_by.funding == CreditFunding("crl_one", 105)


@pytest.mark.parametrize("state", [State.FUNDED, State.COMPLETED])
def test_a_trade_that_takes_no_money_is_funded_by_no_line(state: State) -> None:
    terms, trade = opened()
    full = funded(terms, trade)
    if state is State.COMPLETED:
        got = {"mill": Got(full.due_minor)}
        full = replace(full, stage=state, released_minor=full.due_minor, got=got, expires_at=None)

    with pytest.raises(Conflict) as refused:
        fund_by_credit(BORROWERS_LINE, terms, full, None, cny(1), now=MONDAY)

    assert refused.value.facts == {"state": state.value, "command": "fund"}


IN_ORDER = [
    # What else is wrong is wrong in every later row as well, so that each row shows which refusal comes first.
    ("line_of_another_buyer", {"borrower": "pty_other", "minor": 0}, Conflict),
    ("amount_not_positive", {"minor": 0}, InvalidInput),
    ("credit_line_not_active", {"status": "closed", "minor": 10**12}, Conflict),
    ("credit_limit_exceeded", {"minor": 10**12}, Conflict),
    ("currency_mismatch", {"currency": "EUR", "state": State.FUNDED, "line_before": "crl_other"}, InvalidInput),
    ("trade_state", {"state": State.FUNDED, "line_before": "crl_other"}, Conflict),
    ("trade_has_another_line", {"line_before": "crl_other", "minor": 182_500_001}, Conflict),
    ("more_than_outstanding", {"minor": 182_500_001}, Conflict),
]


def tried(
    *,
    borrower: str = "pty_buyer",
    status: str = "active",
    minor: int = 100,
    currency: str = "CNY",
    state: State = State.AGREED,
    line_before: str = "crl_one",
) -> Refusal:
    """What a drawdown with one thing wrong, or several, is refused with."""
    line = replace(BORROWERS_LINE, borrower_party_id=borrower, status=status)
    terms, trade = opened()
    if state is State.FUNDED:
        trade = funded(terms, trade)
    trade = replace(trade, currency=currency)
    with pytest.raises(Refusal) as refused:
        fund_by_credit(line, terms, trade, CreditFunding(line_before, 0), cny(minor), now=MONDAY)
    return refused.value


@pytest.mark.parametrize(("code", "wrong", "kind"), IN_ORDER, ids=[row[0] for row in IN_ORDER])
def test_a_drawdown_is_refused_in_this_order(code: str, wrong: dict[str, object], kind: type[Refusal]) -> None:
    refusal = tried(**wrong)  # type: ignore[arg-type]

    assert (refusal.code, type(refusal)) == (code, kind)


def test_more_than_outstanding_says_what_is() -> None:
    assert tried(minor=182_500_001).facts == {"requested": 182_500_001, "outstanding": 182_500_000}


# ---- what the bank should send ---------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 10**8)), max_size=8), st.integers(0, 10**6))
def test_the_bank_is_asked_for_what_is_outstanding_and_no_more(payments: list[tuple[bool, int]], more: int) -> None:
    terms, trade = opened()
    expected = ExpectedPayment(terms.reference, "trade", terms.trade_id, "CNY", trade.due_minor)
    banked = 0
    for by_bank, minor in payments:
        funding = fund(terms, trade, cny(minor), now=MONDAY)
        expected = expected_after(expected, trade, funding.trade, by_bank=by_bank)
        trade, banked = funding.trade, banked + funding.accepted.minor * by_bank
        assert expected.received_minor == banked
        assert expected.expected_minor == banked + trade.outstanding.minor
    dearer = replace(trade, due_minor=trade.due_minor + more)

    assert (expected_after(expected, trade, dearer).expected_minor or 0) == banked + dearer.outstanding.minor


# ---- back to back ----------------------------------------------------------------------------------------------------


def test_trades_in_two_currencies_are_not_linked() -> None:
    upstream = Deal(*opened(STEEL, currency="EUR"))
    downstream = Deal(*opened(STEEL))

    with pytest.raises(Conflict) as refused:
        link(upstream, downstream, None)

    assert (refused.value.code, refused.value.facts) == (
        "link_currency_differs",
        {"upstream": "EUR", "downstream": "CNY"},
    )


@given(st.integers(0, 200_000_000), st.integers(0, 182_500_000))
def test_what_goes_upstream_is_neither_more_than_the_share_nor_than_is_asked(share: int, paid: int) -> None:
    terms, trade = opened()
    before = fund(terms, trade, cny(paid), now=MONDAY).trade if paid else trade
    division = Division(trade, (("mill", cny(share)), ("carrier", cny(7))), cny(0))

    after, amount = feed(terms, division, Deal(terms, before), now=MONDAY)

    assert amount.minor == min(share, before.outstanding.minor)
    assert after.funded_minor == before.funded_minor + amount.minor
    assert after.outstanding.minor == before.outstanding.minor - amount.minor
