"""The worked numbers of one steel deal, command by command, on DynamoDB Local."""

from __future__ import annotations

from chalicelib.credit.service import accrue_due
from chalicelib.ledger.domain import Purpose
from tests.settlement.market import DRAWN, LENT, PAID, facts_of, funded_by_credit, market, trial_balance
from tests.support.dynamodb_local import Tables


def test_the_steel_deal_comes_to_the_worked_numbers(tables: Tables) -> None:
    steel = market()
    deal, line = funded_by_credit(steel)
    assert (steel.escrow(deal), steel.bank) == (PAID + DRAWN, LENT + PAID)

    facts = facts_of(steel.settle(deal))
    assert facts["shares_minor"] == {"carrier": 4_250_000, "platform": 544_613, "mill": 176_743_363}
    assert (facts["final_amount_minor"], facts["refund_minor"]) == (181_537_976, 962_024)
    assert (facts["refund_to_interest_minor"], facts["refund_to_principal_minor"]) == (41_250, 920_774)
    assert facts["refund_to_buyer_minor"] == 0
    assert (steel.owed("carrier"), steel.owed("mill"), steel.owed("buyer")) == (4_250_000, 176_743_363, 0)
    assert (steel.escrow(deal), steel.balance(Purpose.FEE_INCOME)) == (0, 544_613)

    run = accrue_due(steel.call(days=30).now)
    assert run.failures == ()
    steel.pay(line.reference, 81_946_333, days=30, booked_on=steel.call(days=30).now.date())

    assert steel.balance(Purpose.LOAN, line.line_id) == 0
    assert steel.balance(Purpose.INTEREST_RECEIVABLE, line.line_id) == 0
    assert steel.balance(Purpose.INTEREST_INCOME) == 408_357
    assert steel.balance(Purpose.LENDER_UNDRAWN, line.lender) == LENT
    assert steel.balance(Purpose.LENDER_DRAWN, line.lender) == 0
    assert steel.suspense == 0
    assert set(trial_balance(tables, steel.tenant).values()) == {0}
