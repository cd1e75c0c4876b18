"""A bank's message in pieces: what it states, each with its place, a hundred to a piece.

A piece holds all that its items need, so that the worker that does it reads no more than the piece. It is named after
its content: cut again, it is the same piece.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from chalicelib.banking.domain import BankAccount
from chalicelib.banking.movements import sources_of
from chalicelib.banking.payouts import News, news_of
from chalicelib.core.values import dataclass
from chalicelib.ledger.movements import Source
from chalicelib.messages.model import AccountReport, Entry, Message, StatusReport
from chalicelib.settlement.service.movements import account_at_bank
from chalicelib.storage import blobs

MAX_ITEMS = 100
"""Items of one piece: what a worker does in some seconds."""

BOOKED = "booked"


@dataclass(frozen=True, slots=True)
class Item:
    """One thing a message states, and its place in the message. `entry`, `source` and `account` of a movement; `news`
    of a payout; none of these where the account of a statement is no tenant's."""

    part: str
    account: BankAccount | None = None
    entry: Entry | None = None
    source: Source | None = None
    news: News | None = None


def items_of(message: Message, *, bank_id: str, blob: str) -> Iterator[Item]:
    """All that a message states, in its order. Entries that have not moved money are left out; of a statement of an
    account that is no tenant's there is one item, if anything moved on it. A return (pacs.004) states nothing: its
    money, and its reason, come with the account's own message."""
    if isinstance(message, AccountReport):
        for number, statement in enumerate(message.statements):
            account = account_at_bank(bank_id, statement.account.number)
            stated = [pair for pair in sources_of(statement, blob, str(number)) if pair[0].status == BOOKED]
            if account is None and stated:
                yield Item(str(number))
            elif account is not None:
                yield from (Item(source.part, account, entry, source) for entry, source in stated)
    elif isinstance(message, StatusReport):
        yield from (Item(str(number), news=news) for number, news in enumerate(news_of(message)))


def cut(items: Sequence[Item], folder: str) -> Iterator[str]:
    """Keep the items in pieces; the key of each, in order."""
    for start in range(0, len(items), MAX_ITEMS):
        content = msgspec.json.encode(items[start : start + MAX_ITEMS])
        key = f"{blobs.content_key(folder, content)}.json"
        blobs.put_once(key, content, content_type="application/json")
        yield key


def load_piece(key: str) -> tuple[Item, ...]:
    """The items of a piece."""
    return msgspec.json.decode(blobs.read(key), type=tuple[Item, ...])
