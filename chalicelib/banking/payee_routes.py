"""Bank accounts that payouts go to, over HTTP: of a party, or (`own` for its id) of the marketplace itself."""

from __future__ import annotations

import msgspec

from chalicelib.banking import payee_accounts
from chalicelib.banking.domain import BankDetails, bank_details
from chalicelib.banking.payee_accounts import AddAccount, account_facts
from chalicelib.banking.routes import BankDetailsBody
from chalicelib.web.endpoint import Answer, Request, Router, replayable
from chalicelib.web.pages import cursor_for, page_limit, start_of
from chalicelib.web.parse import Body

router = Router(__name__)


class PayeeAccountBody(Body):
    """Another bank account. `default`: payouts that name none go to it from now on; the first one is the default
    anyway."""

    bank_details: BankDetailsBody
    default: bool = False


class NothingBody(Body):
    """Nothing more has to be said."""


class PayeeAccountView(msgspec.Struct, frozen=True):
    """A bank account that payouts go to, masked to its last characters. `party_id` is `own` for the marketplace's."""

    bank_account_id: str
    party_id: str
    bank_account: str
    default: bool
    added_at: str
    retired_at: str | None


class PayeeAccountPage(msgspec.Struct, frozen=True):
    """One page of an owner's bank accounts, oldest first."""

    bank_accounts: list[PayeeAccountView]
    next_cursor: str | None


@router.endpoint(
    "POST",
    "/v1/parties/{party_id}/bank-accounts",
    scope="parties:write",
    body=PayeeAccountBody,
    answer=PayeeAccountView,
    status=201,
    writes=True,
)
def add_payee_account(request: Request, party_id: str) -> Answer:
    """Add a bank account that payouts can go to."""
    body: PayeeAccountBody = request.body
    given = body.bank_details
    name = payee_accounts.owner_name(request.tenant, party_id)
    details = details_of(given, holder=name if given.holder is None else given.holder)
    outcome = payee_accounts.add_account(request.call, AddAccount(party_id, details, body.default))
    return replayable(outcome, PayeeAccountView(**outcome.item.data))


@router.endpoint(
    "GET",
    "/v1/parties/{party_id}/bank-accounts",
    scope="parties:read",
    answer=PayeeAccountPage,
    parameters=("limit", "cursor"),
)
def list_payee_accounts(request: Request, party_id: str) -> PayeeAccountPage:
    """List the bank accounts of a party, oldest first, retired ones as well."""
    name = f"{request.tenant}/{party_id}/payee-accounts"
    page, default = payee_accounts.list_accounts(
        request.tenant, party_id, after=start_of(name, request.query), limit=page_limit(request.query)
    )
    views = [
        PayeeAccountView(**account_facts(account, is_default=account.bank_account_id == default))
        for account in page.values
    ]
    return PayeeAccountPage(views, cursor_for(name, page.last_key))


@router.endpoint(
    "POST",
    "/v1/parties/{party_id}/bank-accounts/{bank_account_id}/default",
    scope="parties:write",
    body=NothingBody,
    answer=PayeeAccountView,
    writes=True,
)
def make_payee_account_default(request: Request, party_id: str, bank_account_id: str) -> Answer:
    """Have payouts that name no bank account go to this one."""
    outcome = payee_accounts.make_default(request.call, party_id, bank_account_id)
    return replayable(outcome, PayeeAccountView(**outcome.item.data))


@router.endpoint(
    "POST",
    "/v1/parties/{party_id}/bank-accounts/{bank_account_id}/retirement",
    scope="parties:write",
    body=NothingBody,
    answer=PayeeAccountView,
    writes=True,
)
def retire_payee_account(request: Request, party_id: str, bank_account_id: str) -> Answer:
    """Pay nothing to a bank account any more."""
    outcome = payee_accounts.retire_account(request.call, party_id, bank_account_id)
    return replayable(outcome, PayeeAccountView(**outcome.item.data))


def details_of(given: BankDetailsBody, *, holder: str) -> BankDetails:
    """The details of a body, checked. Raises InvalidInput as `bank_details`."""
    return bank_details(holder=holder, iban=given.iban or "", account=given.account or "", bic=given.bic or "")
