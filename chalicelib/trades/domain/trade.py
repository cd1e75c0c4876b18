"""What changes about a trade, and what leaves its escrow: values that refuse to exist where the money does not add up.

Leaves to others: which command may follow which state (`states.py`), what each command does (the modules beside this).
"""

from __future__ import annotations

from dataclasses import field, replace
from datetime import date, datetime
from typing import Any

from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.exchange import Rate
from chalicelib.splits.domain.waterfall import Shares
from chalicelib.trades.domain.lines import Line
from chalicelib.trades.domain.states import CLOSED, ENDED, TRANSITIONS, Command, State


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a milestone (of one lot, where it is per lot) has come: the roles that `signed`, since when all but the
    signatures is there, when silence becomes acceptance, and whether it has. `days_left` keeps the business days that
    are left while a dispute has stopped the clock; once it runs again, `resumed_at` is since when and `resumed_days`
    how many. `calendar_version` is what it was counted by; empty: no clock, or one counted before versions were kept.
    """

    signed: tuple[str, ...] = ()
    ready_at: datetime | None = None
    deemed_at: datetime | None = None
    days_left: int | None = None
    accepted: bool = False
    resumed_at: datetime | None = None
    resumed_days: int = 0
    calendar_version: str = ""

    @property
    def waits_for_calendar(self) -> bool:
        """Whether its clock has begun and ends on a day that the calendar does not know yet."""
        ends = self.deemed_at is not None or self.days_left is not None or self.accepted
        return bool(self.calendar_version) and not ends

    def unclocked(self) -> Progress:
        """Without its clock."""
        return replace(self, deemed_at=None, days_left=None, resumed_at=None, resumed_days=0, calendar_version="")


@dataclass(frozen=True, slots=True)
class Dispute:
    """An amount that is frozen until an arbiter divides it; `retained_minor` of it is of the retention. Raised by
    `role`, in `stage`."""

    dispute_id: str
    role: str
    minor: int
    retained_minor: int
    opened_at: datetime
    stage: State


@dataclass(frozen=True, slots=True)
class Got:
    """What a role got out of the escrow, and what of it a refund has taken back."""

    minor: int
    back_minor: int = 0


@dataclass(frozen=True, slots=True)
class Trade:
    """What changes about a trade, kept small. All amounts in minor units of `currency`.

    `due_minor` is what the buyer is asked for in all, `price_minor` the price as it is known now (provisional, then
    final, lot by lot), `final_minor` what settlements have fixed of it, `worth` what each settled lot came to, `rate`
    the final rate of exchange. funded = released + refunded + held; of what is held `retained_minor` stays back against
    defects and the dispute's part is frozen. `charged_minor` is how much of the price has been let go or stays back,
    which the fees follow; `conceded_minor` what the buyer got back, or need not pay, by agreement or decision: it does
    not owe it again. `claim_minor` is what the seller owes the buyer outside the escrow: `deposit_claim_minor` of it a
    deposit once more, the rest what was paid too much; `claims_paid_minor` of that it has paid.

    `evidence` has the id of each document by its place, `done` the milestones (`name` or `name/lot`) whose money went,
    `recalled` the lots that were called back (the empty name: all goods of a trade without lots), `got` what each role
    got in all, and `by_split` what splits gave it before fees, kept while that limits what it still gets. What is
    retained stays back until the day `retained_until`, or where that moves it by the template's convention; it ends at
    `retention_ends_at`, counted by `retention_calendar` (None: that does not know the day yet). `releases` are
    the entries that gave roles something: by them their payouts are found. How much of what
    is held came from which payment is for `funding_units` to say (see `lineage.py`); `reversal_hold_minor` does not
    leave while it is not clear which payment the bank has taken back. `reversed_minor` was put in and taken back,
    `uncovered_minor` when it was not there any more: it counts as paid, and the buyer owes it.
    `payouts_stopped_at`: the instant at which a bank last took money of it back; what it had let go by then (the first
    `releases_stopped` of its `releases`) is not paid out until all that is due is there again.
    """

    trade_id: str
    stage: State
    currency: str
    due_minor: int
    price_minor: int
    funded_minor: int = 0
    released_minor: int = 0
    refunded_minor: int = 0
    retained_minor: int = 0
    charged_minor: int = 0
    conceded_minor: int = 0
    claim_minor: int = 0
    deposit_claim_minor: int = 0
    claims_paid_minor: int = 0
    final_minor: int | None = None
    worth: dict[str, int] = field(default_factory=dict)
    rate: Rate | None = None
    evidence: dict[str, str] = field(default_factory=dict)
    progress: dict[str, Progress] = field(default_factory=dict)
    done: tuple[str, ...] = ()
    recalled: tuple[str, ...] = ()
    got: dict[str, Got] = field(default_factory=dict)
    by_split: dict[str, int] = field(default_factory=dict)
    dispute: Dispute | None = None
    retained_until: date | None = None
    retention_ends_at: datetime | None = None
    retention_calendar: str = ""
    expires_at: datetime | None = None
    top_up_at: datetime | None = None
    funds: str | None = None
    releases: tuple[str, ...] = ()
    funding_units: int = 0
    funding_round: int = 0
    reversal_hold_minor: int = 0
    reversed_minor: int = 0
    uncovered_minor: int = 0
    payouts_stopped_at: datetime | None = None
    releases_stopped: int = 0

    def __post_init__(self) -> None:
        amounts = (self.funded_minor, self.released_minor, self.refunded_minor, self.retained_minor, self.claim_minor)
        rules = (
            ("nothing is negative", min(*amounts, self.charged_minor, self.conceded_minor, self.uncovered_minor) >= 0),
            ("funded = released + refunded + held, held >= 0", self.held_minor >= 0),
            ("frozen and retained money is held", self.free_minor >= 0),
            ("funded is at most what is due", self.funded_minor <= self.due_minor),
            ("ended: nothing is held", self.stage not in ENDED or self.held_minor == 0),
            ("ended: nothing is disputed", self.stage not in ENDED or self.dispute is None),
            ("a dispute is no stage of its own", self.stage is not State.DISPUTED),
            ("what roles got was released", sum(one.minor for one in self.got.values()) == self.released_minor),
            ("a deposit is a part of the claim", 0 <= self.deposit_claim_minor <= self.claim_minor),
            ("nobody gave back more than it got", all(0 <= one.back_minor <= one.minor for one in self.got.values())),
        )
        for rule, holds in rules:
            if not holds:
                raise Defect(f"trade {self.trade_id}: {rule}: {self}")

    @property
    def state(self) -> State:
        """Where it stands: in dispute, or the stage it has come to."""
        return State.DISPUTED if self.dispute is not None else self.stage

    @property
    def held_minor(self) -> int:
        """What the escrow holds."""
        return self.funded_minor - self.released_minor - self.refunded_minor

    @property
    def frozen_minor(self) -> int:
        """What is in dispute."""
        return self.dispute.minor if self.dispute else 0

    @property
    def free_minor(self) -> int:
        """What is held, neither in dispute nor retained. What is in dispute of the retention counts once."""
        of_retention = self.dispute.retained_minor if self.dispute else 0
        return self.held_minor - self.frozen_minor - (self.retained_minor - of_retention)

    @property
    def frozen_price_minor(self) -> int:
        """What is in dispute and not of the retention."""
        return self.dispute.minor - self.dispute.retained_minor if self.dispute else 0

    @property
    def waits_for_calendar(self) -> bool:
        """Whether a clock of a milestone ends on a day that its calendar does not know yet."""
        return any(one.waits_for_calendar for key, one in self.progress.items() if key not in self.done)

    @property
    def held(self) -> Money:
        """What the escrow holds."""
        return Money(self.held_minor, self.currency)

    @property
    def overpaid_claim_minor(self) -> int:
        """What the seller owes the buyer because it was paid too much."""
        return self.claim_minor - self.deposit_claim_minor

    @property
    def given_back_minor(self) -> int:
        """What those who were paid have given back to the buyer, or owe it for a refund."""
        return sum(one.back_minor for one in self.got.values())

    @property
    def outstanding(self) -> Money:
        """What is still due from the buyer; nothing once the trade is closed."""
        return Money(0 if self.stage in CLOSED else self.due_minor - self.funded_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Division:
    """What one command lets out of the escrow: `shares` to roles and `refund` to the buyer, and the trade after it.

    `lines` show how it was computed. Where `top_up` is more than nothing, nothing leaves: the buyer is asked for it.
    `rate` is what shares of roles that are paid in the price's currency are exchanged at, where that is another one.
    """

    trade: Trade
    shares: Shares
    refund: Money
    lines: tuple[Line, ...] = ()
    top_up: Money | None = None
    final_amount: Money | None = None
    rate: Rate | None = None

    @property
    def released(self) -> Money:
        """What the roles get in all."""
        return self.refund.of(sum(part.minor for _, part in self.shares))


_OVER_THE_STAGE = frozenset({Command.DISPUTE, Command.RESOLVE, Command.UNFUND})
"""Commands that may bring a trade in dispute to a stage that its own stage does not lead to."""


def check_state(trade: Trade, command: Command) -> None:
    """Nothing where the command is allowed now. Raises Conflict `trade_state`. In a dispute it must be allowed in the
    state that the dispute has interrupted as well."""
    within = command is Command.RESOLVE or command in TRANSITIONS[trade.stage]
    if command not in TRANSITIONS[trade.state] or not within:
        sentence = f"a trade that is {trade.state.value} allows no {command.value}"
        raise Conflict("trade_state", sentence, state=trade.state.value, command=command.value)


def move(trade: Trade, command: Command, to: State, **changes: Any) -> Trade:
    """The trade after a command, by the table: `to` is the stage it comes to."""
    after = replace(trade, stage=to, **changes)
    staged = command in _OVER_THE_STAGE or to in TRANSITIONS[trade.stage].get(command, ())
    if after.state not in TRANSITIONS[trade.state].get(command, ()) or not staged:
        raise Defect(f"{command} leads from {trade.state} ({trade.stage}) to no {after.state} ({to})")
    return after


def released_by(trade: Trade, entry_id: str) -> Trade:
    """The trade after an entry that gave roles something."""
    return replace(trade, releases=(*trade.releases, entry_id))


def let_go(
    trade: Trade,
    command: Command,
    shares: Shares,
    refund: Money,
    *,
    otherwise: State,
    emptied: State | None = None,
    goes_on: bool = False,
    **changes: Any,
) -> Trade:
    """The trade after money has left it: `shares` released to roles, `refund` given back to the buyer.

    An empty escrow ends it: as `emptied`, where that is said, else completed if anything was ever released, else
    refunded. One that holds nothing but a retention is left with that. Else, and where the trade `goes_on` whatever is
    held, it comes to `otherwise`.
    """
    released = sum(part.minor for _, part in shares)
    held = trade.held_minor - released - refund.minor
    if (released or refund.minor) and held < trade.reversal_hold_minor:
        facts = {"held": trade.held_minor, "on_hold": trade.reversal_hold_minor, "requested": released + refund.minor}
        raise Conflict("amount_on_hold", "the bank has taken back a payment that may be this trade's", **facts)
    to = State.RETAINED if held == changes.get("retained_minor", trade.retained_minor) else otherwise
    if goes_on:
        to = otherwise
    elif not held:
        to = emptied or (State.COMPLETED if trade.released_minor + released else State.REFUNDED)
    if to in CLOSED:
        changes |= {"expires_at": None, "top_up_at": None}
    if to in ENDED:
        changes |= {"by_split": {}}
    amounts = {"released_minor": trade.released_minor + released, "refunded_minor": trade.refunded_minor + refund.minor}
    return move(trade, command, to, **amounts, got=_more(trade.got, shares), **changes)


def _more(got: dict[str, Got], shares: Shares) -> dict[str, Got]:
    after = dict(got)
    for role, part in shares:
        if part.minor:
            before = after.get(role, Got(0))
            after[role] = replace(before, minor=before.minor + part.minor)
    return after
