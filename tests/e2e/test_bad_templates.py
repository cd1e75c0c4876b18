"""Templates that do not add up: each refused by the code that names the rule it breaks; none is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.document import Place, put
from tests.e2e.goods import MILESTONE, template_body
from tests.e2e.market import Market
from tests.e2e.problems import assert_problem

DELIVERY = template_body("bad")["milestones"][0]
LAST = {"name": "acceptance", "needs": [], "signers": ["buyer"], "ends_in": "release"}
SELLER = {"role": "seller", "kind": "remainder"}
NOT_FIXED = "template_evidence_does_not_fix_terms"
FEE = {"role": "platform", "kind": "bps", "bps": 5000}
CIRCLE = [
    {**LAST, "name": "one", "after": ["two"], "bps": 5000},
    {**LAST, "name": "two", "after": ["one"]},
]

BROKEN: list[tuple[str, Place, Any, str]] = [
    ("a name with blanks", ("id",), "two words", "template_id_invalid"),
    ("no currency", ("currencies",), [], "template_without_currency"),
    ("a currency of no country", ("currencies",), ["XQX"], "unknown_currency"),
    ("a calendar that nobody keeps", ("calendar",), "mars", "unknown_calendar"),
    ("a tolerance of what is not weighed", ("quantity", "tolerance_per_mille"), 3, "template_tolerance_invalid"),
    ("two buyers", ("roles", 1, "part"), "buyer", "template_needs_one_buyer"),
    ("no seller", ("roles", 1, "part"), "witness", "template_needs_one_seller"),
    ("a role twice", ("roles", 1, "name"), "buyer", "template_role_twice"),
    ("a share for nobody", ("split",), [{**FEE, "role": "broker"}, SELLER], "template_split_role_unknown"),
    ("a share for the buyer", ("split",), [{**FEE, "role": "buyer"}, SELLER], "template_split_role_unknown"),
    ("a role that is paid twice", ("split",), [FEE, FEE, SELLER], "split_role_twice"),
    ("two remainders", ("split",), [{"role": "platform", "kind": "remainder"}, SELLER], "split_two_remainders"),
    ("shares over the whole", ("split",), [{**FEE, "bps": 10_001}, SELLER], "share_invalid"),
    ("shares of 120 %", ("split",), [FEE, {**FEE, "role": "seller", "bps": 7000}], "split_over_whole"),
    ("a rest that nobody gets", ("split",), [FEE], "split_leaves_rest"),
    ("no shares", ("split",), [], "split_empty"),
    ("no milestones", ("milestones",), [], "template_needs_milestone"),
    ("a milestone after itself", ("milestones", 0, "after"), [MILESTONE], "template_milestone_unreachable"),
    ("a milestone after nothing known", ("milestones", 0, "after"), ["x"], "template_milestone_unknown"),
    ("two milestones after each other", ("milestones",), CIRCLE, "template_milestone_unreachable"),
    ("a signer of no role", ("milestones", 0, "signers"), ["notary"], "template_signer_unknown"),
    ("three of one signer", ("milestones", 0, "signatures"), 3, "template_signatures_invalid"),
    ("a milestone without proof", ("milestones", 0), {**LAST, "signers": []}, "template_milestone_without_proof"),
    ("half of the price for ever", ("milestones", 0, "bps"), 5000, "template_milestones_leave_rest"),
    ("two that take the rest", ("milestones",), [DELIVERY, LAST], "template_two_last_milestones"),
    ("more than the price", ("milestones",), [DELIVERY, {**LAST, "bps": 10_000}], "template_milestones_over_whole"),
    (
        "a settlement of nothing",
        ("milestones", 0, "ends_in"),
        "final_settlement",
        "template_evidence_does_not_fix_terms",
    ),
    ("a deposit over a fifth", ("deposit", "bps"), 2001, "template_deposit_over_20_percent"),
    ("all of it retained", ("retention", "bps"), 10_000, "template_retention_invalid"),
    ("a dispute of strangers", ("dispute", "by"), ["notary"], "template_dispute_role_unknown"),
    ("an arbiter of no role", ("dispute", "arbiter"), "notary", "template_arbiter_unknown"),
    ("an arbiter in its own cause", ("dispute", "arbiter"), "buyer", "template_arbiter_is_a_side"),
    ("late money taken", ("funding",), {"late": "accept"}, "template_late_money_accepted"),
    ("a word that no rule has", ("milestones", 0, "needed"), ["delivery_note"], "invalid_field"),
    ("a kind that no document is", ("milestones", 0, "needs"), ["hearsay"], "invalid_field"),
]
"""What is wrong, where it stands, what stands there, and the code."""


@pytest.fixture(scope="module")
def market(new_market: Callable[..., Market]) -> Market:
    """An empty marketplace."""
    return new_market()


@pytest.mark.parametrize(("place", "wrong", "code"), [row[1:] for row in BROKEN], ids=[row[0] for row in BROKEN])
def test_a_template_that_breaks_a_rule_is_refused_by_its_name(
    place: Place, wrong: Any, code: str, market: Market
) -> None:
    reply = market.web.post("/v1/trade-templates", put(template_body("bad"), place, wrong))

    assert_problem(reply, 400, code)
    assert reply.json["field"]


def test_none_of_them_was_kept_and_a_sound_one_is(market: Market) -> None:
    assert market.web.get("/v1/trade-templates/bad").status == 404

    made = [market.web.made("/v1/trade-templates", template_body("bad"))["version"] for _ in range(2)]

    assert made == [1, 2]
    assert market.web.read("/v1/trade-templates/bad?version=1")["template"]["version"] == 1
