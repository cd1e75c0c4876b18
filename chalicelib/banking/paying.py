"""Payouts: made, handed to the bank as a file, and moved on by what the bank says. Each command is one commit.

A bank may tell anything twice and in any order. Every step has a worker's key of its own, and money that moved at the
bank is booked under its movement's key, so that it is booked once, whoever tells of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import sha256

from chalicelib.access.domain import Tenant
from chalicelib.access.store import tenant_key
from chalicelib.banking import payee_store, store
from chalicelib.banking.domain import BankDetails
from chalicelib.banking.movements import Movement
from chalicelib.banking.payee_accounts import open_details
from chalicelib.banking.payouts import (
    Event,
    News,
    Payout,
    State,
    advance,
    creation_postings,
    give_back,
    is_payout_id,
    new_payout,
    rejection_postings,
    return_postings,
    settle,
    settlement_postings,
)
from chalicelib.banking.references import is_iban
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, InvalidInput, KeyReused
from chalicelib.core.ids import derived_id
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Posting, entry_of
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage import blobs
from chalicelib.storage.journal import journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing, load
from chalicelib.storage.tables import Item

ACTOR = "payouts"


@dataclass(frozen=True, slots=True)
class CreatePayout:
    """Pay a party out of what we owe it. `remittance` is what its statement will say, `subject` what it is for."""

    party_id: str
    amount: Money
    remittance: str = ""
    subject: str | None = None


class _OldNews(Exception):
    """What was told changes nothing: there is nothing to commit."""

    def __init__(self, payout: Payout) -> None:
        super().__init__(payout.payout_id)
        self.payout = payout


def create_payout(call: Call, command: CreatePayout) -> Outcome:
    """Make a payout: Dr party, Cr payouts in transit. Its id follows from the call's key. Facts: payout_id, party_id.

    Raises NotFound `party_not_found`, `bank_account_not_linked`, `account_not_found`; Conflict `insufficient_funds`.
    """
    payout_id = derived_id("pay", call.tenant, call.key)
    keys = (
        store.party_key(call.tenant, command.party_id),
        store.paying_key(call.tenant, command.amount.currency),
    )

    def decide(found: Found) -> Plan:
        store.take_party(found, call.tenant, command.party_id)
        payout = new_payout(
            payout_id,
            command.amount,
            party_id=command.party_id,
            account=store.take_paying(found, call.tenant, command.amount.currency),
            now=call.now,
            remittance=command.remittance,
            subject=command.subject,
        )
        entry = entry_of("payout.created", creation_postings(payout), occurred_at=call.now, subject=payout_id)
        facts = {"payout_id": payout_id, "party_id": payout.party_id}
        return plan_entry(call, entry, *store.create_payout(payout), data=facts)

    return once(call, decide, reads=keys)


def send_payout(tenant: str, payout_id: str, *, now: datetime) -> Payout:
    """Write the payout's file where its bank fetches it, and mark the payout as sent.

    The file is written first and its bytes follow from the payout and the party's details alone, so a retry after a
    crash writes nothing new; and the bank knows it by its message id. By the time of the mark the bank may have said
    more: then it changes nothing. Raises NotFound `payout_not_found`, Busy `try_again`.
    """
    payout = store.load_payout(tenant, payout_id)
    if advance(payout, Event.SENT) is payout:
        return payout
    details = open_details(tenant, payee_store.load_payee(tenant, payout.party_id).default_account_id)
    payer = load(tenant_key(tenant), Tenant, "tenant_not_found").value.name
    blobs.put_once(payout.file_key, _file(payout, details, payer), content_type="application/xml")
    return _tell(tenant, News(payout_id, Event.SENT), now=now)


def apply_payout_status(bank_id: str, news: News, *, now: datetime) -> Payout:
    """Move a payout on by what a pain.002 says of it: accepted, doubted, or rejected (Dr payouts in transit, Cr party).

    Raises InvalidInput `not_our_payout` (it can never become known), NotFound `payout_not_found` (deliver it again
    later), Conflict `payout_state` (a rejection of what was debited).
    """
    return _tell(_owner(bank_id, news.payout_id), news, now=now)


def settle_payout(movement: Movement, *, now: datetime) -> Payout:
    """Book the bank's debit of a payout: Dr payouts in transit, Cr bank, under the movement's key.

    Raises as `apply_payout_status`, and Conflict `payout_amount_differs`, `payout_settled_twice`,
    `payout_account_differs`, `movement_booked_otherwise` (the same movement stands in the books as something else).
    """
    return _book(movement, now, "payout.settled", _settled, settlement_postings)


def return_payout(movement: Movement, *, now: datetime) -> Payout:
    """Book a payout that came back: Dr bank, Cr party, under the movement's key, whether its debit was told or not.

    Raises as `settle_payout`, and Conflict `payout_returned_twice`.
    """
    return _book(movement, now, "payout.returned", _returned, return_postings)


def payout_tenant(bank_id: str, payout_id: str) -> str:
    """Whose payout a bank speaks of. Raises as `apply_payout_status` where it is nobody's."""
    return _owner(bank_id, payout_id)


def get_payout(tenant: str, payout_id: str) -> Payout:
    """A payout, read strongly. Raises NotFound `payout_not_found`."""
    return store.load_payout(tenant, payout_id)


def list_payouts(tenant: str, *, after: Item | None, limit: int) -> Listing[Payout]:
    """One page of a tenant's payouts, newest first."""
    return store.list_payouts(tenant, after=after, limit=limit)


def _tell(tenant: str, news: News, *, now: datetime) -> Payout:
    """The payout after news that moves no money at the bank."""
    call = _call(tenant, f"payout:{news.payout_id}:{news.event.value}", None, now)
    return _change(call, news.payout_id, lambda payout: advance(payout, news.event, reason=news.reason), _news_plan)


def _book(
    movement: Movement,
    now: datetime,
    kind: str,
    change: Callable[[Payout, Movement], Payout],
    postings: Callable[[Payout], tuple[Posting, ...]],
) -> Payout:
    """The payout after money has moved at the bank."""
    payout_id = movement.end_to_end_id
    tenant = _owner(movement.account.bank_id, payout_id)
    call = _call(tenant, movement.key, movement.content, now)

    def plan(call: Call, payout: Payout) -> Plan:
        entry = entry_of(
            kind, postings(payout), occurred_at=call.now, subject=payout_id, reference=movement.bank_reference
        )
        return plan_entry(call, entry, data=_facts(payout))

    return _change(call, payout_id, lambda payout: change(payout, movement), plan)


def _change(
    call: Call, payout_id: str, change: Callable[[Payout], Payout], plan: Callable[[Call, Payout], Plan]
) -> Payout:
    """Change a payout in one commit with what the change books; old news changes nothing and commits nothing."""

    def decide(found: Found) -> Plan:
        stored = store.take_payout(found, call.tenant, payout_id)
        after = change(stored.value)
        if after is stored.value:
            raise _OldNews(after)
        planned = plan(call, after)
        write = store.replace_payout(after, version=stored.version)
        return Plan(planned.item, (*planned.writes, write))

    try:
        outcome = once(call, decide, reads=(store.payout_key(call.tenant, payout_id),))
    except _OldNews as old:
        return old.payout
    except KeyReused as error:
        raise _booked_otherwise(call) from error
    if outcome.item.subject != payout_id:
        raise _booked_otherwise(call)
    return store.load_payout(call.tenant, payout_id)


def _booked_otherwise(call: Call) -> Conflict:
    return Conflict(
        "movement_booked_otherwise", "the books have this movement as something else", entry_id=call.entry_id
    )


def _news_plan(call: Call, payout: Payout) -> Plan:
    kind = f"payout.{payout.state.value}"
    if payout.state is not State.REJECTED:
        return Plan(journal_item(call, kind, subject=payout.payout_id, data=_facts(payout)))
    entry = entry_of(kind, rejection_postings(payout), occurred_at=call.now, subject=payout.payout_id)
    return plan_entry(call, entry, data=_facts(payout))


def _settled(payout: Payout, movement: Movement) -> Payout:
    _check_account(payout, movement)
    return settle(payout, -movement.amount, bank_reference=movement.bank_reference)


def _returned(payout: Payout, movement: Movement) -> Payout:
    _check_account(payout, movement)
    return give_back(payout, movement.amount, bank_reference=movement.bank_reference, reason=movement.return_reason)


def _check_account(payout: Payout, movement: Movement) -> None:
    account = movement.account
    if (account.tenant_id, account.iban, account.currency) != (payout.tenant, payout.iban, payout.currency):
        raise Conflict(
            "payout_account_differs", "the payout moved on another account than its own", payout_id=payout.payout_id
        )


def _owner(bank_id: str, payout_id: str) -> str:
    if not is_payout_id(payout_id):
        raise InvalidInput("not_our_payout", "no payout of ours has such an id", field="EndToEndId")
    return store.payout_owner(bank_id, payout_id)


def _call(tenant: str, key: str, content: Mapping[str, object] | None, now: datetime) -> Call:
    return worker_call(
        tenant=tenant, key=key, content=content, now=now, entropy=sha256(key.encode()).digest(), actor=ACTOR
    )


def _facts(payout: Payout) -> dict[str, object]:
    return {"payout_id": payout.payout_id, "state": payout.state.value, "reason": payout.reason}


def _file(payout: Payout, details: BankDetails, payer: str) -> bytes:
    """The payment file: one payout, its id in every place where the bank will quote one."""
    # The API lists payouts and writes no file: its cold start does not load the XML library.
    from chalicelib.messages import pain001  # noqa: PLC0415

    payee = pain001.Payee(details.holder, iban=details.iban, account=details.account, bic=details.bic)
    own = {"iban" if is_iban(payout.iban) else "account": payout.iban}
    file = pain001.PaymentFile(
        message_id=payout.payout_id,
        created_at=payout.created_at,
        execute_on=payout.execute_on,
        payer=pain001.Payee(payer, **own),
        payouts=(pain001.Payout(payout.payout_id, payout.amount, payee, payout.remittance),),
    )
    return pain001.write(file)
