"""How the ledger stands in DynamoDB: an entry becomes one journal item and one conditional update per account."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any, cast

from chalicelib.core.call import Call
from chalicelib.core.errors import Conflict, InvalidInput, NotFound, Refusal
from chalicelib.core.instants import LONG_AGO, instant_text
from chalicelib.ledger.domain import OPEN_TO_CALLERS, Account, Entry, Kind, Purpose, rooms
from chalicelib.storage.commit import Write, put, update, write_item
from chalicelib.storage.journal import JournalItem, Leg, from_row, journal_item
from chalicelib.storage.once import Plan
from chalicelib.storage.reads import Page, fetch, get, index_page, query
from chalicelib.storage.tables import AccountItem, HistoryRow, Item, JournalRow, account_key, journal_key, line_key

_CALLERS = sorted(purpose.value for purpose in OPEN_TO_CALLERS)


def plan_entry(
    call: Call, entry: Entry, *writes: Write, data: dict[str, Any] | None = None, by_hand: bool = False
) -> Plan:
    """The plan of a command that books one entry, with the writes that go with it."""
    legs = tuple(Leg(p.account_id, p.signed, p.amount.currency) for p in entry.postings)
    item = journal_item(
        call,
        entry.kind,
        legs=legs,
        occurred_at=entry.occurred_at,
        subject=entry.subject,
        reference=entry.reference,
        data=data,
    )
    return Plan(item, (*balance_writes(item, by_hand=by_hand), *writes))


def balance_writes(item: JournalItem, *, by_hand: bool = False) -> tuple[Write, ...]:
    """One update for each account of an entry, its legs netted, in the order the accounts first appear.

    `by_hand`: somebody chose the accounts, so those that follow a trade, a line or a payout are refused.
    """
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for leg in item.legs:
        sums[leg.account_id, leg.currency] += leg.amount
    return tuple(_move(item, account_id, currency, amount, by_hand) for (account_id, currency), amount in sums.items())


def open_account(tenant: str, account: Account, *, opened_by: Call) -> Write:
    """Create an account at zero. Where one stands already the commit is refused with Conflict `account_exists`."""
    debit_room, credit_room = rooms(account)
    item = AccountItem(
        pk=account_key(tenant, account.account_id).pk,
        tenant=tenant,
        account_id=account.account_id,
        name=account.name,
        kind=account.kind.value,
        currency=account.currency,
        status=account.status,
        purpose=account.purpose.value,
        owner=account.owner,
        floor=account.floor,
        ceiling=account.ceiling,
        balance=0,
        debit_room=debit_room,
        credit_room=credit_room,
        version=0,
        last_commit=opened_by.entry_id,
        last_at=instant_text(opened_by.now),
        closed_until=LONG_AGO,
    ).serialize()
    return put(
        f"open {account.account_id}",
        AccountItem,
        item,
        lambda _: Conflict("account_exists", "this account is open already", account_id=account.account_id),
    )


def load_account(tenant: str, account_id: str) -> Account:
    """The account, read strongly. Raises NotFound `account_not_found`."""
    item = get(account_key(tenant, account_id))
    if item is None:
        raise NotFound("account_not_found", "no such account", account_id=account_id)
    return to_account(cast("AccountItem", item))


def load_accounts(tenant: str, account_ids: Sequence[str]) -> dict[str, Account]:
    """Those of the accounts that exist, read strongly; at most 100 ids."""
    found = fetch(account_key(tenant, account_id) for account_id in account_ids)
    accounts = (to_account(cast("AccountItem", item)) for item in found.values())
    return {account.account_id: account for account in accounts}


def list_accounts(tenant: str, *, after: Item | None, limit: int) -> tuple[list[Account], Item | None]:
    """One page of a tenant's accounts by id, and where the next begins."""
    page = index_page(
        AccountItem, "by_tenant", hash_name="tenant", hash_value=tenant, after=after, limit=limit, newest_first=False
    )
    found = fetch(page.keys)
    return [to_account(cast("AccountItem", found[key])) for key in page.keys if key in found], page.last_key


def load_entry(tenant: str, entry_id: str) -> JournalItem:
    """A journal item by id. Raises NotFound `entry_not_found`."""
    row = get(journal_key(tenant, entry_id))
    if row is None:
        raise NotFound("entry_not_found", "no such entry", entry_id=entry_id)
    return from_row(cast("JournalRow", row))


def find_entry(tenant: str, entry_id: str) -> JournalItem | None:
    """A journal item by id, or None."""
    row = get(journal_key(tenant, entry_id))
    return None if row is None else from_row(cast("JournalRow", row))


def load_entries(tenant: str, entry_ids: Sequence[str]) -> dict[str, JournalItem]:
    """Those of the journal items that exist, by id; at most 100 ids."""
    found = fetch(journal_key(tenant, entry_id) for entry_id in entry_ids)
    items = (from_row(cast("JournalRow", row)) for row in found.values())
    return {item.entry_id: item for item in items}


def history_page(tenant: str, account_id: str, *, after: Item | None, limit: int, newest_first: bool) -> Page:
    """One page of an account's lines (HistoryRow) by version."""
    pk = account_key(tenant, account_id).pk
    return query(HistoryRow, pk=pk, after=after, limit=limit, newest_first=newest_first)


def project_line(before: Item, after: Item) -> None:
    """Write the line that an account's two images stand for: what its last commit moved, and the balance after.

    Written again, it is the same line. Its instant is the later of its entry's and its predecessor's: entries are
    stamped by many clocks, and an account's lines run forward all the same.
    """
    old, new = AccountItem.from_raw_data(before), AccountItem.from_raw_data(after)
    if new.version == old.version:
        return
    earlier = cast("HistoryRow | None", get(line_key(old.pk, old.version))) if old.version else None
    row = HistoryRow(
        pk=new.pk,
        version=new.version,
        entry_id=new.last_commit,
        amount=new.balance - old.balance,
        balance=new.balance,
        at=max(new.last_at, earlier.at if earlier else old.last_at),
    )
    write_item(HistoryRow, row.serialize())


def to_account(item: AccountItem) -> Account:
    """The account an item holds."""
    return Account(
        account_id=item.account_id,
        name=item.name,
        kind=Kind(item.kind),
        currency=item.currency,
        purpose=Purpose(item.purpose),
        owner=item.owner,
        floor=item.floor,
        ceiling=item.ceiling,
        status=item.status,
        balance=item.balance,
        version=item.version,
    )


def _move(item: JournalItem, account_id: str, currency: str, amount: int, by_hand: bool) -> Write:
    """Move one balance by a signed amount.

    condition: open, of this currency, not closed for the period, and room enough on the side it moves to; by hand,
    of a purpose that is open to callers
    """
    chosen = {f":purpose{i}": {"S": value} for i, value in enumerate(_CALLERS)} if by_hand else {}
    purposes = f" AND purpose IN ({', '.join(chosen)})" if chosen else ""
    room = "debit_room" if amount >= 0 else "credit_room"
    return update(
        f"balance {account_id}",
        account_key(item.tenant, account_id),
        change="SET balance = balance + :signed, debit_room = debit_room - :signed,"
        " credit_room = credit_room + :signed, version = version + :one, last_commit = :entry, last_at = :recorded",
        condition=f"#status = :open AND currency = :currency AND closed_until < :occurred"
        f" AND {room} >= :size{purposes}",
        names={"#status": "status"},
        values={
            ":signed": {"N": str(amount)},
            ":size": {"N": str(abs(amount))},
            ":one": {"N": "1"},
            ":entry": {"S": item.entry_id},
            ":recorded": {"S": instant_text(item.recorded_at)},
            ":occurred": {"S": instant_text(item.occurred_at)},
            ":open": {"S": "open"},
            ":currency": {"S": currency},
        }
        | chosen,
        refuse=lambda old: _refusal(old, account_id, currency, amount, instant_text(item.occurred_at), by_hand),
    )


def _refusal(old: Item | None, account_id: str, currency: str, amount: int, occurred_at: str, by_hand: bool) -> Refusal:
    """Which part of the condition of `_move` failed, in the order callers are told of them."""
    if old is None:
        return NotFound("account_not_found", "no such account", account_id=account_id)
    item = AccountItem.from_raw_data(old)
    if by_hand and item.purpose not in _CALLERS:
        sentence = "the account follows a trade, a line or a payout, and moves by their commands alone"
        return Conflict("account_controlled", sentence, account_id=account_id, purpose=item.purpose)
    if item.currency != currency:
        return InvalidInput(
            "currency_mismatch",
            f"the account is kept in {item.currency}",
            account_id=account_id,
            expected=item.currency,
            given=currency,
        )
    if item.status != "open":
        return Conflict(f"account_{item.status}", f"the account is {item.status}", account_id=account_id)
    if item.closed_until >= occurred_at:
        return Conflict("period_closed", "the period is closed", account_id=account_id, closed_until=item.closed_until)
    lowers = (amount >= 0) != Kind(item.kind).debit_normal
    code, room = ("insufficient_funds", "available") if lowers else ("ceiling_reached", "remaining")
    left = item.debit_room if amount >= 0 else item.credit_room
    facts = {"account_id": account_id, "requested": abs(amount), room: left}
    return Conflict(code, "the amount is more than the account allows", **facts)
