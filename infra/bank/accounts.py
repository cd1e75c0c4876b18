"""The sandbox's bank accounts: one for each of the two marketplaces, in CNY, and none of mock-bank's own."""

from __future__ import annotations

from dataclasses import dataclass

from infra.bank.client import BankClient

BIC = "MOCKNL2A"
CURRENCY = "CNY"


@dataclass(frozen=True, slots=True)
class SandboxAccount:
    """An account at the sandbox bank. `account` is its id in the control plane, `iban` how messages name it."""

    account: str
    name: str
    iban: str
    bic: str = BIC
    currency: str = CURRENCY


STEEL = SandboxAccount("STEEL", "Steel Marketplace", "NL62MOCK0000000011")
GRAIN = SandboxAccount("GRAIN", "Grain Marketplace", "NL35MOCK0000000012")
SANDBOX_ACCOUNTS = (STEEL, GRAIN)


def open_accounts(bank: BankClient, accounts: tuple[SandboxAccount, ...] = SANDBOX_ACCOUNTS) -> None:
    """Have exactly these accounts open. Running it again changes nothing.

    mock-bank's own four are closed, or each would send a statement every business day.
    """
    ours = {each.account for each in accounts}
    for held in bank.accounts():
        if held["id"] not in ours and not held["closed"]:
            bank.change_account(held["id"], closed=True)
    for each in accounts:
        if not bank.has_account(each.account):
            bank.create_account(each.account, name=each.name, iban=each.iban, bic=each.bic, currency=each.currency)
