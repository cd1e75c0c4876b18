"""Deals that the actors make up, some of them such as are refused."""

from __future__ import annotations

import random
from typing import Any

from tests.simulation.books import Body
from tests.simulation.deals import CLOSED, Rules, amount, rules_of
from tests.simulation.model import Model
from tests.simulation.opening_rules import fixed_roles

TEMPLATES = {
    "sim-works": 8,
    "sim-batches": 6,
    "fixed-price": 3,
    "steel": 4,
    "components": 3,
    "new-cars": 3,
    "building-materials": 4,
    "health-supplies": 2,
    "rural-retail": 2,
    "nothing": 0.1,
}
"""How often each template is used."""
ODD = 0.06


def new_deal(chance: random.Random, model: Model, now: int) -> Body:
    """A deal, as a rule a sound one."""
    name = chance.choices(list(TEMPLATES), list(TEMPLATES.values()))[0]
    rules = rules_of(name) or rules_of("steel") or {}
    quantity = chance.choice((1000, 3000, 12_000)) + chance.choice((0, 0, chance.randrange(1000)))
    price = chance.choice((chance.randint(1, 300), chance.randint(300, 30_000), 10_000))
    whole = amount(quantity, price)
    floats = rules["price"]["mode"] != "agreed"
    body: Body = {
        "do": "trade_open",
        "template": name,
        "currency": chance.choice(("CNY",) * 9 + ("EUR",)),
        "quantity": quantity,
        "price": price,
        "parties": _parties(chance, model, rules),
        "fixed": {role: chance.randint(0, whole // 20) for role in sorted(fixed_roles(rules))},
        "premium": chance.choice((0, 3, -3)) if floats else 0,
        "window": ("2026-01-01", "2026-12-31") if floats and chance.random() < 0.3 else None,
        "lots": _lots(chance, rules, quantity),
        "draft": chance.random() < 0.15,
    }
    return body | (_odd(chance, body, whole) if chance.random() < ODD else {})


def _parties(chance: random.Random, model: Model, rules: Rules) -> dict[str, str]:
    """Who takes which role. Now and then who buys is who sells in another trade, so that one may fund the other."""
    parts = {role["name"]: role["part"] for role in rules["roles"] if role["part"] != "marketplace"}
    buyer = chance.choice(model.parties)
    sellers = [deal.parties[deal.seller] for deal in model.deals.values() if deal.stage not in CLOSED]
    if sellers and chance.random() < 0.4:
        buyer = chance.choice(sellers)
    others = [party for party in model.parties if party != buyer]
    return {name: buyer if what == "buyer" else chance.choice(others) for name, what in parts.items()}


def _lots(chance: random.Random, rules: Rules, quantity: int) -> tuple[tuple[str, int, int | None], ...]:
    """Lots that come to the quantity, where the template settles by lot."""
    by_lot = any(one.get("per_lot") for one in rules["milestones"])
    if not by_lot or chance.random() < 0.15:
        return ()
    cuts = sorted(chance.sample(range(1, quantity), chance.choice((1, 1, 2)))) if chance.random() < 0.85 else []
    ends = [*cuts, quantity]
    sizes = [end - begin for begin, end in zip([0, *cuts], ends, strict=True)]
    prices = [chance.choice((None, None, chance.randint(1, 20_000))) for _ in sizes]
    return tuple(zip("ABC", sizes, prices, strict=False))


def _odd(chance: random.Random, body: Body, whole: int) -> dict[str, Any]:
    """Something that a deal may not say."""
    roles = list(body["parties"])
    odd: tuple[dict[str, Any], ...] = (
        {"currency": chance.choice(("XXX", "JPY", "USD", "EUR"))},
        {"quantity": chance.choice((0, body["quantity"] + 1))},
        {"price": 0},
        {"premium": 5},
        {"window": ("2026-05-01", "2026-04-01")},
        {"window": ("2026-05-01", "2027-05-03")},
        {"lots": (("A", 500, None), ("A", 500, None))},
        {"parties": body["parties"] | {"stranger": roles[0]}},
        {"parties": {role: body["parties"][role] for role in roles[1:]}},
        {"parties": body["parties"] | {roles[1]: body["parties"][roles[0]]}},
        {"parties": body["parties"] | {roles[1]: f"pty_{'9' * 26}"}},
        {"fixed": body["fixed"] | {"stranger": 1}},
        {"fixed": {}},
        {"fixed": {role: whole for role in body["fixed"]}},
        {"fixed": {role: -1 for role in body["fixed"]}},
    )
    return chance.choice(odd)
