"""Trades, lenders and credit lines are opened in one commit each, refused in order, and answered the same for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from chalicelib.core.daycount import DayCount
from chalicelib.core.errors import Conflict, InvalidInput, KeyReused, NotFound
from chalicelib.core.money import Money
from chalicelib.credit.domain import Component, Terms
from chalicelib.ledger.domain import Purpose, purpose_account_id
from chalicelib.ledger.store.accounts import load_account
from chalicelib.settlement.service import lending, opening
from chalicelib.storage.once import Outcome
from tests.settlement.market import DUE, Line, Market, kinds, market, reference_of, refusal, state_of
from tests.support.dynamodb_local import Tables
from tests.support.faults import watching
from tests.trades.deals import STEEL

OTHER_IBAN = "NL35MOCK0000000012"


def opened_line(place: Market, key: str | None = None, **changes: object) -> Outcome:
    """A line of 2,000,000.00 at 6 % from the market's lender to its buyer, unless told."""
    terms = Terms(Money(200_000_000, "CNY"), 600, DayCount.ACT_360)
    command = lending.OpenLine(place.party("lender"), place.party("buyer"), terms)
    return lending.open_credit_line(place.call(key), replace(command, **changes))  # type: ignore[arg-type]


# ---- trades ----------------------------------------------------------------------------------------------------------


def test_a_trade_opens_with_an_empty_escrow_and_the_payment_it_expects(tables: Tables) -> None:
    steel = market()

    facts = steel.opened().item.data

    trade_id = facts["trade_id"]
    escrow = load_account(steel.tenant, purpose_account_id(steel.tenant, Purpose.ESCROW, "CNY", trade_id))
    assert (escrow.account_id, escrow.balance, escrow.floor) == (facts["escrow_account_id"], 0, 0)
    expected = steel.expected(facts["reference"])
    assert (expected.kind, expected.subject_id, expected.expected_minor) == ("trade", trade_id, DUE)
    assert facts["reference"] == reference_of(steel, trade_id)
    assert facts["due_minor"] == DUE
    assert (facts["state"], facts["template_id"], facts["template_version"]) == ("agreed", "steel", 1)


def test_a_trade_is_opened_in_one_read_and_one_commit(tables: Tables) -> None:
    steel = market()
    steel.opened()

    with watching() as calls:
        steel.opened()

    assert calls.operations == ["dynamodb.BatchGetItem", "dynamodb.TransactWriteItems"]


@pytest.mark.parametrize(
    ("code", "template_id", "wrong"),
    [
        # What is wrong in a row is wrong in each row before it too: the first refusal is the one that is told.
        ("template_not_found", "copper", {"currency": "JPY"}),
        ("currency_not_allowed", "steel", {"currency": "JPY", "parties": {}}),
        ("party_missing", "steel", {"currency": "EUR", "parties": {}}),
        ("party_not_found", "steel", {"currency": "EUR", "stranger": True}),
        ("currency_not_banked", "steel", {"currency": "EUR"}),
    ],
)
def test_a_trade_is_refused_in_this_order(
    tables: Tables, code: str, template_id: str, wrong: dict[str, object]
) -> None:
    steel = market()
    parties = {role: steel.party(role) for role in STEEL.parties}
    if wrong.pop("stranger", False):
        parties["mill"] = "pty_of_nobody"
    command = replace(STEEL, **{"parties": parties} | wrong)  # type: ignore[arg-type]
    before = state_of(tables)

    refused = refusal(lambda: opening.open_with_expected_payment(steel.call("one"), template_id, command))

    assert refused.code == code
    assert state_of(tables) == before


def test_a_party_that_could_not_be_paid_is_refused_by_name(tables: Tables) -> None:
    steel = market()
    steel.deal()
    in_euros = market(iban=OTHER_IBAN, currency="EUR")
    in_euros.parties = steel.parties

    refused = refusal(in_euros.opened)

    assert (type(refused), refused.code) == (Conflict, "party_account_missing")
    assert refused.facts == {"party_id": steel.party("buyer"), "currency": "EUR"}


def test_another_tenants_parties_are_not_found(tables: Tables) -> None:
    steel, grain = market(), market("Grain Marketplace", iban=OTHER_IBAN)
    steel.deal()
    grain.parties = steel.parties

    refused = refusal(grain.opened)

    assert (type(refused), refused.code) == (NotFound, "party_not_found")


def test_a_refused_opening_leaves_its_key_free(tables: Tables) -> None:
    steel = market()
    too_much = replace(STEEL, fixed_shares={"carrier": DUE + 1})
    refused = refusal(lambda: steel.opened(too_much, key="one"))
    assert refused.code == "split_exceeds_amount"

    assert not steel.opened(key="one").replayed


def test_an_opening_sent_again_is_answered_the_same_after_all_has_moved_on(tables: Tables) -> None:
    steel = market()
    first = steel.opened(key="one")
    deal = steel.deal()
    steel.pay(first.item.data["reference"], DUE)
    steel.pay(deal.reference, 1)

    again = steel.opened(key="one")

    assert again.replayed
    assert again.item == first.item
    assert kinds(tables, steel.tenant).count("trade.opened") == 2


def test_the_same_key_for_another_request_is_refused(tables: Tables) -> None:
    steel = market()
    steel.opened(key="one")
    terms = Terms(Money(1, "CNY"), 600, DayCount.ACT_360)
    line = lending.OpenLine(steel.party("lender"), steel.party("buyer"), terms)
    other = steel.call("one", body="other")

    for command in (
        lambda: opening.open_with_expected_payment(other, "steel", replace(STEEL, parties=steel.parties)),
        lambda: lending.open_lender(other, steel.party("lender"), "CNY"),
        lambda: lending.open_credit_line(other, line),
    ):
        assert isinstance(refusal(command), KeyReused)


# ---- lenders ---------------------------------------------------------------------------------------------------------


def test_a_lender_opens_with_two_accounts_and_a_reference(tables: Tables) -> None:
    steel = market()

    facts = lending.open_lender(steel.call(), steel.party("lender"), "CNY").item.data

    assert facts == {
        "party_id": steel.party("lender"),
        "currency": "CNY",
        "reference": reference_of(steel, f"{steel.party('lender')} CNY"),
    }
    expected = steel.expected(facts["reference"])
    assert (expected.kind, expected.subject_id, expected.expected_minor) == ("lender", steel.party("lender"), None)
    for purpose in (Purpose.LENDER_UNDRAWN, Purpose.LENDER_DRAWN):
        account_id = purpose_account_id(steel.tenant, purpose, "CNY", steel.party("lender"))
        assert load_account(steel.tenant, account_id).floor == 0


@pytest.mark.parametrize(
    ("code", "party", "currency", "kind"),
    [
        ("unknown_currency", "pty_of_nobody", "XXZ", InvalidInput),
        ("party_not_found", "pty_of_nobody", "EUR", NotFound),
        ("currency_not_banked", "", "EUR", Conflict),
    ],
)
def test_a_lender_is_refused_in_this_order(tables: Tables, code: str, party: str, currency: str, kind: type) -> None:
    steel = market()
    party_id = party or steel.party("lender")

    refused = refusal(lambda: lending.open_lender(steel.call(), party_id, currency))

    assert (refused.code, type(refused)) == (code, kind)


def test_a_lender_is_one_once_in_a_currency(tables: Tables) -> None:
    steel = market()
    steel.lender()

    refused = refusal(lambda: lending.open_lender(steel.call(), steel.party("lender"), "CNY"))

    assert (refused.code, type(refused)) == ("account_exists", Conflict)


# ---- credit lines ----------------------------------------------------------------------------------------------------


def test_a_line_opens_with_its_accounts_and_a_reference(tables: Tables) -> None:
    steel = market()
    steel.lender()

    facts = opened_line(steel).item.data

    line_id = facts["line_id"]
    loan = load_account(steel.tenant, purpose_account_id(steel.tenant, Purpose.LOAN, "CNY", line_id))
    assert (loan.ceiling, loan.floor) == (200_000_000, 0)
    expected = steel.expected(facts["reference"])
    assert (expected.kind, expected.subject_id) == ("credit_line", line_id)
    assert facts | {"line_id": "", "reference": ""} == {
        "line_id": "",
        "reference": "",
        "lender_party_id": steel.party("lender"),
        "borrower_party_id": steel.party("buyer"),
        "currency": "CNY",
        "limit_minor": 200_000_000,
        "rate_bps": 600,
        "day_count": "ACT/360",
        "repayment_order": ["interest", "principal"],
        "backdating_days": 90,
        "bounced_owed_from": "value_date",
    }


TERMS = Terms(Money(1, "CNY"), 600, DayCount.ACT_360)


@pytest.mark.parametrize(
    ("code", "changes", "kind"),
    [
        ("limit_not_positive", {"terms": replace(TERMS, limit=Money(0, "CNY"), rate_bps=-1)}, InvalidInput),
        ("invalid_rate", {"terms": replace(TERMS, rate_bps=-1, repayment_order=())}, InvalidInput),
        ("invalid_repayment_order", {"terms": replace(TERMS, repayment_order=(Component.INTEREST,))}, InvalidInput),
        ("lender_is_borrower", {"lender_party_id": "pty_x", "borrower_party_id": "pty_x"}, InvalidInput),
        ("party_not_found", {"lender_party_id": "pty_x"}, NotFound),
        ("party_not_found", {"borrower_party_id": "pty_x"}, NotFound),
        ("not_a_lender", {}, Conflict),
    ],
)
def test_a_line_is_refused_in_this_order(
    tables: Tables, code: str, changes: dict[str, object], kind: type[Exception]
) -> None:
    steel = market()

    refused = refusal(lambda: opened_line(steel, **changes))

    assert (refused.code, type(refused)) == (code, kind)


def test_a_line_needs_a_lender_of_its_currency(tables: Tables) -> None:
    steel = market()
    steel.lender()

    refused = refusal(lambda: opened_line(steel, terms=replace(TERMS, limit=Money(1, "EUR"))))

    assert refused.code == "not_a_lender"


def test_a_line_of_another_tenants_parties_is_not_found(tables: Tables) -> None:
    steel = market()
    steel.lender()
    grain = market("Grain Marketplace", iban=OTHER_IBAN)

    refused = refusal(lambda: opened_line(Market(grain.account, parties=steel.parties)))

    assert (type(refused), refused.code) == (NotFound, "party_not_found")


def test_lenders_and_lines_sent_again_are_answered_the_same_after_the_line_has_moved(tables: Tables) -> None:
    steel = market()
    steel.lend()
    lender = lending.open_lender(steel.call("lender-lender"), steel.party("lender"), "CNY")
    first = opened_line(steel, "line")
    line = Line(first.item.data["line_id"], first.item.data["reference"], steel.party("lender"))
    steel.draw(line, steel.deal(), 5)

    again = opened_line(steel, "line")

    assert lender.replayed
    assert again.replayed
    assert again.item == first.item
