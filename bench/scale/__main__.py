"""Measures answers of small and of large books, and holds their ratios to two: out/bench/scale.json and a table.

    python -m bench.scale

1,000 entries on some 300 accounts against 300,000 on 100,000, in one store, asked in turn, so that whatever slows the
machine slows both. Each figure is the median of 20 requests after 3 that warm up, and each answer is compared with what
was added up while the books were laid. What is over its bound is measured again: a busy machine makes anything slower.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import app
import tests.conftest  # noqa: F401 (dummy credentials, set before any client is made)
from bench.ledger.books import books
from bench.scale.laying import CURRENCY, IN_MONTH, MONTH, Laid, Writer, lay
from bench.scale.reconciling import Reconciliation, lay_statements
from infra import progress
from infra.paths import OUT
from tests.support.api import Api, signing, token_for

FIGURES = OUT / "bench" / "scale.json"
SMALL, LARGE = 1_000, 300_000
WARM_UPS, TIMES = 3, 20
TRIES = 3
AT_MOST = 2.0
PAGE = 100


class Wrong(Exception):
    """An answer is not what was laid."""


@dataclass(frozen=True)
class Place:
    """Books that were laid, and a client that reads them."""

    laid: Laid
    api: Api
    reconciled: Reconciliation

    def read(self, path: str) -> Any:
        """The answer of a request."""
        reply = self.api.get(path)
        if reply.status != 200:  # noqa: PLR2004
            raise Wrong(f"{path} answered {reply.status}: {reply.body}")
        return reply.body


def trial_balance(place: Place) -> None:
    """The trial balance at the head of the feed."""
    told, paid = place.read("/v1/trial-balance"), place.laid.paid_minor
    expect(told["up_to"], place.laid.entries)
    expect([told["proved"], told["differences"]], [True, {CURRENCY: 0}])
    expect(_totals(told), [("asset", paid, 0), ("liability", 0, paid)])


def trial_balance_of_a_month(place: Place) -> None:
    """The trial balance of the month-end before the last month."""
    told = place.read(f"/v1/trial-balance?up_to={place.laid.entries}&effective_up_to=2026-01-31")
    paid = place.laid.paid_before_minor
    expect(_totals(told), [("asset", paid, 0), ("liability", 0, paid)])


def first_accounts(place: Place) -> None:
    """The first page of all accounts."""
    page = place.read(f"/v1/accounts?limit={PAGE}")["accounts"]
    expect(len(page), PAGE)
    for account in page:
        own = place.laid.paid_minor if account["purpose"] == "bank" else place.laid.escrows[account["owner"]]
        expect(account["balance_minor"], own)


def first_of_feed(place: Place) -> None:
    """The first page of the feed."""
    told = place.read(f"/v1/feed?limit={PAGE}")
    expect([entry["number"] for entry in told["entries"]], list(range(1, PAGE + 1)))
    expect(told["head"], place.laid.entries)


def first_of_history(place: Place) -> None:
    """The first page of the bank account's history."""
    told = place.read(f"/v1/accounts/{place.laid.bank_account_id}/history?limit={PAGE}")
    expect([told["complete"], told["lines"][0]["balance_minor"]], [True, place.laid.paid_minor])
    newest = place.laid.month[: -PAGE - 1 : -1]
    expect([line["reference"] for line in told["lines"]], [payment.reference for payment in newest])


def statement_of_a_month(place: Place) -> None:
    """The first page of the bank account's statement of the month that is the same in both."""
    path = f"/v1/accounts/{place.laid.bank_account_id}/statement"
    told = place.read(f"{path}?from={MONTH.isoformat()}T00:00:00Z&clock=occurred&limit={PAGE}")
    opening = place.laid.paid_before_minor
    debits = sum(payment.minor for payment in place.laid.month)
    expect([told["opening_minor"], told["debits_minor"]], [opening, debits])
    expect([told["closing_minor"], len(place.laid.month)], [opening + debits, IN_MONTH])


def reconciliation_of_a_month(place: Place) -> None:
    """The month of the bank account reconciled: opening, lines, entries, open items, closing, difference."""
    told = place.read(f"/v1/reconciliation/{place.laid.bank_account_id}?month={MONTH:%Y-%m}")
    made = place.reconciled
    listed, unlisted = (sum(payment.minor for payment in side) for side in (made.listed, made.unlisted))
    expect([told["complete"], told["difference_minor"], told["books_version"]], [True, 0, place.laid.entries])
    expect(
        [told["bank_opening_minor"], told["bank_closing_minor"]],
        [made.bank_opening_minor, made.bank_opening_minor + listed],
    )
    expect(
        [told["books_opening_minor"], told["books_closing_minor"]],
        [place.laid.paid_before_minor, place.laid.paid_minor],
    )
    expect([told["lines"], told["lines_minor"], told["entries"]], [len(made.listed), listed, IN_MONTH])
    now = told["open_entries"]
    expect(
        [now["before"], now["new"], now["now"], now["now_minor"]], [0, len(made.unlisted), len(made.unlisted), unlisted]
    )


def lines_of_a_month(place: Place) -> None:
    """The first page of the month's statement lines."""
    told = place.read(f"/v1/reconciliation/{place.laid.bank_account_id}/lines?month={MONTH:%Y-%m}&limit={PAGE}")
    listed = [payment.minor for payment in place.reconciled.listed[:PAGE]]
    expect([line["line"]["amount_minor"] for line in told["lines"]], listed)


def open_items_of_a_month(place: Place) -> None:
    """The first page of what is open at the month's end."""
    told = place.read(f"/v1/reconciliation/{place.laid.bank_account_id}/open-items?month={MONTH:%Y-%m}&limit={PAGE}")
    amounts = sorted(payment.minor for payment in place.reconciled.unlisted)
    expect(sorted(item["amount_minor"] for item in told["items"]), amounts)


MEASURED: dict[str, Callable[[Place], None]] = {
    "trial_balance_ms": trial_balance,
    "trial_balance_month_ms": trial_balance_of_a_month,
    "list_first_page_ms": first_accounts,
    "feed_first_page_ms": first_of_feed,
    "history_first_page_ms": first_of_history,
    "statement_month_ms": statement_of_a_month,
    "reconciliation_month_ms": reconciliation_of_a_month,
    "reconciliation_lines_ms": lines_of_a_month,
    "open_items_ms": open_items_of_a_month,
}


def main() -> None:
    """Lay, measure, write, print, and fail where an answer takes more than twice as long."""
    logging.disable(logging.INFO)
    with places() as (small, large):
        figures = {name: _within(ask, small, large) for name, ask in MEASURED.items()}
    told = {"entries": [SMALL, LARGE], "accounts": [len(small.laid.escrows) + 1, len(large.laid.escrows) + 1]}
    FIGURES.parent.mkdir(parents=True, exist_ok=True)
    FIGURES.write_text(json.dumps({**told, "at_most_ratio": AT_MOST, "figures": figures}, indent=2) + "\n")
    for name, figure in figures.items():
        progress.say(f"  {name:24} {figure['small']:8.2f} {figure['large']:8.2f}   x {figure['ratio']:.2f}")
    over = [name for name, figure in figures.items() if figure["ratio"] > AT_MOST]
    if over:
        sys.exit(f"More than {AT_MOST} times as long with {LARGE:,} entries as with {SMALL:,}: {', '.join(over)}")


@contextmanager
def places() -> Iterator[tuple[Place, Place]]:
    """Small books and large ones, in one store."""
    with books() as store:
        laid: list[tuple[Laid, Reconciliation]] = []
        for tenant, entries in (("ten_small", SMALL), ("ten_large", LARGE)):
            progress.say(f"==> {entries:,} entries")
            made = lay(store.tables, tenant, entries)
            days = [(day, count, minor) for day, (count, minor) in made.days.items()]
            laid.append((made, lay_statements(Writer(store.tables), made, days)))
        with signing():
            small, large = (Place(one, Api(app.app, token_for(one.tenant)), bank) for one, bank in laid)
            yield small, large


def _within(ask: Callable[[Place], None], small: Place, large: Place) -> dict[str, float]:
    """The figures of one answer in milliseconds: the first that are within the bound, or the last."""
    figure: dict[str, float] = {}
    for _ in range(TRIES):
        figure = _measured(ask, small, large)
        if figure["ratio"] <= AT_MOST:
            break
    return figure


def _measured(ask: Callable[[Place], None], small: Place, large: Place) -> dict[str, float]:
    times: dict[str, list[float]] = {"small": [], "large": []}
    for turn in range(WARM_UPS + TIMES):
        for name, place in (("small", small), ("large", large)):
            started = time.perf_counter()
            ask(place)
            if turn >= WARM_UPS:
                times[name].append((time.perf_counter() - started) * 1000)
    small_ms, large_ms = statistics.median(times["small"]), statistics.median(times["large"])
    return {"small": round(small_ms, 2), "large": round(large_ms, 2), "ratio": round(large_ms / small_ms, 2)}


def _totals(told: Any) -> list[tuple[str, int, int]]:
    return [(total["kind"], total["debits_minor"], total["credits_minor"]) for total in told["totals"]]


def expect(found: object, laid: object) -> None:
    """Raise Wrong where an answer is not what was laid."""
    if found != laid:
        raise Wrong(f"{found}, and laid was {laid}")


if __name__ == "__main__":
    main()
