"""How the model divides an amount: a waterfall, and the fees of a price that is let go in parts. Exact fractions."""

from __future__ import annotations

from fractions import Fraction
from math import floor

from tests.simulation.books import Refused
from tests.simulation.deals import KEPT, WHOLE, Deal, Rules, part

Split = list[Rules]


def bps_of(deal: Deal, milestone: Rules) -> int:
    """The part of the price that a milestone lets go."""
    own: int = milestone.get("bps", 0)
    return own or WHOLE - sum(one.get("bps", 0) for one in deal.milestones)


def closing(deal: Deal) -> Rules:
    """The milestone whose money the retention stays back from."""
    return next((one for one in deal.milestones if not one.get("bps")), deal.milestones[-1])


def fees(deal: Deal, upto: int) -> list[tuple[str, str, int, int]]:
    """What comes due once the price is let go up to here: who gets it, who bears it, on top, and out of its share."""
    due = []
    for fee in deal.rules.get("fees", []):
        (top, taken), (had_top, had_taken) = _fee(fee, upto), _fee(fee, deal.charged)
        due.append((fee["role"], fee.get("borne_by", "") or deal.seller, top - had_top, taken - had_taken))
    return due


def _fee(fee: Rules, price: int) -> tuple[int, int]:
    whole = floor(Fraction(price * fee["bps"], WHOLE))
    top = floor(Fraction(whole * fee.get("payer_bps", 0), WHOLE))
    return top, whole - top


def fees_on_top(deal: Deal, price: int) -> int:
    """The fees that the buyer pays on top of a price."""
    return sum(_fee(fee, price)[0] for fee in deal.rules.get("fees", []))


def on_top(deal: Deal, upto: int) -> int:
    """What comes due on top."""
    return sum(due[2] for due in fees(deal, upto))


def taken(deal: Deal, upto: int) -> int:
    """What comes due out of shares."""
    return sum(due[3] for due in fees(deal, upto))


def retained_of(deal: Deal, milestone: Rules, worth: int) -> int:
    """What of a milestone's money should stay back."""
    rule = deal.rules.get("retention")
    return part(worth, rule["bps"]) if rule and milestone is closing(deal) else 0


def some(deal: Deal, milestone: Rules, lot: str) -> tuple[int, int, int]:
    """What a milestone lets go that is not the last: of the price, of that what stays back, charged up to where."""
    worth = deal.worth_of(lot)
    whole = part(worth, bps_of(deal, milestone))
    upto = deal.charged + whole
    there = max(deal.free - on_top(deal, upto), 0)
    if deal.frozen > deal.frozen_retained and whole > there:
        raise Refused("amount_disputed")
    price = min(whole, there)
    back = min(retained_of(deal, milestone, worth), max(price - taken(deal, upto), 0))
    return price - back, back, deal.charged + price


def rest(deal: Deal, minor: int, back: int = 0) -> tuple[int, int, int]:
    """An amount as the rest of the price, of which so much should stay back."""
    upto = max(deal.charged, deal.worth - deal.conceded - (deal.frozen - deal.frozen_retained))
    price = max(minor - on_top(deal, upto), 0)
    back = min(back, max(price - taken(deal, upto), 0))
    return price - back, back, upto


def last(deal: Deal, milestone: Rules, lot: str) -> tuple[int, int, int]:
    """What the last milestone of all lets go: everything that is free."""
    worth = max(min(deal.worth_of(lot), deal.worth - deal.conceded), 0)
    return rest(deal, deal.free, retained_of(deal, milestone, worth))


def divided(deal: Deal, split: Split, price: int, upto: int) -> dict[str, int]:
    """A part of the price by a split, with the fees up to here. What splits gave is kept in the deal."""
    if not price and upto == deal.charged:
        return {}
    by_split = {role: minor for role, minor in shares(deal, split, price, deal.charged) if role != KEPT}
    parts = dict(by_split)
    for role, bearer, top, out in fees(deal, upto):
        if parts.get(bearer, 0) < out:
            raise Refused("fee_exceeds_share")
        parts[bearer] = parts.get(bearer, 0) - out
        parts[role] = parts.get(role, 0) + top + out
    if _is_limited(deal):
        for role, minor in by_split.items():
            deal.by_split[role] = deal.by_split.get(role, 0) + minor
    return {role: minor for role, minor in parts.items() if minor}


def shares(deal: Deal, split: Split, minor: int, start: int) -> list[tuple[str, int]]:
    """A split of an amount, `start` of the price having been divided before."""
    if all(rule["kind"] == "bps" for rule in split):
        sizes = _largest_remainders([rule["bps"] for rule in split], minor)
    else:
        sizes = _by_claims(deal, split, minor, start)
    found: list[tuple[str, int]] = []
    for rule, size in zip(split, sizes, strict=True):
        found += shares(deal, rule["shares"], size, 0) if rule.get("shares") else [(rule["role"], size)]
    return found


def _by_claims(deal: Deal, split: Split, minor: int, start: int) -> list[int]:
    sizes = [_claim(deal, rule, minor, start) for rule in split]
    left = minor - sum(sizes)
    if left < 0:
        raise Refused("split_exceeds_amount")
    for i, rule in enumerate(split):
        if rule["kind"] == "capped" and not rule.get("bps"):
            sizes[i] = min(_most(deal, rule), left)
            left -= sizes[i]
    for i, rule in enumerate(split):
        if rule["kind"] == "remainder":
            sizes[i] = left
    return sizes


def _claim(deal: Deal, rule: Rules, minor: int, start: int) -> int:
    ratio = floor(Fraction(minor * rule.get("bps", 0), WHOLE))
    if rule["kind"] == "fixed":
        return _most(deal, rule)
    if rule["kind"] == "capped":
        return min(ratio, _most(deal, rule))
    return _tiered(rule["tiers"], minor, start) if rule["kind"] == "tiered" else ratio


def _tiered(tiers: Split, minor: int, start: int) -> int:
    """Of the price from where it stands, each tier's slice at its own ratio."""
    total, below = 0, 0
    for tier in tiers:
        end = tier.get("up_to_minor", start + minor)
        slice_ = min(end, start + minor) - max(below, start)
        total += floor(Fraction(max(slice_, 0) * tier["bps"], WHOLE))
        below = end
    return total


def _most(deal: Deal, rule: Rules) -> int:
    """What is left of an amount of the whole deal."""
    whole = deal.fixed.get(rule["role"], 0) if not rule.get("cap_minor") else rule["cap_minor"]
    return max(whole - sum(deal.by_split.get(role, 0) for role in _roles(rule)), 0)


def _roles(rule: Rules) -> list[str]:
    return [role for one in rule["shares"] for role in _roles(one)] if rule.get("shares") else [rule["role"]]


def _largest_remainders(weights: list[int], minor: int) -> list[int]:
    exact = [Fraction(minor * weight, sum(weights)) for weight in weights]
    sizes = [floor(one) for one in exact]
    order = sorted(range(len(weights)), key=lambda i: (sizes[i] - exact[i], i))
    for i in order[: minor - sum(sizes)]:
        sizes[i] += 1
    return sizes


def taken_back(left: list[int], minor: int) -> list[int]:
    """A refund taken back from those who have so much left of what they got."""
    return _largest_remainders(left, minor)


def _is_limited(deal: Deal) -> bool:
    splits = [deal.rules["split"], *(one.get("split", []) for one in deal.milestones)]
    splits.append(deal.rules.get("retention", {}).get("split", []))
    return any(kind in {"fixed", "capped"} for split in splits for kind in _kinds(split))


def _kinds(split: Split) -> list[str]:
    return [kind for rule in split for kind in [rule["kind"], *_kinds(rule.get("shares", []))]]
