"""What is compared of trades: each state that is written, as the model has it; and all of them at rest."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from chalicelib.core.instants import parse_instant
from tests.simulation.books import Leg
from tests.simulation.deal_rules import deeds, next_deed
from tests.simulation.deals import WHOLE, Deal, microseconds, part
from tests.simulation.portions import fees_on_top
from tests.simulation.wrong import Wrong

if TYPE_CHECKING:
    from tests.simulation.model import Model
    from tests.simulation.world import World

BY_TRADE = ("trade_", "net_", "due", "movement")
"""The kinds of command whose legs stand in whatever order."""

NUMBERS = {
    "due_minor": "due",
    "price_minor": "worth",
    "funded_minor": "funded",
    "released_minor": "released",
    "refunded_minor": "refunded",
    "retained_minor": "retained",
    "charged_minor": "charged",
    "conceded_minor": "conceded",
    "claim_minor": "claim",
    "deposit_claim_minor": "deposit_claim",
    "claims_paid_minor": "claim_paid",
}
"""The numbers of a trade: their names in the record, and in the model."""


def same_legs(kind: str, stored: list[Leg], expected: list[Leg]) -> bool:
    """Whether legs are the model's. What rules compose they may put into any order."""
    return sorted(stored) == sorted(expected) if kind.startswith(BY_TRADE) else stored == expected


def compare_trade(world: World, item: dict[str, Any]) -> None:
    """Raise Wrong where a record that was written is a trade's state, and not the model's or not its escrow's."""
    tenant, _, name = item["pk"]["S"].partition("#")
    model = world.models.get(tenant)
    if model is None or not name.startswith("trd_") or item["sk"]["S"] != "state":
        return
    if name not in model.deals:
        raise Wrong(f"the trade {name} was opened by nobody")
    deal, doc = model.deals[name], json.loads(item["doc"]["S"])
    stored, expected = _stored(item, doc), _expected(model, deal)
    if stored != expected:
        odd = {key: (stored[key], expected[key]) for key in stored if stored[key] != expected[key]}
        raise Wrong(f"{tenant} {name} ({deal.rules['id']}) is written, and in the model: {odd}")
    escrow = world.items("accounts")[f"{tenant}#{deal.escrow}", None]
    held = doc.get("funded_minor", 0) - doc.get("released_minor", 0) - doc.get("refunded_minor", 0)
    if int(escrow["balance"]["N"]) != -held:
        raise Wrong(f"{name} says that {held} are held, and its escrow has {escrow['balance']}")
    got = {role: both["minor"] for role, both in doc.get("got", {}).items()}
    if sum(got.values()) != doc.get("released_minor", 0):
        raise Wrong(f"{name} released {doc.get('released_minor', 0)}, and roles got {got}")


def _stored(item: dict[str, Any], doc: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {name: doc.get(name, 0) for name in NUMBERS}
    dispute, progress = doc.get("dispute"), doc.get("progress", {})
    return told | {
        "stage": doc["stage"],
        "version": int(item["version"]["N"]),
        "got": {role: [both["minor"], both.get("back_minor", 0)] for role, both in doc.get("got", {}).items()},
        "by_split": doc.get("by_split", {}),
        "done": sorted(doc.get("done", [])),
        "recalled": sorted(doc.get("recalled", [])),
        "papers": sorted(doc.get("evidence", {})),
        "signed": {key: sorted(one["signed"]) for key, one in progress.items() if one.get("signed")},
        "accepted": sorted(key for key, one in progress.items() if one.get("accepted")),
        "deemed": {key: _at(one["deemed_at"]) for key, one in progress.items() if one.get("deemed_at")},
        "dispute": dispute and (dispute["role"], dispute["minor"], dispute.get("retained_minor", 0), dispute["stage"]),
        "retained_until": doc.get("retained_until"),
        "expires": _at(doc.get("expires_at")),
        "funds": doc.get("funds"),
        "due_at": microseconds(parse_instant(item["due_at"]["S"])) if "due_at" in item else None,
    }


def _expected(model: Model, deal: Deal) -> dict[str, Any]:
    told: dict[str, Any] = {name: getattr(deal, own) for name, own in NUMBERS.items()}
    one, deed = deal.dispute, next_deed(deal)
    got = {role: both[0] for role, both in deal.got.items()}
    if model.credited.get(deal.trade_id, {}) != got:
        raise Wrong(f"{deal.trade_id} gave {got}, and the journal {model.credited.get(deal.trade_id)}")
    return told | {
        "stage": deal.stage,
        "version": deal.version,
        "got": {role: both for role, both in deal.got.items() if both[0]},
        "by_split": {role: minor for role, minor in deal.by_split.items() if minor},
        "done": sorted(deal.done),
        "recalled": sorted(deal.recalled),
        "papers": sorted(deal.papers),
        "signed": {key: sorted(point.signed) for key, point in deal.points.items() if point.signed},
        "accepted": sorted(key for key, point in deal.points.items() if point.accepted),
        "deemed": {key: point.deemed for key, point in deal.points.items() if point.deemed is not None},
        "dispute": one and (one.role, one.minor, one.retained, one.stage),
        "retained_until": deal.retained_until,
        "expires": deal.expires,
        "funds": deal.funds,
        "due_at": None if deed is None else deed[2],
    }


def _at(text: str | None) -> int | None:
    return None if text is None else microseconds(datetime.fromisoformat(text))


def compare_trades(world: World) -> None:
    """At rest: every trade's numbers are the sums of its journal items, the bank is asked for what is outstanding, and
    nothing that was due waits."""
    for tenant, model in world.models.items():
        sums = _escrows(world, tenant)
        for deal in model.deals.values():
            into, out = sums.get(deal.escrow, (0, 0))
            if (into, out) != (deal.funded, deal.released + deal.refunded):
                raise Wrong(f"the journal has {into} into and {out} out of {deal.trade_id}, and the model {deal}")
            _compare_asked(world, tenant, deal)
            whole = deal.clean and not deal.conceded
            if whole and deal.stage == "completed":
                _compare_whole(deal)
            if whole and deal.stage == "retained" and deal.retained != part(deal.worth, _retention(deal)):
                raise Wrong(f"{deal.trade_id} keeps {deal.retained} back of {deal.worth}")
            waiting = [deed for deed in deeds(deal) if deed[2] <= world.now]
            if waiting:
                raise Wrong(f"of {deal.trade_id} there still is to be done {waiting}")
        odd = [name for name, one in model.windows.items() if one.stage != "closed" and one.closes <= world.now]
        if odd:
            raise Wrong(f"the windows {odd} of {tenant} are not closed")


def _compare_whole(deal: Deal) -> None:
    """Of a trade that was performed and nothing else, in however many parts: the buyer has paid the price and the fees
    on top of it, and nobody got more or less of its fixed amount or its fee than from the whole at once."""
    paid, owed = deal.funded - deal.refunded, deal.worth + fees_on_top(deal, deal.worth)
    if paid != owed:
        raise Wrong(f"{deal.trade_id} was performed, {paid} was paid and {owed} owed")
    named = [*_by_role(deal.rules["split"]), *_by_role(*(one.get("split", []) for one in deal.milestones))]
    for fee in deal.rules.get("fees", []):
        whole = deal.worth * fee["bps"] // WHOLE
        if fee["role"] not in named and deal.got.get(fee["role"], [0])[0] != whole:
            raise Wrong(f"{deal.trade_id} paid {deal.got} of a fee of {whole}")
    for role, minor in deal.fixed.items():
        got = deal.got.get(role, [0])[0]
        if got > minor or (got < minor and role in _by_role(deal.rules["split"], kind="fixed")):
            raise Wrong(f"{deal.trade_id} paid {got} to {role}, and {minor} was agreed")


def _retention(deal: Deal) -> int:
    return int(deal.rules["retention"]["bps"])


def _by_role(*splits: list[dict[str, Any]], kind: str = "") -> list[str]:
    """The roles of splits; of shares of a kind alone, where that is said."""
    rules = [rule for split in splits for rule in split]
    own = [rule["role"] for rule in rules if not rule.get("shares") and kind in {"", rule["kind"]}]
    return own + [role for rule in rules for role in _by_role(rule.get("shares", []), kind=kind)] if rules else own


def _escrows(world: World, tenant: str) -> dict[str, tuple[int, int]]:
    """By account, what came and what went, by the journal alone."""
    sums: dict[str, tuple[int, int]] = {}
    for (pk, _), item in world.items("journal").items():
        if pk.startswith(f"{tenant}#"):
            for leg in item.get("legs", {"L": []})["L"]:
                name, signed = leg["M"]["account"]["S"], int(leg["M"]["amount"]["N"])
                into, out = sums.get(name, (0, 0))
                sums[name] = into + max(-signed, 0), out + max(signed, 0)
    return sums


def _compare_asked(world: World, tenant: str, deal: Deal) -> None:
    """What the bank should send: what it sent, and what is outstanding."""
    doc = json.loads(world.items("records")[f"{tenant}#{deal.reference}", "expected"]["doc"]["S"])
    told = doc.get("received_minor", 0), doc["expected_minor"]
    if told != (deal.by_bank, deal.by_bank + deal.outstanding):
        raise Wrong(f"{deal.trade_id} expects {told} by bank, and in the model {deal.by_bank}, {deal.outstanding} more")
