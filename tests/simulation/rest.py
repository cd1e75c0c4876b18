"""What is compared when everything has come to rest: history, feed, holds, deferred accounts, the trial balance."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import accumulate
from typing import Any

from chalicelib.core.instants import instant_text
from chalicelib.ledger.service import accounts, feed, history, holds, proving, trial
from chalicelib.ledger.service.history import Clock, Period
from chalicelib.ledger.store.proving import unnumbered
from tests.simulation.books import Account
from tests.simulation.deals import instant
from tests.simulation.model import Model
from tests.simulation.world import World
from tests.simulation.wrong import Wrong

ASKED = 3
"""Of how many accounts of a tenant the past is asked."""
A_PAGE = 7
LAGGING = frozenset({"number_missing", "entries_missing"})


def compare_all(world: World) -> None:
    """Raise Wrong where anything in the tables is not what the model says."""
    lines = _by_account(world)
    for tenant, model in world.models.items():
        _compare_feed(world, tenant)
        for account_id, account in model.accounts.items():
            _compare_deferred(world, tenant, account_id, account)
            _compare_history(f"{tenant}#{account_id}", account, lines.get(f"{tenant}#{account_id}", {}))
        _compare_holds(world, tenant, model)
        _compare_trial_balance(world, tenant, model)
        whole = [name for name in sorted(model.accounts) if not _is_refilled(lines.get(f"{tenant}#{name}", {}))]
        for account_id in world.chance.sample(whole, min(ASKED, len(whole))):
            _compare_past(world, tenant, account_id, model.accounts[account_id])


def _compare_trial_balance(world: World, tenant: str, model: Model) -> None:
    """Up to the head of the feed, and up to a number before it, the totals are what the model's entries come to."""
    numbered = world.feed[tenant]
    for upto in (len(numbered), world.chance.randint(0, len(numbered))):
        balance = trial.trial_balance(tenant, upto=upto)
        sums: dict[tuple[str, str], int] = {}
        for account_id, amount, currency in (leg for entry in numbered[:upto] for leg in model.entries.get(entry, [])):
            key = model.accounts[account_id].kind, currency
            sums[key] = sums.get(key, 0) + amount
        told = {(total.kind, total.currency): total.moved.net for total in balance.totals}
        if told != sums or not balance.proved or any(balance.differences.values()):
            raise Wrong(f"the trial balance of {tenant} up to {upto} is {balance}, and should be {sums}")


def prove(world: World) -> None:
    """The product's own proof of the books agrees."""
    for tenant in world.models:
        report = proving.prove_tenant(tenant, instant(world.now), mend=False)
        if report.differences or report.late or report.moving or report.entries != len(world.feed[tenant]):
            raise Wrong(f"the proof of {tenant} says {report}")


def mend(world: World) -> None:
    """What the streams lost is found and put right by the nightly proof, two days later, and by that of the next night.

    The first may miss the very numbers it gave, since the index that lists them lags.
    """
    later = instant(world.now) + timedelta(days=2)
    lost: dict[str, list[str]] = {}
    for tenant, entry in unnumbered(before=later):
        lost.setdefault(tenant, []).append(entry)
    for tenant, ids in lost.items():
        _mended(world, tenant, ids, later, but=LAGGING)
    for tenant in world.models:
        _mended(world, tenant, [], later)


def _mended(world: World, tenant: str, ids: list[str], now: datetime, but: frozenset[str] = frozenset()) -> None:
    report = proving.prove_tenant(tenant, now, unnumbered=ids, mend=True)
    world.table.settle()
    for name in ("numbered", "refilled", "listed"):
        world.counts[name] = world.counts.get(name, 0) + getattr(report, name)
    if [difference for difference in report.differences if difference.kind not in but]:
        raise Wrong(f"the proof of {tenant} says {report}")


def _is_refilled(lines: dict[int, Any]) -> bool:
    return any("refilled" in row for row in lines.values())


def _by_account(world: World) -> dict[str, dict[int, Any]]:
    lines: dict[str, dict[int, Any]] = {}
    for (pk, version), row in world.items("history").items():
        lines.setdefault(pk, {})[version] = row
    return lines


def _compare_feed(world: World, tenant: str) -> None:
    """Every journal item of the tenant has a number, and nothing else has one."""
    journal = {pk.split("#")[1] for pk, _ in world.items("journal") if pk.startswith(f"{tenant}#")}
    if journal != set(world.feed[tenant]):
        raise Wrong(f"the feed of {tenant} lacks {journal ^ set(world.feed[tenant])}")


def follow(world: World, tenant: str, known: list[str]) -> None:
    """Read the feed on from what is known of it. What it tells goes on without a gap, and is as it was numbered."""
    page = feed.feed_page(tenant, after=len(known), limit=world.chance.randint(1, 40))
    numbers = [entry.number for entry in page.entries]
    if numbers != list(range(len(known) + 1, len(known) + 1 + len(numbers))):
        raise Wrong(f"the feed of {tenant} goes on from {len(known)} with {numbers}")
    known += [entry.item.entry_id for entry in page.entries]
    if known != world.feed[tenant][: len(known)]:
        raise Wrong(f"the feed of {tenant} tells otherwise than it numbered")


def _compare_past(world: World, tenant: str, account_id: str, account: Account) -> None:
    """Balances at an instant and a statement, by either clock, are what the account's lines come to."""
    times = [world.clocks[f"{tenant}#{entry}"] for entry, _, _ in account.lines]
    amounts = [amount for _, amount, _ in account.lines]
    clocks = {
        Clock.RECORDED: list(accumulate((recorded for recorded, _ in times), max)),
        Clock.OCCURRED: [occurred for _, occurred in times],
    }
    now = instant(world.now) + timedelta(minutes=1)
    for clock, at in clocks.items():
        start, end = sorted(_instants(world, at))
        asked = history.balance_at(tenant, account_id, start, clock=clock, now=now).balance
        expected = sum(amount for amount, when in zip(amounts, at, strict=True) if when <= instant_text(start))
        if asked != expected:
            raise Wrong(f"{account_id} stood at {asked} at {start} by {clock}, and at {expected} in the model")
        _compare_statement(
            tenant, account_id, Period(clock, *map(instant_text, (start, end))), list(zip(amounts, at, strict=True))
        )


def _instants(world: World, known: list[str]) -> list[Any]:
    """Two instants, one of them that of a line where there is one."""
    any_time = instant(world.chance.randrange(world.now))
    if not known:
        return [any_time, instant(world.now)]
    return [any_time, datetime.fromisoformat(world.chance.choice(known))]


def _compare_statement(tenant: str, account_id: str, period: Period, moved: list[tuple[int, str]]) -> None:
    start, end = str(period.start), str(period.end)
    opening = sum(amount for amount, at in moved if at < start)
    inside = [amount for amount, at in moved if start <= at < end]
    told: list[int] = []
    after = None
    for _ in range(len(inside) + 2):
        page = history.statement(tenant, account_id, period, after=after, limit=A_PAGE)
        told += [line.amount for line in page.page.lines]
        expected = (opening, opening + sum(inside), sum(amount for amount in inside if amount > 0))
        if (page.opening, page.closing, page.debits) != expected:
            raise Wrong(f"the statement of {account_id} for {period} is {page}, and should be {expected}")
        after = page.page.last_key
        if after is None:
            break
    if sorted(told) != sorted(inside):
        raise Wrong(f"the statement of {account_id} for {period} has {told}, and should have {inside}")


def _compare_deferred(world: World, tenant: str, account_id: str, account: Account) -> None:
    """Folded up to the end, a deferred account is the sum of its legs."""
    if not account.deferred:
        return
    if account.status == "closed" and account.balance:
        raise Wrong(f"{account_id} is closed, and {account.balance} is on it")
    model = world.models[tenant]
    legs = [leg for entry in world.feed[tenant] for leg in model.entries.get(entry, []) if leg[0] == account_id]
    if account.balance != sum(amount for _, amount, _ in legs):
        raise Wrong(f"{account_id} is folded to {account.balance}, and its legs come to {legs}")


def _compare_history(pk: str, account: Account, lines: dict[int, Any]) -> None:
    """A line for each version: what moved, by which entry, and the balance after.

    Lines that were lost and filled in are those that are missing, in an order of their own.
    """
    if sorted(lines) != list(range(1, account.version + 1)):
        raise Wrong(f"{pk} has {account.version} versions, and the lines {sorted(lines)}")
    stored = [_told(lines[version]) for version in range(1, account.version + 1)]
    balances = list(accumulate(amount for _, amount, _, _ in stored))
    for version, (line, expected, balance) in enumerate(zip(stored, account.lines, balances, strict=True), start=1):
        refilled = "refilled" in lines[version]
        if line[3] != balance or (line[:3] != expected and not refilled) or "hash" not in lines[version]:
            raise Wrong(f"line {version} of {pk} is {lines[version]}, and should be {expected}, {balance}")
    if sorted(line[:3] for line in stored) != sorted(account.lines):
        raise Wrong(f"{pk} has the lines {stored}, and should have {account.lines}")


def _told(row: Any) -> tuple[str, int, int, int]:
    return row["entry_id"]["S"], *(int(row[name]["N"]) for name in ("amount", "held", "balance"))


def _compare_holds(world: World, tenant: str, model: Model) -> None:
    reserved = dict(model.set_aside)
    now = instant(world.now)
    for hold_id, expected in model.holds.items():
        stored = holds.get_hold(tenant, hold_id).hold
        told = (stored.remaining, stored.captured, stored.status.value)
        if told != (expected.remaining, expected.captured, expected.status):
            raise Wrong(f"{hold_id} stands at {told}, and in the model at {expected}")
        if expected.status == "pending" and expected.expires is not None and expected.expires <= world.now:
            raise Wrong(f"{hold_id} has expired, and was not returned")
        reserved[expected.reserved] = reserved.get(expected.reserved, 0) + expected.remaining
    for account_id, account in model.accounts.items():
        promised = sum(hold.remaining for hold in model.holds.values() if hold.other == account_id)
        standing = holds.standing(tenant, accounts.get_account(tenant, account_id), now=now)
        told = (account.held, standing.held_out, standing.held_in)
        if told != (reserved.get(account_id, 0), reserved.get(account_id, 0), promised):
            raise Wrong(f"{account_id} says {told} of its holds, which come to {reserved.get(account_id)}, {promised}")
