"""Which movement of a bank account is meant: identity is graded, never read off one field that others fill.

Pure. A callback, a statement line and a break's resolution all go by it. Leaves to the store: where the known movements
of an account are kept, and that each is numbered once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from enum import Enum

from chalicelib.core.money import Money
from chalicelib.core.values import dataclass
from chalicelib.ledger.domain import movement_key

MOST_DAYS_APART = 5
"""Business days that the booking days of one movement may lie apart: banks date a notification, an intraday report and
a statement differently."""

LEAST_COMMON_DIGITS = 6
FRIDAY = 4


class Verdict(Enum):
    """`SAME`: a known movement, stated again. `ANOTHER`: one of its own. `DOUBTFUL`: neither can be ruled out."""

    SAME = "same"
    ANOTHER = "another"
    DOUBTFUL = "doubtful"


@dataclass(frozen=True, slots=True)
class MovementFacts:
    """What one message or statement line states of a movement. `amount` is signed: money in is positive. A reference
    or id that was not given is empty; `payment_references` are the creditor references that the payer quoted."""

    account_id: str
    amount: Money
    reference: str = ""
    booked_on: date | None = None
    end_to_end_id: str = ""
    uetr: str = ""
    counterparty_account: str = ""
    payment_references: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """Where a movement is stated: a message known by its content, and a part of it that no other entry has.

    `equal_before` counts the entries before it in that message that state exactly the same. `series` is shared by
    reports that each repeat what the one before them had; empty where a message stands alone. `is_proved`: the message
    is a statement that foots, and a statement decides how many movements there are.
    """

    message: str
    part: str
    equal_before: int = 0
    series: str = ""
    is_proved: bool = False


@dataclass(frozen=True, slots=True)
class KnownMovement:
    """A movement that somebody has stated, with all that is known of it, and the worker key under which it is booked.
    `doubts`: it was kept aside as a possible duplicate of the movement with that key."""

    key: str
    facts: MovementFacts
    source: Source
    doubts: str = ""

    @property
    def is_doubtful(self) -> bool:
        """Whether it was kept aside when it was first stated."""
        return bool(self.doubts)


def contradicts(first: MovementFacts, second: MovementFacts) -> bool:
    """Whether a field that both state differs: end-to-end id, UETR, the counterparty's account, references quoted."""
    return (
        _differ(first.end_to_end_id, second.end_to_end_id)
        or _differ(first.uetr, second.uetr)
        or _other_account(first.counterparty_account, second.counterparty_account)
        or _differ_entirely(first.payment_references, second.payment_references)
    )


def grade(facts: MovementFacts, source: Source, known: Sequence[KnownMovement]) -> tuple[Verdict, KnownMovement | None]:
    """What a statement of a movement is to those known, and which of them it is, or may be.

    `known` are movements of the account with the same reference, or of the same amount and day. Those that the same
    message states elsewhere are others: a list names each movement once, and equal ones are told apart by their count.
    """
    for each in known:
        if (each.source.message, each.source.part) == (source.message, source.part):
            return Verdict.SAME, each
    others = [each for each in known if each.source.message != source.message and not contradicts(facts, each.facts)]
    same = _ranked(facts, [each for each in others if _is_same(facts, source, each)])
    if source.equal_before < len(same):
        return Verdict.SAME, same[source.equal_before]
    rest = [each for each in others if each not in same and _is_doubtful(facts, each.facts)]
    return _doubt(facts, replace(source, equal_before=source.equal_before - len(same)), rest)


def completed(known: MovementFacts, facts: MovementFacts) -> MovementFacts:
    """What is known of a movement after it was stated again: a field that was missing is taken from the later word."""
    return MovementFacts(
        account_id=known.account_id,
        amount=known.amount,
        reference=known.reference or facts.reference,
        booked_on=known.booked_on or facts.booked_on,
        end_to_end_id=known.end_to_end_id or facts.end_to_end_id,
        uetr=known.uetr or facts.uetr,
        counterparty_account=known.counterparty_account or facts.counterparty_account,
        payment_references=known.payment_references or facts.payment_references,
    )


def candidates(facts: MovementFacts, known: Sequence[KnownMovement]) -> list[KnownMovement]:
    """The known movements that a statement's line may be, the likeliest first. The statement decides the number, so
    nothing is doubtful to it: each of its lines takes one that no other line has taken."""
    fitting = [each for each in known if each.facts.amount == facts.amount and not contradicts(facts, each.facts)]
    tiers: tuple[Callable[[MovementFacts], bool], ...] = (
        lambda other: _same_reference(facts, other) and are_near(facts.booked_on, other.booked_on),
        lambda other: _same_payment(facts, other),
        lambda other: not (facts.reference and other.reference),
        lambda other: _same_reference(facts, other),
    )
    found = [each for tier in tiers for each in _ranked(facts, fitting) if tier(each.facts)]
    return list({each.key: each for each in found}.values())


def is_sum_of(facts: MovementFacts, known: Sequence[KnownMovement]) -> bool:
    """Whether a movement is the sum of others of its reference: a bank's batch, of which they are the parts."""
    parts = [each.facts.amount for each in known if _same_reference(facts, each.facts) and not each.is_doubtful]
    return bool(parts) and sum(part.minor for part in parts) == facts.amount.minor and facts.amount not in parts


def are_near(first: date | None, second: date | None) -> bool:
    """Whether two booking days may be one movement's; a day that was not given may be any."""
    if first is None or second is None:
        return True
    start, end = sorted((first, second))
    days = (start + timedelta(days=ahead) for ahead in range(1, (end - start).days + 1))
    return (end - start).days <= 3 * MOST_DAYS_APART and sum(day.weekday() <= FRIDAY for day in days) <= MOST_DAYS_APART


def numbered_key(facts: MovementFacts, number: int) -> str:
    """The worker key of the movement with this number among those of its reference, or, without one, of its day."""
    account_id, day = facts.account_id, facts.booked_on or ""
    if facts.reference and number == 0:
        return movement_key(account_id, facts.reference)
    if facts.reference:
        return f"bank+{number}:{account_id}:{facts.reference}"
    return f"bank-{number}:{account_id}:{day}:{facts.amount.minor}"


def _is_same(facts: MovementFacts, source: Source, known: KnownMovement) -> bool:
    other = known.facts
    if facts.amount != other.amount or not are_near(facts.booked_on, other.booked_on):
        return False
    if facts.reference and other.reference:
        return facts.reference == other.reference
    if known.source.is_proved and facts.booked_on == other.booked_on:
        return True
    in_series = bool(source.series) and source.series == known.source.series
    return in_series or bool(facts.uetr and facts.uetr == other.uetr)


def _is_doubtful(facts: MovementFacts, other: MovementFacts) -> bool:
    """Whether a movement that nothing rules out may be the same: one of its reference, or, where a reference is
    missing, one of its amount and day; where the references differ, one of the same UETR: no two payments share it."""
    if facts.reference and other.reference and facts.reference != other.reference:
        return facts.amount == other.amount and bool(facts.uetr and facts.uetr == other.uetr)
    if (facts.amount.minor > 0) != (other.amount.minor > 0):
        return False
    return _same_reference(facts, other) or (facts.amount == other.amount and facts.booked_on == other.booked_on)


def _doubt(facts: MovementFacts, source: Source, doubted: list[KnownMovement]) -> tuple[Verdict, KnownMovement | None]:
    """As many are doubtful as could be the same; those of them that are kept aside already are not kept twice. To a
    proved statement as many are the same, and doubtful is only what may be the sum of others, or a part of one: they
    share its reference and not its amount."""
    kept = [each for each in _ranked(facts, doubted) if each.is_doubtful and each.facts.amount == facts.amount]
    rest = [each for each in _ranked(facts, doubted) if each not in kept]
    number = source.equal_before
    if source.is_proved:
        stated = [each for each in (*rest, *kept) if each.facts.amount == facts.amount]
        if number < len(stated):
            return Verdict.SAME, stated[number]
        parts = [each for each in rest if each.facts.amount != facts.amount]
        return (Verdict.DOUBTFUL, parts[0]) if parts and not stated else (Verdict.ANOTHER, None)
    if number < len(kept):
        return Verdict.SAME, kept[number]
    if number < len(kept) + len(rest):
        return Verdict.DOUBTFUL, rest[number - len(kept)]
    return Verdict.ANOTHER, None


def _ranked(facts: MovementFacts, known: Sequence[KnownMovement]) -> list[KnownMovement]:
    """Those of the same payment first, then those that a statement was the first to name, then those that agree in
    more; what is kept aside comes last."""

    def rank(each: KnownMovement) -> tuple[bool, bool, bool, int]:
        other = each.facts
        agreeing = (
            bool(facts.counterparty_account and other.counterparty_account),
            bool(facts.payment_references and other.payment_references),
            facts.booked_on == other.booked_on,
        )
        return each.is_doubtful, not _same_payment(facts, other), not each.source.is_proved, -sum(agreeing)

    return sorted(known, key=rank)


def _same_reference(first: MovementFacts, second: MovementFacts) -> bool:
    return bool(first.reference) and first.reference == second.reference


def _same_payment(first: MovementFacts, second: MovementFacts) -> bool:
    return bool(
        (first.uetr and first.uetr == second.uetr)
        or (first.end_to_end_id and first.end_to_end_id == second.end_to_end_id)
    )


def _differ(first: str, second: str) -> bool:
    return bool(first and second) and first.casefold() != second.casefold()


def _differ_entirely(first: Sequence[str], second: Sequence[str]) -> bool:
    return bool(first and second) and not set(first) & set(second)


def _other_account(first: str, second: str) -> bool:
    """Whether two account numbers are of two accounts. An IBAN ends with the number it is made of, so that one account
    may be given either way; of a masked number nothing can be said."""
    if not (first and second) or "*" in first + second:
        return False
    short, long = sorted((first, second), key=len)
    return not (first == second or (len(short) >= LEAST_COMMON_DIGITS and long.endswith(short)))
