"""Does a statement hold by its own figures? Opening balance plus booked entries is the closing balance, to the unit.

A schema says nothing about that: many real files fail their schema and foot. Continuity between statements and
matching with the books are for `chalicelib.recon`.
"""

from __future__ import annotations

from typing import Literal

from chalicelib.core.values import dataclass
from chalicelib.messages.model import Balance, Statement

ProofStatus = Literal["proved", "proved_with_warnings", "unproved", "broken"]
_OPENING = ("OPBD", "PRCD")
_CLOSING = ("CLBD", "ITBD")


@dataclass(frozen=True, slots=True)
class Proof:
    """`difference_minor` is opening + booked - closing: 0 when it foots, None when that cannot be computed.

    `reason` is a stable code: empty when proved, `balances_missing` or `interim_balance` when unproved,
    `does_not_foot` or `mixed_currencies` when broken.
    """

    status: ProofStatus
    reason: str
    opening_minor: int | None
    booked_minor: int
    closing_minor: int | None
    difference_minor: int | None
    warnings: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether the balances are stated and the statement foots: it can be built on."""
        return self.status in ("proved", "proved_with_warnings")


def prove(statement: Statement) -> Proof:
    """The proof of one statement. Pending and informational entries take no part in it.

    An entry labelled with another currency than the balances is added as its figure stands: where that foots, the
    label was wrong (seen in real files) and is a warning; where it does not, the statement is broken.
    """
    opening, closing = opening_balance(statement), closing_balance(statement)
    booked = sum(entry.amount_minor for entry in statement.entries if entry.status == "booked")
    mixed = _mixed(statement, opening, closing)
    warnings = tuple(sorted({*statement.warnings, *(["entry_in_another_currency"] if mixed else [])}))
    difference = opening.amount_minor + booked - closing.amount_minor if opening and closing else None
    status, reason = _verdict(difference, mixed, interim=closing is not None and closing.code == "ITBD")
    if status == "proved" and warnings:
        status = "proved_with_warnings"
    return Proof(
        status=status,
        reason=reason,
        opening_minor=opening.amount_minor if opening else None,
        booked_minor=booked,
        closing_minor=closing.amount_minor if closing else None,
        difference_minor=difference,
        warnings=warnings,
    )


def opening_balance(statement: Statement) -> Balance | None:
    """The balance the statement starts from: the opening booked one, else the previous day's closing one."""
    for code in _OPENING:
        for balance in statement.balances:
            if balance.code == code:
                return balance
    interim = [balance for balance in statement.balances if balance.code == "ITBD"]
    return interim[0] if len(interim) > 1 else None


def closing_balance(statement: Statement) -> Balance | None:
    """The balance the statement ends at: the closing booked one, else the interim one of an intraday report."""
    for code in _CLOSING:
        for balance in reversed(statement.balances):
            if balance.code == code:
                return balance
    return None


def _mixed(statement: Statement, opening: Balance | None, closing: Balance | None) -> bool:
    currencies = {entry.currency for entry in statement.entries if entry.status == "booked"}
    currencies |= {balance.currency for balance in (opening, closing) if balance is not None}
    return len(currencies) > 1


def _verdict(difference: int | None, mixed: bool, *, interim: bool) -> tuple[ProofStatus, str]:
    """An interim report may hold only what is new since the one before: that it does not foot says nothing."""
    if difference is None:
        return "unproved", "balances_missing"
    if difference == 0:
        return "proved", ""
    if mixed:
        return "broken", "mixed_currencies"
    return ("unproved", "interim_balance") if interim else ("broken", "does_not_foot")
