"""Whether a template's milestones can be reached, let all of the money go, and fix what the final amount comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from chalicelib.splits.domain.waterfall import WHOLE_BPS
from chalicelib.trades.domain.evidence import EvidenceKind
from chalicelib.trades.domain.problems import MOST_DAYS, Problem, Problems, is_name, is_text
from chalicelib.trades.domain.template import Ending, Milestone, PriceMode, QuantityMode, Template

MOST_MILESTONES = 20


def milestone_problems(template: Template) -> Problems:
    """The rules of milestones, in order: names, order, proof, money, final settlement."""
    milestones = template.milestones
    facts: dict[str, object] = {"maximum": MOST_MILESTONES}
    yield Problem("template_needs_milestone", not milestones, "milestones")
    yield Problem("template_too_many_milestones", len(milestones) > MOST_MILESTONES, "milestones", facts)
    yield from _names(template)
    yield from _order(template)
    for i, milestone in enumerate(milestones):
        yield from _proof(template, milestone, f"milestones[{i}]")
    yield from _money(template)
    yield from _final(template)


def _names(template: Template) -> Problems:
    for i, one in enumerate(template.milestones):
        sound = is_name(one.name) and (not one.title or is_text(one.title))
        yield Problem("template_milestone_name_invalid", not sound, f"milestones[{i}].name", {"milestone": one.name})
    times = Counter(one.name for one in template.milestones)
    twice = [name for name, count in times.items() if count > 1]
    yield Problem("template_milestone_twice", bool(twice), "milestones", {"milestones": twice})


def _order(template: Template) -> Problems:
    """What comes before a milestone is known, and can be reached without it."""
    names = {one.name for one in template.milestones}
    for i, one in enumerate(template.milestones):
        strange = [name for name in one.after if name not in names]
        yield Problem("template_milestone_unknown", bool(strange), f"milestones[{i}].after", {"milestones": strange})
    reached = {one.name for one in reachable(template.milestones)}
    stuck = sorted(names - reached)
    yield Problem("template_milestone_unreachable", bool(stuck), "milestones", {"milestones": stuck})


def reachable(milestones: tuple[Milestone, ...]) -> Iterator[Milestone]:
    """The milestones that can be reached, each after those that come before it."""
    done = set[str]()
    for _ in milestones:
        for one in milestones:
            if one.name not in done and done >= set(one.after):
                done.add(one.name)
                yield one


def _proof(template: Template, milestone: Milestone, field: str) -> Problems:
    """What shows that a milestone is reached."""
    facts: dict[str, object] = {"milestone": milestone.name}
    signers = milestone.signers
    strange = [role for role in signers if role not in template.party_roles]
    yield Problem("template_signer_unknown", bool(strange), f"{field}.signers", facts | {"roles": strange})
    yield Problem("template_signer_twice", len(set(signers)) < len(signers), f"{field}.signers", facts)
    counts = 0 <= milestone.signatures <= len(signers)
    yield Problem("template_signatures_invalid", not counts, f"{field}.signatures", facts | {"signers": len(signers)})
    deemed = 0 <= milestone.deemed_days <= (MOST_DAYS if signers else 0)
    yield Problem("template_deemed_days_invalid", not deemed, f"{field}.deemed_days", facts)
    needs = milestone.needs
    odd = len(set(needs)) < len(needs) or EvidenceKind.RECALL_NOTICE in needs
    yield Problem("template_needs_invalid", odd, f"{field}.needs", facts)
    yield Problem("template_milestone_without_proof", not needs and not signers, field, facts)


def _money(template: Template) -> Problems:
    """The milestones together let all of the price go, and one of them takes the rest."""
    shares = [one.bps for one in template.milestones]
    total, resting = sum(shares), shares.count(0)
    facts: dict[str, object] = {"total_bps": total, "maximum": WHOLE_BPS}
    field = "milestones"
    yield Problem("template_milestone_share_invalid", not all(0 <= one <= WHOLE_BPS for one in shares), field)
    yield Problem("template_milestones_over_whole", total + (resting > 0) > WHOLE_BPS, field, facts)
    yield Problem("template_two_last_milestones", resting > 1, field)
    yield Problem("template_milestones_leave_rest", not resting and total < WHOLE_BPS, field, facts)


def _final(template: Template) -> Problems:
    """One milestone settles finally where there is something to compute, by the documents it is computed from."""
    field = "milestones"
    ending = [one for one in template.milestones if one.ends_in is Ending.FINAL_SETTLEMENT]
    yield Problem("template_two_final_settlements", len(ending) > 1, field)
    asked = computed_from(template)
    told = sorted(kind.value for kind in asked)
    wrong = bool(ending) is not bool(asked)
    yield Problem("template_evidence_does_not_fix_terms", wrong, field, {"needed": told})
    for final in ending:
        missing = sorted(kind.value for kind in asked - _shown(template, final))
        facts: dict[str, object] = {"milestone": final.name, "missing": missing}
        yield Problem("template_evidence_does_not_fix_terms", bool(missing), field, facts)


def computed_from(template: Template) -> set[EvidenceKind]:
    """The documents that quantity, price, deductions and exchange are computed from; none where all is agreed."""
    quantity, price = template.quantity, template.price
    kinds = {
        EvidenceKind.WEIGHT_NOTE: quantity.mode is QuantityMode.WEIGHED,
        EvidenceKind.METER_READING: quantity.mode is QuantityMode.METERED,
        EvidenceKind.INDEX_FIXINGS: price.mode is not PriceMode.AGREED,
        EvidenceKind.QUALITY_CERTIFICATE: bool(template.deductions),
        EvidenceKind.EXCHANGE_RATE: bool(price.currencies),
    }
    named = {kind for kind in (quantity.document, price.anchor) if kind is not None}
    return {kind for kind, asked in kinds.items() if asked} | named


def _shown(template: Template, milestone: Milestone) -> set[EvidenceKind]:
    """The documents that are there once a milestone is reached: its own, and those of all before it."""
    shown = dict[str, set[EvidenceKind]]()
    for one in reachable(template.milestones):
        shown[one.name] = set(one.needs).union(*(shown[name] for name in one.after))
    return shown[milestone.name]
