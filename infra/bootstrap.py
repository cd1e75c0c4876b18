"""Fills an empty stage through the operator function: signing key, the sandbox bank, two marketplaces.

Every action may be repeated. A client's secret is told once and kept nowhere in the clear, so what it was told is kept
in a file beside the local stack's state.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from infra.bank.accounts import GRAIN, STEEL, SandboxAccount

BANK_ID = "bank_sandbox"
BANK_NAME = "Sandbox Bank"
ALL_SCOPES = ["*"]
MARKETPLACES: tuple[tuple[str, SandboxAccount], ...] = (("Steel Marketplace", STEEL), ("Grain Marketplace", GRAIN))

Tenants = list[dict[str, str]]


class OperatorRefused(Exception):
    """The operator function refused or failed; the message is its own. `code` is the refusal's, empty for a failure."""

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


def operate(lambda_client: Any, event: dict[str, Any], *, stage: str = "local") -> dict[str, Any]:
    """Invoke the operator function with one action and return its answer. Raises OperatorRefused."""
    answer = lambda_client.invoke(FunctionName=f"quittance-{stage}-operate", Payload=json.dumps(event).encode())
    payload = json.loads(answer["Payload"].read())
    if answer.get("FunctionError"):
        raise OperatorRefused(f"{event['action']}: {payload.get('errorMessage', payload)}")
    told = dict(payload or {})
    if "refused" in told:
        raise OperatorRefused(f"{event['action']}: {told}", code=told["refused"])
    return told


def bootstrap(lambda_client: Any, *, bank_public_key_pem: str, memory: Path) -> Tenants:
    """Make the sandbox's bank and tenants, or find them again. `memory` keeps what was told once."""
    operate(lambda_client, {"action": "bootstrap_signing_key"})
    bank = {"action": "register_bank", "bank_id": BANK_ID, "name": BANK_NAME, "public_key_pem": bank_public_key_pem}
    operate(lambda_client, bank)
    if memory.exists():
        return list(json.loads(memory.read_text()))
    tenants = [_marketplace(lambda_client, name, account) for name, account in MARKETPLACES]
    memory.touch(mode=0o600)
    memory.write_text(json.dumps(tenants, indent=2) + "\n")
    return tenants


def _marketplace(lambda_client: Any, name: str, account: SandboxAccount) -> dict[str, str]:
    tenant_id = operate(lambda_client, {"action": "create_tenant", "name": name})["tenant_id"]
    client = operate(lambda_client, {"action": "create_client", "tenant_id": tenant_id, "scopes": ALL_SCOPES})
    link = {"action": "link_bank_account", "bank_id": BANK_ID, "tenant_id": tenant_id}
    operate(lambda_client, {**link, "iban": account.iban, "currency": account.currency})
    return {
        "name": name,
        "tenant_id": tenant_id,
        "client_id": client["client_id"],
        "client_secret": client["client_secret"],
        "iban": account.iban,
        "bank_account": account.account,
    }
