"""Transfers of what is there, up to an amount."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from chalicelib.core.call import Call
from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import instant_text
from chalicelib.ledger.commands import PostEntry
from chalicelib.ledger.domain import Account, Entry, Posting, is_deferred
from chalicelib.ledger.expiring import return_due, with_expired_returned
from chalicelib.ledger.store import entries
from chalicelib.ledger.store.accounts import to_account
from chalicelib.ledger.store.moves import Move, no_account, state_refusal
from chalicelib.ledger.transfers import source_of, up_to
from chalicelib.storage.commit import Stale
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import AccountItem, account_key


def transfer_up_to(call: Call, command: PostEntry) -> Outcome:
    """Book a transfer (a debit and a credit of one amount) of as much of the amount as the account that gives has.

    Both accounts are read, and the amount is written under the version of the one that gives: where it has moved
    meanwhile, it is decided again. Holds whose time is over are let go of before less is moved than was asked for.
    Facts: `wanted_minor`, what was asked for. Raises Conflict `no_source` and `nothing_to_move`, and InvalidInput
    `account_deferred` where the balance of the account that gives follows the feed.
    """
    wanted = command.entry(now=call.now)
    keys = [account_key(call.tenant, posting.account_id) for posting in wanted.postings]

    def decide(found: Found) -> Plan:
        debited, credited = (_usable(call.tenant, found, wanted, posting) for posting in wanted.postings)
        source = source_of(debited, credited)
        if is_deferred(source.account_id):
            sentence = "the balance of the account that gives follows the feed"
            raise InvalidInput("account_deferred", sentence, account_id=source.account_id)
        asked = wanted.postings[0].amount.minor
        if source.held and source.available < asked and return_due(call, source.account_id):
            raise Stale
        amount = up_to(wanted.postings[0].amount, source)
        entry = replace(wanted, postings=tuple(replace(posting, amount=amount) for posting in wanted.postings))
        return entries.plan_entry(
            call,
            entry,
            data={"wanted_minor": asked},
            by_hand=True,
            conditions=command.conditions,
            read={source.account_id: source.version},
        )

    return with_expired_returned(call, lambda: once(call, decide, keys))


def _usable(tenant: str, found: Found, wanted: Entry, posting: Posting) -> Account:
    """The account of a leg, which must be one that an entry by hand may move now."""
    item = cast("AccountItem | None", found.get(account_key(tenant, posting.account_id)))
    if item is None:
        raise no_account(posting.account_id)
    move = Move(posting.account_id, posting.amount.currency, posting.signed)
    refused = state_refusal(item, move, occurred_at=instant_text(wanted.occurred_at), by_hand=True)
    if refused is not None:
        raise refused
    return to_account(item)
