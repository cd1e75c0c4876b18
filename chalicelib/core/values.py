"""The `dataclass` decorator of every frozen value here: the standard one, at half its cost in a cold start.

The standard decorator writes and compiles six methods for each class. With more than a hundred value classes that is a
fifth of the time a function needs to start, so text, equality and hash are shared here instead of compiled for each
class. What they say is the same. To a type checker it is `dataclasses.dataclass`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from dataclasses import dataclass as standard_dataclass

    def dataclass(*, frozen, slots, **options):
        """`dataclasses.dataclass(frozen=True, slots=True, ...)` with shared text, equality and hash."""

        def decorate(cls):
            made = standard_dataclass(frozen=frozen, slots=slots, repr=False, eq=False, **options)(cls)
            for method in (__repr__, __eq__, __hash__):
                if method.__name__ not in cls.__dict__:
                    setattr(made, method.__name__, method)
            return made

        return decorate

    def __repr__(self):
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__dataclass_fields__)
        return f"{type(self).__qualname__}({fields})"

    def __eq__(self, other):
        return _content(self) == _content(other) if type(other) is type(self) else NotImplemented

    def __hash__(self):
        return hash(_content(self))

    def _content(self):
        return tuple(getattr(self, name) for name in self.__dataclass_fields__)


__all__ = ["dataclass"]
