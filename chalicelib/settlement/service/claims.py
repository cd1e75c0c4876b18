"""Claims: paid from the debtor's account, waived by the creditor, and each of these undone; and the lists of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.instants import instant_text
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Posting, entry_of
from chalicelib.ledger.store.accounts import load_account
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.settlement.domain.claims import (
    Claim,
    Ending,
    check_amount,
    debtor_account_id,
    end_part,
    ending_postings,
    undo_part,
    undoing_postings,
)
from chalicelib.settlement.kinds import CLAIM_ENDED, CLAIM_UNDONE
from chalicelib.settlement.store import claims as store
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem, from_row, journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing
from chalicelib.storage.tables import Item, JournalRow, journal_key


def settle_claim(call: Call, claim_id: str, amount: Money, *, up_to: bool = False) -> Outcome:
    """Pay a part of a claim from the debtor's account. With `up_to` as much of the amount as is owed and available.

    Raises NotFound `claim_not_found`, and what `end_part` raises; from the write Conflict `insufficient_funds`; with
    `up_to` Conflict `nothing_to_settle`.
    """

    def decide(found: Found) -> Plan:
        before = store.take_claim(found, call.tenant, claim_id)
        part, read = _affordable(call.tenant, before.value, amount) if up_to else (amount, {})
        after = end_part(before.value, Ending.SETTLED, part)
        postings = ending_postings(call.tenant, after, Ending.SETTLED, part)
        writes = store.replace_claim(call.tenant, before, after)
        return _plan(call, CLAIM_ENDED[Ending.SETTLED], after, part, postings, writes, read)

    return once(call, decide, reads=(store.claim_key(call.tenant, claim_id),))


def waive_claim(call: Call, claim_id: str, amount: Money, reason: str) -> Outcome:
    """Give up a part of a claim; one of the marketplace is written off as a loss. Raises NotFound `claim_not_found`,
    and what `end_part` raises."""

    def decide(found: Found) -> Plan:
        before = store.take_claim(found, call.tenant, claim_id)
        after = end_part(before.value, Ending.WAIVED, amount)
        postings = ending_postings(call.tenant, after, Ending.WAIVED, amount)
        writes = store.replace_claim(call.tenant, before, after)
        return _plan(call, CLAIM_ENDED[Ending.WAIVED], after, amount, postings, writes, comment=reason)

    return once(call, decide, reads=(store.claim_key(call.tenant, claim_id),))


def undo_claim_part(call: Call, claim_id: str, entry_id: str, reason: str) -> Outcome:
    """Undo a settlement or waiver of a claim, named by its entry: as much is owed again.

    Raises NotFound `claim_not_found`, `claim_part_not_found`; from the write Conflict `claim_part_undone`, and
    `insufficient_funds` where a creditor has spent what it was paid.
    """

    def decide(found: Found) -> Plan:
        before = store.take_claim(found, call.tenant, claim_id)
        ending, amount = _part_made_by(found, call.tenant, claim_id, entry_id)
        after = undo_part(before.value, ending, amount)
        postings = undoing_postings(call.tenant, after, ending, amount)
        writes = store.replace_claim(call.tenant, before, after)
        mark = store.mark_undone(call.tenant, entry_id, by=call.entry_id)
        kind = CLAIM_UNDONE[ending]
        return _plan(call, kind, after, amount, postings, (mark, *writes), comment=reason, undoes=entry_id)

    undone = store.undone_key(call.tenant, entry_id)
    reads = (store.claim_key(call.tenant, claim_id), journal_key(call.tenant, entry_id), undone)
    return once(call, decide, reads=reads)


def get_claim(tenant: str, claim_id: str) -> Claim:
    """A claim, read strongly. Raises NotFound `claim_not_found`."""
    return store.load_claim(tenant, claim_id)


def list_claims(
    tenant: str, *, is_open: bool, debtor: str = "", trade_id: str = "", after: Item | None, limit: int
) -> Listing[Claim]:
    """One page of claims, those due first ahead. See `chalicelib.settlement.store.claims.list_claims`."""
    return store.list_claims(tenant, is_open=is_open, debtor=debtor, trade_id=trade_id, after=after, limit=limit)


def _affordable(tenant: str, claim: Claim, wanted: Money) -> tuple[Money, dict[str, int]]:
    """How much of `wanted` is owed and the debtor has, and the version of its account that says so."""
    check_amount(claim, wanted)
    account = load_account(tenant, debtor_account_id(tenant, claim))
    minor = min(wanted.minor, claim.open_minor, account.available)
    if minor <= 0:
        facts = {"claim_id": claim.claim_id, "open": claim.open_minor, "available": account.available}
        raise Conflict("nothing_to_settle", "nothing is owed, or the debtor has nothing", **facts)
    return wanted.of(minor), {account.account_id: account.version}


def _part_made_by(found: Found, tenant: str, claim_id: str, entry_id: str) -> tuple[Ending, Money]:
    """How, and how much of a claim an entry ended."""
    row = found.get(journal_key(tenant, entry_id))
    item = None if row is None else from_row(cast("JournalRow", row))
    ending = next((one for one, kind in CLAIM_ENDED.items() if item is not None and item.kind == kind), None)
    if item is None or ending is None or item.subject != claim_id:
        facts = {"claim_id": claim_id, "entry_id": entry_id}
        raise NotFound("claim_part_not_found", "this entry ended no part of the claim", **facts)
    if store.undone_key(tenant, entry_id) in found:
        raise Conflict("claim_part_undone", "this was undone before", claim_id=claim_id, entry_id=entry_id)
    return ending, Money(item.data["minor"], item.data["currency"])


def _plan(
    call: Call,
    kind: str,
    claim: Claim,
    amount: Money,
    postings: Sequence[Posting],
    writes: Sequence[Write],
    read: dict[str, int] | None = None,
    **more: str,
) -> Plan:
    facts = {**claim_facts(claim), "minor": amount.minor, **more}
    if not postings:
        return Plan(_event(call, kind, claim, facts), tuple(writes))
    entry = entry_of(kind, postings, occurred_at=call.now, subject=claim.claim_id)
    return plan_entry(call, entry, *writes, data=facts, read=read)


def _event(call: Call, kind: str, claim: Claim, facts: dict[str, Any]) -> JournalItem:
    return journal_item(call, kind, subject=claim.claim_id, data=facts)


def claim_facts(claim: Claim) -> dict[str, Any]:
    """A claim as journal items and answers show it."""
    return {
        "claim_id": claim.claim_id,
        "status": claim.status,
        "debtor_party_id": claim.debtor,
        "creditor_party_id": claim.creditor,
        "trade_id": claim.trade_id,
        "currency": claim.currency,
        "amount_minor": claim.amount_minor,
        "settled_minor": claim.settled_minor,
        "waived_minor": claim.waived_minor,
        "open_minor": claim.open_minor,
        "reason": claim.reason.value,
        "due_on": claim.due_on.isoformat(),
        "opened_by": claim.opened_by,
        "opened_at": instant_text(claim.opened_at),
    }
