"""What is compared when everything has come to rest: history, feed, holds, deferred accounts, the trial balance."""

from __future__ import annotations

from typing import Any

from chalicelib.ledger.service import accounts, holds, trial
from tests.simulation.acting import instant
from tests.simulation.books import Account
from tests.simulation.model import Model
from tests.simulation.world import World, Wrong


def compare_all(world: World) -> None:
    """Raise Wrong where anything in the tables is not what the model says."""
    lines = _by_account(world)
    for tenant, model in world.models.items():
        _compare_feed(world, tenant)
        for account_id, account in model.accounts.items():
            _compare_deferred(world, tenant, account_id, account)
            _compare_history(f"{tenant}#{account_id}", account, lines.get(f"{tenant}#{account_id}", {}))
        _compare_holds(world, tenant, model)
        balance = trial.trial_balance(tenant)
        if any(balance.differences.values()):
            raise Wrong(f"the trial balance of {tenant} is {balance.differences}")


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


def _compare_deferred(world: World, tenant: str, account_id: str, account: Account) -> None:
    """Folded up to the end, a deferred account is the sum of its legs."""
    if not account.deferred:
        return
    model = world.models[tenant]
    legs = [leg for entry in world.feed[tenant] for leg in model.entries.get(entry, []) if leg[0] == account_id]
    if account.balance != sum(amount for _, amount, _ in legs):
        raise Wrong(f"{account_id} is folded to {account.balance}, and its legs come to {legs}")


def _compare_history(pk: str, account: Account, lines: dict[int, Any]) -> None:
    """A line for each version: what moved, by which entry, and the balance after."""
    if sorted(lines) != list(range(1, account.version + 1)):
        raise Wrong(f"{pk} has {account.version} versions, and the lines {sorted(lines)}")
    balance = 0
    for version, (entry, amount, held) in enumerate(account.lines, start=1):
        balance += amount
        row = lines[version]
        stored = (row["entry_id"]["S"], *(int(row[name]["N"]) for name in ("amount", "held", "balance")))
        if stored != (entry, amount, held, balance) or "hash" not in row:
            raise Wrong(f"line {version} of {pk} is {row}, and should be {(entry, amount, held, balance)}")


def _compare_holds(world: World, tenant: str, model: Model) -> None:
    reserved: dict[str, int] = {}
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
