"""Refusals carry code and facts; defects are no refusals."""

from __future__ import annotations

from chalicelib.core.errors import Conflict, Defect, Refusal


def test_a_refusal_carries_its_code_and_facts() -> None:
    refusal = Conflict("insufficient_funds", "not enough", requested=41, remaining=40)

    assert (refusal.code, refusal.facts) == ("insufficient_funds", {"requested": 41, "remaining": 40})
    assert repr(refusal) == "Conflict('insufficient_funds', {'requested': 41, 'remaining': 40})"
    assert str(refusal) == "not enough"


def test_a_defect_is_never_the_callers() -> None:
    assert not issubclass(Defect, Refusal)
