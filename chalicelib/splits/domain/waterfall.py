"""The waterfall: who gets which share of an amount, so that the shares always add up to it.

Leaves to others: which account a role's share is booked to (`chalicelib.settlement`), where a waterfall comes from
(`chalicelib.trades`).
"""

from __future__ import annotations

from collections import Counter
from enum import Enum

from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money, Rounding, allocate, round_ratio
from chalicelib.core.values import dataclass

WHOLE_BPS = 10_000
MOST_SHARES = 80

Shares = tuple[tuple[str, Money], ...]
"""What each role gets, in the order of the waterfall; a role may get nothing."""


KEPT = "kept"
"""The role of a share that is not paid out but stays where the amount is."""


class ShareKind(Enum):
    """How a share is measured: an amount, basis points of the whole, such a ratio up to a cap, ratios by tiers of the
    whole, or all that the others leave."""

    FIXED = "fixed"
    BPS = "bps"
    CAPPED = "capped"
    TIERED = "tiered"
    REMAINDER = "remainder"


@dataclass(frozen=True, slots=True)
class Tier:
    """The part of an amount up to `up_to_minor` (None: all the rest) pays `bps`."""

    up_to_minor: int | None
    bps: int


@dataclass(frozen=True, slots=True)
class Share:
    """What one role gets: `minor` units of the amount's currency if fixed, `bps` basis points of it if by ratio; of a
    capped one `minor` is the most (and 0 `bps` means all that is there). Where there are `shares`, they divide it."""

    role: str
    kind: ShareKind
    minor: int = 0
    bps: int = 0
    tiers: tuple[Tier, ...] = ()
    shares: tuple[Share, ...] = ()

    def __post_init__(self) -> None:
        wrong = (self.minor != 0 and self.kind not in {ShareKind.FIXED, ShareKind.CAPPED}) or (
            self.bps != 0 and self.kind not in {ShareKind.BPS, ShareKind.CAPPED}
        )
        if wrong or not (0 <= self.minor <= MAX_MINOR and 0 <= self.bps <= WHOLE_BPS):
            raise InvalidInput("share_invalid", "a share is an amount, 0 to 10000 bps, or the rest", role=self.role)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Shares that divide any amount without a rest: fixed ones, ratios, and one remainder; or ratios of 100 % in all.

    Raises InvalidInput `split_empty`, `split_too_long`, `split_role_twice`, `split_two_remainders`,
    `split_over_whole` or `split_leaves_rest`.
    """

    shares: tuple[Share, ...]

    def __post_init__(self) -> None:
        if problem := _problem(self.shares):
            code, facts = problem
            raise InvalidInput(code, code.replace("_", " "), **facts)


def divide(waterfall: Waterfall, amount: Money) -> Shares:
    """Divide `amount` (zero or more) among the roles of a waterfall; the shares add up to it.

    Fixed shares come first; basis points are of the whole amount and floored; the remainder takes all that is left.
    Without a remainder the ratios make 100 % and are allocated by largest remainder. Raises Conflict
    `split_exceeds_amount` where the shares come to more than there is.
    """
    if amount.minor < 0:
        raise Defect("only what is there can be divided")
    if all(share.kind is ShareKind.BPS for share in waterfall.shares):
        parts = allocate(amount, [share.bps for share in waterfall.shares])
        return tuple((share.role, part) for share, part in zip(waterfall.shares, parts, strict=True))
    claims = [_claim(share, amount) for share in waterfall.shares]
    rest = amount.minor - sum(claims)
    if rest < 0:
        facts = {"amount": amount.minor, "shares": sum(claims), "currency": amount.currency}
        raise Conflict("split_exceeds_amount", "the shares come to more than the amount", **facts)
    return tuple(
        (share.role, amount.of(rest if share.kind is ShareKind.REMAINDER else claim))
        for share, claim in zip(waterfall.shares, claims, strict=True)
    )


def _claim(share: Share, amount: Money) -> int:
    """Minor units that a share asks for before the remainder is known."""
    if share.kind is ShareKind.BPS:
        return round_ratio(amount.minor * share.bps, WHOLE_BPS, Rounding.FLOOR)
    return share.minor


def _problem(shares: tuple[Share, ...]) -> tuple[str, dict[str, object]] | None:
    """The first rule the shares break, in the order callers are told of them."""
    kinds = Counter(share.kind for share in shares)
    twice = [role for role, times in Counter(share.role for share in shares).items() if times > 1]
    total = sum(share.bps for share in shares)
    whole = kinds[ShareKind.REMAINDER] == 1 or (kinds[ShareKind.FIXED] == 0 and total == WHOLE_BPS)
    rules: tuple[tuple[str, bool, dict[str, object]], ...] = (
        ("split_empty", not shares, {}),
        ("split_too_long", len(shares) > MOST_SHARES, {"maximum": MOST_SHARES}),
        ("split_role_twice", bool(twice), {"roles": twice}),
        ("split_two_remainders", kinds[ShareKind.REMAINDER] > 1, {}),
        ("split_over_whole", total > WHOLE_BPS, {"total_bps": total, "maximum": WHOLE_BPS}),
        ("split_leaves_rest", not whole, {"total_bps": total}),
    )
    return next(((code, facts) for code, broken, facts in rules if broken), None)
