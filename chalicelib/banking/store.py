"""How banking stands in the records table. Each kind of record is a part of its own, so that an id finds its kind only.

tenant#party      party                             bank#id        state, account#IBAN
tenant#payout     payout                            payout#id      state: whose the attempt is
tenant#reference  expected                          callback#id    state
                                                    quarantine#id  state
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from chalicelib.banking.domain import (
    Bank,
    BankAccount,
    Callback,
    ExpectedPayment,
    Party,
    Quarantined,
)
from chalicelib.banking.payouts import Payout
from chalicelib.core.errors import NotFound
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.storage.commit import Failed, Write, commit
from chalicelib.storage.reads import Found, fetch, get
from chalicelib.storage.records import Due, Listing, Versioned, create, listing, require, take
from chalicelib.storage.records import replace as replace_record
from chalicelib.storage.tables import Item, Key, RecordItem, record_key

MOST_ACCOUNT_TEXT = 64
PAGE = 100


@dataclass(frozen=True, slots=True)
class PayoutOwner:
    """Whose a payout is, and which: a bank names an attempt at it by its id alone."""

    tenant: str
    bank_id: str
    payout_id: str


# ---- parties ---------------------------------------------------------------------------------------------------------


def party_key(tenant: str, party_id: str) -> Key:
    """Where a party is kept."""
    return record_key(tenant, party_id, "party")


def create_party(tenant: str, party: Party) -> Write:
    """Create a party; Conflict `party_exists` where it stands."""
    return create(
        party_key(tenant, party.party_id),
        party,
        exists="party_exists",
        list_key=f"{tenant}#parties",
        list_sort=party.party_id,
    )


def replace_party(tenant: str, party: Party, *, version: int) -> Write:
    """Write the next state of a party.

    condition: version = the version that was read; else decide again
    """
    return replace_record(party_key(tenant, party.party_id), party, version=version)


def find_party(found: Found, tenant: str, party_id: str) -> Versioned[Party]:
    """The party with its version among what a batch read found. Raises NotFound `party_not_found`."""
    return require(found, party_key(tenant, party_id), Party, "party_not_found", party_id=party_id)


def take_party(found: Found, tenant: str, party_id: str) -> Party:
    """The party among what a batch read found. Raises NotFound `party_not_found`."""
    return find_party(found, tenant, party_id).value


def load_party(tenant: str, party_id: str) -> Party:
    """A party, read strongly. Raises NotFound `party_not_found`."""
    return take_party(_read(party_key(tenant, party_id)), tenant, party_id)


def list_parties(tenant: str, *, after: Item | None, limit: int) -> Listing[Party]:
    """One page of a tenant's parties, oldest first."""
    return listing(f"{tenant}#parties", Party, after=after, limit=limit)


# ---- banks and accounts at banks -------------------------------------------------------------------------------------


def bank_key(bank_id: str) -> Key:
    """Where a bank is kept: it stands above tenants."""
    return record_key("bank", bank_id)


def link_key(bank_id: str, iban: str) -> Key:
    """Where it is kept whose an account at a bank is."""
    return record_key("bank", bank_id, f"account#{iban}")


def paying_key(tenant: str, currency: str) -> Key:
    """Where it is kept which account a tenant pays out of in a currency."""
    return record_key(tenant, f"paying-{currency}", "bank-account")


def create_bank(bank: Bank) -> Write:
    """Create a bank; Conflict `bank_exists` where it stands."""
    return create(bank_key(bank.bank_id), bank, exists="bank_exists")


def replace_bank(bank: Bank, *, version: int) -> Write:
    """Write the next state of a bank.

    condition: version = the version that was read; else decide again
    """
    return replace_record(bank_key(bank.bank_id), bank, version=version)


def find_bank(found: Found, bank_id: str) -> Versioned[Bank]:
    """The bank with its version among what a batch read found. Raises NotFound `bank_not_found`."""
    return require(found, bank_key(bank_id), Bank, "bank_not_found", bank_id=bank_id)


def take_bank(found: Found, bank_id: str) -> Bank:
    """The bank among what a batch read found. Raises NotFound `bank_not_found`."""
    return find_bank(found, bank_id).value


def load_bank(bank_id: str) -> Bank:
    """A bank, read strongly. Raises NotFound `bank_not_found`."""
    return take_bank(_read(bank_key(bank_id)), bank_id)


def create_link(link: BankAccount) -> Write:
    """Link an account at a bank to its tenant; Conflict `bank_account_linked` where it is linked."""
    return create(
        link_key(link.bank_id, link.iban),
        link,
        exists="bank_account_linked",
        list_key=f"{link.tenant_id}#bank-accounts",
        list_sort=f"{link.bank_id}#{link.iban}",
    )


def create_paying(link: BankAccount) -> Write:
    """Make an account the one that its tenant pays out of; Conflict `paying_account_set` where there is one."""
    return create(paying_key(link.tenant_id, link.currency), link, exists="paying_account_set")


def take_link(found: Found, bank_id: str, iban: str) -> BankAccount | None:
    """The link among what a batch read found, or None."""
    record = take(found, link_key(bank_id, iban), BankAccount)
    return record.value if record else None


def find_account(bank_id: str, iban: str) -> BankAccount | None:
    """Whose an account at a bank is, or None: nobody's that we know. `iban` is what a bank wrote."""
    if len(iban) > MOST_ACCOUNT_TEXT:
        return None
    return take_link(_read(link_key(bank_id, iban)), bank_id, iban)


def take_paying(found: Found, tenant: str, currency: str) -> BankAccount:
    """The account a tenant pays out of in a currency. Raises NotFound `bank_account_not_linked`."""
    key = paying_key(tenant, currency)
    return require(found, key, BankAccount, "bank_account_not_linked", currency=currency).value


def every_account(tenant: str) -> Iterator[BankAccount]:
    """All of a tenant's accounts at banks, by bank and number, read a page at a time."""
    after: Item | None = None
    more = True
    while more:
        page = listing(f"{tenant}#bank-accounts", BankAccount, after=after, limit=PAGE)
        yield from page.values
        after = page.last_key
        more = after is not None


def banks_of(tenant: str) -> list[str]:
    """The banks at which a tenant has accounts, one read for each, however many accounts."""
    banks: list[str] = []
    first = _first_behind(tenant, " ")
    while first is not None:
        banks.append(first.bank_id)
        first = _first_behind(tenant, f"{first.bank_id}$")  # $ comes next to the # that ends a bank's id
    return banks


# ---- expected payments ---------------------------------------------------------------------------------------------


def expected_key(tenant: str, reference: str) -> Key:
    """Where an expected payment is kept."""
    return record_key(tenant, reference, "expected")


def create_expected(tenant: str, expected: ExpectedPayment) -> Write:
    """Expect a payment; Conflict `reference_taken` where its reference is in use."""
    return create(expected_key(tenant, expected.reference), expected, exists="reference_taken")


def take_expected(found: Found, tenant: str, reference: str) -> Versioned[ExpectedPayment] | None:
    """The expected payment among what a batch read found, or None: nobody expects this reference."""
    return take(found, expected_key(tenant, reference), ExpectedPayment)


def find_expected(tenant: str, references: tuple[str, ...]) -> Versioned[ExpectedPayment] | None:
    """The expected payment of the first of these references that there is one for, read strongly."""
    found = fetch(expected_key(tenant, reference) for reference in references)
    known = (take_expected(found, tenant, reference) for reference in references)
    return next((record for record in known if record is not None), None)


def replace_expected(tenant: str, expected: ExpectedPayment, *, version: int) -> Write:
    """Write the next state of an expected payment.

    condition: version = the version that was read; else decide again
    """
    return replace_record(expected_key(tenant, expected.reference), expected, version=version)


# ---- payouts ---------------------------------------------------------------------------------------------------------


def payout_key(tenant: str, payout_id: str) -> Key:
    """Where a payout is kept."""
    return record_key(tenant, payout_id, "payout")


def create_payout(payout: Payout) -> tuple[Write, ...]:
    """Create a payout, and the record by which its bank's messages find it; Conflict `payout_exists` where one is."""
    key = payout_key(payout.tenant, payout.payout_id)
    state = create(key, payout, exists="payout_exists", due_at=payout.due_at, **payout_place(payout))
    return state, create_payout_owner(payout)


def payout_place(payout: Payout) -> dict[str, str]:
    """Where the list of payouts has one, for `create`."""
    sort = f"{instant_text(payout.created_at)}#{payout.payout_id}"
    return {"list_key": f"{payout.tenant}#payouts", "list_sort": sort}


def create_payout_owner(payout: Payout, *, is_listed: bool = False) -> Write:
    """Create the record by which a bank's messages find the newest attempt at a payout; Conflict `payout_exists` where
    one is. The first attempt's is in the list of its subject's payouts, unless the payout `is_listed` there already."""
    owner = PayoutOwner(payout.tenant, payout.bank_id, payout.payout_id)
    listed = {} if is_listed or payout.earlier else _subject_place(payout)
    return create(record_key("payout", payout.current_id), owner, exists="payout_exists", **listed)


def list_waiting(payout: Payout) -> tuple[Write, ...]:
    """Put a payout that no bank knows yet into the list of its subject's payouts."""
    if not payout.subject:
        return ()
    key = record_key(payout.tenant, payout.payout_id, "subject")
    waiting = PayoutOwner(payout.tenant, payout.bank_id, payout.payout_id)
    return (create(key, waiting, exists="payout_exists", **_subject_place(payout)),)


def _subject_place(payout: Payout) -> dict[str, str]:
    if not payout.subject:
        return {}
    return payout_place(payout) | {"list_key": subject_list(payout.tenant, payout.subject)}


def subject_list(tenant: str, subject: str) -> str:
    """The list of the payouts for one subject."""
    return f"{tenant}#payouts-of#{subject}"


def take_payout(found: Found, tenant: str, payout_id: str) -> Versioned[Payout]:
    """The payout among what a batch read found. Raises NotFound `payout_not_found`."""
    return require(found, payout_key(tenant, payout_id), Payout, "payout_not_found", payout_id=payout_id)


def load_payout(tenant: str, payout_id: str) -> Payout:
    """A payout, read strongly. Raises NotFound `payout_not_found`."""
    return load_payout_version(tenant, payout_id).value


def load_payout_version(tenant: str, payout_id: str) -> Versioned[Payout]:
    """A payout with its version, read strongly. Raises NotFound `payout_not_found`."""
    return take_payout(_read(payout_key(tenant, payout_id)), tenant, payout_id)


def replace_payout(payout: Payout, *, version: int) -> Write:
    """Write the next state of a payout.

    condition: version = the version that was read; else decide again
    """
    due = Due(payout.due_at)
    return replace_record(payout_key(payout.tenant, payout.payout_id), payout, version=version, due=due)


def payout_owner(bank_id: str, attempt_id: str) -> PayoutOwner:
    """Whose the payout is that a bank names by the id of an attempt. Raises NotFound `payout_not_found`, also where it
    is another bank's."""
    key = record_key("payout", attempt_id)
    owner = take(_read(key), key, PayoutOwner)
    if owner is None or owner.value.bank_id != bank_id:
        raise NotFound("payout_not_found", "the bank has no such payout of ours", payout_id=attempt_id)
    return owner.value


def list_payouts(tenant: str, *, after: Item | None, limit: int) -> Listing[Payout]:
    """One page of a tenant's payouts, newest first."""
    return listing(f"{tenant}#payouts", Payout, after=after, limit=limit, newest_first=True)


# ---- callbacks and quarantine ----------------------------------------------------------------------------------------


def callback_key(callback_id: str) -> Key:
    """Where a callback is kept."""
    return record_key("callback", callback_id)


def note_callback(callback: Callback) -> Versioned[Callback]:
    """Keep a callback, unless one with its id is kept already: what stands after that.

    condition: attribute_not_exists(pk); else what stands there comes back with the refusal
    """
    write = create(callback_key(callback.callback_id), callback, exists="callback_exists")
    try:
        commit((write,))
    except Failed as failed:
        key = callback_key(callback.callback_id)
        old = failed.reasons[0][1]
        found = {} if old is None else {key: RecordItem.from_raw_data(old)}
        return require(found, key, Callback, "callback_not_found")
    return Versioned(callback, 1)


def mark_queued(callback: Versioned[Callback]) -> None:
    """Note that a callback is in the queue. Where somebody else has noted it, that is as good.

    condition: version = the version that was read
    """
    queued = replace(callback.value, queued=True)
    try:
        commit((replace_record(callback_key(queued.callback_id), queued, version=callback.version),))
    except Failed:
        return


def create_quarantined(entry: Quarantined) -> bool:
    """Put something into quarantine. False: it is there already.

    condition: attribute_not_exists(pk)
    """
    sort = quarantine_position(entry)["list_sort"]["S"]
    list_key = quarantine_list(entry.tenant, entry.bank_id)
    key = _quarantine_key(entry)
    try:
        commit((create(key, entry, exists="quarantined", list_key=list_key, list_sort=sort),))
    except Failed:
        return False
    return True


def quarantine_list(tenant: str | None, bank_id: str) -> str:
    """The list of a tenant's quarantine, or (tenant None) of what came from a bank and is nobody's."""
    return f"{tenant}#quarantine" if tenant else f"bank#{bank_id}#quarantine"


def list_quarantined(list_key: str, *, after: Item | None, limit: int) -> Listing[Quarantined]:
    """One page of a list of quarantine, oldest first."""
    return listing(list_key, Quarantined, after=after, limit=limit)


def quarantine_position(entry: Quarantined) -> Item:
    """Where in its list an entry stands: the key to go on after."""
    return _quarantine_key(entry).wire() | {
        "list_key": {"S": quarantine_list(entry.tenant, entry.bank_id)},
        "list_sort": {"S": f"{instant_text(entry.quarantined_at)}#{entry.quarantine_id}"},
    }


def _quarantine_key(entry: Quarantined) -> Key:
    return record_key("quarantine", entry.quarantine_id)


def _first_behind(tenant: str, place: str) -> BankAccount | None:
    """The first of a tenant's accounts at banks behind a place in their list."""
    page = listing(f"{tenant}#bank-accounts", BankAccount, after=None, limit=1, between=(place, "~"))
    return page.values[0] if page.values else None


def _read(key: Key) -> Found:
    item = get(key)
    return {} if item is None else {key: item}
