"""What a commit does to one account: one conditional, commutative update, whose conditions are the limits.

    SET balance = balance + :amount, debit_room = debit_room - :debit, credit_room = credit_room - :credit, ...
    IF  status = open AND currency = :currency AND closed_until < :occurred AND debit_room >= :debit

It needs to know neither the account's kind nor its balance. What a hold reserves takes room on the side it will move to
and leaves the balance; capturing it moves the balance and gives that room back, so that nothing can fail then.
"""

from __future__ import annotations

from chalicelib.core.errors import Conflict, Defect, InvalidInput, NotFound, Refusal
from chalicelib.core.instants import instant_text
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import OPEN_TO_CALLERS, Kind, Side
from chalicelib.storage.commit import Write, update
from chalicelib.storage.journal import JournalItem
from chalicelib.storage.tables import AccountItem, Item, account_key

_CALLERS = sorted(purpose.value for purpose in OPEN_TO_CALLERS)
_KINDS = {
    Side.DEBIT: sorted(kind.value for kind in Kind if not kind.debit_normal),
    Side.CREDIT: sorted(kind.value for kind in Kind if kind.debit_normal),
}
"""The kinds of which a hold reserves on a side: those whose balance that side lowers."""


@dataclass(frozen=True, slots=True)
class Move:
    """`amount` moves the balance (debits positive). `held` is what holds reserve more (or, negative, less) on the side
    `held_side`. `lines` is how many entries it stands for: each is one version and one line of the history. `booked`:
    some of them moved the balance, though they may come to nothing together."""

    account_id: str
    currency: str
    amount: int = 0
    held: int = 0
    held_side: Side = Side.DEBIT
    lines: int = 1
    booked: bool = False

    @property
    def debit(self) -> int:
        """What it takes of the room for debits; negative: what it gives back."""
        return self.amount + (self.held if self.held_side is Side.DEBIT else 0)

    @property
    def credit(self) -> int:
        """What it takes of the room for credits; negative: what it gives back."""
        return -self.amount + (self.held if self.held_side is Side.CREDIT else 0)

    @property
    def lets_go(self) -> bool:
        """Whether it only gives back what was reserved, which no state of the account forbids."""
        return not self.amount and not self.booked and self.held < 0


def move_write(item: JournalItem, move: Move, *, by_hand: bool = False) -> Write:
    """The update of one account by an entry.

    condition: open, of this currency, not closed for the period, and room enough on each side it takes of; where it
    reserves, of a kind that this side lowers; by hand, of a purpose that is open to callers
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
    conditions = _conditions(item, move, by_hand, values)
    names = {} if move.lets_go else {"#status": "status"}
    if move.held:
        change += ", held = held + :held"
        values[":held"] = {"N": str(move.held)}
    if move.held < 0:
        conditions.append("held >= :let_go")
        values[":let_go"] = {"N": str(-move.held)}
    return update(
        f"balance {move.account_id}",
        account_key(item.tenant, move.account_id),
        change=change,
        condition=" AND ".join(conditions),
        names=names,
        values=values,
        refuse=lambda old: refusal(old, move, occurred_at=instant_text(item.occurred_at), by_hand=by_hand),
    )


def _conditions(item: JournalItem, move: Move, by_hand: bool, values: Item) -> list[str]:
    """The conditions on the account as it stands, whose values are added to `values`."""
    if move.lets_go:
        return []
    values |= {
        ":occurred": {"S": instant_text(item.occurred_at)},
        ":open": {"S": "open"},
        ":currency": {"S": move.currency},
    }
    conditions = ["#status = :open", "currency = :currency", "closed_until < :occurred"]
    if move.debit > 0:
        conditions.append("debit_room >= :debit")
    if move.credit > 0:
        conditions.append("credit_room >= :credit")
    if move.held > 0:
        conditions.append(_one_of("kind", _KINDS[move.held_side], values))
    if by_hand:
        conditions.append(_one_of("purpose", _CALLERS, values))
    return conditions


def _one_of(name: str, allowed: list[str], values: Item) -> str:
    chosen = {f":{name}{i}": {"S": value} for i, value in enumerate(allowed)}
    values |= chosen
    return f"{name} IN ({', '.join(chosen)})"


def refusal(  # noqa: PLR0911 (one line for each rule, in the order callers are told of them)
    old: Item | None, move: Move, *, occurred_at: str, by_hand: bool
) -> Refusal | Defect:
    """Which part of the condition failed on the account as it stood."""
    account_id = move.account_id
    if old is None:
        return NotFound("account_not_found", "no such account", account_id=account_id)
    item = AccountItem.from_raw_data(old)
    if move.lets_go:
        return Defect(f"{account_id} holds {item.held}, less than {-move.held} to let go")
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
        return Conflict("period_closed", "the period is closed", account_id=account_id, closed_until=item.closed_until)
    return _out_of_room(item, move)


def _out_of_room(item: AccountItem, move: Move) -> Refusal:
    side, needed, room = Side.DEBIT, move.debit, item.debit_room
    if move.debit <= item.debit_room:
        side, needed, room = Side.CREDIT, move.credit, item.credit_room
    lowers = (side is Side.DEBIT) != Kind(item.kind).debit_normal
    code, left = ("insufficient_funds", "available") if lowers else ("ceiling_reached", "remaining")
    facts = {"account_id": move.account_id, "requested": needed, left: room}
    return Conflict(code, "the amount is more than the account allows", **facts)
