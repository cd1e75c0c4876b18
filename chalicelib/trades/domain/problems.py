"""What the checks of a template are made of: a rule, whether it is broken, and where."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping

from chalicelib.core.values import dataclass

MOST_DAYS = 3650
"""The longest time a template may name: ten years."""
MOST_NAME = 40
MOST_TEXT = 140


@dataclass(frozen=True, slots=True)
class Problem:
    """A rule by its code, whether the template breaks it, and the field and facts to tell."""

    code: str
    broken: bool
    field: str
    facts: Mapping[str, object] = dataclasses.field(default_factory=dict)


Problems = Iterator[Problem]


def is_name(name: str) -> bool:
    """Whether something can be called so: short, not empty, and without the slash that parts a name from a lot."""
    return bool(name.strip()) and len(name) <= MOST_NAME and "/" not in name


def is_text(text: str) -> bool:
    """Whether a text says something, and not too much."""
    return bool(text.strip()) and len(text) <= MOST_TEXT
