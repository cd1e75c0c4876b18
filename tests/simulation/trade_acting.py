"""The commands of trades as the product takes them: plain data turned into the services' own values.

Also the marketplaces that the actors trade in, put into the table before anything is simulated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date
from hashlib import sha256

from chalicelib.banking import store as banking_store
from chalicelib.banking.domain import BankAccount, accounts_behind, new_party, party_account
from chalicelib.banking.domain import bank_details as details
from chalicelib.banking.movements import Movement
from chalicelib.core.call import Call
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Account
from chalicelib.ledger.store.accounts import open_account
from chalicelib.settlement.domain.nets import Mode
from chalicelib.settlement.domain.netting import Obligation, OpenWindow
from chalicelib.settlement.service import (
    claiming,
    ending,
    funding,
    linking,
    movements,
    netting_windows,
    opening,
    settling,
)
from chalicelib.storage.commit import Write, commit
from chalicelib.storage.once import Outcome
from chalicelib.trades.domain import evidence
from chalicelib.trades.domain.disputes import OpenDispute, Resolution
from chalicelib.trades.domain.proof import Signature
from chalicelib.trades.domain.template import Fault
from chalicelib.trades.domain.terms import Lot, OpenTrade, Window
from chalicelib.trades.service import life
from chalicelib.trades.service.evidence import RecordEvidence, record_evidence
from chalicelib.trades.store import Published, publish_template
from chalicelib.trades.templates import read_template
from tests.banking.build import party_writes
from tests.simulation.books import Body
from tests.simulation.deals import DAY, OWN, instant

BANK = "bnk-simulation"
IBANS = {"CNY": "1001", "EUR": "1002"}
"""The account at the bank in each currency that a marketplace banks."""

VIN = "1M8GDM9AXKP042788"


def _money(body: Body) -> Money:
    return Money(body["minor"], body["currency"])


def _open(call: Call, body: Body) -> Outcome:
    window = body["window"]
    command = OpenTrade(
        currency=body["currency"],
        quantity_milli=body["quantity"],
        unit_price_minor=body["price"],
        parties=body["parties"],
        fixed_shares=body["fixed"],
        premium_minor=body["premium"],
        window=None if window is None else Window(*map(date.fromisoformat, window)),
        lots=tuple(Lot(*lot) for lot in body["lots"]),
        draft=body["draft"],
    )
    return opening.open_with_expected_payment(call, body["template"], command)


def _movement(call: Call, body: Body) -> Outcome:
    account = BankAccount(BANK, body["iban"], call.tenant, body["currency"])
    movement = Movement(account, f"ref-{call.key}", _money(body), references=tuple(body["references"]))
    return movements.book_movement(call, movement)


def document(body: Body) -> evidence.Document:
    """The document that a command adds."""
    issued, lot, kind = instant(body["issued"]), body["lot"], body["kind"]
    head = body["paper"], issued
    if kind == "index_fixings":
        fixings = (evidence.Fixing(date.fromisoformat(day), minor) for day, minor in body["fixings"])
        return evidence.IndexFixings("index", body["currency"], tuple(fixings))
    if kind == "quality_certificate":
        findings = (evidence.Finding(*found) for found in body["findings"])
        return evidence.QualityCertificate(*head, tuple(findings), lot)
    made: dict[str, Callable[[], evidence.Document]] = {
        "weight_note": lambda: evidence.WeightNote(body["unit"], body["quantity"], *head, lot),
        "warehouse_receipt": lambda: evidence.WarehouseReceipt(*head, "depot", body["unit"], body["quantity"], lot),
        "delivery_note": lambda: evidence.DeliveryNote(*head, lot),
        "delivery_photo": lambda: evidence.DeliveryPhoto(sha256(body["paper"].encode()).hexdigest(), issued, lot),
        "vehicle_title": lambda: evidence.VehicleTitle(*head, VIN, "holder", lot),
        "recall_notice": lambda: evidence.RecallNotice(*head, "contaminated", lot),
    }
    return made[kind]()


def _sign(call: Call, body: Body) -> Outcome:
    signature = Signature(body["milestone"], body["role"], body["party"], body["lot"])
    return life.sign_milestone(call, body["trade"], signature)


def _dispute(call: Call, body: Body) -> Outcome:
    command = OpenDispute(body["role"], body["party"], body["minor"], body["retention"])
    return life.open_dispute(call, body["trade"], command, currency=body["currency"], reason="simulated")


def _resolve(call: Call, body: Body) -> Outcome:
    return ending.resolve_dispute(call, body["trade"], Resolution(body["role"], body["party"], body["division"]))


def _open_window(call: Call, body: Body) -> Outcome:
    mode, closes = Mode(body["mode"]), instant(body["closes"])
    return netting_windows.open_netting_window(
        call, OpenWindow(body["template"], body["currency"], mode, closes, {}, {})
    )


def _add(call: Call, body: Body) -> Outcome:
    obligations = [
        Obligation(reference, payer, payee, Money(minor, currency), {})
        for reference, payer, payee, minor, currency in body["obligations"]
    ]
    return netting_windows.add_obligations(call, body["net"], obligations)


SERVICES: dict[str, Callable[[Call, Body], Outcome]] = {
    "trade_open": _open,
    "trade_agree": lambda call, body: life.agree_trade(call, body["trade"]),
    "trade_link": lambda call, body: linking.link_back_to_back(call, body["up"], body["down"]),
    "trade_fund": lambda call, body: funding.fund_from_account(call, body["trade"], _money(body)),
    "movement": _movement,
    "trade_paper": lambda call, body: record_evidence(call, RecordEvidence(body["trade"], document(body))),
    "trade_sign": _sign,
    "trade_release": lambda call, body: settling.release_milestone(call, body["trade"], body["milestone"], body["lot"]),
    "trade_settle": lambda call, body: settling.settle_finally(call, body["trade"], body["lot"]),
    "trade_retention": lambda call, body: settling.release_retained(call, body["trade"]),
    "trade_dispute": _dispute,
    "trade_resolve": _resolve,
    "trade_refund": lambda call, body: ending.refund_from_escrow(call, body["trade"], _money(body)),
    "trade_unwind": lambda call, body: claiming.refund_from_receivers(call, body["trade"], _money(body)),
    "trade_cancel": lambda call, body: ending.cancel_trade(call, body["trade"], Fault(body["fault"])),
    "trade_claim": lambda call, body: claiming.settle_claim_by_account(call, body["trade"], _money(body)),
    "net_open": _open_window,
    "net_add": _add,
    "net_close": lambda call, body: netting_windows.close_netting_window(call, body["net"]),
}
"""What does each command of trades."""


def found_market(tenant: str, parties: Iterable[str]) -> list[Account]:
    """Put a marketplace into the table: its accounts at the bank, its parties, its own templates. The accounts."""
    at = instant(-DAY)
    call = Call(tenant, "c:founding", b"", at, "0" * 26, "cli_simulation")
    accounts: list[Account] = []
    for currency, iban in IBANS.items():
        link = BankAccount(BANK, iban, tenant, currency)
        accounts += accounts_behind(link)
        commit((banking_store.create_paying(link),))
        accounts += [party_account(tenant, party, currency, name=party) for party in parties]
    for party in parties:
        known = new_party(party, name=party, roles=(), details=details(holder=party, account="1"), created_at=at)
        commit(party_writes(tenant, known))
    for account in accounts:
        commit((open_account(tenant, account, opened_by=call),))
    for path in sorted(OWN.glob("*.toml")):
        template = read_template(path.read_text(encoding="utf-8"))
        writes: tuple[Write, ...] = publish_template(tenant, Published(template, "cli_simulation", at), None)
        commit(writes)
    return accounts
