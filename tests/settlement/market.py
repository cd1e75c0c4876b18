"""What the settlement tests stand on: a marketplace that banks, its parties, its deals, and money that arrives."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

import pytest

from chalicelib.access.service import create_tenant
from chalicelib.banking import service as banking
from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import BankAccount, ExpectedPayment, new_party, party_account
from chalicelib.banking.movements import Movement
from chalicelib.banking.payouts import Payout
from chalicelib.banking.references import reference_for
from chalicelib.core.call import Call, worker_call
from chalicelib.core.daycount import DayCount
from chalicelib.core.errors import Refusal
from chalicelib.core.ids import derived_id
from chalicelib.core.money import Money
from chalicelib.credit import store as credit_store
from chalicelib.credit.domain import CreditLine, Terms
from chalicelib.ledger.documents import digest
from chalicelib.ledger.domain import Account, Posting, Purpose, credit, debit, purpose_account_id
from chalicelib.ledger.rebuild import Difference, Totals, differences
from chalicelib.ledger.service.account_life import freeze, unfreeze
from chalicelib.ledger.service.entries import PostEntry, post_entry
from chalicelib.ledger.store.accounts import load_account, load_accounts, open_account
from chalicelib.ledger.store.proving import read_accounts
from chalicelib.settlement.domain.accounts import party_account_id
from chalicelib.settlement.domain.receipts import Receipt
from chalicelib.settlement.service import lending, opening, receipts, settling
from chalicelib.settlement.service.dividing import division_facts
from chalicelib.settlement.service.movements import book_movement
from chalicelib.settlement.service.payouts import follow_reserved, payouts_due
from chalicelib.storage.journal import JournalItem, from_wire, journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import fetch
from chalicelib.trades.domain.evidence import Document
from chalicelib.trades.domain.terms import OpenTrade
from chalicelib.trades.domain.trade import Trade
from chalicelib.trades.service.evidence import RecordEvidence, record_evidence
from chalicelib.trades.service.questions import get_trade
from tests.banking.build import BANK, IBAN, MILL_IBAN, bank_public_key, details, party_writes
from tests.support.calls import MONDAY, call
from tests.support.dynamodb_local import Tables
from tests.trades.deals import FIXED_PRICE, STEEL
from tests.trades.papers import delivery_note, index_fixings, weight_note

LIMIT = 200_000_000
LENT = 200_000_000
DUE = 182_500_000
PAID = 100_000_000
DRAWN = 82_500_000
THURSDAY = 3
"""Days from the Monday on which everything begins."""

_bank_references = itertools.count(1)


@dataclass(frozen=True)
class Deal:
    """A trade as its opening answered it, with the party of each role."""

    trade_id: str
    reference: str
    parties: dict[str, str]

    @property
    def buyer(self) -> str:
        return self.parties["buyer"]


@dataclass(frozen=True)
class Line:
    """A credit line as its opening answered it."""

    line_id: str
    reference: str
    lender: str


@dataclass
class Market:
    """A tenant that banks in one currency. Each command is a call of its own unless a key is given."""

    account: BankAccount
    seal: bool = False
    parties: dict[str, str] = field(default_factory=dict)
    lenders: dict[str, str] = field(default_factory=dict)

    @property
    def tenant(self) -> str:
        return self.account.tenant_id

    def call(self, key: str | None = None, *, body: object = None, days: int = 0, now: datetime = MONDAY) -> Call:
        return call(key, tenant=self.tenant, body=body, days=days, now=now)

    def money(self, minor: int) -> Money:
        return Money(minor, self.account.currency)

    # ---- what the marketplace does -----------------------------------------------------------------------------------

    def party(self, role: str) -> str:
        """The party of a role, made when first asked for, with its account in the market's currency."""
        if role not in self.parties:
            self.parties[role] = self._sealed_party(role) if self.seal else self._plain_party(role)
        return self.parties[role]

    def opened(self, command: OpenTrade = STEEL, template_id: str = "steel", *, key: str | None = None) -> Outcome:
        """The outcome of opening a deal in this market's currency, its roles taken by the market's own parties."""
        parties = {role: self.party(role) for role in command.parties}
        own = replace(command, parties=parties, currency=self.account.currency)
        return opening.open_with_expected_payment(self.call(key), template_id, own)

    def deal(self, command: OpenTrade = STEEL, template_id: str = "steel") -> Deal:
        facts = self.opened(command, template_id).item.data
        return Deal(facts["trade_id"], facts["reference"], {role: self.party(role) for role in command.parties})

    def fixed_price_deal(self) -> Deal:
        """The deal of five receiving parties and the marketplace."""
        return self.deal(FIXED_PRICE, "fixed-price")

    def lender(self, role: str = "lender") -> str:
        """The reference that a lender pays in under; it is made one when first asked for."""
        if role not in self.lenders:
            outcome = lending.open_lender(self.call(f"lender-{role}"), self.party(role), self.account.currency)
            self.lenders[role] = str(outcome.item.data["reference"])
        return self.lenders[role]

    def lend(self, minor: int = LENT, role: str = "lender") -> None:
        """Money of a lender comes in."""
        self.pay(self.lender(role), minor)

    def line(self, *, limit: int = LIMIT, rate_bps: int = 600, lender: str = "lender", buyer: str = "buyer") -> Line:
        """A line for the buyer on terms of 6 % ACT/360, unless told."""
        self.lender(lender)
        terms = Terms(self.money(limit), rate_bps, DayCount.ACT_360)
        command = lending.OpenLine(self.party(lender), self.party(buyer), terms)
        facts = lending.open_credit_line(self.call(), command).item.data
        return Line(facts["line_id"], facts["reference"], facts["lender_party_id"])

    def draw(self, line: Line, deal: Deal, minor: int, *, key: str | None = None, days: int = 0) -> Outcome:
        command = lending.DrawIntoEscrow(line.line_id, deal.trade_id, self.money(minor))
        return lending.draw_into_escrow(self.call(key, body=minor, days=days), command)

    def evidence(self, deal: Deal, *documents: Document) -> None:
        """Documents on Thursday."""
        for document in documents:
            record_evidence(self.call(days=THURSDAY), RecordEvidence(deal.trade_id, document))

    def weighed(self, deal: Deal, quantity_milli: int = 498_320, *fixings: int) -> None:
        """Weight note and index fixings: those of the worked numbers unless told."""
        currency = self.account.currency
        self.evidence(deal, weight_note(quantity_milli), index_fixings(*fixings, currency=currency))

    def settle(self, deal: Deal, *, key: str | None = None, days: int = THURSDAY) -> Outcome:
        return settling.settle_finally(self.call(key, days=days), deal.trade_id)

    def release(self, deal: Deal, *, key: str | None = None, milestone: str = "delivery") -> Outcome:
        return settling.release_milestone(self.call(key, days=THURSDAY), deal.trade_id, milestone)

    # ---- what the bank does ------------------------------------------------------------------------------------------

    def movement(self, minor: int, reference: str = "", **more: Any) -> Movement:
        """A movement of the market's bank account, under a bank's reference of its own unless one is given."""
        usual: dict[str, Any] = {
            "bank_reference": f"MB-RCV-{next(_bank_references)}",
            "booked_on": MONDAY.date(),
            "references": (reference,) if reference else (),
        }
        return Movement(account=self.account, amount=self.money(minor), **usual | more)

    def told(self, movement: Movement, *, days: int = 0) -> Call:
        """The call under which the worker books a movement."""
        now = self.call(days=days).now
        return worker_call(
            tenant=self.tenant,
            key=movement.key,
            content=movement.content,
            now=now,
            entropy=b"0123456789",
            actor=self.account.bank_id,
        )

    def pay(self, reference: str, minor: int, *, days: int = 0, **more: Any) -> Outcome:
        """A payment comes in and is booked as the callback worker does it."""
        movement = self.movement(minor, reference, **more)
        return book_movement(self.told(movement, days=days), movement)

    def owe(self, role: str, minor: int) -> None:
        """Money comes in that belongs to a party."""
        party = party_account_id(self.tenant, self.party(role), self.account.currency)
        self._book(debit(self.account.account_id, self.money(minor)), credit(party, self.money(minor)))

    def take_from(self, role: str, minor: int) -> None:
        """Somebody else spends what a party is owed."""
        party = party_account_id(self.tenant, self.party(role), self.account.currency)
        self._book(debit(party, self.money(minor)), credit(self.account.account_id, self.money(minor)))

    def pay_out(self, outcome: Outcome, *, days: int = 0) -> list[Payout]:
        """What an entry has reserved is paid, or whatever else its parties' schedules ask for, as the worker does it;
        no file is written."""
        now = self.call(days=days).now
        return [follow_reserved(due, now=now) for due in payouts_due(self.tenant, outcome.item.entry_id)]

    def freeze(self, role: str) -> None:
        """The account of a party takes no entries."""
        freeze(self.call(), party_account_id(self.tenant, self.party(role), self.account.currency))

    def unfreeze(self, role: str) -> None:
        """It takes them again."""
        unfreeze(self.call(), party_account_id(self.tenant, self.party(role), self.account.currency))

    def book_by_hand(self, movement: Movement) -> None:
        """A debit is booked as the resolution of a statement's break books it: as a cost of the marketplace."""
        fees = purpose_account_id(self.tenant, Purpose.FEE_INCOME, self.account.currency)
        postings = (debit(fees, -movement.amount), credit(self.account.account_id, -movement.amount))
        post_entry(self.told(movement), PostEntry("break.booked", postings))

    # ---- what the books say ------------------------------------------------------------------------------------------

    def trade(self, deal: Deal) -> Trade:
        return get_trade(self.tenant, deal.trade_id).trade

    def credit_line(self, line: Line) -> CreditLine:
        return credit_store.load_line(self.tenant, line.line_id)

    def expected(self, reference: str) -> ExpectedPayment:
        key = banking_store.expected_key(self.tenant, reference)
        record = banking_store.take_expected(fetch((key,)), self.tenant, reference)
        assert record is not None
        return record.value

    def unmatched(self) -> tuple[Receipt, ...]:
        return receipts.list_unmatched(self.tenant, after=None, limit=100).values

    def receipts(self) -> tuple[Receipt, ...]:
        return receipts.list_receipts(self.tenant, after=None, limit=100).values

    def receipt(self, receipt_id: str) -> Receipt:
        return receipts.get_receipt(self.tenant, receipt_id)

    def balance(self, purpose: Purpose, owner: str = "") -> int:
        """A balance on its account's own side; an account that is not there holds nothing."""
        account_id = purpose_account_id(self.tenant, purpose, self.account.currency, owner)
        account = load_accounts(self.tenant, [account_id]).get(account_id)
        return account.own_balance if account else 0

    @property
    def bank(self) -> int:
        return self.balance(Purpose.BANK, self.account.iban)

    @property
    def suspense(self) -> int:
        return self.balance(Purpose.SUSPENSE)

    def escrow(self, deal: Deal) -> int:
        return self.balance(Purpose.ESCROW, deal.trade_id)

    def owed(self, role: str) -> int:
        """What a party's own account stands at."""
        return self.balance(Purpose.PARTY, self.party(role))

    def account_of(self, role: str) -> Account:
        """A party's own account."""
        return load_account(self.tenant, party_account_id(self.tenant, self.party(role), self.account.currency))

    def _book(self, *postings: Posting) -> None:
        post_entry(self.call(), PostEntry("entry.posted", postings))

    def _plain_party(self, role: str) -> str:
        """A party whose sealed details nobody can open: for tests that send no payment."""
        here = self.call()
        party = new_party(here.new_id("pty"), name=f"{role} Ltd", roles=(role,), details=details(), created_at=here.now)
        account = party_account(self.tenant, party.party_id, self.account.currency, name=party.name)
        writes = (
            *party_writes(self.tenant, party),
            open_account(self.tenant, account, opened_by=here),
        )
        once(here, lambda _: Plan(journal_item(here, "party.created", subject=party.party_id), writes))
        return party.party_id

    def _sealed_party(self, role: str) -> str:
        command = banking.CreateParty(f"{role} Ltd", (role,), details(MILL_IBAN))
        party_id = str(banking.create_party(self.call(), command).item.data["party_id"])
        banking.open_party_account(self.call(), party_id, self.account.currency)
        return party_id


def market(name: str = "Steel Marketplace", *, iban: str = IBAN, currency: str = "CNY", seal: bool = False) -> Market:
    """A tenant with an account at the bank, and the bank where it is not there yet."""
    create_tenant(call(f"tenant:{name}", tenant="operator"), name)
    tenant = derived_id("ten", name)
    banking.register_bank(call("bank", tenant="operator"), BANK, name="Test Bank", public_key_pem=bank_public_key())
    account = BankAccount(BANK, iban, tenant, currency)
    banking.link_bank_account(call(tenant=tenant), account)
    return Market(account, seal)


def facts_of(outcome: Outcome) -> dict[str, Any]:
    """What a division of an escrow let go, in full."""
    return division_facts(outcome.item)


def refusal(act: Callable[[], object]) -> Refusal:
    """What a command is refused with."""
    with pytest.raises(Refusal) as refused:
        act()
    return refused.value


def funded_by_credit(place: Market) -> tuple[Deal, Line]:
    """The steel deal of the worked numbers: 1,000,000.00 by bank, 825,000.00 by the line, weighed on Thursday."""
    place.lend()
    line, deal = place.line(), place.deal()
    place.pay(deal.reference, PAID)
    place.draw(line, deal, DRAWN)
    place.weighed(deal)
    return deal, line


def deliverable(place: Market, **changes: Any) -> Deal:
    """A funded fixed-price deal with its delivery note, `changes` to its terms."""
    deal = place.deal(replace(FIXED_PRICE, **changes), "fixed-price")
    place.pay(deal.reference, place.trade(deal).due_minor)
    place.evidence(deal, delivery_note())
    return deal


def trial_balance(tables: Tables, tenant: str) -> dict[str, int]:
    """Debits less credits of all of a tenant's accounts, by currency: nothing but zeros in sound books."""
    sums: dict[str, int] = {}
    for item in _scanned(tables, "accounts", tenant):
        currency = item["currency"]["S"]
        sums[currency] = sums.get(currency, 0) + int(item["balance"]["N"])
    return sums


def kinds(tables: Tables, tenant: str) -> list[str]:
    """The kinds of a tenant's journal items, sorted."""
    return sorted(item["kind"]["S"] for item in _scanned(tables, "journal", tenant))


def journal_of(tables: Tables, tenant: str) -> list[JournalItem]:
    """A tenant's journal items, in the order they were recorded."""
    items = (from_wire(item) for item in _scanned(tables, "journal", tenant))
    return sorted(items, key=lambda item: item.recorded_at)


def state_of(tables: Tables) -> dict[str, str]:
    """All that stands in the tables, by key: the same before and after where a command changed nothing."""
    return {
        f"{name}/{item['pk']['S']}/{item.get('sk', {}).get('S', '')}": str(sorted(item.items()))
        for name in ("accounts", "journal", "records")
        for item in _scanned(tables, name)
    }


_OF_THIS_RUN = re.compile("#rcp_|msg_")
"""Where a sort key begins to name a receipt or a message, which another run has others of."""


def picture(tables: Tables, tenant: str) -> dict[str, Any]:
    """A tenant's books without their ids: the same for the same deeds, however often these were tried."""
    accounts, records = _scanned(tables, "accounts", tenant), _scanned(tables, "records", tenant)
    return {
        "kinds": kinds(tables, tenant),
        "balances": sorted((item["purpose"]["S"], int(item["balance"]["N"])) for item in accounts),
        "records": sorted((_OF_THIS_RUN.split(item["sk"]["S"])[0], item["version"]["N"]) for item in records),
    }


def differences_of(tables: Tables, tenant: str) -> list[Difference]:
    """How a tenant's accounts differ from what its journal alone comes to: in nothing, in sound books."""
    totals = Totals(folded=0)
    for number, item in enumerate(journal_of(tables, tenant), start=1):
        totals.take(number, item, digest(item))
    ids = list(totals.accounts())
    stood = {
        key: one for start in range(0, len(ids), 100) for key, one in read_accounts(tenant, ids[start:][:100]).items()
    }
    return [one for account_id in ids for one in differences(stood[account_id], totals.of(account_id))]


def reference_of(place: Market, subject_id: str) -> str:
    """The reference that belongs to a trade, a lender or a line."""
    return reference_for(place.tenant, subject_id)


def day(days: int) -> date:
    return call(days=days).now.date()


def _scanned(tables: Tables, name: str, tenant: str = "") -> Sequence[dict[str, Any]]:
    """The items of a table, of one tenant if told."""
    mine = {"FilterExpression": "begins_with(pk, :mine)", "ExpressionAttributeValues": {":mine": {"S": f"{tenant}#"}}}
    items: list[dict[str, Any]] = []
    start: dict[str, Any] = mine if tenant else {}
    while True:
        page = tables.client.scan(TableName=tables.name(name), ConsistentRead=True, **start)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        start = start | {"ExclusiveStartKey": page["LastEvaluatedKey"]}
