"""Payouts whose money is set aside: what a release reserves for a party, until it is paid, lowered or let go.

Pure. What is reserved is part of the party's account (`held`), its record the release's journal item; the payout's own
record is made by the first command that changes it, and its version decides between them. A payout takes that
money and never any other of the party.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from chalicelib.banking.domain import BankAccount
from chalicelib.banking.payout_schedules import Mode, PayoutSchedule
from chalicelib.banking.payout_states import State
from chalicelib.banking.payouts import Payout
from chalicelib.core.calendars import today_in
from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.ids import derived_id
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import Account

REFUNDED = "refunded"
BY_SCHEDULE = "payout_schedule"
BELOW_MINIMUM = "minimum_balance"
SHORT = "insufficient_funds"
"""Why what was reserved was let go or waits, as `reason` says; else that is the code of what refused the payment."""

PATIENCE = timedelta(days=1)
"""How long a payout may be put off, or stopped, before it is overdue."""

WAITING = frozenset({State.RESERVED, State.STOPPED})
"""The states in which a payout's money is reserved and not taken yet."""


@dataclass(frozen=True, slots=True)
class Stop:
    """What keeps a payout from being made, `since` when and for what `reason`. One that `passes` ends by itself; any
    other waits for a person."""

    since: datetime
    reason: str
    passes: bool

    def holds(self, payout: Payout) -> bool:
        """Whether it stops a payout: one that a person has resumed since is not stopped by it."""
        return payout.resumed_at is None or payout.resumed_at < self.since


@dataclass(frozen=True, slots=True)
class Reserved:
    """What an entry has reserved of a party's account for a payout to it. `subject` is the trade it is for."""

    tenant: str
    entry_id: str
    account_id: str
    party_id: str
    amount: Money
    reserved_at: datetime
    remittance: str = ""
    subject: str | None = None

    @property
    def payout_id(self) -> str:
        """The id of the one payout that pays it."""
        return payout_id_of(self.tenant, self.entry_id, self.account_id)

    def payout(self) -> Payout:
        """The payout as the entry left it."""
        return Payout(
            tenant=self.tenant,
            payout_id=self.payout_id,
            party_id=self.party_id,
            bank_id="",
            iban="",
            currency=self.amount.currency,
            amount_minor=self.amount.minor,
            created_at=self.reserved_at,
            execute_on=today_in(self.amount.currency, self.reserved_at),
            remittance=self.remittance,
            subject=self.subject,
            state=State.RESERVED,
            entry_id=self.entry_id,
            reserved_minor=self.amount.minor,
            reserved_at=self.reserved_at,
        )


def payout_id_of(tenant: str, entry_id: str, account_id: str) -> str:
    """The id of the payout of what an entry has reserved of an account."""
    return derived_id("pay", tenant, f"payout:{entry_id}:{account_id}")


def proceed(payout: Payout, schedule: PayoutSchedule, account: Account, *, now: datetime) -> Payout:
    """What becomes of a reserved payout by its party's schedule now: it waits for its day, or its money is let go of
    (`cancelled`) because the party is paid otherwise, or it is to be paid (`created`), less what must stay on the
    account as a minimum."""
    if payout.state is not State.RESERVED or payout.reserved_at is None:
        raise Defect(f"{payout.payout_id} is {payout.state.value}")
    pays_from = schedule.pays_from(payout.reserved_at)
    if schedule.delay_days and now < pays_from:
        return replace(payout, due_at=pays_from, reason="", news_at=None, overdue_since=None)
    if schedule.mode is not Mode.AT_ONCE:
        return let_go(payout, BY_SCHEDULE)
    if account.own_balance < account.held:
        raise Conflict(SHORT, "the account holds less than is reserved of it", account_id=account.account_id)
    above = account.own_balance - (account.held - payout.amount_minor) - schedule.minimum_minor(payout.currency)
    if above <= 0:
        return let_go(payout, BELOW_MINIMUM)
    minor = min(payout.amount_minor, above)
    return replace(payout, state=State.CREATED, amount_minor=minor, due_at=None, reason="")


def pay_from(payout: Payout, account: BankAccount, *, now: datetime) -> Payout:
    """The payout once it is known which account at a bank pays it, to be executed today, where
    its currency is settled."""
    today = today_in(account.currency, now)
    return replace(payout, bank_id=account.bank_id, iban=account.iban, created_at=now, execute_on=today)


def put_off(payout: Payout, reason: str, *, now: datetime, until: datetime) -> Payout:
    """The payout that could not be made, and why: it is tried again at `until`. One that is put off for longer than a
    day is overdue."""
    since = payout.news_at or now
    overdue_since = payout.overdue_since or (now if now - since >= PATIENCE else None)
    return replace(payout, reason=reason, due_at=until, news_at=since, overdue_since=overdue_since)


def lower(payout: Payout, minor: int) -> Payout:
    """The payout of which a refund has taken a part; with nothing left it is cancelled."""
    if payout.state not in WAITING or not 0 < minor <= payout.amount_minor:
        raise Defect(f"{payout.payout_id} ({payout.state.value}) has {payout.amount_minor} and not {minor} to give")
    after = replace(payout, amount_minor=payout.amount_minor - minor)
    return after if after.amount_minor else let_go(after, REFUNDED)


def let_go(payout: Payout, reason: str) -> Payout:
    """The payout that ends unpaid: what was reserved is the party's balance again, or has gone back."""
    return replace(payout, state=State.CANCELLED, amount_minor=0, due_at=None, overdue_since=None, reason=reason)


def stop(payout: Payout, by: Stop, *, now: datetime, until: datetime) -> Payout:
    """The payout held up: its money stays reserved. Where what stops it may pass, it is looked at again at `until`,
    else a day later; one that is stopped for longer than a day is overdue."""
    held = put_off(payout, by.reason, now=now, until=until if by.passes else now + PATIENCE)
    return replace(held, state=State.STOPPED)


def go_on(payout: Payout) -> Payout:
    """The payout that nothing stops any more; one that was not stopped as it is."""
    if payout.state is not State.STOPPED:
        return payout
    return replace(payout, state=State.RESERVED, due_at=None, reason="", overdue_since=None, news_at=None)


def resume(payout: Payout, stop: Stop | None, *, now: datetime) -> Payout:
    """The stopped payout that is to be made after all, at once. Raises Conflict `payout_state`, `trade_not_funded`
    (the money is still to come: then it goes on by itself)."""
    _require(payout, State.STOPPED)
    if stop is not None and stop.passes:
        facts = {"payout_id": payout.payout_id, "trade_id": payout.subject}
        raise Conflict("trade_not_funded", "what the bank took back is not there again", **facts)
    return replace(go_on(payout), due_at=now, resumed_at=now)


def cancel(payout: Payout) -> Payout:
    """The payout given up before it was made: what it has reserved is the party's balance. Raises Conflict
    `payout_state`."""
    _require(payout, *WAITING)
    return let_go(payout, "cancelled")


def _require(payout: Payout, *states: State) -> None:
    if payout.state not in states:
        facts = {"payout_id": payout.payout_id, "state": payout.state.value}
        raise Conflict("payout_state", f"the payout is {payout.state.value}", **facts)
