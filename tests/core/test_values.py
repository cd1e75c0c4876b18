"""The shared dataclass methods say what the standard ones say."""

from __future__ import annotations

import dataclasses

import pytest

from chalicelib.core.values import dataclass


@dataclass(frozen=True, slots=True)
class Ours:
    minor: int
    currency: str = "CNY"


@dataclasses.dataclass(frozen=True, slots=True)
class Standard:
    minor: int
    currency: str = "CNY"


@dataclass(frozen=True, slots=True)
class Sealed:
    secret: str

    def __repr__(self) -> str:
        return "Sealed(****)"


def test_text_is_the_standard_one_but_for_the_name() -> None:
    assert repr(Ours(5)) == repr(Standard(5)).replace("Standard", "Ours")


def test_values_are_equal_by_type_and_content() -> None:
    assert Ours(5) == Ours(5, "CNY")
    assert Ours(5) != Ours(6)
    assert Ours(5) != Standard(5)


def test_equal_values_have_one_hash() -> None:
    assert len({Ours(5), Ours(5), Ours(6)}) == 2


def test_a_value_cannot_be_changed_and_has_no_other_fields() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Ours(5).minor = 6  # type: ignore[misc]
    assert not hasattr(Ours(5), "__dict__")


def test_a_text_of_the_classs_own_is_kept() -> None:
    assert repr(Sealed("DE89")) == "Sealed(****)"


def test_standard_tools_know_the_fields() -> None:
    assert dataclasses.replace(Ours(5), minor=7) == Ours(7)
    assert dataclasses.asdict(Ours(5)) == {"minor": 5, "currency": "CNY"}
