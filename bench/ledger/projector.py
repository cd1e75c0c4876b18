"""How many stream records the projector turns into lines of history in a second, and the rule alone."""

from __future__ import annotations

import time
from typing import Any

from bench.ledger.books import Books, pairs, transfer
from bench.ledger.streams import Follower
from chalicelib.ledger.service.entries import post_entry
from chalicelib.ledger.worker.project import project

ACCOUNTS = 20
TRANSFERS = 500


def project_per_s(books: Books) -> dict[str, Any]:
    """Records of two-leg transfers over 20 accounts, read from the stream and projected in batches of 100."""
    accounts = books.accounts(ACCOUNTS)
    follower = Follower(books.tables.endpoint, books.tables.name("accounts"), project)
    follower.catch_up()
    for pair in pairs(accounts, TRANSFERS):
        post_entry(books.call(), transfer(*pair))
    started = time.perf_counter()
    records = follower.catch_up()
    return {"project_per_s": round(records / (time.perf_counter() - started))}
