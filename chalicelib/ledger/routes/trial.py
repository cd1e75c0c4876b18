"""The trial balance over HTTP."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, time

import msgspec

from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import instant_text, parse_date, parse_instant
from chalicelib.ledger.domain import Kind
from chalicelib.ledger.service import trial
from chalicelib.ledger.service.trial import TrialBalance
from chalicelib.ledger.totals import MISSING
from chalicelib.web.endpoint import Request, Router

router = Router(__name__)


class TotalView(msgspec.Struct, frozen=True):
    """What entries have moved on all accounts of a kind in one currency, up to both cuts: `balance_minor` is on the
    kind's normal side. `difference_minor`: by how much the accounts' own balances, less what they have after the cut,
    differ from it, debits less credits (0, or the books are wrong)."""

    kind: str
    currency: str
    debits_minor: int
    credits_minor: int
    balance_minor: int
    difference_minor: int


class DiscrepancyView(msgspec.Struct, frozen=True):
    """An account whose own balance differs from its entries, and by how much, debits less credits."""

    account_id: str
    kind: str
    currency: str
    difference_minor: int


class NightlyProofView(msgspec.Struct, frozen=True):
    """The last nightly proof: when, up to which feed number each account was held against its entries, and how many
    differences it found."""

    up_to: int
    at: str
    differences: int


class TrialBalanceView(msgspec.Struct, frozen=True):
    """Totals by kind and currency of the entries numbered up to `up_to` (of `head` numbers given) that took effect up
    to `effective_up_to` (null: all). `differences` is debits less credits over all accounts' own balances, by currency.
    `proved`: own balances agree with the entries by kind and currency now, and account by account in the last
    `proof`; where they do not, `discrepancies` names accounts, at most 100. The accounts themselves are in `GET
    /v1/accounts`."""

    up_to: int
    head: int
    effective_up_to: str | None
    proved: bool
    differences: dict[str, int]
    totals: list[TotalView]
    discrepancies: list[DiscrepancyView]
    proof: NightlyProofView | None


@router.endpoint(
    "GET",
    "/v1/trial-balance",
    scope="ledger:read",
    answer=TrialBalanceView,
    parameters=("up_to", "effective_up_to"),
)
def get_trial_balance(request: Request) -> TrialBalanceView:
    """Total the books by kind and currency, and say whether they are proved.

    `up_to` is a number of the feed (the last that can be read, unless told), `effective_up_to` an instant, included, or
    a date: its whole day in UTC. A month-end names both, and is then the same for ever.
    """
    upto = _number(request.query)
    effective = _instant(request.query)
    return _view(trial.trial_balance(request.tenant, upto=upto, effective_up_to=effective))


def _number(query: Mapping[str, str]) -> int | None:
    given = query.get("up_to")
    if given is None:
        return None
    if not re.fullmatch("[0-9]{1,18}", given):
        raise InvalidInput("invalid_up_to", "up_to is a number of the feed", field="up_to")
    return int(given)


def _instant(query: Mapping[str, str]) -> datetime | None:
    """The instant that ends the effective cut. Raises InvalidInput `invalid_instant`, `invalid_date`."""
    given = query.get("effective_up_to")
    if given is None:
        return None
    if re.fullmatch(r"\d{4}-\d\d-\d\d", given):
        return datetime.combine(parse_date(given, "effective_up_to"), time.max, UTC)
    return parse_instant(given, "effective_up_to")


def _view(told: TrialBalance) -> TrialBalanceView:
    return TrialBalanceView(
        up_to=told.upto,
        head=told.head,
        effective_up_to=None if told.effective_up_to is None else instant_text(told.effective_up_to),
        proved=told.proved,
        differences=told.differences,
        totals=[_total_view(total) for total in told.totals],
        discrepancies=[
            DiscrepancyView(one.account_id, one.kind, one.currency, one.difference) for one in told.discrepancies
        ],
        proof=None if told.proof is None else NightlyProofView(told.proof.upto, told.proof.at, told.proof.differences),
    )


def _total_view(total: trial.Total) -> TotalView:
    sign = 1 if total.kind == MISSING or Kind(total.kind).debit_normal else -1
    return TotalView(
        kind=total.kind,
        currency=total.currency,
        debits_minor=total.moved.debits,
        credits_minor=total.moved.credits,
        balance_minor=sign * total.moved.net,
        difference_minor=total.difference,
    )
