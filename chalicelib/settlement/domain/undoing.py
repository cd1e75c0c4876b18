"""Which receipt a bank's reversal undoes, by all that both state of it, never by one field that others fill. Pure.

A receipt whose end-to-end id or UETR differs is another one. Of the rest the UETR says most, then the bank's reference
of the movement that is undone together with the end-to-end id, then the reversal's own reference, which some banks give
again and others count up; the amount decides between those that agree in as much. Where two are left, none is named.
"""

from __future__ import annotations

from collections.abc import Sequence

from chalicelib.banking.movements import Movement
from chalicelib.core.masking import masked
from chalicelib.ledger.movements import are_near
from chalicelib.settlement.domain.receipts import Receipt


def is_reversal(movement: Movement) -> bool:
    """Whether the bank says that a movement undoes another one."""
    return bool(movement.reversal or movement.return_reason or movement.original_reference)


def can_undo(receipt: Receipt, movement: Movement) -> bool:
    """Whether a movement may undo a receipt: of the opposite sign, of which something was not taken back, and which
    nothing that both state rules out."""
    opposite = receipt.amount_minor * movement.amount.minor < 0 and receipt.currency == movement.amount.currency
    return opposite and receipt.reversed_minor != receipt.amount_minor and not _contradict(receipt, movement)


def undone_receipt(known: Sequence[Receipt], movement: Movement, *, quoted: Sequence[str] = ()) -> Receipt | None:
    """The one of some receipts that a movement undoes, or None: none fits, or more than one does. `quoted` are those of
    what its payment references name.

    One that no bank calls a reversal undoes a payment of the very amount only, since charges quote a payment's ids too,
    and not by an end-to-end id alone: that is the payer's own word, and may be anything.
    """
    fitting = [one for one in known if can_undo(one, movement) and _is_meant(one, movement, quoted)]
    ranked = sorted(fitting, key=lambda one: _rank(one, movement), reverse=True)
    for same in (ranked, [one for one in ranked if one.receipt_id in quoted]):
        if same and (len(same) == 1 or _rank(same[0], movement) > _rank(same[1], movement)):
            return same[0]
    return None


def waits_for(reversal: Receipt, movement: Movement) -> bool:
    """Whether a receipt that undoes something not known yet has waited for a movement: an id of the payment agrees, or
    the bank's reference and the days do, and the amount (a part only of the movement that it names); and nothing that
    both state differs."""
    if not reversal.is_reversal or reversal.unallocated_minor * movement.amount.minor >= 0:
        return False
    if reversal.currency != movement.amount.currency or _contradict(reversal, movement):
        return False
    if _agree(reversal.uetr, movement.uetr) or _agree(reversal.end_to_end_id, movement.end_to_end_id):
        return True
    named = _agree(reversal.original_reference, movement.bank_reference)
    fits = named and abs(reversal.amount_minor) <= abs(movement.amount.minor)
    is_whole = reversal.amount_minor == -movement.amount.minor
    return (fits or is_whole) and are_near(reversal.booked_on, movement.booked_on)


def undone_reference(original_reference: str, bank_reference: str) -> str:
    """The bank's reference of what a reversal undoes: the one it names, or its own, which some banks give again."""
    return original_reference or bank_reference


def _is_meant(receipt: Receipt, movement: Movement, quoted: Sequence[str]) -> bool:
    if is_reversal(movement):
        return _is_named(receipt, movement) or receipt.amount_minor == -movement.amount.minor
    if receipt.amount_minor != -movement.amount.minor:
        return False
    account = movement.counterparty_account
    same_payer = bool(account) and masked(account) == receipt.counterparty_account
    by_id = _agree(receipt.end_to_end_id, movement.end_to_end_id)
    return _agree(receipt.uetr, movement.uetr) or (by_id and (same_payer or receipt.receipt_id in quoted))


def _is_named(receipt: Receipt, movement: Movement) -> bool:
    """Whether a reversal names a receipt by more than its own reference, which may be a number that starts anew."""
    return (
        _agree(receipt.uetr, movement.uetr)
        or _agree(receipt.end_to_end_id, movement.end_to_end_id)
        or not _agree(receipt.bank_reference, movement.bank_reference)
        or _agree(receipt.bank_reference, movement.original_reference)
    )


def _rank(receipt: Receipt, movement: Movement) -> tuple[bool, int, bool, bool, bool]:
    left = abs(receipt.amount_minor - receipt.reversed_minor)
    named = _agree(receipt.bank_reference, movement.original_reference)
    by_id = _agree(receipt.end_to_end_id, movement.end_to_end_id)
    own = not movement.original_reference and _agree(receipt.bank_reference, movement.bank_reference)
    return (
        _agree(receipt.uetr, movement.uetr),
        named + by_id,
        own,
        left >= abs(movement.amount.minor),
        receipt.amount_minor == -movement.amount.minor,
    )


def _contradict(receipt: Receipt, movement: Movement) -> bool:
    return _differ(receipt.end_to_end_id, movement.end_to_end_id) or _differ(receipt.uetr, movement.uetr)


def _agree(first: str, second: str) -> bool:
    return bool(first) and first.casefold() == second.casefold()


def _differ(first: str, second: str) -> bool:
    return bool(first and second) and first.casefold() != second.casefold()
