"""Whether a template adds up. What is wrong is refused with a code that names the rule, in the order of the rules here.

Later rules rely on earlier ones. Leaves to others: the milestones (`checking_milestones.py`), the shares of a split
(`chalicelib.splits`), whether a deal under the template can be made (`opening.py`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator

from chalicelib.core.calendars import calendar
from chalicelib.core.currencies import EXPONENTS
from chalicelib.core.errors import InvalidInput
from chalicelib.core.money import MAX_MINOR
from chalicelib.splits.domain.fees import MOST_FEES
from chalicelib.splits.domain.waterfall import KEPT, WHOLE_BPS, ShareKind
from chalicelib.trades.domain.checking_milestones import milestone_problems
from chalicelib.trades.domain.deductions import WHOLE_MILLI
from chalicelib.trades.domain.evidence import EvidenceKind
from chalicelib.trades.domain.problems import MOST_DAYS, Problem, Problems, is_name, is_text
from chalicelib.trades.domain.quantity import SAYS_QUANTITY
from chalicelib.trades.domain.template import (
    PER_MILLE,
    Base,
    Beyond,
    Deduction,
    DeductionKind,
    DepositKind,
    Direction,
    Part,
    PriceMode,
    QuantityMode,
    ShareRule,
    Stray,
    Taken,
    Template,
    Unpublished,
)
from chalicelib.trades.domain.terms import waterfall_of

ID = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
MOST_ROLES = 20
MOST_DEDUCTIONS = 30
MOST_CURRENCIES = 20
MOST_MONTHS = 24
MOST_FORFEITED_BPS = 2000
"""What earnest money may come to: a fifth of the price (Civil Code of China, article 586)."""
NOT_PAID = frozenset({Part.BUYER, Part.WITNESS})


def check_template(template: Template) -> None:
    """Nothing where a template adds up. Raises InvalidInput with the code of the first rule it breaks, and `field`."""
    for section in _SECTIONS:
        for problem in section(template):
            if problem.broken:
                sentence = problem.code.removeprefix("template_").replace("_", " ")
                raise InvalidInput(problem.code, sentence, **{"field": problem.field, **problem.facts})


def _head(template: Template) -> Problems:
    yield Problem("template_id_invalid", not ID.fullmatch(template.id), "id")
    yield Problem("template_version_invalid", template.version < 1, "version")
    yield Problem("template_title_missing", not is_text(template.title), "title")
    yield from _currencies(template)
    calendar(template.calendar)


def _currencies(template: Template) -> Problems:
    priced = template.price.currencies
    yield Problem("template_without_currency", not template.currencies, "currencies")
    for name, listed in (("currencies", template.currencies), ("price.currencies", priced)):
        unknown = [currency for currency in listed if currency not in EXPONENTS]
        yield Problem("unknown_currency", bool(unknown), name, {"currencies": unknown})
        wrong = len(set(listed)) < len(listed) or len(listed) > MOST_CURRENCIES
        yield Problem("template_currency_twice", wrong, name)
    both = sorted(set(priced) & set(template.currencies))
    yield Problem("template_price_currency_not_another", bool(both), "price.currencies", {"currencies": both})


def _quantity(template: Template) -> Problems:
    rule = template.quantity
    weighed = rule.mode is QuantityMode.WEIGHED
    tolerance = 0 <= rule.tolerance_per_mille < PER_MILLE and (weighed or not rule.tolerance_per_mille)
    yield Problem("template_unit_missing", not is_text(rule.unit), "quantity.unit")
    yield Problem("template_tolerance_invalid", not tolerance, "quantity.tolerance_per_mille")
    yield Problem("template_quantity_document_invalid", not _says_quantity(template), "quantity.document")
    sound = 1 <= rule.rounded_to_milli <= MAX_MINOR
    yield Problem("template_rounding_invalid", not sound, "quantity.rounded_to_milli")
    delivery = rule.delivery
    if delivery is not None:
        sound = (
            0 <= delivery.tolerance_bps <= WHOLE_BPS
            and delivery.under is not Beyond.CUT
            and rule.mode is not QuantityMode.AGREED
        )
        yield Problem("template_delivery_invalid", not sound, "quantity.delivery")


def _says_quantity(template: Template) -> bool:
    """Whether the rule names the document it needs, and none where it needs none."""
    rule = template.quantity
    if rule.mode is QuantityMode.DOCUMENT:
        return rule.document in SAYS_QUANTITY
    if rule.mode is QuantityMode.WEIGHED:
        return rule.document is None or rule.document in SAYS_QUANTITY - {EvidenceKind.WEIGHT_NOTE}
    return rule.document is None


def _price(template: Template) -> Problems:
    rule = template.price
    period = rule.mode is PriceMode.QUOTATION_PERIOD
    yield Problem("template_anchor_invalid", (rule.anchor is not None) is not period, "price.anchor")
    months = 0 <= rule.months_after <= (MOST_MONTHS if period else 0)
    yield Problem("template_months_invalid", not months, "price.months_after")
    by_days = rule.mode in {PriceMode.MONTH_AVERAGE, PriceMode.QUOTATION_PERIOD}
    unheeded = not by_days and bool(rule.quotation_calendar or rule.unpublished is not Unpublished.REFUSE)
    field = "price.quotation_calendar"
    yield Problem("template_quotation_calendar_not_wanted", unheeded, field, {"mode": rule.mode.value})
    calendar(template.quotation_calendar, field)


def _deductions(template: Template) -> Problems:
    many = len(template.deductions) > MOST_DEDUCTIONS
    yield Problem("template_too_many_deductions", many, "deductions", {"maximum": MOST_DEDUCTIONS})
    for i, rule in enumerate(template.deductions):
        facts: dict[str, object] = {"property": rule.property, "kind": rule.kind.value}
        yield Problem("template_property_missing", not is_text(rule.property), f"deductions[{i}].property")
        numbers = (rule.standard_milli, rule.rate_minor, rule.unit_milli, rule.most_milli, rule.rounded_to_milli)
        sound = all(0 <= number <= MAX_MINOR for number in numbers) and 1 <= rule.step_milli <= MAX_MINOR
        sound = sound and 0 <= rule.rate_bps <= WHOLE_BPS
        sound = sound and not (rule.rounded_to_milli and rule.takes is Taken.PRICE)
        yield Problem("template_deduction_invalid", not sound, f"deductions[{i}]", facts)
        yield Problem("template_deduction_invalid", not _FITS[rule.kind](rule), f"deductions[{i}]", facts)


def _steps(rule: Deduction) -> bool:
    """One rate: a ratio, or an amount of the price."""
    by_amount = bool(rule.rate_minor)
    return bool(rule.rate_bps) is not by_amount and (not by_amount or rule.takes is Taken.PRICE) and not rule.unit_milli


def _dry_matter(rule: Deduction) -> bool:
    """What is wetter than the standard is taken off; only what is drier can be added."""
    rates = rule.rate_bps or rule.rate_minor or rule.unit_milli
    side = rule.adds is (rule.direction is Direction.UNDER)
    return not rates and side and rule.takes is Taken.QUANTITY and rule.standard_milli < WHOLE_MILLI


def _payable_metal(rule: Deduction) -> bool:
    """A ratio of what the rules before it have left, to which no standard belongs."""
    others = rule.standard_milli or rule.rate_minor or rule.most_milli or rule.adds
    return bool(rule.rate_bps) and not others and rule.takes is Taken.QUANTITY and rule.base is Base.NET


def _reject(rule: Deduction) -> bool:
    return not (rule.rate_bps or rule.rate_minor or rule.unit_milli or rule.most_milli or rule.adds)


_FITS: dict[DeductionKind, Callable[[Deduction], bool]] = {
    DeductionKind.STEPS: _steps,
    DeductionKind.LINEAR: _steps,
    DeductionKind.DRY_MATTER: _dry_matter,
    DeductionKind.PAYABLE_METAL: _payable_metal,
    DeductionKind.REJECT: _reject,
}
"""Whether a deduction says what its kind needs, and nothing that its kind would not heed."""


def _roles(template: Template) -> Problems:
    parts = Counter(role.part for role in template.roles)
    names = Counter(role.name for role in template.roles)
    yield Problem("template_too_many_roles", len(names) > MOST_ROLES, "roles", {"maximum": MOST_ROLES})
    for i, role in enumerate(template.roles):
        sound = is_name(role.name) and role.name != KEPT and is_text(role.title)
        yield Problem("template_role_name_invalid", not sound, f"roles[{i}].name", {"role": role.name})
    twice = [name for name, times in names.items() if times > 1]
    yield Problem("template_role_twice", bool(twice), "roles", {"roles": twice})
    yield Problem("template_needs_one_buyer", parts[Part.BUYER] != 1, "roles")
    yield Problem("template_needs_one_seller", parts[Part.SELLER] != 1, "roles")
    yield Problem("template_marketplace_twice", parts[Part.MARKETPLACE] > 1, "roles")
    for i, role in enumerate(template.roles):
        sound = not role.paid_in_price_currency or (bool(template.price.currencies) and _is_paid_party(role.part))
        yield Problem("template_role_currency_invalid", not sound, f"roles[{i}]", {"role": role.name})


def _is_paid_party(part: Part) -> bool:
    return part in {Part.SELLER, Part.RECEIVER}


def _splits(template: Template) -> Problems:
    """Every split of the template: its roles, then whether its shares add up with nothing agreed yet."""
    paid = {role.name for role in template.roles if role.part not in NOT_PAID}
    for field, split in _all_splits(template):
        keeps = {KEPT} if field != "retention.split" else set[str]()
        strange = [one.role for one in _receivers(split) if one.role not in paid | keeps]
        yield Problem("template_split_role_unknown", bool(strange), field, {"roles": strange})
        odd = [one.role for one in _receivers(split) if one.cap_minor and one.kind is not ShareKind.CAPPED]
        yield Problem("share_invalid", bool(odd), field, {"roles": odd})
        try:
            waterfall_of(split, {})
        except InvalidInput as refusal:
            yield Problem(refusal.code, True, field, refusal.facts)


def _all_splits(template: Template) -> Iterator[tuple[str, tuple[ShareRule, ...]]]:
    yield "split", template.split
    for i, milestone in enumerate(template.milestones):
        if milestone.split:
            yield f"milestones[{i}].split", milestone.split
    if template.retention and template.retention.split:
        yield "retention.split", template.retention.split


def _receivers(split: tuple[ShareRule, ...]) -> Iterator[ShareRule]:
    """The shares that are paid to somebody, through every group."""
    for one in split:
        if one.shares:
            yield from _receivers(one.shares)
        else:
            yield one


def _fees(template: Template) -> Problems:
    paid = {role.name for role in template.roles if role.part not in NOT_PAID}
    yield Problem("template_too_many_fees", len(template.fees) > MOST_FEES, "fees", {"maximum": MOST_FEES})
    for i, fee in enumerate(template.fees):
        sound = fee.role in paid and (not fee.borne_by or fee.borne_by in paid)
        facts = {"role": fee.role, "borne_by": fee.borne_by}
        yield Problem("template_fee_role_unknown", not sound, f"fees[{i}]", facts)
    total = sum(fee.bps for fee in template.fees)
    yield Problem("template_fees_over_whole", total > WHOLE_BPS, "fees", {"total_bps": total, "maximum": WHOLE_BPS})
    yield from _bearers(template)


def _bearers(template: Template) -> Problems:
    """Whoever bears a fee of each release gets a share of each, out of which it is taken."""
    bearers = {fee.borne_by or template.seller for fee in template.fees if fee.bps and fee.payer_bps < WHOLE_BPS}
    for field, split in _all_splits(template):
        without = sorted(bearers - {one.role for one in _receivers(split)})
        broken = bool(without) and field != "retention.split"
        yield Problem("template_fee_bearer_without_share", broken, field, {"roles": without})


def _deposit(template: Template) -> Problems:
    rule = template.deposit
    if rule is None:
        return
    yield Problem("template_deposit_invalid", not 1 <= rule.bps <= WHOLE_BPS, "deposit.bps")
    over = rule.kind is DepositKind.FORFEITABLE and rule.bps > MOST_FORFEITED_BPS
    facts: dict[str, object] = {"bps": rule.bps, "maximum": MOST_FORFEITED_BPS}
    yield Problem("template_deposit_over_20_percent", over, "deposit.bps", facts)


def _retention(template: Template) -> Problems:
    """What stays back is taken from the money of the milestone that takes the rest."""
    rule = template.retention
    if rule is None:
        return
    sound = 1 <= rule.bps < WHOLE_BPS and 1 <= rule.days <= MOST_DAYS
    yield Problem("template_retention_invalid", not sound, "retention")
    shares = [one.bps for one in template.milestones]
    last = WHOLE_BPS - sum(shares) if 0 in shares else shares[-1]
    facts: dict[str, object] = {"bps": rule.bps, "maximum": last}
    yield Problem("template_retention_over_last_milestone", rule.bps > last, "retention.bps", facts)


def _set_off(template: Template) -> Problems:
    rule = template.set_off
    sound = rule is None or 1 <= rule.max_bps <= WHOLE_BPS
    yield Problem("template_set_off_invalid", not sound, "set_off.max_bps", {"maximum": WHOLE_BPS})


def _dispute(template: Template) -> Problems:
    rule = template.dispute
    if rule is None:
        return
    strange = [name for name in rule.by if name not in template.party_roles]
    yield Problem("template_dispute_role_unknown", bool(strange) or not rule.by, "dispute.by", {"roles": strange})
    known = {role.name for role in template.roles}
    facts: dict[str, object] = {"arbiter": rule.arbiter}
    yield Problem("template_arbiter_unknown", rule.arbiter not in known, "dispute.arbiter", facts)
    sides = {template.buyer, template.seller, *rule.by}
    yield Problem("template_arbiter_is_a_side", rule.arbiter in sides, "dispute.arbiter", facts)


def _times(template: Template) -> Problems:
    expiry, funding = template.expiry, template.funding
    for name in ("draft_days", "funding_days", "performance_days"):
        sound = 0 <= getattr(expiry, name) <= MOST_DAYS
        yield Problem("template_expiry_invalid", not sound, f"expiry.{name}", {"maximum": MOST_DAYS})
    for name in ("over_tolerance_bps", "short_tolerance_bps"):
        sound = 0 <= getattr(funding, name) <= WHOLE_BPS
        yield Problem("template_funding_tolerance_invalid", not sound, f"funding.{name}")
    takes = funding.over is Stray.ACCEPT
    odd = takes is not bool(funding.over_tolerance_bps)
    yield Problem("template_funding_tolerance_invalid", odd, "funding.over_tolerance_bps")
    yield Problem("template_late_money_accepted", funding.late is Stray.ACCEPT, "funding.late")
    carriers = {"", *(role.name for role in template.roles if role.part is not Part.WITNESS)}
    unknown = funding.reversal_carrier not in carriers
    yield Problem("template_reversal_carrier_unknown", unknown, "funding.reversal_carrier")
    yield Problem("template_top_up_days_invalid", not 0 <= funding.top_up_days <= MOST_DAYS, "funding.top_up_days")


_SECTIONS: tuple[Callable[[Template], Problems], ...] = (
    _head,
    _quantity,
    _price,
    _deductions,
    _roles,
    _splits,
    _fees,
    milestone_problems,
    _deposit,
    _retention,
    _set_off,
    _dispute,
    _times,
)
