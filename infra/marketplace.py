"""A marketplace for one scenario on a running stack: a tenant with a bank, parties and accounts, all by their names.

Leaves to others: what happens in it (`scenarios.py`).
"""

from __future__ import annotations

import json
import secrets
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any, TypeVar

from infra.api import ApiClient, ApiRefused
from infra.bank.http import send
from infra.bank.sign import create_key, public_key, sign_detached
from infra.bootstrap import operate

WAIT_SECONDS = 60
POLL_SECONDS = 0.2
PAGE = 100
ACCEPTED = 202
ALIASES = {"fee_income": "fees", "fx_position": "fx"}
"""How scenarios call a purpose where that is another word."""
AT_BANK = {"bank", "payouts_in_transit"}

T = TypeVar("T")


class MarketplaceFailed(Exception):
    """The stack did not do what a marketplace needs before its scenario can be told."""


@dataclass(frozen=True)
class House:
    """A running stack: where its API is, and AWS clients with the deployer's credentials."""

    api_url: str
    functions: Any
    dynamodb: Any


@dataclass(frozen=True)
class Receipt:
    """Money that came in for an account at the bank, on a day, quoting a reference."""

    iban: str
    currency: str
    minor: int
    reference: str
    booked_on: date


@dataclass(frozen=True)
class Teller:
    """A bank of the scenarios' own, which signs what it tells."""

    bank_id: str
    key: bytes
    api_url: str

    def tell(self, receipt: Receipt) -> None:
        """Tell that money came in. Raises MarketplaceFailed where that is not taken."""
        message_id = f"N-{secrets.token_hex(8)}"
        body = json.dumps(_notification(message_id, receipt)).encode()
        signature = sign_detached(
            body, private_key_pem=self.key, bank_id=self.bank_id, message_id=message_id, issued_at=datetime.now(UTC)
        )
        headers = {"Content-Type": "application/json", "X-JWS-Signature": signature}
        status, answer = send("POST", f"{self.api_url}/v1/banks/{self.bank_id}/callbacks", body, headers)
        if status != ACCEPTED:
            raise MarketplaceFailed(f"the callback was answered {status}: {answer[:300]!r}")


@dataclass
class Marketplace:
    """A tenant with everything in it by name: `ids` has the id of each thing that was named, and what was kept."""

    api: ApiClient
    teller: Teller
    currency: str
    ibans: dict[str, str]
    ids: dict[str, str] = field(default_factory=dict)
    _views: dict[str, dict[str, Any]] = field(default_factory=dict)

    def pay_in(self, minor: int, currency: str, *, reference: str, on: date) -> None:
        """The bank tells of money, once; nobody waits until it is booked."""
        self.teller.tell(Receipt(self.ibans[currency], currency, minor, reference, on))

    def label(self, account_id: str) -> str:
        """The name of an account by its id."""
        return self.name_of(self._view(account_id))

    def accounts(self) -> dict[str, str]:
        """The id of every account, by its name."""
        return {self.name_of(account): str(account["account_id"]) for account in self._accounts()}

    def postings(self, entry: dict[str, Any]) -> tuple[str, ...]:
        """An entry as scenarios write it: `debit party:buyer 100`, sorted."""
        legs = entry["postings"]
        return tuple(sorted(f"{leg['side']} {self.label(leg['account_id'])} {leg['minor']}" for leg in legs))

    def feed(self) -> list[dict[str, Any]]:
        """Every entry so far, in the order of their numbers."""
        found: list[dict[str, Any]] = []
        after = 0
        while entries := self.api.get(f"/v1/feed?after={after}&limit={PAGE}")["entries"]:
            found += entries
            after = entries[-1]["number"]
        return found

    def whole_feed(self) -> list[dict[str, Any]]:
        """Every entry, once they come to the balances of all accounts. Raises MarketplaceFailed where they do not in a
        minute, or where debits and credits differ."""

        def whole() -> list[dict[str, Any]] | None:
            entries = self.feed()
            return entries if self._is_whole(entries) else None

        return wait_for("the whole feed", whole)

    def balances(self, entries: Iterable[dict[str, Any]]) -> dict[str, int]:
        """What entries come to by account, on its own side; those of payouts and accounts at the bank are left out."""
        own = [entry for entry in entries if not is_payout(entry)]
        sums = {account_id: minor for account_id, minor in _sums(own).items() if minor}
        views = {account_id: self._view(account_id) for account_id in sums}
        return {
            self.name_of(view): sums[account_id] * _side(view)
            for account_id, view in views.items()
            if view["purpose"] not in AT_BANK
        }

    def trades(self) -> list[dict[str, Any]]:
        """Every trade."""
        return self._listed("/v1/trades", "trades")

    def _is_whole(self, entries: Iterable[dict[str, Any]]) -> bool:
        trial = wait_for("the trial balance", lambda: _unless_busy(self.api, "/v1/trial-balance"))
        if any(trial["differences"].values()) or not trial["proved"]:
            raise MarketplaceFailed(f"the trial balance is {trial['differences']}, {trial['discrepancies']}")
        sums = _sums(entries)
        return all(sums[one["account_id"]] == one["balance_minor"] * _side(one) for one in self._accounts())

    def _accounts(self) -> list[dict[str, Any]]:
        return self._listed("/v1/accounts", "accounts")

    def _view(self, account_id: str) -> dict[str, Any]:
        if account_id not in self._views:
            self._views[account_id] = self.api.get(f"/v1/accounts/{account_id}")
        return self._views[account_id]

    def name_of(self, account: dict[str, Any]) -> str:
        """The name of an account that an answer shows: see tests/scenarios/README.md."""
        names = {value: name for name, value in self.ids.items()}
        if account.get("account_id") in names:
            return names[account["account_id"]]
        purpose, owner = account["purpose"], account["owner"]
        parts = [ALIASES.get(purpose, purpose)]
        parts += [names.get(owner, owner)] if owner and purpose not in AT_BANK else []
        parts += [account["currency"]] if account["currency"] != self.currency else []
        return ":".join(parts)

    def _listed(self, path: str, name: str) -> list[dict[str, Any]]:
        page = self.api.get(f"{path}?limit={PAGE}")
        found = list(page[name])
        while page["next_cursor"]:
            page = self.api.get(f"{path}?limit={PAGE}&cursor={page['next_cursor']}")
            found += page[name]
        return found


def new_teller(house: House) -> Teller:
    """A bank with a fresh key, registered with the product."""
    key, bank_id = create_key(), f"bank_scenarios_{secrets.token_hex(4)}"
    told = {"action": "register_bank", "bank_id": bank_id, "name": "Bank of the scenarios"}
    operate(house.functions, told | {"public_key_pem": public_key(key).decode()})
    return Teller(bank_id, key, house.api_url)


def open_marketplace(house: House, teller: Teller, name: str, currencies: tuple[str, ...]) -> Marketplace:
    """An empty tenant of its own, with an account at the bank in each currency, the first being its own."""
    tenant = operate(house.functions, {"action": "create_tenant", "name": f"{name} {secrets.token_hex(4)}"})
    tenant_id = tenant["tenant_id"]
    client = operate(house.functions, {"action": "create_client", "tenant_id": tenant_id, "scopes": ["*"]})
    ibans = {currency: new_iban() for currency in currencies}
    link = {"action": "link_bank_account", "bank_id": teller.bank_id, "tenant_id": tenant_id}
    for currency, iban in ibans.items():
        operate(house.functions, {**link, "iban": iban, "currency": currency})
    api = ApiClient(house.api_url, client["client_id"], client["client_secret"])
    if len(currencies) > 1:
        for currency in currencies:
            api.post("/v1/fx-accounts", {"currency": currency})
    return Marketplace(api, teller, currencies[0], ibans)


def open_parties(market: Marketplace, parties: dict[str, str]) -> None:
    """Register each party with bank details and an account in every currency."""
    for number, (name, company) in enumerate(parties.items(), start=1):
        details = {"account": f"62220210011162{number:05d}", "bic": "BKCHCNBJ"}
        body = {"name": company, "roles": ["trader"], "bank_details": details}
        market.ids[name] = market.api.post("/v1/parties", body)["party_id"]
        for currency in market.ibans:
            market.api.post(f"/v1/parties/{market.ids[name]}/accounts", {"currency": currency})


def put_in(market: Marketplace, opening: dict[str, int]) -> list[str]:
    """Give parties what they have at the beginning, out of the tenant's bank; the entries that did."""
    accounts = market.accounts()
    made = []
    for name, minor in opening.items():
        currency = name.partition(":")[2] or market.currency
        bank = accounts["bank" if currency == market.currency else f"bank:{currency}"]
        body = {"debit_account_id": bank, "credit_account_id": accounts[f"party:{name}"]}
        amount = {"minor": minor, "currency": currency}
        made.append(str(market.api.post("/v1/transfers", body | {"amount": amount})["entry_id"]))
    return made


def is_payout(entry: dict[str, Any]) -> bool:
    """Whether an entry is one of those by which a party is paid by bank."""
    return str(entry["kind"]).startswith("payout.")


def wait_for(what: str, ask: Callable[[], T | None]) -> T:
    """What `ask` answers, once it answers something true. Raises MarketplaceFailed after a minute."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (answer := ask()):
        if time.monotonic() > deadline:
            raise MarketplaceFailed(f"waited {WAIT_SECONDS} s in vain for {what}")
        time.sleep(POLL_SECONDS)
    return answer


def new_iban() -> str:
    """A valid Dutch IBAN that nobody has (ISO 13616: the whole, letters as 10 to 35, leaves 1 when divided by 97)."""
    account = f"SCEN{secrets.randbelow(10**10):010d}"
    digits = "".join(str(int(character, 36)) for character in f"{account}NL00")
    return f"NL{98 - int(digits) % 97:02d}{account}"


def _unless_busy(api: ApiClient, path: str) -> dict[str, Any] | None:
    try:
        return dict(api.get(path))
    except ApiRefused as refused:
        if refused.status != HTTPStatus.SERVICE_UNAVAILABLE:
            raise
        return None


def _sums(entries: Iterable[dict[str, Any]]) -> dict[str, int]:
    """Debits less credits by account."""
    sums: dict[str, int] = defaultdict(int)
    for entry in entries:
        for leg in entry["postings"]:
            sums[leg["account_id"]] += leg["minor"] if leg["side"] == "debit" else -leg["minor"]
    return sums


def _side(account: dict[str, Any]) -> int:
    """1 where debits raise an account's own balance, -1 where credits do."""
    return 1 if account["kind"] in {"asset", "expense"} else -1


def _notification(message_id: str, receipt: Receipt) -> dict[str, Any]:
    entry = {
        "direction": "credit",
        "amount_minor": receipt.minor,
        "currency": receipt.currency,
        "status": "booked",
        "bank_reference": f"R-{message_id}",
        "booked_on": str(receipt.booked_on),
        "reference": receipt.reference,
    }
    account = {"iban": receipt.iban, "currency": receipt.currency}
    head = {"type": "notification", "message_id": message_id, "created_at": f"{receipt.booked_on}T09:00:00Z"}
    return {**head, "account": account, "entries": [entry]}
