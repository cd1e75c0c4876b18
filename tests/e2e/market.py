"""Marketplaces of the tests' own: a tenant, a client, an account at the tests' bank, and two of everything in them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from chalicelib.ledger.domain import Purpose, purpose_account_id
from infra.bootstrap import operate
from tests.e2e.bank import CURRENCY, Bank, Line, iban, new_bank, notification, public_pem
from tests.e2e.web import Reply, Web
from tests.support.events import schedule_event

WAIT_SECONDS = 60
POLL_SECONDS = 0.1
DUE = 100_000
"""What a trade of `trade_body` costs."""
LENT = 500_000
CARRIER_SHARE = 5_000


@dataclass(frozen=True)
class Market:
    """A tenant and how to speak for it. `ids` has an id for every parameter of a path, once it is filled."""

    tenant_id: str
    client_id: str
    client_secret: str
    iban: str
    bank: Bank
    web: Web
    ids: dict[str, str] = field(default_factory=dict)

    def only(self, *scopes: str) -> Web:
        """With a token of these scopes alone."""
        return self.web.logged_in(self.client_id, self.client_secret, " ".join(scopes))

    def pay_in(self, bank_reference: str, minor: int, reference: str = "") -> None:
        """The bank tells of money, once; nobody waits until it is booked."""
        message_id = f"{self.iban}-{bank_reference}"
        reply = self.bank.tell(notification(self.iban, message_id, Line(bank_reference, minor, reference)), message_id)
        assert reply.status == 202, reply

    def doubt(self, *names: str) -> None:
        """The bank tells of money under each of these references twice, with two amounts: `ids` has, by the name, the
        id of the possible duplicate that is kept aside."""
        for name in names:
            self.pay_in(name, 3)
            wait_for("the money", lambda name=name: any(one["bank_reference"] == name for one in self.unmatched()))
            again = notification(self.iban, f"{name}-again", Line(name, 4))
            assert self.bank.tell(again, f"{self.iban}-{name}-again").status == HTTPStatus.ACCEPTED
        wait_for("the doubts", lambda: set(names) <= set(self._doubts()))
        self.ids.update(self._doubts())

    def unmatched(self) -> list[dict[str, Any]]:
        """The money that waits in suspense."""
        return self.listed("/v1/receipts/unmatched", "receipts")

    def _doubts(self) -> dict[str, str]:
        kept = self.listed("/v1/possible-duplicates", "possible_duplicates")
        return {one["bank_reference"]: one["duplicate_id"] for one in kept}

    def balance(self, purpose: str, owner: str = "") -> int:
        """The balance of an account with a purpose, in minor units; 0 where there is none."""
        account_id = purpose_account_id(self.tenant_id, Purpose(purpose), CURRENCY, owner)
        reply = self.web.get(f"/v1/accounts/{account_id}")
        return int(reply.json["balance_minor"]) if reply.status == HTTPStatus.OK else 0

    def bank_balance(self) -> int:
        """What the books say is in the bank account."""
        return self.balance("bank", self.iban)

    def is_balanced(self) -> bool:
        """Whether the trial balance is zero in every currency, and proved."""
        reply = answered(lambda: self.web.get("/v1/trial-balance"))
        return bool(reply.json["proved"]) and not any(reply.json["differences"].values())

    def listed(self, path: str, name: str) -> list[dict[str, Any]]:
        """All of a list, page by page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.web.read(f"{path}{'&' if '?' in path else '?'}limit=100{cursor}")
            found += page[name]
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"


def answered(ask: Callable[[], Reply]) -> Reply:
    """The answer of a request that is sent until others no longer keep changing the same things."""

    def asked() -> Reply | None:
        reply = ask()
        return None if reply.status == HTTPStatus.SERVICE_UNAVAILABLE else reply

    answer: Reply = wait_for("an answer", asked)
    return answer


def wait_for(what: str, ask: Callable[[], Any]) -> Any:
    """What `ask` answers once that is true; fails after a minute."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (answer := ask()):
        assert time.monotonic() < deadline, f"waited {WAIT_SECONDS} s in vain for {what}"
        time.sleep(POLL_SECONDS)
    return answer


def register_bank(functions: Any, web: Web, bank_id: str) -> Bank:
    """A bank with a fresh key, known to the product. `functions` is a Lambda client with the deployer's credentials."""
    made = new_bank(web, bank_id)
    told = {"action": "register_bank", "bank_id": bank_id, "name": "Bank of the tests"}
    operate(functions, {**told, "public_key_pem": public_pem(made)})
    return made


def open_market(functions: Any, web: Web, bank: Bank, number: int) -> Market:
    """An empty marketplace; no two have the same number."""
    tenant_id = operate(functions, {"action": "create_tenant", "name": f"Marketplace {number}"})["tenant_id"]
    client = operate(functions, {"action": "create_client", "tenant_id": tenant_id, "scopes": ["*"]})
    link = {"action": "link_bank_account", "bank_id": bank.bank_id, "tenant_id": tenant_id}
    operate(functions, {**link, "iban": iban(number), "currency": CURRENCY})
    client_id, secret = client["client_id"], client["client_secret"]
    return Market(tenant_id, client_id, secret, iban(number), bank, web.logged_in(client_id, secret))


def money(minor: int) -> dict[str, Any]:
    """An amount as bodies have it."""
    return {"minor": minor, "currency": CURRENCY}


def party_body(name: str) -> dict[str, Any]:
    """A party with bank details."""
    return {"name": name, "roles": ["trader"], "bank_details": {"account": "6222020200112233445", "bic": "BKCHCNBJ"}}


def trade_body(ids: dict[str, str]) -> dict[str, Any]:
    """Ten units at 100.00; the carrier has one share, the seller all others."""
    parties = {"buyer": "buyer", "seller": "seller", "carrier": "carrier", "inspector": "seller", "warehouse": "seller"}
    return {
        "template_id": "fixed-price",
        "currency": CURRENCY,
        "quantity_milli": 10_000,
        "unit_price_minor": 10_000,
        "parties": {role: ids[party] for role, party in parties.items()},
        "fixed_shares": {"carrier": CARRIER_SHARE, "inspector": 0, "warehouse": 0},
    }


def line_body(ids: dict[str, str]) -> dict[str, Any]:
    """A credit line for the buyer."""
    parties = {"lender_party_id": ids["lender"], "borrower_party_id": ids["buyer"]}
    return {**parties, "limit": money(LENT), "rate_bps": 600, "day_count": "ACT/360"}


def delivered(reference: str = "D-1") -> dict[str, Any]:
    """A delivery note as evidence."""
    note = {"type": "delivery_note", "document_reference": reference, "issued_at": "2026-03-02T08:00:00Z"}
    return {"document": note}


def transfer_body(ids: dict[str, str], minor: int = 100) -> dict[str, Any]:
    """From capital to cash."""
    return {"debit_account_id": ids["cash"], "credit_account_id": ids["capital"], "amount": money(minor)}


def open_parties(market: Market) -> None:
    """Buyer, seller, carrier and lender with accounts; and two accounts of the tenant's own, cash and capital."""
    for role in ("buyer", "seller", "carrier", "lender"):
        market.ids[role] = market.web.made("/v1/parties", party_body(role.title()))["party_id"]
        market.web.made(f"/v1/parties/{market.ids[role]}/accounts", {"currency": CURRENCY})
    for name, kind in (("cash", "asset"), ("capital", "equity")):
        body = {"name": name, "kind": kind, "currency": CURRENCY}
        market.ids[name] = market.web.made("/v1/accounts", body)["account_id"]


def sign(functions: Any, market: Market, number: int) -> None:
    """Have all entries of a market signed that there are; that makes its checkpoint of this number."""
    payload = json.dumps(schedule_event()).encode()

    def signed() -> bool:
        answer = functions.invoke(FunctionName="quittance-local-checkpoint", Payload=payload)
        assert not answer.get("FunctionError"), answer["Payload"].read()
        made = market.web.read("/v1/checkpoints")["checkpoints"]
        return bool(made) and made[0]["number"] >= number and made[0]["last"] == market.web.read("/v1/feed")["head"]

    wait_for(f"checkpoint {number}", signed)
