"""Claims: paid from the debtor's account, waived by the creditor, and each of these undone; and the lists of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from chalicelib.banking.payout_store import load_reserved, save_reserved
from chalicelib.banking.payouts import Payout
from chalicelib.banking.reservations import WAITING, lower
from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, NotFound
from chalicelib.core.money import Money
from chalicelib.ledger.domain import Posting, entry_of
from chalicelib.ledger.reservations import held_facts, reserving_facts
from chalicelib.ledger.store.accounts import load_account
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.settlement.domain.claims import (
    Claim,
    Ending,
    check_amount,
    claim_facts,
    creditor_account_id,
    debtor_account_id,
    end_part,
    ending_postings,
    undo_part,
    undoing_postings,
)
from chalicelib.settlement.kinds import CLAIM_ENDED, CLAIM_SETTLED, CLAIM_UNDONE
from chalicelib.settlement.store import claims as store
from chalicelib.settlement.store.reserved import reservations_of
from chalicelib.settlement.store.trade_claims import follow_claim
from chalicelib.storage.commit import Write
from chalicelib.storage.journal import JournalItem, from_row, journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.records import Listing, Versioned
from chalicelib.storage.tables import Item, JournalRow, journal_key


def settle_claim(call: Call, claim_id: str, amount: Money, *, up_to: bool = False) -> Outcome:
    """Pay a part of a claim from the debtor's account. With `up_to` as much of the amount as is owed and available.

    Raises NotFound `claim_not_found`; what `end_part` raises; Conflict `trade_state` of a trade's own claim while the
    trade may still change it; from the write Conflict `insufficient_funds`; with `up_to` Conflict `nothing_to_settle`.
    """

    def decide(found: Found) -> Plan:
        before = store.take_claim(found, call.tenant, claim_id)
        part, read = _affordable(call.tenant, before.value, amount) if up_to else (amount, {})
        after = end_part(before.value, Ending.SETTLED, part)
        postings = ending_postings(call.tenant, after, Ending.SETTLED, part)
        writes = (*store.replace_claim(call.tenant, before, after), *follow_claim(call, after, part, Ending.SETTLED))
        paid_out = () if after.creditor is None else (creditor_account_id(call.tenant, after),)
        facts = _facts(after, part) | reserving_facts(postings, paid_out)
        return _plan(call, CLAIM_ENDED[Ending.SETTLED], postings, facts, writes, read)

    return once(call, decide, reads=(store.claim_key(call.tenant, claim_id),))


def waive_claim(call: Call, claim_id: str, amount: Money, reason: str) -> Outcome:
    """Give up a part of a claim; one of the marketplace is written off as a loss. Raises NotFound `claim_not_found`;
    what `end_part` raises; Conflict `trade_state` as `settle_claim`."""

    def decide(found: Found) -> Plan:
        before = store.take_claim(found, call.tenant, claim_id)
        after = end_part(before.value, Ending.WAIVED, amount)
        postings = ending_postings(call.tenant, after, Ending.WAIVED, amount)
        writes = (*store.replace_claim(call.tenant, before, after), *follow_claim(call, after, amount, Ending.WAIVED))
        facts = _facts(after, amount) | {"comment": reason}
        return _plan(call, CLAIM_ENDED[Ending.WAIVED], postings, facts, writes)

    return once(call, decide, reads=(store.claim_key(call.tenant, claim_id),))


def undo_claim_part(call: Call, claim_id: str, entry_id: str, reason: str) -> Outcome:
    """Undo a settlement, set-off or waiver of a claim, named by its entry: as much is owed again. A payment that was
    not paid out to the creditor yet is taken back from that payout.

    Raises NotFound `claim_not_found`, `claim_part_not_found`; Conflict `claim_part_undone`, and what `owe_again`
    raises; from the write Conflict `insufficient_funds` where a creditor has spent what it was paid.
    """

    def decide(found: Found) -> Plan:
        before = store.take_claim(found, call.tenant, claim_id)
        made_by = _made_by(found, call.tenant, before.value, entry_id)
        ending, amount = _part_of(made_by, before.value)
        was_set_off = made_by.kind not in {CLAIM_SETTLED, *CLAIM_ENDED.values()}
        after = undo_part(before.value, ending, amount, was_set_off=was_set_off)
        let_go, lowered = _taken_from_payout(made_by, after, amount.minor)
        writes = (
            store.mark_undone(call.tenant, claim_id, entry_id, by=call.entry_id),
            *store.replace_claim(call.tenant, before, after),
            *follow_claim(call, after, amount, ending, undone=True),
            *lowered,
        )
        held = {creditor_account_id(call.tenant, after): -let_go}
        facts = _facts(after, amount) | {"comment": reason, "undoes": entry_id} | held_facts(held)
        postings = undoing_postings(call.tenant, after, ending, amount)
        return _plan(call, CLAIM_UNDONE[ending], postings, facts, writes)

    undone = store.undone_key(call.tenant, claim_id, entry_id)
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


def _made_by(found: Found, tenant: str, claim: Claim, entry_id: str) -> JournalItem:
    """The entry that ended a part of a claim, which was not undone yet."""
    row = found.get(journal_key(tenant, entry_id))
    item = None if row is None else from_row(cast("JournalRow", row))
    if item is None or not _ended(item, claim):
        facts = {"claim_id": claim.claim_id, "entry_id": entry_id}
        raise NotFound("claim_part_not_found", "this entry ended no part of the claim", **facts)
    if store.undone_key(tenant, claim.claim_id, entry_id) in found:
        facts = {"claim_id": claim.claim_id, "entry_id": entry_id}
        raise Conflict("claim_part_undone", "this was undone before", **facts)
    return item


def _ended(item: JournalItem, claim: Claim) -> bool:
    """Whether an entry ended a part of a claim: named by itself, with the others of its trade, or set off."""
    if item.kind == CLAIM_SETTLED:
        return item.subject == claim.trade_id and claim.reason.value in item.data["parts_minor"]
    return (item.kind in CLAIM_ENDED.values() and item.subject == claim.claim_id) or _set_off(item, claim) > 0


def _set_off(item: JournalItem, claim: Claim) -> int:
    """What of a claim an entry has set off, in minor units."""
    return sum(one["minor"] for one in item.data.get("set_offs", ()) if one["claim_id"] == claim.claim_id)


def _part_of(item: JournalItem, claim: Claim) -> tuple[Ending, Money]:
    """How, and how much of a claim an entry ended."""
    if item.kind == CLAIM_SETTLED:
        return Ending.SETTLED, Money(item.data["parts_minor"][claim.reason.value], claim.currency)
    if minor := _set_off(item, claim):
        return Ending.SETTLED, Money(minor, claim.currency)
    [ending] = (one for one, kind in CLAIM_ENDED.items() if kind == item.kind)
    return ending, Money(item.data["minor"], claim.currency)


def _taken_from_payout(item: JournalItem, claim: Claim, minor: int) -> tuple[int, tuple[Write, ...]]:
    """How much of an amount is still reserved for the creditor's payout of an entry, and the writes that lower it."""
    payout = None if claim.creditor is None else _unpaid(item, claim, claim.creditor)
    if payout is None:
        return 0, ()
    lowered = min(minor, payout.value.amount_minor)
    return lowered, save_reserved(payout, lower(payout.value, lowered))


def _unpaid(item: JournalItem, claim: Claim, creditor: str) -> Versioned[Payout] | None:
    """The creditor's payout of an entry, if its money is still reserved."""
    accounts = {creditor_account_id(item.tenant, claim): creditor}
    stored = [load_reserved(reserved) for reserved in reservations_of(item, accounts)]
    return next((one for one in stored if one.value.state in WAITING), None)


def _facts(claim: Claim, amount: Money) -> dict[str, Any]:
    return {**claim_facts(claim), "minor": amount.minor}


def _plan(
    call: Call,
    kind: str,
    postings: Sequence[Posting],
    facts: Mapping[str, Any],
    writes: Sequence[Write],
    read: Mapping[str, int] | None = None,
) -> Plan:
    data, claim_id = dict(facts), str(facts["claim_id"])
    if not postings:
        return Plan(journal_item(call, kind, subject=claim_id, data=data), tuple(writes))
    entry = entry_of(kind, postings, occurred_at=call.now, subject=claim_id)
    return plan_entry(call, entry, *writes, data=data, read=read)
