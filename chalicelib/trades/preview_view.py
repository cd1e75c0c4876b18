"""What a deal would come to, as an answer has it."""

from __future__ import annotations

from typing import Any

import msgspec

from chalicelib.ledger.exchange import Rate
from chalicelib.trades.domain.preview import Course, Preview, Step


class StepView(msgspec.Struct, frozen=True):
    """What one milestone (`name`, `name/lot`, or at the end `retention`) does, in minor units: the shares by role, what
    the buyer gets back or has to add, what stays back, and the lines that lead there."""

    milestone: str
    shares_minor: dict[str, int]
    refund_minor: int
    top_up_minor: int
    retained_minor: int
    lines: list[dict[str, Any]]


class PreviewRateView(msgspec.Struct, frozen=True):
    """What one unit of the price's currency is worth in the trade's: 7.1234 is 71234 over 10000."""

    numerator: int
    denominator: int


class CourseView(msgspec.Struct, frozen=True):
    """The whole of a deal, in minor units. `shares_minor` is what each role gets in all, `fees_minor` what of that are
    fees; `claim_minor` what the seller would owe the buyer outside the escrow. `rate` is null in one currency."""

    price_minor: int
    top_up_minor: int
    refund_minor: int
    retained_minor: int
    claim_minor: int
    shares_minor: dict[str, int]
    fees_minor: dict[str, int]
    steps: list[StepView]
    rate: PreviewRateView | None


class PreviewView(msgspec.Struct, frozen=True):
    """What the buyer is asked for, of it the deposit, in minor units of `currency`; the deal as it was agreed, and as
    the documents fix it (null without documents)."""

    template_id: str
    template_version: int
    currency: str
    price_minor: int
    due_minor: int
    deposit_minor: int
    agreed: CourseView
    final: CourseView | None


def preview_view(previewed: Preview) -> PreviewView:
    """A preview as answers show it."""
    return PreviewView(
        template_id=previewed.template_id,
        template_version=previewed.version,
        currency=previewed.currency,
        price_minor=previewed.price_minor,
        due_minor=previewed.due_minor,
        deposit_minor=previewed.deposit_minor,
        agreed=_course_view(previewed.agreed),
        final=_course_view(previewed.final) if previewed.final else None,
    )


def _course_view(course: Course) -> CourseView:
    return CourseView(
        price_minor=course.price_minor,
        top_up_minor=course.top_up_minor,
        refund_minor=course.refund_minor,
        retained_minor=course.retained_minor,
        claim_minor=course.claim_minor,
        shares_minor=course.shares,
        fees_minor=course.fees,
        steps=[_step_view(step) for step in course.steps],
        rate=_rate_view(course.rate),
    )


def _step_view(step: Step) -> StepView:
    return StepView(
        milestone=step.milestone,
        shares_minor=step.shares,
        refund_minor=step.refund_minor,
        top_up_minor=step.top_up_minor,
        retained_minor=step.retained_minor,
        lines=[msgspec.to_builtins(line) for line in step.lines],
    )


def _rate_view(rate: Rate | None) -> PreviewRateView | None:
    return None if rate is None else PreviewRateView(rate.numerator, rate.denominator)
