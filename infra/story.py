"""The steel story: one industry trade from the deposit to the reconciled statement, told to a running stack.

Every step is what a marketplace, a bank or a scheduler would do: calls of the API, money at the bank, days that pass.
Figures are in minor units of CNY; each is asserted against what the API answers: a story that ends has been right.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from infra import clock
from infra.api import ApiClient
from infra.bank.client import BankClient

CURRENCY = "CNY"
WAIT_SECONDS = 60
POLL_SECONDS = 0.1

LENT = 200_000_000
PAID_BY_BUYER = 100_000_000
DRAWN = 82_500_000
PROVISIONAL = 182_500_000
FINAL = 181_537_976
FREIGHT = 4_250_000
FEE = 544_613
MILL_SHARE = 176_743_363
PAID_OUT = (FREIGHT, MILL_SHARE)
REFUND = 962_024
REFUND_TO_INTEREST = 41_250
REFUND_TO_PRINCIPAL = 920_774
REPAID = 81_946_333
BANK_BALANCE = 200_952_970


class StoryFailed(Exception):
    """A step ended in something else than the worked numbers say."""


@dataclass
class Stage:
    """A running stack as the story needs it: the steel marketplace's API, the bank, and what makes days pass."""

    api: ApiClient
    bank: BankClient
    bank_account: str
    statements: Path
    dynamodb: Any
    functions: Any
    say: Callable[[str], None]

    def days_pass(self, days: int) -> datetime:
        """Move bank and stage forward, then run the schedules, which catch up what they missed."""
        now = clock.advance(self.dynamodb, self.bank, days=days)
        try:
            clock.run_schedules(self.functions, now)
        except clock.ScheduleFailed as failure:
            raise StoryFailed(f"a schedule failed: {failure}") from failure
        return now

    def wait(self, what: str, ask: Callable[[], Any]) -> Any:
        """What `ask` answers, once it answers something true."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (answer := ask()):
            if time.monotonic() > deadline:
                raise StoryFailed(f"waited {WAIT_SECONDS} s in vain for: {what}")
            time.sleep(POLL_SECONDS)
        return answer


@dataclass
class Told:
    """What the story has made so far: ids and references by name, and where it stands in time."""

    ids: dict[str, str] = field(default_factory=dict)
    today: date = date.min
    facts: dict[str, Any] = field(default_factory=dict)


PARTIES = {
    "buyer": ("Suzhou Construction Steel Trading", "6222021102030405061"),
    "mill": ("Tangshan Rolling Mill", "6222020403020104425"),
    "carrier": ("Bohai Coastal Freight", "6222021001116245702"),
    "lender": ("Jiangnan Trade Finance", "6222029988776655443"),
}


def tell(stage: Stage) -> Told:
    """The whole story, in order."""
    told = Told(today=stage.bank.now().date())
    for step in (parties, lending, opening, funding, evidence, settlement, payouts, repayment, reconciliation):
        step(stage, told)
    return told


def parties(stage: Stage, told: Told) -> None:
    """The marketplace registers its parties and opens their accounts."""
    for role, (name, account) in PARTIES.items():
        body = {"name": name, "roles": [role], "bank_details": {"account": account, "bic": "BKCHCNBJ"}}
        told.ids[role] = stage.api.post("/v1/parties", body)["party_id"]
        stage.api.post(f"/v1/parties/{told.ids[role]}/accounts", {"currency": CURRENCY})
    stage.say("Buyer, mill, carrier and lender are registered; their bank details are sealed.")


def lending(stage: Stage, told: Told) -> None:
    """The lender pays in, and a credit line for the buyer stands on that money."""
    lender = stage.api.post("/v1/lenders", {"party_id": told.ids["lender"], "currency": CURRENCY})
    pay_in(stage, LENT, lender["reference"], "lender")
    terms = {
        "lender_party_id": told.ids["lender"],
        "borrower_party_id": told.ids["buyer"],
        "limit": {"minor": 200_000_000, "currency": CURRENCY},
        "rate_bps": 600,
        "day_count": "ACT/360",
    }
    line = stage.api.post("/v1/credit-lines", terms)
    told.ids |= {"line": line["line_id"], "line_reference": line["reference"]}
    stage.wait("the lender's money", lambda: balance_of(stage, "lender_undrawn", told.ids["lender"]) == LENT)
    stage.say(f"Lender's money is in: {yuan(LENT)}. The buyer has a credit line of {yuan(LENT)} at 6 % ACT/360.")


def opening(stage: Stage, told: Told) -> None:
    """The trade opens from its template; the answer says what the buyer must quote to its bank."""
    body = {
        "template_id": "steel",
        "currency": CURRENCY,
        "quantity_milli": 500_000,
        "unit_price_minor": 365_000,
        "premium_minor": 1_500,
        "parties": {role: told.ids[role] for role in ("buyer", "mill", "carrier")},
        "fixed_shares": {"carrier": FREIGHT},
    }
    trade = stage.api.post("/v1/trades", body)
    expect("due", trade["due_minor"], PROVISIONAL)
    told.ids |= {"trade": trade["trade_id"], "trade_reference": trade["reference"]}
    stage.say(f"Trade opened: 500.000 t rebar, {yuan(PROVISIONAL)} due under {trade['reference']}.")


def funding(stage: Stage, told: Told) -> None:
    """The buyer pays a part by bank; the rest is drawn from its line straight into the escrow."""
    pay_in(stage, PAID_BY_BUYER, told.ids["trade_reference"], "buyer")
    stage.wait("the buyer's payment", lambda: trade_of(stage, told)["funded_minor"] == PAID_BY_BUYER)
    draw = {"trade_id": told.ids["trade"], "amount": {"minor": DRAWN, "currency": CURRENCY}}
    drawn = stage.api.post(f"/v1/credit-lines/{told.ids['line']}/drawdowns", draw)
    expect("trade state", drawn["trade_state"], "funded")
    expect("escrow", balance_of(stage, "escrow", told.ids["trade"]), PROVISIONAL)
    stage.say(f"Escrow funded: {yuan(PAID_BY_BUYER)} by bank, {yuan(DRAWN)} from the credit line.")


def evidence(stage: Stage, told: Told) -> None:
    """Three days on, weight note and index fixings come in."""
    told.today = stage.days_pass(3).date()
    path = f"/v1/trades/{told.ids['trade']}/evidence"
    weighed = {
        "type": "weight_note",
        "unit": "t",
        "quantity_milli": 498_320,
        "document_reference": "WB-20260305-017",
        "issued_at": f"{told.today}T07:30:00Z",
    }
    stage.api.post(path, {"document": weighed})
    days = [told.today - timedelta(days=back) for back in (3, 2, 1)]
    fixings = [{"date": str(day), "minor": minor} for day, minor in zip(days, (362_000, 362_900, 363_500), strict=True)]
    stage.api.post(
        path,
        {"document": {"type": "index_fixings", "index": "rebar HRB400E", "currency": CURRENCY, "fixings": fixings}},
    )
    stage.say("Three days later: weighbridge 498.320 t, index mean 3,628.00.")


def settlement(stage: Stage, told: Told) -> None:
    """Final settlement: the refund repays the line first, the rest is released by the waterfall. One commit."""
    settled = stage.api.post(f"/v1/trades/{told.ids['trade']}/final-settlement", {})
    expect("final amount", settled["final_amount_minor"], FINAL)
    expect("refund", settled["refund_minor"], REFUND)
    expect("refund to interest", settled["refund_to_interest_minor"], REFUND_TO_INTEREST)
    expect("refund to principal", settled["refund_to_principal_minor"], REFUND_TO_PRINCIPAL)
    expect("shares", settled["shares_minor"], {"carrier": FREIGHT, "platform": FEE, "mill": MILL_SHARE})
    told.facts["trade_state"] = settled["state"]
    stage.say(
        f"Final settlement {yuan(FINAL)}: refund {yuan(REFUND)} repays the line; "
        f"carrier {yuan(FREIGHT)}, platform {yuan(FEE)}, mill {yuan(MILL_SHARE)}."
    )


def payouts(stage: Stage, told: Told) -> None:
    """Payouts follow by worker: pain.001 out, pain.002 and camt.054 back."""

    def settled() -> list[dict[str, Any]] | None:
        found = [p for p in stage.api.get("/v1/payouts")["payouts"] if p["subject"] == told.ids["trade"]]
        return found if len(found) == len(PAID_OUT) and all(p["state"] == "settled" for p in found) else None

    paid = stage.wait("both payouts to be settled", settled)
    expect("payouts", sorted(payout["amount_minor"] for payout in paid), list(PAID_OUT))
    stage.say(f"Paid out by bank: {yuan(FREIGHT)} and {yuan(MILL_SHARE)}, both settled.")


def repayment(stage: Stage, told: Told) -> None:
    """27 days later, after a daily accrual, the buyer repays by bank: the line stands at zero."""
    told.today = stage.days_pass(27).date()
    line = stage.api.get(f"/v1/credit-lines/{told.ids['line']}")
    expect("payoff", line["payoff_minor"], REPAID)
    pay_in(stage, REPAID, told.ids["line_reference"], "buyer")
    stage.wait("the repayment", lambda: stage.api.get(f"/v1/credit-lines/{told.ids['line']}")["payoff_minor"] == 0)
    told.facts["credit_outstanding"] = stage.api.get(f"/v1/credit-lines/{told.ids['line']}")["drawn_minor"]
    stage.say(f"27 days of accrual later the buyer repays {yuan(REPAID)}: the line stands at zero.")


def reconciliation(stage: Stage, told: Told) -> None:
    """A day later the bank's statements are uploaded, proved, and every line is matched."""
    told.today = stage.days_pass(1).date()
    expected = len(stage.bank.statements(stage.bank_account))
    folder = stage.statements / stage.bank_account
    files = stage.wait("the bank's statements", lambda: statement_files(folder, expected))
    lines = matched = 0
    for file in files:
        for statement in stage.api.upload("/v1/statements", file.read_bytes(), "application/xml")["statements"]:
            lines += statement["lines"]
            matched += statement["matched"]
    told.facts |= {"statements": len(files), "statement_lines": lines, "matched_lines": matched}
    expect("matched lines", (lines, matched), (5, 5))
    expect("bank balance", balance_of(stage, "bank", None), BANK_BALANCE)
    stage.say(f"{len(files)} statements proved, {matched} of {lines} lines matched, bank {yuan(BANK_BALANCE)}.")


def statement_files(folder: Path, expected: int) -> list[Path] | None:
    """The statements in the order the bank issued them, once all are there."""
    files = sorted(folder.glob("*.xml"), key=lambda path: int(path.stem.rpartition("-")[2])) if folder.exists() else []
    return files if len(files) == expected else None


def pay_in(stage: Stage, minor: int, reference: str, payer: str) -> None:
    """Money arrives at the bank under a reference."""
    stage.bank.credit(stage.bank_account, minor, reference=reference, payer=PARTIES[payer][0])


def trade_of(stage: Stage, told: Told) -> dict[str, Any]:
    """The trade's state as the API tells it."""
    return dict(stage.api.get(f"/v1/trades/{told.ids['trade']}")["trade"])


def balance_of(stage: Stage, purpose: str, owner: str | None) -> int:
    """The balance of the account with a purpose and owner (None: whoever owns it)."""
    asked = f"/v1/accounts?purpose={purpose}&limit=100" + (f"&owner={owner}" if owner else "")
    found = stage.api.get(asked)["accounts"]
    return int(found[0]["balance_minor"]) if found else 0


def expect(what: str, found: object, wanted: object) -> None:
    """End the story where a figure is not the worked one."""
    if found != wanted:
        raise StoryFailed(f"{what}: {found}, expected {wanted}")


def yuan(minor: int) -> str:
    """`1,815,379.76 CNY`."""
    whole, part = divmod(minor, 100)
    return f"{whole:,}.{part:02d} {CURRENCY}"
