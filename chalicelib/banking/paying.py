"""Payouts: made, handed to the bank as a file, tried again, sent again, and read. Each command is one commit.

What a bank says of them, and what moves there, is in `payout_changes.py`; what people decide in `payout_commands.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from chalicelib.access.domain import Tenant
from chalicelib.access.store import tenant_key
from chalicelib.banking import payee_store, payout_lists, store
from chalicelib.banking.domain import BankDetails
from chalicelib.banking.payee_accounts import open_details
from chalicelib.banking.payees import OWN, check_payable
from chalicelib.banking.payout_ageing import UNSENT, new_clock
from chalicelib.banking.payout_changes import payout_journal_facts, take_step
from chalicelib.banking.payout_decisions import RESENDABLE
from chalicelib.banking.payout_postings import OF_A_PARTY, creation_postings, source_account_id
from chalicelib.banking.payout_states import Event, Source, State
from chalicelib.banking.payouts import ChargesBorneBy, Payout, new_payout
from chalicelib.banking.references import is_iban
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, InvalidInput
from chalicelib.core.ids import derived_id
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.conditions import Condition, Rule
from chalicelib.ledger.domain import Purpose, entry_of, purpose_account_id
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage import blobs
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing, load
from chalicelib.storage.tables import Item, Key, account_key


@dataclass(frozen=True, slots=True)
class CreatePayout:
    """Pay a party out of what we owe it, or own income to the marketplace itself (`own`) or, interest, to a lender.

    `bank_account_id` None: the payee's default. `remittance` is what its statement will say, `subject` what it is for.
    Later than `not_after` it is refused. `kept_minor` of own income stays on its account.
    """

    party_id: str
    amount: Money
    remittance: str = ""
    subject: str | None = None
    source: Source = Source.PARTY
    bank_account_id: str | None = None
    charges_borne_by: ChargesBorneBy = "party"
    not_after: datetime | None = None
    kept_minor: int = 0


def create_payout(call: Call, command: CreatePayout) -> Outcome:
    """Make a payout: Dr its source, Cr payouts in transit. Its id follows from the call's key. Facts: payout_id,
    party_id.

    Raises InvalidInput `payee_not_own`; NotFound `party_not_found`, `payee_account_not_found`,
    `bank_account_not_linked`, `account_not_found`; Conflict `not_after_passed`, `payee_account_retired`,
    `not_a_lender`, `insufficient_funds`.
    """
    payout_id = derived_id("pay", call.tenant, call.key)

    def decide(found: Found) -> Plan:
        check_not_after(command.not_after, now=call.now)
        payout = _payout(found, call, command, payout_id)
        entry = entry_of("payout.created", creation_postings(payout), occurred_at=call.now, subject=payout_id)
        writes = store.create_payout(payout)
        data = payout_journal_facts(payout) | {"party_id": payout.party_id}
        return plan_entry(call, entry, *writes, data=data, conditions=covered(payout, kept_minor=command.kept_minor))

    return once_covered(call, decide, _keys(call.tenant, command), kept_minor=command.kept_minor)


def send_payout(tenant: str, payout_id: str, *, now: datetime) -> Payout:
    """Write the newest attempt's file where its bank fetches it, and mark the payout as sent.

    It is marked as `sending` before: from then on a cancellation is a request to the bank. The file's bytes follow from
    the attempt and the details of its bank account alone, which never change, so a retry after a crash writes nothing
    new; and the bank knows it by its message id. By the time of the second mark the bank may have said more: then it
    changes nothing. Where it is asked for once more, the same bytes are written again under another name.

    Raises NotFound `payout_not_found`, Busy `try_again`.
    """
    payout = store.load_payout(tenant, payout_id)
    if payout.state in RESENDABLE and payout.resends:
        blobs.put_once(payout.resent_file_key, payment_file(payout), content_type="application/xml")
    if payout.state not in UNSENT:
        return payout
    content = payment_file(payout)
    payout = take_step(tenant, payout_id, payout.current_id, Event.SENDING, now=now)
    if payout.state is not State.SENDING:
        return payout
    blobs.put_once(payout.file_key, content, content_type="application/xml")
    return take_step(tenant, payout_id, payout.current_id, Event.SENT, now=now)


def get_payout(tenant: str, payout_id: str) -> Payout:
    """A payout, read strongly. Raises NotFound `payout_not_found`."""
    return store.load_payout(tenant, payout_id)


def list_payouts(tenant: str, *, after: Item | None, limit: int) -> Listing[Payout]:
    """One page of a tenant's payouts, newest first."""
    return store.list_payouts(tenant, after=after, limit=limit)


def list_payouts_of(tenant: str, subject: str, *, after: Item | None, limit: int) -> Listing[Payout]:
    """One page of the payouts for one subject (a trade), newest first."""
    return payout_lists.list_payouts_of(tenant, subject, after=after, limit=limit)


def list_overdue(tenant: str, *, after: Item | None, limit: int) -> Listing[Payout]:
    """One page of the payouts that wait too long for their next step, longest overdue first."""
    return payout_lists.list_overdue(tenant, after=after, limit=limit)


def check_not_after(not_after: datetime | None, *, now: datetime) -> None:
    """Refuse what comes too late: Conflict `not_after_passed`."""
    if not_after is not None and now > not_after:
        raise Conflict("not_after_passed", "the instant is over after which this was not to be done")


def covered(payout: Payout, *, kept_minor: int = 0) -> tuple[Condition, ...]:
    """The condition that own income has as much as is paid and kept: unlike a party's account, it has no floor by
    itself."""
    if payout.source in OF_A_PARTY:
        return ()
    return (Condition(source_account_id(payout), Rule.AT_LEAST, payout.amount_minor + kept_minor),)


def once_covered(
    call: Call, decide: Callable[[Found], Plan], reads: tuple[Key, ...], *, kept_minor: int = 0
) -> Outcome:
    """As `once`, where an account that has less than its condition asks for is refused as `insufficient_funds`."""
    try:
        return once(call, decide, reads=reads)
    except Conflict as refusal:
        if refusal.code != "condition_not_met":
            raise
        wanted, actual = (refusal.facts[f"{name}_minor"] - kept_minor for name in ("wanted", "actual"))
        facts = {"requested": wanted, "available": max(actual, 0)}
        account_id = refusal.facts["account_id"]
        raise Conflict(
            "insufficient_funds", "the amount is more than the account allows", account_id=account_id, **facts
        ) from refusal


def take_destination(found: Found, tenant: str, party_id: str, bank_account_id: str | None) -> str:
    """The bank account that a payout goes to, among what a batch read found. Raises NotFound
    `payee_account_not_found`, Conflict `payee_account_retired`."""
    if bank_account_id is None:
        return payee_store.take_payee(found, tenant, party_id).value.default_account_id
    account = payee_store.take_payee_account(found, tenant, bank_account_id).value
    return check_payable(account, party_id).bank_account_id


def destination_keys(tenant: str, party_id: str, bank_account_id: str | None) -> tuple[Key, ...]:
    """What `take_destination` reads."""
    if bank_account_id is None:
        return (payee_store.payee_key(tenant, party_id),)
    return (payee_store.payee_account_key(tenant, bank_account_id),)


def payment_file(payout: Payout) -> bytes:
    """The newest attempt's payment file: one payment, the attempt's id in every place where the bank will quote one."""
    # The API lists payouts and writes no file: its cold start does not load the XML library.
    from chalicelib.messages import pain001  # noqa: PLC0415

    details: BankDetails = open_details(payout.tenant, payout.bank_account_id)
    payer = load(tenant_key(payout.tenant), Tenant, "tenant_not_found").value.name
    payee = pain001.Payee(details.holder, iban=details.iban, account=details.account, bic=details.bic)
    own = {"iban" if is_iban(payout.iban) else "account": payout.iban}
    file = pain001.PaymentFile(
        message_id=payout.current_id,
        created_at=payout.began_at,
        execute_on=payout.execute_on,
        payer=pain001.Payee(payer, **own),
        payouts=(pain001.Payout(payout.current_id, payout.amount, payee, payout.remittance),),
    )
    return pain001.write(file)


def _payout(found: Found, call: Call, command: CreatePayout, payout_id: str) -> Payout:
    tenant, amount, party_id = call.tenant, command.amount, command.party_id
    if party_id != OWN or command.source in OF_A_PARTY:
        store.take_party(found, tenant, party_id)
    if party_id != OWN and command.source is Source.FEE_INCOME:
        raise InvalidInput("payee_not_own", "fee income is paid to the marketplace itself", field="party_id")
    if party_id != OWN and command.source is Source.INTEREST_INCOME and _lender_key(tenant, command) not in found:
        raise Conflict("not_a_lender", "interest is paid to a lender or to the marketplace itself", party_id=party_id)
    payout = new_payout(
        payout_id,
        amount,
        party_id=party_id,
        account=store.take_paying(found, tenant, amount.currency),
        now=call.now,
        remittance=command.remittance,
        subject=command.subject,
    )
    payout = replace(
        payout,
        bank_account_id=take_destination(found, tenant, party_id, command.bank_account_id),
        source=command.source,
        charges_borne_by=command.charges_borne_by,
    )
    return new_clock(payout, now=call.now)


def _keys(tenant: str, command: CreatePayout) -> tuple[Key, ...]:
    return (
        store.party_key(tenant, command.party_id),
        store.paying_key(tenant, command.amount.currency),
        _lender_key(tenant, command),
        *destination_keys(tenant, command.party_id, command.bank_account_id),
    )


def _lender_key(tenant: str, command: CreatePayout) -> Key:
    """Where the account of a lender's money is, which makes a party a lender in the payout's currency."""
    lent = purpose_account_id(tenant, Purpose.LENDER_UNDRAWN, command.amount.currency, command.party_id)
    return account_key(tenant, lent)
