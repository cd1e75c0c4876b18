"""How a refund unwinds a split: taken back from those who got a share, each in proportion to what it still has of it.

Leaves to others: whose money it then is (`chalicelib.splits.service`, `chalicelib.trades`), and that nothing was given
back meanwhile, which is a condition of the write.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chalicelib.core.errors import Conflict, Defect
from chalicelib.core.money import Money, allocate
from chalicelib.splits.domain.waterfall import Shares


def unwind(received: Sequence[tuple[str, int]], given_back: Mapping[str, int], amount: Money) -> Shares:
    """What each role gives back of `amount` (zero or more), in the order of `received`; the parts add up to it.

    The weights are what each role received (minor units) less what it has given back already, by largest remainder: no
    part is more than its role has left, so refunds in any number of steps come to the whole. Raises Conflict
    `refund_exceeds_received` where all together have less left.
    """
    left = [minor - given_back.get(role, 0) for role, minor in received]
    if amount.minor < 0 or min(left, default=0) < 0:
        raise Defect(f"cannot take {amount.minor} back from {left}")
    if amount.minor > sum(left):
        facts = {"requested": amount.minor, "left": sum(left), "currency": amount.currency}
        raise Conflict("refund_exceeds_received", "less than that is left of what was received", **facts)
    if amount.minor == 0:
        return tuple((role, amount) for role, _ in received)
    parts = allocate(amount, left)
    return tuple((role, part) for (role, _), part in zip(received, parts, strict=True))
