"""What operators do by invoking a function under IAM: signing keys, tenants, clients, banks and their accounts.

Each action may be said again: its key derives from what it is about. Only a client's secret is told once, never again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict
from types import MappingProxyType
from typing import Any

from chalicelib.access import service as access
from chalicelib.access.domain import OPERATOR
from chalicelib.banking import service as banking
from chalicelib.banking.domain import BankAccount, check_name
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import InvalidInput
from chalicelib.queues import Worker
from chalicelib.recon.service.books import keep_positions
from chalicelib.security.keys import ensure_signing_keys
from chalicelib.settlement.service.due import list_suspended, resume_record
from chalicelib.settlement.service.tenants import check_tenant
from chalicelib.web import clock
from chalicelib.web.parse import Body, Id, convert

ENTROPY_BYTES = 10
SECRET_BYTES = 32
MOST_LISTED = 100

worker = Worker(__name__)


class Nothing(Body):
    """An action that takes nothing."""


class CreateTenant(Body):
    """A marketplace by its name, which banks are told as the payer's."""

    name: str


class CreateClient(Body):
    """A program of a tenant; scopes `["*"]` are all of them."""

    tenant_id: Id
    scopes: tuple[str, ...]


class RegisterBank(Body):
    """A bank and the public key (PEM) that its callbacks are signed with."""

    bank_id: str
    name: str
    public_key_pem: str


class ListSuspended(Body):
    """The tenant whose suspended records are listed."""

    tenant_id: Id


class ResumeSuspended(Body):
    """A suspended record and its tenant."""

    tenant_id: Id
    record_id: Id


class SetBankProfile(Body):
    """How a bank works: whether it rejects a payment before it debits it, within how many business days it has news of
    one, and on how many business days after a payment's day it may still debit it. `revision` tells one change from the
    next."""

    bank_id: str
    rejects_before_booking: bool
    news_days: int
    debit_days: int
    revision: str


class LinkBankAccount(Body):
    """An account at a bank, and the tenant whose it is."""

    bank_id: str
    tenant_id: Id
    iban: str
    currency: str


def bootstrap_signing_key(event: dict[str, Any]) -> dict[str, Any]:
    """Make the first signing key, unless there is one."""
    convert(event, Nothing)
    return {"key_id": ensure_signing_keys().keys[0]["kid"]}


def create_tenant(event: dict[str, Any]) -> dict[str, Any]:
    """Create the tenant of a name. Refused: InvalidInput `invalid_name`."""
    name = check_name(convert(event, CreateTenant).name)
    return access.create_tenant(_call(OPERATOR, f"tenant:{name}", event), name).item.data


def create_client(event: dict[str, Any]) -> dict[str, Any]:
    """Create a client with a fresh secret, which is told here and nowhere else. Said again, it makes another one.
    Refused: InvalidInput `unknown_scope`, NotFound `tenant_not_found`."""
    wanted = convert(event, CreateClient)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    call = _call(wanted.tenant_id, f"client:{secrets.token_hex(8)}", event)
    outcome = access.create_client(call, wanted.tenant_id, wanted.scopes, secret=secret)
    return outcome.item.data | {"client_secret": secret}


def register_bank(event: dict[str, Any]) -> dict[str, Any]:
    """Register a bank. Refused as `banking.register_bank` says."""
    wanted = convert(event, RegisterBank)
    call = _call(OPERATOR, f"bank:{wanted.bank_id}", event)
    outcome = banking.register_bank(call, wanted.bank_id, name=wanted.name, public_key_pem=wanted.public_key_pem)
    return outcome.item.data


def set_bank_profile(event: dict[str, Any]) -> dict[str, Any]:
    """Note how a bank works. Refused as `banking.set_bank_profile` says."""
    wanted = convert(event, SetBankProfile)
    call = _call(OPERATOR, f"bank-profile:{wanted.bank_id}:{wanted.revision}", event)
    outcome = banking.set_bank_profile(
        call,
        wanted.bank_id,
        rejects_before_booking=wanted.rejects_before_booking,
        news_days=wanted.news_days,
        debit_days=wanted.debit_days,
    )
    return outcome.item.data


def link_bank_account(event: dict[str, Any]) -> dict[str, Any]:
    """Say whose an account at a bank is, open the accounts that banking needs, and keep its months from now on.
    Refused: NotFound `tenant_not_found`, and as `banking.link_bank_account` says."""
    wanted = convert(event, LinkBankAccount)
    check_tenant(wanted.tenant_id)
    call = _call(wanted.tenant_id, f"link:{wanted.bank_id}:{wanted.iban}", event)
    link = BankAccount(wanted.bank_id, wanted.iban, wanted.tenant_id, wanted.currency)
    facts = banking.link_bank_account(call, link).item.data
    keep_positions(link.tenant_id, link.account_id)
    return facts


def list_suspended_records(event: dict[str, Any]) -> dict[str, Any]:
    """The first hundred records of a tenant that are not tried any more, with the code of their last failure."""
    wanted = convert(event, ListSuspended)
    page = list_suspended(wanted.tenant_id, after=None, limit=MOST_LISTED)
    return {"records": [asdict(record) for record in page.values], "more": page.last_key is not None}


def resume_suspended_record(event: dict[str, Any]) -> dict[str, Any]:
    """Make a suspended record due again. Refused: NotFound `suspended_record_not_found`."""
    wanted = convert(event, ResumeSuspended)
    call = _call(wanted.tenant_id, f"resume:{wanted.record_id}:{secrets.token_hex(8)}", event)
    return resume_record(call, wanted.record_id).item.data


ACTIONS: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = MappingProxyType(
    {
        "bootstrap_signing_key": bootstrap_signing_key,
        "create_tenant": create_tenant,
        "create_client": create_client,
        "register_bank": register_bank,
        "set_bank_profile": set_bank_profile,
        "link_bank_account": link_bank_account,
        "list_suspended_records": list_suspended_records,
        "resume_suspended_record": resume_suspended_record,
    }
)
"""Every action an operator has, by name."""


@worker.operator("operate")
def operate(event: dict[str, Any]) -> Any:
    """Do one operator's action: `{"action": name, ...}`."""
    action = ACTIONS.get(str(event.get("action")))
    if action is None:
        raise InvalidInput("unknown_action", "no such action", field="action", known=sorted(ACTIONS))
    return action({name: value for name, value in event.items() if name != "action"})


def _call(tenant: str, key: str, content: dict[str, Any]) -> Call:
    return worker_call(
        tenant=tenant,
        key=key,
        content=content,
        now=clock.now(),
        entropy=os.urandom(ENTROPY_BYTES),
        actor="operator",
    )
