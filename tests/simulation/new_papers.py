"""Documents that the actors bring, most of them what a point still misses."""

from __future__ import annotations

import random
from typing import Any

from tests.simulation.books import MINUTE, Body
from tests.simulation.deals import Deal, day_of

KINDS = (
    "weight_note",
    "index_fixings",
    "delivery_note",
    "quality_certificate",
    "warehouse_receipt",
    "vehicle_title",
    "delivery_photo",
    "recall_notice",
)
ODD = 0.05


def new_paper(chance: random.Random, deal: Deal, now: int) -> Body:
    """A document for a trade."""
    kind, lot = _spot(chance, deal)
    if chance.random() < ODD:
        kind, lot = chance.choice(KINDS), chance.choice(("", *deal.lots, "Z"))
    odd = chance.random() < ODD
    agreed = deal.lots[lot][0] if lot in deal.lots else deal.quantity
    body: Body = {
        "do": "trade_paper",
        "trade": deal.trade_id,
        "kind": kind,
        "lot": lot,
        "paper": f"no. {chance.randint(1, 2)}",
        "issued": now + (2 * MINUTE if odd and chance.random() < 0.3 else -chance.choice((0, 1000, MINUTE))),
        "unit": deal.rules["quantity"]["unit"] if not odd else "lb",
        "quantity": _weighed(chance, agreed) if not odd or chance.random() < 0.5 else 0,
        "findings": _findings(chance, deal) if not odd else (),
        "fixings": _fixings(chance, deal, now) if not odd else (),
        "currency": deal.currency if not odd else "EUR",
    }
    return body | ({"lot": ""} if kind == "index_fixings" else {})


def _spot(chance: random.Random, deal: Deal) -> tuple[str, str]:
    """The kind and lot of a document that some point misses; now and then of one that is called back."""
    wanted = []
    for milestone, lot, _ in deal.keys():
        for kind in milestone["needs"]:
            for one in [lot] if lot or not deal.lots or chance.random() < 0.3 else list(deal.lots):
                if (f"{kind}/{one}" if one else kind) not in deal.papers:
                    wanted.append((kind, one))
    if "recall_notice" in deal.rules.get("accepts", []) and (not wanted or chance.random() < 0.06):
        return "recall_notice", chance.choice([*deal.lots, *([] if deal.lots else [""])])
    return chance.choice(wanted) if wanted else (chance.choice(KINDS), "")


def _weighed(chance: random.Random, agreed: int) -> int:
    """As agreed, a little beside it, or far beside."""
    return max(agreed + chance.choice((0, 1, -1)) * chance.choice((agreed // 200, agreed // 50, agreed // 5, 1)), 1)


def _findings(chance: random.Random, deal: Deal) -> tuple[tuple[str, int], ...]:
    names = {str(rule["property"]): rule for rule in deal.rules.get("deductions", [])}
    found: dict[str, int] = {}
    for name, rule in names.items():
        beyond = 1 if rule.get("direction", "over") == "over" else -1
        far = chance.choice((0, 500, 3000)) if rule["kind"] == "steps" else 1 if chance.random() < 0.06 else 0
        found[name] = max(rule["standard_milli"] + beyond * far, 0)
    if found and chance.random() < 0.03:
        found.pop(chance.choice(sorted(found)))
    return tuple(found.items()) or (("purity", 1),)


def _fixings(chance: random.Random, deal: Deal, now: int) -> tuple[tuple[str, int], ...]:
    """Prices near the agreed one, of the last days; seldom of a day that no window has."""
    near = max(deal.price // 30, 1)
    days: list[Any] = sorted({day_of(now).toordinal() - chance.randint(0, 9) for _ in range(chance.randint(1, 3))})
    told = [day_of(now).fromordinal(day).isoformat() for day in days]
    return tuple((day, max(deal.price + chance.randint(-near, near), 1)) for day in told)
