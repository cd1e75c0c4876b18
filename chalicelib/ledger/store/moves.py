"""What a commit does to one account: one conditional, commutative update, whose conditions are the limits.

    SET balance = balance + :amount, debit_room = debit_room - :debit, credit_room = credit_room - :credit, ...
    IF  status = open AND currency = :currency AND closed_until < :occurred AND debit_room >= :debit_need

It needs to know neither the account's kind nor its balance. What a hold reserves takes room on the side it will move to
and leaves the balance; capturing it moves the balance and gives that room back, so that nothing can fail then. Where a
commit stands for several entries in a row, the room it needs is the most that any of them comes to on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from chalicelib.core.errors import Conflict, Defect, InvalidInput, NotFound, Refusal
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import OPEN_TO_CALLERS, Kind, Side
from chalicelib.ledger.store.conditions import Guard, expression, unexplained, unmet
from chalicelib.storage.commit import Stale, Write, update
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.tables import AccountItem, Item, account_key

_CALLERS = sorted(purpose.value for purpose in OPEN_TO_CALLERS)
_KINDS = {
    Side.DEBIT: sorted(kind.value for kind in Kind if not kind.debit_normal),
    Side.CREDIT: sorted(kind.value for kind in Kind if kind.debit_normal),
}
"""The kinds of which a hold reserves on a side: those whose balance that side lowers."""


def _one_of(name: str, allowed: list[str]) -> tuple[str, Item]:
    """The condition that an attribute has one of these values, and its values."""
    values: Item = {f":{name}{i}": {"S": value} for i, value in enumerate(allowed)}
    return f"{name} IN ({', '.join(values)})", values


_OPEN_TO_CALLERS = _one_of("purpose", _CALLERS)
_LOWERED_BY = {side: _one_of("kind", kinds) for side, kinds in _KINDS.items()}


@dataclass(frozen=True, slots=True)
class Move:
    """`amount` moves the balance (debits positive). `held` is what holds reserve more (or, negative, less) on the side
    `held_side`. `lines` is how many entries it stands for: each is one version and one line of the history. `booked`:
    some of them moved the balance, though they may come to nothing together. `peaks` is the most that they need of the
    room for debits and of that for credits on the way, and `occurred_at` the earliest of their instants (None: as the
    sums and the entry say). `read` is the version the move was decided from, where it was."""

    account_id: str
    currency: str
    amount: int = 0
    held: int = 0
    held_side: Side = Side.DEBIT
    lines: int = 1
    booked: bool = False
    peaks: tuple[int, int] | None = None
    occurred_at: datetime | None = None
    read: int | None = None

    @property
    def debit(self) -> int:
        """What it takes of the room for debits; negative: what it gives back."""
        return self.amount + (self.held if self.held_side is Side.DEBIT else 0)

    @property
    def credit(self) -> int:
        """What it takes of the room for credits; negative: what it gives back."""
        return -self.amount + (self.held if self.held_side is Side.CREDIT else 0)

    @property
    def needs(self) -> tuple[int, int]:
        """How much room for debits and for credits there must be."""
        return self.peaks or (self.debit, self.credit)

    @property
    def lets_go(self) -> bool:
        """Whether it only gives back what was reserved, which no state of the account forbids."""
        return not self.amount and not self.booked and self.held < 0


def move_write(
    item: JournalItem, move: Move, *, by_hand: bool = False, guards: Sequence[Guard] = (), fact: bool = False
) -> Write:
    """The update of one account by an entry, under the conditions of the entry on its balance (`guards`).

    condition: open, of this currency, not closed for the period, and room enough on each side it takes of; where it
    reserves, of a kind that this side lowers; by hand, of a purpose that is open to callers; the guards; the version
    that was read. A `fact` is booked whatever the account's state and rooms are: of this currency, not closed for the
    period
    """
    change = (
        "SET balance = balance + :amount, debit_room = debit_room - :debit, credit_room = credit_room - :credit,"
        " version = version + :lines, last_commit = :entry, last_at = :recorded"
    )
    values: Item = {
        ":amount": {"N": str(move.amount)},
        ":debit": {"N": str(move.debit)},
        ":credit": {"N": str(move.credit)},
        ":lines": {"N": str(move.lines)},
        ":entry": {"S": item.entry_id},
        ":recorded": {"S": instant_text(item.recorded_at)},
    }
    occurred_at = instant_text(move.occurred_at or item.occurred_at)
    conditions = (
        _fact_conditions(occurred_at, move.currency, values)
        if fact
        else _conditions(move, occurred_at, by_hand, values)
    )
    if guards:
        conditions.append(expression(guards, values))
    names = {} if move.lets_go or fact else {"#status": "status"}
    if move.held:
        change += ", held = held + :held"
        values[":held"] = {"N": str(move.held)}
    if move.held < 0:
        conditions.append("held >= :let_go")
        values[":let_go"] = {"N": str(-move.held)}
    if move.read is not None:
        conditions.append("version = :read")
        values[":read"] = {"N": str(move.read)}
    return update(
        f"balance {move.account_id}",
        account_key(item.tenant, move.account_id),
        change=change,
        condition=" AND ".join(conditions),
        names=names,
        values=values,
        refuse=lambda old: _failed(old, move, occurred_at, by_hand, guards, fact=fact),
    )


def _conditions(move: Move, occurred_at: str, by_hand: bool, values: Item) -> list[str]:
    """The conditions on the account as it stands, whose values are added to `values`."""
    if move.lets_go:
        return []
    values |= {":occurred": {"S": occurred_at}, ":open": {"S": "open"}, ":currency": {"S": move.currency}}
    conditions = ["#status = :open", "currency = :currency", "closed_until < :occurred"]
    for side, need in zip(("debit", "credit"), move.needs, strict=True):
        if need > 0:
            conditions.append(f"{side}_room >= :{side}_need")
            values[f":{side}_need"] = {"N": str(need)}
    if move.held > 0:
        condition, needed = _LOWERED_BY[move.held_side]
        conditions.append(condition)
        values |= needed
    if by_hand:
        condition, needed = _OPEN_TO_CALLERS
        conditions.append(condition)
        values |= needed
    return conditions


def _fact_conditions(occurred_at: str, currency: str, values: Item) -> list[str]:
    """The conditions on the account of what has happened, whose values are added to `values`."""
    values |= {":occurred": {"S": occurred_at}, ":currency": {"S": currency}}
    return ["currency = :currency", "closed_until < :occurred"]


def _failed(
    old: Item | None, move: Move, occurred_at: str, by_hand: bool, guards: Sequence[Guard], *, fact: bool
) -> Refusal | Defect | Stale:
    """What the failed condition means on the account as it stood."""
    if old is None:
        return no_account(move.account_id)
    item = AccountItem.from_raw_data(old)
    if move.read is not None and item.version != move.read:
        return Stale()
    if fact and item.currency == move.currency:
        return _period_closed(item)
    if move.lets_go:
        return Defect(f"{move.account_id} holds {item.held}, less than {-move.held} to let go")
    return refusal(item, move, occurred_at=occurred_at, by_hand=by_hand, guards=guards) or unexplained(move.account_id)


def no_account(account_id: str) -> Refusal:
    """The refusal where there is no such account."""
    return NotFound("account_not_found", "no such account", account_id=account_id)


def refusal(
    item: AccountItem, move: Move, *, occurred_at: str, by_hand: bool, guards: Sequence[Guard] = ()
) -> Refusal | None:
    """The first rule that a move breaks on the account as it stands, or None. This is the order callers are told in."""
    return (
        state_refusal(item, move, occurred_at=occurred_at, by_hand=by_hand) or unmet(item, guards) or _room(item, move)
    )


def state_refusal(item: AccountItem, move: Move, *, occurred_at: str, by_hand: bool) -> Refusal | None:
    """As `refusal`, for the rules that ask what the account is and not how much is in it."""
    account_id = move.account_id
    if by_hand and item.purpose not in _CALLERS:
        sentence = "the account follows a trade, a line or a payout, and moves by their commands alone"
        return Conflict("account_controlled", sentence, account_id=account_id, purpose=item.purpose)
    if item.currency != move.currency:
        sentence = f"the account is kept in {item.currency}"
        facts = {"account_id": account_id, "expected": item.currency, "given": move.currency}
        return InvalidInput("currency_mismatch", sentence, **facts)
    if move.held > 0 and item.kind not in _KINDS[move.held_side]:
        sentence = f"a {move.held_side.value} does not lower this account"
        return Conflict("hold_on_wrong_side", sentence, account_id=account_id, kind=item.kind)
    if item.status != "open":
        return Conflict(f"account_{item.status}", f"the account is {item.status}", account_id=account_id)
    if item.closed_until >= occurred_at:
        return _period_closed(item)
    return None


def _period_closed(item: AccountItem) -> Refusal:
    account_id = item.pk.partition("#")[2]
    return Conflict("period_closed", "the period is closed", account_id=account_id, closed_until=item.closed_until)


def _room(item: AccountItem, move: Move) -> Refusal | None:
    rooms = (item.debit_room, item.credit_room)
    for side, need, room in zip((Side.DEBIT, Side.CREDIT), move.needs, rooms, strict=True):
        if 0 < need > room:
            lowers = (side is Side.DEBIT) != Kind(item.kind).debit_normal
            code, left = ("insufficient_funds", "available") if lowers else ("ceiling_reached", "remaining")
            facts = {"account_id": move.account_id, "requested": need, left: room}
            return Conflict(code, "the amount is more than the account allows", **facts)
    return None
