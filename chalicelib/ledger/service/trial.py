"""The trial balance: what all accounts of a kind have in each currency, and whether the accounts themselves agree.

Every entry balances, so that the sum over entries is always zero and proves nothing. What is proved is that two paths
come to the same: a *position* is made of the journal's entries in the order of the feed, and *own* balances are what
commits have moved account by account. The projector sees every change of an account and notes at once where it is not
by the entries it names; what it cannot see, the nightly proof finds account by account.

    own balance - what the account has after N  =  position at N      for every kind and currency, or it is not proved
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta

from chalicelib.core.errors import InvalidInput
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.service import totals
from chalicelib.ledger.store import discrepancies, feed, proofs
from chalicelib.ledger.store.discrepancies import Discrepancy
from chalicelib.ledger.store.proofs import Proof
from chalicelib.ledger.totals import NOTHING, Moved, differences

LAST_INSTANT = datetime.max.replace(tzinfo=UTC)
MOST_SHOWN = 100
"""How many accounts that differ one answer names; it is not proved, however many more there are."""


@dataclass(frozen=True, slots=True)
class Total:
    """What entries have moved on all accounts of one kind in one currency (`moved`), and by how much those accounts'
    own balances differ from it, less what came after the cut (debits less credits; 0, or the books are wrong)."""

    kind: str
    currency: str
    moved: Moved
    difference: int


@dataclass(frozen=True, slots=True)
class TrialBalance:
    """Totals up to the feed number `upto`, of `head` that are given, of what took effect up to `effective_up_to` (None:
    all of it). `differences` is debits less credits over all accounts' own balances, by currency. `proof` is the last
    night's. `proved`: neither it nor any account differs."""

    upto: int
    head: int
    effective_up_to: datetime | None
    proved: bool
    totals: tuple[Total, ...]
    differences: dict[str, int]
    discrepancies: tuple[Discrepancy, ...]
    proof: Proof | None


def trial_balance(tenant: str, *, upto: int | None = None, effective_up_to: datetime | None = None) -> TrialBalance:
    """The trial balance at two cuts: up to a number of the feed (None: the last that can be read now), and of what took
    effect up to an instant, that instant included (None: without that cut).

    Raises InvalidInput `up_to_beyond_feed`, and as `totals.cut`.
    """
    head = feed.head(tenant)
    if upto is not None and not 0 <= upto <= head:
        sentence = "up_to is a number that the feed has given"
        raise InvalidInput("up_to_beyond_feed", sentence, field="up_to", head=head)
    found = totals.cut(tenant, upto=upto, end=_end(effective_up_to))
    noted = discrepancies.noted_accounts(tenant, most=MOST_SHOWN)
    differing = tuple(one for each in noted if (one := discrepancies.discrepancy(tenant, each)).difference)
    proof = proofs.last_proof(tenant)
    by_kind = _by_kind(differing)
    keys = sorted(found.sums.keys() | by_kind.keys(), key=lambda key: (key[1], key[0]))
    rows = tuple(Total(*key, found.sums.get(key, NOTHING), by_kind.get(key, 0)) for key in keys)
    nets = differences(found.sums)
    for one in differing:
        nets[one.currency] = nets.get(one.currency, 0) + one.difference
    proved = not any(nets.values()) and not differing and not (proof and proof.differences)
    return TrialBalance(found.upto, max(head, found.upto), effective_up_to, proved, rows, nets, differing, proof)


def _end(effective_up_to: datetime | None) -> str | None:
    """The instant's text before which what took effect is counted; None: all of it, also where the calendar ends."""
    if effective_up_to is None or effective_up_to >= LAST_INSTANT:
        return None
    return instant_text(effective_up_to + timedelta(microseconds=1))


def _by_kind(differing: tuple[Discrepancy, ...]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = defaultdict(int)
    for one in differing:
        found[one.kind, one.currency] += one.difference
    return dict(found)
