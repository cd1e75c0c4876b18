"""Refusals carry code and facts; defects are no refusals."""

from __future__ import annotations

import pytest

from chalicelib.core.errors import Conflict, Defect, InvalidInput, KeyReused, Refusal, about, at_index


def test_a_refusal_carries_its_code_and_facts() -> None:
    refusal = Conflict("insufficient_funds", "not enough", requested=41, remaining=40)

    assert (refusal.code, refusal.facts) == ("insufficient_funds", {"requested": 41, "remaining": 40})
    assert repr(refusal) == "Conflict('insufficient_funds', {'requested': 41, 'remaining': 40})"
    assert str(refusal) == "not enough"


def test_a_defect_is_never_the_callers() -> None:
    assert not issubclass(Defect, Refusal)


def test_a_refusal_keeps_its_kind_code_and_facts_in_its_place() -> None:
    placed = at_index(KeyReused("code", "sentence", account_id="acc_a"), "entries", 3)

    assert (type(placed), placed.code, placed.sentence) == (KeyReused, "code", "sentence")
    assert placed.facts == {"account_id": "acc_a", "index": 3, "field": "entries[3]"}


def test_what_is_refused_about_one_of_several_names_its_field_within_it() -> None:
    with pytest.raises(InvalidInput) as refused, about("holds", 2):
        raise InvalidInput("code", "sentence", field="amount.minor")

    assert refused.value.facts == {"field": "holds[2].amount.minor", "index": 2}
