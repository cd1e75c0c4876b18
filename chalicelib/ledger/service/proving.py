"""The proof of the books: every balance computed again from the journal alone, and compared.

    1. the whole journal against the feed: an entry without a number was lost on its way to the sequencer
    2. the feed from its first number: every entry is there and balances, and is the one that was signed
    3. every account against the sum of its entries; every history against itself, and against those entries
    4. every checkpoint: signed by our key, following the one before, over the entries that stand there
    5. every open hold against the lists by which it is found when its time is over

With `mend`, what was only lost on its way is put right: numbers are given, lines filled in, holds listed. A difference
never is: it is for people to look at. Runs change nothing else, and may overlap or break off.

This is the proof from the first entry on, in one go (`make rebuild`): it takes as long as the books are. The night's,
which goes on from the last one's end and piece by piece, is `proving_nightly.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime

from chalicelib.access.domain import OPERATOR
from chalicelib.access.store import list_tenants
from chalicelib.core.errors import Defect
from chalicelib.core.values import dataclass
from chalicelib.ledger.rebuild import Difference
from chalicelib.ledger.service.proving_accounts import SEQUENCED, prove_accounts
from chalicelib.ledger.service.proving_feed import Chain, Walk
from chalicelib.ledger.service.proving_histories import prove_histories
from chalicelib.ledger.service.proving_holds import prove_holds
from chalicelib.ledger.store import feed, proving
from chalicelib.storage.tables import Item

PAGE = 100
MOST_PAGES = 1000
FIGURES = ("entries", "accounts", "lines", "checkpoints", "numbered", "refilled", "listed", "moving", "late")


@dataclass(frozen=True, slots=True)
class Report:
    """What the proof of one tenant's books came to. `numbered` entries, `refilled` lines and `listed` holds were
    put right; `moving` accounts changed too fast to be compared, and `late` lines may still come. What `differences`
    holds is wrong."""

    tenant: str
    entries: int = 0
    accounts: int = 0
    lines: int = 0
    checkpoints: int = 0
    numbered: int = 0
    refilled: int = 0
    listed: int = 0
    moving: int = 0
    late: int = 0
    differences: tuple[Difference, ...] = ()


def counts(report: Report) -> dict[str, int]:
    """The figures of a report by name, `differences` as how many."""
    figures = {name: getattr(report, name) for name in FIGURES}
    return figures | {"differences": len(report.differences)}


def prove_all(now: datetime, *, mend: bool) -> tuple[Report, ...]:
    """Prove the books of every tenant. One that cannot be proved to the end is a difference of its own, and does not
    stop the others."""
    waiting: dict[str, list[str]] = defaultdict(list)
    for tenant, entry_id in proving.unnumbered(before=now - SEQUENCED):
        waiting[tenant].append(entry_id)
    tenants = sorted({*all_tenants(), *waiting})
    return tuple(_proved(tenant, now, waiting.get(tenant, ()), mend=mend) for tenant in tenants)


def prove_tenant(tenant: str, now: datetime, *, unnumbered: Sequence[str] = (), mend: bool) -> Report:
    """Prove one tenant's books. `unnumbered` are the entries that the scan found without a number."""
    if mend:
        number_lost(tenant, unnumbered)
    walk = Walk(tenant)
    chain = walk.chain or Chain(tenant)
    accounts = prove_accounts(walk, now)
    chain.close()
    holds = prove_holds(walk, now, mend=mend)
    histories = prove_histories(tenant, accounts.compared, now, mend=mend)
    lost = () if mend else (Difference("entry_unnumbered", entry_id, {}) for entry_id in unnumbered)
    return Report(
        tenant=tenant,
        entries=walk.entries,
        accounts=len(accounts.compared),
        lines=histories.lines,
        checkpoints=chain.count,
        numbered=len(unnumbered) if mend else 0,
        refilled=histories.refilled,
        listed=holds.listed,
        moving=accounts.moving,
        late=histories.late,
        differences=(*lost, *walk.found, *accounts.found, *chain.found, *histories.found, *holds.found),
    )


def number_lost(tenant: str, entry_ids: Sequence[str]) -> None:
    """Give numbers to entries that were lost on their way to the sequencer."""
    for start in range(0, len(entry_ids), feed.MOST_AT_ONCE):
        feed.number_entries(tenant, entry_ids[start : start + feed.MOST_AT_ONCE])


def _proved(tenant: str, now: datetime, unnumbered: Sequence[str], *, mend: bool) -> Report:
    try:
        return prove_tenant(tenant, now, unnumbered=unnumbered, mend=mend)
    except Exception as error:  # whatever it is, it is this tenant's: it is told as a difference
        return Report(tenant, differences=(Difference("not_proved", tenant, {"error": type(error).__name__}),))


def all_tenants() -> Iterable[str]:
    """Whose books there are: the operator's and every tenant's."""
    yield OPERATOR
    after: Item | None = None
    for _ in range(MOST_PAGES):
        page = list_tenants(after=after, limit=PAGE)
        yield from (tenant.tenant_id for tenant in page.values)
        after = page.last_key
        if after is None:
            return
    raise Defect(f"more than {MOST_PAGES * PAGE} tenants")
