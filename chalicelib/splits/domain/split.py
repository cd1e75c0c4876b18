"""A split on its own: an amount that is divided among accounts, at once or step by step, and may be taken back.

    state         command that is allowed -> states it may lead to
    distributing  add_receivers -> distributing; pay -> distributing, open, closed; refund -> distributing
    open          divide -> open, closed; add_receivers -> distributing; refund -> open; return -> open, closed
    closed        refund -> closed

What is held stands on the split's own clearing account. Leaves to others: how a waterfall is computed (`waterfall.py`),
which postings follow (`postings.py`), and that two commands are not decided from one state (a condition of the write).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from datetime import datetime
from enum import Enum
from typing import Any

from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.splits.domain.fees import Borne, SplitFee, bear
from chalicelib.splits.domain.unwinding import unwind
from chalicelib.splits.domain.waterfall import KEPT, MOST_SHARES, Shares, Waterfall, divide

MOST_RECEIVERS = 10_000


class State(Enum):
    """Distributing: receivers wait to be paid. Open: something is held. Closed: nothing is."""

    DISTRIBUTING = "distributing"
    OPEN = "open"
    CLOSED = "closed"


class Command(Enum):
    """What can be asked of a split."""

    DIVIDE = "divide"
    ADD_RECEIVERS = "add_receivers"
    PAY = "pay"
    REFUND = "refund"
    RETURN = "return"


TRANSITIONS: Mapping[State, Mapping[Command, frozenset[State]]] = {
    State.DISTRIBUTING: {
        Command.ADD_RECEIVERS: frozenset({State.DISTRIBUTING}),
        Command.PAY: frozenset(State),
        Command.REFUND: frozenset({State.DISTRIBUTING}),
    },
    State.OPEN: {
        Command.DIVIDE: frozenset({State.OPEN, State.CLOSED}),
        Command.ADD_RECEIVERS: frozenset({State.DISTRIBUTING}),
        Command.REFUND: frozenset({State.OPEN}),
        Command.RETURN: frozenset({State.OPEN, State.CLOSED}),
    },
    State.CLOSED: {Command.REFUND: frozenset({State.CLOSED})},
}
"""State and command to the states it may lead to. What is not here is refused."""


@dataclass(frozen=True, slots=True)
class Split:
    """What changes about a split, kept small; minor units of `currency`.

    amount = held + paid + fees + returned, where `fees_minor` were taken from shares and `on_top_minor` came on top of
    the amount. Of what is held `planned_minor` waits for receivers of divisions that are not paid yet; of what was paid
    `refunded_minor` has come back. `clearing_account_id` is empty where nothing was ever held.
    """

    split_id: str
    source_account_id: str
    clearing_account_id: str
    currency: str
    amount_minor: int
    on_top_minor: int
    fees_minor: int
    held_minor: int
    opened_at: datetime
    reference: str | None = None
    paid_minor: int = 0
    planned_minor: int = 0
    refunded_minor: int = 0
    returned_minor: int = 0
    receivers: int = 0
    divisions: int = 0
    paid_divisions: int = 0

    def __post_init__(self) -> None:
        gone = self.paid_minor + self.fees_minor + self.returned_minor
        amounts = (self.held_minor, self.paid_minor, self.fees_minor, self.returned_minor, self.refunded_minor)
        rules = (
            ("nothing is negative", min(*amounts, self.planned_minor, self.on_top_minor) >= 0),
            ("amount = held + paid + fees + returned", self.amount_minor == self.held_minor + gone),
            ("what is planned is held", self.planned_minor <= self.held_minor),
            ("what came back was paid", self.refunded_minor <= self.paid_minor),
            ("what waits is planned", (self.paid_divisions < self.divisions) == (self.planned_minor > 0)),
            ("what is held stands on an account", self.clearing_account_id != "" or self.held_minor == 0),
        )
        for rule, holds in rules:
            if not holds:
                raise Defect(f"split {self.split_id}: {rule}: {self}")

    @property
    def state(self) -> State:
        """Where it stands."""
        if self.planned_minor:
            return State.DISTRIBUTING
        return State.OPEN if self.held_minor else State.CLOSED

    @property
    def free(self) -> Money:
        """What is held and waits for nobody."""
        return Money(self.held_minor - self.planned_minor, self.currency)


@dataclass(frozen=True, slots=True)
class Division:
    """A part of a split that is paid by one entry: minor units by account, what came back of each, and why those that
    could not be paid were not (a code by account; their share stays held). The first of a split has the number 1."""

    number: int
    receivers: dict[str, int]
    back: dict[str, int] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def received(self) -> tuple[tuple[str, int], ...]:
        """Who gets it, or got it, and how much."""
        return tuple((account, minor) for account, minor in self.receivers.items() if account not in self.refused)


@dataclass(frozen=True, slots=True)
class OpenSplit:
    """Take an amount from an account and divide it. Roles of waterfall and fees are account ids."""

    source_account_id: str
    amount: Money
    waterfall: Waterfall
    fees: tuple[SplitFee, ...] = ()
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Divided:
    """A split after some of it was divided: the division that is paid (None: all of it is kept), and each share."""

    split: Split
    division: Division | None
    borne: Borne


@dataclass(frozen=True, slots=True)
class Planned:
    """A split after receivers were added, and the divisions that will pay them."""

    split: Split
    divisions: tuple[Division, ...]


@dataclass(frozen=True, slots=True)
class Changed:
    """A split and one of its divisions after money has moved, and which accounts got it or gave it back."""

    split: Split
    division: Division
    parts: Shares


@dataclass(frozen=True, slots=True)
class Returned:
    """A split after some of what it held went back to its source."""

    split: Split
    amount: Money


def open_split(command: OpenSplit, *, split_id: str, clearing_account_id: str, now: datetime) -> Divided:
    """Take the amount and divide it. `clearing_account_id` is used where something is kept.

    Raises InvalidInput `amount_not_positive`; Conflict `split_exceeds_amount`; what `bear` raises; InvalidInput
    `source_is_receiver`, `amount_too_large` (of the amount and what comes on top of it).
    """
    amount, source = command.amount, command.source_account_id
    check_amount(amount, amount.currency)
    borne = bear(command.fees, divide(command.waterfall, amount), amount)
    _check_source(source, [*borne.shares, *borne.fees])
    paid, kept = _parted(borne.shares)
    fees = sum(part.minor for _, part in borne.fees) - borne.on_top.minor
    division = Division(1, paid) if paid else None
    split = Split(
        split_id,
        source,
        clearing_account_id if kept else "",
        amount.currency,
        amount.minor,
        on_top_minor=(amount + borne.on_top).minor - amount.minor,
        fees_minor=fees,
        held_minor=kept,
        opened_at=now,
        reference=command.reference,
        paid_minor=sum(paid.values()),
        receivers=len(paid),
        divisions=len(paid) and 1,
        paid_divisions=len(paid) and 1,
    )
    return Divided(split, division, borne)


def divide_held(split: Split, waterfall: Waterfall, amount: Money | None = None) -> Divided:
    """Divide what is still held, or an amount of it; what the waterfall keeps stays held.

    Raises InvalidInput `amount_not_positive`, `currency_mismatch`; Conflict `split_state`, `division_exceeds_held`,
    `split_exceeds_amount`; InvalidInput `source_is_receiver`; Conflict `division_pays_nobody`, `too_many_receivers`.
    """
    if amount is not None:
        check_amount(amount, split.currency)
    check_state(split, Command.DIVIDE)
    whole = amount or split.free
    _check_held(split, whole)
    shares = divide(waterfall, whole)
    _check_source(split.source_account_id, shares)
    paid, _ = _parted(shares)
    if not paid:
        raise Conflict("division_pays_nobody", "all of it would be kept", split_id=split.split_id)
    division = Division(split.divisions + 1, paid)
    after = _moved(
        split,
        Command.DIVIDE,
        held_minor=split.held_minor - sum(paid.values()),
        paid_minor=split.paid_minor + sum(paid.values()),
        receivers=_counted(split, len(paid)),
        divisions=division.number,
        paid_divisions=division.number,
    )
    return Divided(after, division, Borne(whole.of(0), shares, ()))


def add_receivers(split: Split, receivers: Sequence[tuple[str, int]]) -> Planned:
    """Plan to pay receivers (account and minor units, one or more) out of what is held, 80 at a time.

    Raises InvalidInput `amount_not_positive`, `receiver_twice`, `source_is_receiver`; Conflict `split_state`,
    `too_many_receivers`, `division_exceeds_held`.
    """
    seen: set[str] = set()
    for i, (account_id, minor) in enumerate(receivers):
        if minor <= 0:
            raise InvalidInput("amount_not_positive", "a receiver gets something", field=f"receivers[{i}].minor")
        if account_id in seen:
            sentence = "an account stands once among the receivers"
            raise InvalidInput("receiver_twice", sentence, field=f"receivers[{i}]", account_id=account_id)
        seen.add(account_id)
    whole = Money(sum(minor for _, minor in receivers), split.currency)
    _check_source(split.source_account_id, [(account_id, whole) for account_id in seen])
    check_state(split, Command.ADD_RECEIVERS)
    count = _counted(split, len(receivers))
    _check_held(split, whole)
    starts = range(0, len(receivers), MOST_SHARES)
    divisions = tuple(
        Division(split.divisions + number, dict(receivers[start : start + MOST_SHARES]))
        for number, start in enumerate(starts, start=1)
    )
    after = _moved(
        split,
        Command.ADD_RECEIVERS,
        planned_minor=split.planned_minor + whole.minor,
        receivers=count,
        divisions=split.divisions + len(divisions),
    )
    return Planned(after, divisions)


def pay(split: Split, division: Division, refused: Mapping[str, str]) -> Changed:
    """Pay the next division of those that wait, but for the accounts in `refused`, whose share stays held and free.

    Raises Conflict `split_state` where none waits.
    """
    check_state(split, Command.PAY)
    if division.number != split.paid_divisions + 1:
        raise Defect(f"division {division.number} is not the next of {split}")
    done = replace(division, refused=dict(refused))
    paid = sum(minor for _, minor in done.received)
    after = _moved(
        split,
        Command.PAY,
        held_minor=split.held_minor - paid,
        planned_minor=split.planned_minor - sum(division.receivers.values()),
        paid_minor=split.paid_minor + paid,
        paid_divisions=division.number,
    )
    return Changed(after, done, tuple((account, Money(minor, split.currency)) for account, minor in done.received))


def refund(split: Split, division: Division, amount: Money, account_ids: Sequence[str] = ()) -> Changed:
    """Take an amount back from those whom a division paid, or from some of them, by what each has left of it.

    Raises InvalidInput `amount_not_positive`, `currency_mismatch`; Conflict `division_not_paid`; InvalidInput
    `receiver_unknown`; Conflict `refund_exceeds_received`.
    """
    check_amount(amount, split.currency)
    check_state(split, Command.REFUND)
    if division.number > split.paid_divisions:
        raise Conflict("division_not_paid", "its receivers still wait for their money", division=division.number)
    received = dict(division.received)
    for i, account_id in enumerate(account_ids):
        if account_id not in received:
            facts = {"field": f"account_ids[{i}]", "account_id": account_id, "division": division.number}
            raise InvalidInput("receiver_unknown", "the account got nothing by this division", **facts)
    asked = tuple((account, minor) for account, minor in received.items() if account in account_ids or not account_ids)
    parts = tuple((account, part) for account, part in unwind(asked, division.back, amount) if part.minor)
    back = division.back | {account: division.back.get(account, 0) + part.minor for account, part in parts}
    after = _moved(split, Command.REFUND, refunded_minor=split.refunded_minor + amount.minor)
    return Changed(after, replace(division, back=back), parts)


def return_held(split: Split, amount: Money | None = None) -> Returned:
    """Give what is still held, or an amount of it, back to the source.

    Raises InvalidInput `amount_not_positive`, `currency_mismatch`; Conflict `split_state`, `return_exceeds_held`.
    """
    if amount is not None:
        check_amount(amount, split.currency)
    check_state(split, Command.RETURN)
    whole = amount or split.free
    _check_held(split, whole, code="return_exceeds_held")
    held, returned = split.held_minor - whole.minor, split.returned_minor + whole.minor
    return Returned(_moved(split, Command.RETURN, held_minor=held, returned_minor=returned), whole)


def check_amount(amount: Money, currency: str) -> None:
    """Nothing where an amount is more than nothing, and in this currency.

    Raises InvalidInput `amount_not_positive`, `currency_mismatch`.
    """
    if amount.minor <= 0:
        raise InvalidInput("amount_not_positive", "an amount is more than nothing", field="amount.minor")
    if amount.currency != currency:
        facts = {"field": "amount.currency", "expected": currency, "given": amount.currency}
        raise InvalidInput("currency_mismatch", "the split is in another currency", **facts)


def check_state(split: Split, command: Command) -> None:
    """Nothing where the command is allowed now. Raises Conflict `split_state`."""
    if command not in TRANSITIONS[split.state]:
        sentence = f"a split that is {split.state.value} allows no {command.value}"
        raise Conflict("split_state", sentence, state=split.state.value, command=command.value)


def _moved(split: Split, command: Command, **changes: Any) -> Split:
    """The split after a command, by the table."""
    after = replace(split, **changes)
    if after.state not in TRANSITIONS[split.state].get(command, frozenset()):
        raise Defect(f"{command} leads from {split.state} to no {after.state}")
    return after


def _parted(shares: Shares) -> tuple[dict[str, int], int]:
    """What each account gets, those that get nothing left out, and what is kept."""
    minors = {role: part.minor for role, part in shares if part.minor}
    kept = minors.pop(KEPT, 0)
    return minors, kept


def _counted(split: Split, more: int) -> int:
    total = split.receivers + more
    if total > MOST_RECEIVERS:
        facts = {"maximum": MOST_RECEIVERS, "receivers": total}
        raise Conflict("too_many_receivers", f"a split has at most {MOST_RECEIVERS} receivers", **facts)
    return total


def _check_source(source: str, paid: Sequence[tuple[str, Money]]) -> None:
    if source in {account_id for account_id, _ in paid}:
        raise InvalidInput("source_is_receiver", "the account that pays cannot be paid as well", account_id=source)


def _check_held(split: Split, amount: Money, code: str = "division_exceeds_held") -> None:
    if split.free < amount:
        facts = {"requested": amount.minor, "held": split.free.minor, "currency": split.currency}
        raise Conflict(code, "less than that is held and free", **facts)
