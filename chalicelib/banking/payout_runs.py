"""Payout schedules: set, read, and run. A run pays what is available then, one payout for each currency."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from hashlib import sha256
from typing import Any, cast

from chalicelib.banking import payee_store, payout_store, store
from chalicelib.banking.payout_ageing import new_clock
from chalicelib.banking.payout_postings import creation_postings
from chalicelib.banking.payout_schedules import PayoutSchedule, next_run, payable_minor
from chalicelib.banking.payouts import new_payout
from chalicelib.core.calendars import WEEKDAYS, home_calendar
from chalicelib.core.call import Call, worker_call
from chalicelib.core.errors import Conflict, InvalidInput, NotFound
from chalicelib.core.ids import derived_id
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Purpose, entry_of, purpose_account_id
from chalicelib.ledger.store.accounts import to_account
from chalicelib.ledger.store.entries import plan_entry
from chalicelib.storage.journal import JournalItem, journal_item
from chalicelib.storage.once import Outcome, Plan, once
from chalicelib.storage.reads import Found
from chalicelib.storage.tables import AccountItem, account_key

ACTOR = "payouts"
SET = "payout_schedule.set"
RAN = "payout_schedule.ran"


class _NothingToPay(Exception):
    """A run finds nothing above the minimum: there is nothing to commit."""


class _RunMeanwhile(Exception):
    """The run was done by another worker, or the schedule was changed."""


@dataclass(frozen=True, slots=True)
class PayoutRun:
    """One run of a party's schedule: the payouts it made, by currency, and why it could not make others."""

    party_id: str
    run_on: date
    payout_ids: dict[str, str]
    refused: dict[str, str]


def set_schedule(call: Call, party_id: str, schedule: PayoutSchedule) -> Outcome:
    """Set when a party is paid. It holds for what is released from now on and for what waits: money of an earlier
    release keeps its day, unless the new delay is longer, and is then paid as the schedule says at that time.

    Raises NotFound `party_not_found`.
    """

    def decide(found: Found) -> Plan:
        store.take_party(found, call.tenant, party_id)
        before = payout_store.take_schedule(found, call.tenant, party_id)
        item = journal_item(call, SET, subject=party_id, data=schedule_facts(party_id, schedule))
        return Plan(item, (payout_store.save_schedule(call.tenant, party_id, before, schedule),))

    keys = (store.party_key(call.tenant, party_id), payout_store.schedule_key(call.tenant, party_id))
    return once(call, decide, reads=keys)


def get_schedule(tenant: str, party_id: str) -> PayoutSchedule:
    """When a party is paid: at once, unless something else was set. Raises NotFound `party_not_found`."""
    return payout_store.load_schedule(tenant, party_id).value


def usual_calendar(tenant: str) -> str:
    """The calendar that a schedule goes by unless it names one: that of the centre which settles the currency of the
    tenant's first account at a bank; weekdays by UTC where there is none."""
    return next((home_calendar(currency).name for currency in payout_store.banked_currencies(tenant)), WEEKDAYS)


def schedule_facts(party_id: str, schedule: PayoutSchedule) -> dict[str, Any]:
    """A schedule as journal items and answers show it."""
    return {
        "party_id": party_id,
        "mode": schedule.mode.value,
        "delay_days": schedule.delay_days,
        "weekday": schedule.weekday,
        "minimum_balances": [{"minor": minor, "currency": one} for one, minor in sorted(schedule.minimums.items())],
        "calendar": schedule.calendar,
        "next_run_on": schedule.next_run_on.isoformat() if schedule.next_run_on else None,
    }


def due_run(tenant: str, party_id: str, *, now: datetime) -> date | None:
    """The day of the run of a party's schedule that is due, or None. Raises NotFound `party_not_found`."""
    schedule = payout_store.load_schedule(tenant, party_id).value
    due_at = schedule.next_run_at
    return schedule.next_run_on if due_at is not None and due_at <= now else None


def make_payouts(tenant: str, party_id: str, run_on: date, *, now: datetime) -> PayoutRun:
    """Make the payouts of a run: in each currency in which the tenant banks, all that is available above the minimum.
    However often it is asked, a run makes one payout for each currency."""
    made: dict[str, str] = {}
    refused: dict[str, str] = {}
    for currency in payout_store.banked_currencies(tenant):
        try:
            made[currency] = str(_make_payout(tenant, party_id, run_on, currency, now).data["payout_id"])
        except _NothingToPay:
            continue
        except (Conflict, InvalidInput, NotFound) as refusal:
            refused[currency] = refusal.code
    return PayoutRun(party_id, run_on, made, refused)


def end_run(tenant: str, run: PayoutRun, *, now: datetime) -> bool:
    """Set the next run, and keep what this one did. Returns False if it was ended before."""
    call = _run_call(tenant, run.party_id, run.run_on, "", now)

    def decide(found: Found) -> Plan:
        before = payout_store.take_schedule(found, tenant, run.party_id)
        schedule = before.value
        if schedule.next_run_on != run.run_on:
            raise _RunMeanwhile
        following = next_run(schedule.mode, schedule.weekday, after=max(run.run_on, schedule.day_of(now)))
        after = replace(schedule, next_run_on=following)
        facts = {"run_on": run.run_on.isoformat(), "payouts": run.payout_ids, "refused": run.refused}
        item = journal_item(call, RAN, subject=run.party_id, data=facts)
        return Plan(item, (payout_store.save_schedule(tenant, run.party_id, before, after),))

    try:
        once(call, decide, reads=(payout_store.schedule_key(tenant, run.party_id),))
    except _RunMeanwhile:
        return False
    return True


def _make_payout(tenant: str, party_id: str, run_on: date, currency: str, now: datetime) -> JournalItem:
    """The payout of a run in a currency. Raises _NothingToPay, and what refuses a payout."""
    call = _run_call(tenant, party_id, run_on, currency, now)
    account_id = purpose_account_id(tenant, Purpose.PARTY, currency, party_id)
    payout_id = derived_id("pay", tenant, call.key)

    def decide(found: Found) -> Plan:
        item = cast("AccountItem | None", found.get(account_key(tenant, account_id)))
        schedule = payout_store.take_schedule(found, tenant, party_id).value
        if schedule.next_run_on != run_on:
            raise _NothingToPay
        minor = 0 if item is None else payable_minor(schedule, currency, to_account(item).available)
        if item is None or not minor:
            raise _NothingToPay
        paying = store.take_paying(found, tenant, currency)
        payee = payee_store.take_payee(found, tenant, party_id).value
        new = new_payout(payout_id, Money(minor, currency), party_id=party_id, account=paying, now=now)
        payout = new_clock(replace(new, bank_account_id=payee.default_account_id), now=now)
        entry = entry_of("payout.created", creation_postings(payout), occurred_at=now, subject=payout_id)
        facts = {"payout_id": payout_id, "party_id": party_id, "run_on": run_on.isoformat()}
        return plan_entry(call, entry, *store.create_payout(payout), data=facts, read={account_id: item.version})

    reads = (
        account_key(tenant, account_id),
        payout_store.schedule_key(tenant, party_id),
        store.paying_key(tenant, currency),
        payee_store.payee_key(tenant, party_id),
    )
    return once(call, decide, reads=reads).item


def _run_call(tenant: str, party_id: str, run_on: date, currency: str, now: datetime) -> Call:
    """The call of a run, or of its payout in a currency: its key names the run, so that it is done once."""
    key = f"payout-run:{party_id}:{run_on.isoformat()}:{currency}"
    entropy = sha256(key.encode()).digest()
    return worker_call(tenant=tenant, key=key, content=None, now=now, entropy=entropy, actor=ACTOR)
