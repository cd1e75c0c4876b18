"""The waterfall: who gets which share of an amount, so that the shares always add up to it.

Shares are taken in this order, wherever they stand: fixed amounts; ratios of the whole amount, each floored (basis
points, such up to a cap, by tiers); then, in the order written, capped shares without a ratio, each all that is still
there up to its cap; and the remainder takes the rest. Basis points alone that come to 100 % are allocated by largest
remainder instead. A share with shares of its own is divided by these, up to three levels deep.

Leaves to others: which account a role's share is booked to (`chalicelib.settlement`, `chalicelib.splits.service`),
where a waterfall comes from (`chalicelib.trades`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import pairwise

from chalicelib.core.errors import Conflict, Defect, InvalidInput
from chalicelib.core.money import MAX_MINOR, Money, Rounding, allocate, round_ratio
from chalicelib.core.values import dataclass

WHOLE_BPS = 10_000
MOST_SHARES = 80
MOST_LEVELS = 3
MOST_TIERS = 20

Shares = tuple[tuple[str, Money], ...]
"""What each role gets, in the order of the waterfall; a role may get nothing. No role stands in it twice."""


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
    """The part of an amount above the tier before, up to `up_to_minor` (None or not said: all the rest), pays `bps`."""

    up_to_minor: int | None = None
    bps: int = 0


@dataclass(frozen=True, slots=True)
class Share:
    """What one role gets: `minor` units of the amount's currency if fixed, `bps` basis points of it if by ratio; of a
    capped one `minor` is the most (and 0 `bps` means all that is there). Where there are `shares`, they divide it, and
    `role` is the group's name or empty.

    Raises InvalidInput `share_invalid`, `tiers_invalid`.
    """

    role: str
    kind: ShareKind
    minor: int = 0
    bps: int = 0
    tiers: tuple[Tier, ...] = ()
    shares: tuple[Share, ...] = ()

    def __post_init__(self) -> None:
        if not (_is_measured(self) and _is_named(self)):
            raise InvalidInput("share_invalid", "a share is an amount, 0 to 10000 bps, or the rest", role=self.role)
        if self.kind is ShareKind.TIERED and not _ascend(self.tiers):
            sentence = f"1 to {MOST_TIERS} tiers of 0 to 10000 bps ascend, and the last one alone has no end"
            raise InvalidInput("tiers_invalid", sentence, role=self.role)

    @property
    def top_bps(self) -> int:
        """The most that it can take of the whole by ratio, in basis points."""
        return max((tier.bps for tier in self.tiers), default=self.bps)


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Shares that divide any amount without a rest: on each level one remainder, or basis points alone of 100 % in all.
    Ratios of a level never come to more than the whole (of a tiered share its highest counts).

    Raises InvalidInput, in this order: `split_empty`, `split_too_long`, `split_too_deep`, `split_role_twice`,
    `split_two_remainders`, `split_over_whole`, `split_leaves_rest`. The last three say `within` which group, if any.
    """

    shares: tuple[Share, ...]

    def __post_init__(self) -> None:
        if problem := _problem(self.shares):
            code, facts = problem
            raise InvalidInput(code, code.replace("_", " "), **facts)

    @property
    def receivers(self) -> tuple[str, ...]:
        """Every role that may be paid, the outermost first."""
        return _receivers(_levels(_Level(self.shares)))


@dataclass(frozen=True, slots=True)
class Portion:
    """What a share, or a group of shares, came to. `whole` is what it was a share of."""

    share: Share
    whole: Money
    amount: Money


def divide(waterfall: Waterfall, amount: Money) -> Shares:
    """Divide `amount` (zero or more) among the roles of a waterfall; the shares add up to it.

    What groups keep stands together, under "kept". Raises Conflict `split_exceeds_amount` where the shares of a level
    come to more than there is.
    """
    parts: dict[str, Money] = {}
    for portion in portions(waterfall, amount):
        share, part = portion.share, portion.amount
        if not share.shares:
            parts[share.role] = parts[share.role] + part if share.role in parts else part
    return tuple(parts.items())


def portions(waterfall: Waterfall, amount: Money) -> tuple[Portion, ...]:
    """As `divide`, with every step: each share in the order written, each group followed by what is within it."""
    if amount.minor < 0:
        raise Defect("only what is there can be divided")
    return tuple(_portions(waterfall.shares, amount, within=None))


def _portions(shares: tuple[Share, ...], whole: Money, *, within: str | None) -> Iterator[Portion]:
    for share, minor in zip(shares, _amounts(shares, whole, within), strict=True):
        part = whole.of(minor)
        yield Portion(share, whole, part)
        if share.shares:
            yield from _portions(share.shares, part, within=share.role)


def _amounts(shares: tuple[Share, ...], whole: Money, within: str | None) -> list[int]:
    """Minor units of each share of one level."""
    if all(share.kind is ShareKind.BPS for share in shares):
        return [part.minor for part in allocate(whole, [share.bps for share in shares])]
    amounts = [_claim(share, whole.minor) for share in shares]
    rest = whole.minor - sum(amounts)
    if rest < 0:
        facts = {"amount": whole.minor, "shares": sum(amounts), "currency": whole.currency} | _place(within)
        raise Conflict("split_exceeds_amount", "the shares come to more than the amount", **facts)
    for i, share in enumerate(shares):
        if share.kind is ShareKind.CAPPED and not share.bps:
            amounts[i] = min(share.minor, rest)
            rest -= amounts[i]
    last = next(i for i, share in enumerate(shares) if share.kind is ShareKind.REMAINDER)
    amounts[last] = rest
    return amounts


def _claim(share: Share, minor: int) -> int:
    """Minor units that a share asks for, whatever is left; none of those that ask for what is left."""
    match share.kind:
        case ShareKind.FIXED:
            return share.minor
        case ShareKind.BPS:
            return _ratio(minor, share.bps)
        case ShareKind.CAPPED:
            return min(_ratio(minor, share.bps), share.minor)
        case ShareKind.TIERED:
            return _tiered(share.tiers, minor)
        case ShareKind.REMAINDER:
            return 0


def _tiered(tiers: tuple[Tier, ...], minor: int) -> int:
    """The sum of each tier's slice at its own ratio, each floored."""
    total, below = 0, 0
    for tier in tiers:
        end = minor if tier.up_to_minor is None else min(minor, tier.up_to_minor)
        total += _ratio(max(end - below, 0), tier.bps)
        below = end
    return total


def _ratio(minor: int, bps: int) -> int:
    return round_ratio(minor * bps, WHOLE_BPS, Rounding.FLOOR)


_MEASURES = {
    ShareKind.FIXED: {"minor"},
    ShareKind.BPS: {"bps"},
    ShareKind.CAPPED: {"minor", "bps"},
    ShareKind.TIERED: {"tiers"},
    ShareKind.REMAINDER: set(),
}
"""What each kind of share is measured by."""


def _is_measured(share: Share) -> bool:
    told = {"minor": share.minor, "bps": share.bps, "tiers": share.tiers}
    strange = {name for name, value in told.items() if value} - _MEASURES[share.kind]
    return not strange and 0 <= share.minor <= MAX_MINOR and 0 <= share.bps <= WHOLE_BPS


def _is_named(share: Share) -> bool:
    """A receiver has a name. A group may have one, but nothing that is kept is divided."""
    return share.role != KEPT if share.shares else share.role != ""


def _ascend(tiers: tuple[Tier, ...]) -> bool:
    ends = [tier.up_to_minor for tier in tiers]
    bounds = [0, *(end for end in ends if end is not None)]
    rising = all(lower < upper for lower, upper in pairwise(bounds))
    one_open = ends.count(None) == 1 and ends[-1] is None
    return (
        one_open
        and rising
        and len(tiers) <= MOST_TIERS
        and bounds[-1] <= MAX_MINOR
        and all(0 <= tier.bps <= WHOLE_BPS for tier in tiers)
    )


@dataclass(frozen=True, slots=True)
class _Level:
    """Shares that divide one amount, how deep they stand, and the name of the group that they divide."""

    shares: tuple[Share, ...]
    depth: int = 1
    within: str | None = None


def _levels(level: _Level) -> Iterator[_Level]:
    yield level
    for share in level.shares:
        if share.shares:
            yield from _levels(_Level(share.shares, level.depth + 1, share.role))


Problem = tuple[str, dict[str, object]]


def _problem(shares: tuple[Share, ...]) -> Problem | None:
    """The first rule the shares break, in the order callers are told of them."""
    levels = tuple(_levels(_Level(shares)))
    receivers = _receivers(levels)
    twice = _twice(levels, receivers)
    rules: tuple[tuple[str, bool, dict[str, object]], ...] = (
        ("split_empty", not shares, {}),
        ("split_too_long", len(receivers) > MOST_SHARES, {"maximum": MOST_SHARES}),
        ("split_too_deep", max(level.depth for level in levels) > MOST_LEVELS, {"maximum": MOST_LEVELS}),
        ("split_role_twice", bool(twice), {"roles": twice}),
    )
    told = next(((code, facts) for code, broken, facts in rules if broken), None)
    return told or _unsound(levels)


def _receivers(levels: Iterable[_Level]) -> tuple[str, ...]:
    return tuple(s.role for level in levels for s in level.shares if not s.shares and s.role != KEPT)


def _twice(levels: tuple[_Level, ...], receivers: tuple[str, ...]) -> list[str]:
    """The names that stand more than once: receivers and groups in the whole, what is kept on one level."""
    groups = [share.role for level in levels for share in level.shares if share.shares and share.role]
    names = [name for name, times in Counter([*receivers, *groups]).items() if times > 1]
    kept = any([share.role for share in level.shares].count(KEPT) > 1 for level in levels)
    return [*names, KEPT] if kept else names


def _unsound(levels: tuple[_Level, ...]) -> Problem | None:
    """The first rule about sums that a level breaks, rule by rule."""
    sums = [(level, sum(share.top_bps for share in level.shares)) for level in levels]
    for level in levels:
        if _remainders(level) > 1:
            return "split_two_remainders", _place(level.within)
    for level, total in sums:
        if total > WHOLE_BPS:
            return "split_over_whole", {"total_bps": total, "maximum": WHOLE_BPS} | _place(level.within)
    for level, total in sums:
        ratios_only = all(share.kind is ShareKind.BPS for share in level.shares)
        if not _remainders(level) and not (ratios_only and total == WHOLE_BPS):
            return "split_leaves_rest", {"total_bps": total} | _place(level.within)
    return None


def _remainders(level: _Level) -> int:
    return sum(share.kind is ShareKind.REMAINDER for share in level.shares)


def _place(within: str | None) -> dict[str, object]:
    return {} if within is None else {"within": within}
