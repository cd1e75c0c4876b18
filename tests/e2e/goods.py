"""A template of the tests' own with every rule that a command needs, and trades under it, funded by account."""

from __future__ import annotations

from typing import Any

from chalicelib.ledger.domain import Purpose, purpose_account_id
from tests.e2e.bank import CURRENCY
from tests.e2e.market import DUE, Market, delivered, money

DEPOSIT = DUE // 5
RETAINED = DUE // 20
MILESTONE = "delivery"
ISSUED = "2026-02-02T08:00:00Z"
"""When the goods came: before any day that a test takes for today."""


def template_body(template_id: str, **changes: Any) -> dict[str, Any]:
    """Goods at an agreed price, with a deposit, a retention of a day, disputes and a fee; the buyer signs delivery."""
    roles = ("buyer", "seller", "platform")
    return {
        "id": template_id,
        "title": "Goods of the tests",
        "currencies": [CURRENCY],
        "quantity": {"unit": "unit"},
        "price": {"mode": "agreed"},
        "roles": [
            {"name": name, "title": name, "part": "marketplace" if name == "platform" else name} for name in roles
        ],
        "milestones": [
            {
                "name": MILESTONE,
                "needs": ["delivery_note"],
                "signers": ["buyer"],
                "ends_in": "release",
                "deemed_days": 5,
            }
        ],
        "split": [{"role": "platform", "kind": "bps", "bps": 100}, {"role": "seller", "kind": "remainder"}],
        "deposit": {"kind": "forfeitable", "bps": 2000},
        "retention": {"bps": 500, "days": 1},
        "dispute": {"by": ["buyer", "seller"], "arbiter": "platform"},
        **changes,
    }


def small_template_body(template_id: str) -> dict[str, Any]:
    """The least that a template says."""
    whole = template_body(template_id)
    body = {name: value for name, value in whole.items() if name not in {"deposit", "retention", "dispute"}}
    milestone = {"name": MILESTONE, "needs": ["delivery_note"], "ends_in": "release"}
    return body | {
        "roles": whole["roles"][:2],
        "milestones": [milestone],
        "split": [{"role": "seller", "kind": "remainder"}],
    }


def goods_body(ids: dict[str, str], **changes: Any) -> dict[str, Any]:
    """Ten units at 100.00, from `seller` to `buyer`, under the template that was published as `goods`."""
    deal = {"currency": CURRENCY, "quantity_milli": 10_000, "unit_price_minor": 10_000}
    return {"template_id": ids["goods"], **deal, "parties": {role: ids[role] for role in ("buyer", "seller")}} | changes


def preview_body(ids: dict[str, str]) -> dict[str, Any]:
    """The same deal with its delivery note, as previews have it."""
    body = goods_body(ids)
    deal = {name: body[name] for name in ("currency", "quantity_milli", "unit_price_minor", "parties")}
    return {"deal": deal, "evidence": [delivered()]}


def signature_body(ids: dict[str, str], role: str = "buyer") -> dict[str, Any]:
    """A role's signature under the delivery."""
    return {"milestone": MILESTONE, "role": role, "party_id": ids[role]}


def dispute_body(ids: dict[str, str], minor: int = 100) -> dict[str, Any]:
    """A part of the price that the buyer does not want to pay."""
    return {"role": "buyer", "party_id": ids["buyer"], "amount": money(minor), "reason": "two are broken"}


def publish_goods(market: Market) -> None:
    """The template, under an id that no other marketplace has; `goods` is that id."""
    market.ids["goods"] = f"goods-{market.tenant_id[-16:].lower()}"
    market.web.made("/v1/trade-templates", template_body(market.ids["goods"]))


def owe(market: Market, role: str, minor: int) -> None:
    """Put money on a party's own account."""
    account = purpose_account_id(market.tenant_id, Purpose.PARTY, CURRENCY, market.ids[role])
    body = {"debit_account_id": market.ids["cash"], "credit_account_id": account, "amount": money(minor)}
    market.web.made("/v1/transfers", body)


def opened(market: Market, name: str, **changes: Any) -> str:
    """A trade under the template, of this name among the ids; its path."""
    market.ids[name] = market.web.made("/v1/trades", goods_body(market.ids, **changes))["trade_id"]
    return f"/v1/trades/{market.ids[name]}"


def funded(market: Market, name: str, **changes: Any) -> str:
    """The same, paid for by the buyer's own account."""
    path = opened(market, name, **changes)
    owe(market, "buyer", DUE)
    market.web.made(f"{path}/fundings", {"amount": money(DUE)})
    return path


def proved(market: Market, name: str) -> str:
    """The same, with its delivery note: only the buyer's signature is missing."""
    path = funded(market, name)
    note = delivered()["document"] | {"issued_at": ISSUED}
    market.web.made(f"{path}/evidence", {"document": note})
    return path


def released(market: Market, name: str) -> str:
    """The same, signed and released: the retention alone is held."""
    path = proved(market, name)
    market.web.made(f"{path}/signatures", signature_body(market.ids))
    market.web.made(f"{path}/releases", {"milestone": MILESTONE})
    return path


def payouts_of(market: Market, trade_id: str) -> list[dict[str, Any]]:
    """The payouts that a trade has led to."""
    return [one for one in market.listed("/v1/payouts", "payouts") if one["subject"] == trade_id]


def are_sent(market: Market, trade_id: str, number: int) -> bool:
    """Whether a trade has led to so many payouts, all of them sent."""
    made = payouts_of(market, trade_id)
    return len(made) == number and all(one["state"] == "sent" for one in made)
