"""The `dataclass` decorator of every frozen value here: the standard one, at a fraction of its cost in a cold start.

The standard decorator writes and compiles eight methods for each class. With some two hundred value classes that is a
fifth of the time a function needs to start. So text, equality, hash and the refusal of changes are shared here instead
of compiled, and a class's `__init__` is compiled when its first value is made: most functions make values of a few
classes only. What all of them say is the same. To a type checker it is `dataclasses.dataclass`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from dataclasses import MISSING, FrozenInstanceError, fields
    from dataclasses import dataclass as standard_dataclass

    def dataclass(*, frozen, slots, **options):
        """`dataclasses.dataclass(frozen=True, slots=True, ...)` with shared methods and a late `__init__`."""

        def decorate(cls):
            made = standard_dataclass(init=False, repr=False, eq=False, slots=slots, **options)(cls)
            for method in (__init__, __repr__, __eq__, __hash__, __setattr__, __delattr__):
                if method.__name__ not in cls.__dict__:
                    setattr(made, method.__name__, method)
            return made

        return decorate

    def __init__(self, *values, **named):
        """Compiles the class's own `__init__`, puts it in this one's place, and calls it."""
        cls = next(cls for cls in type(self).__mro__ if cls.__dict__.get("__init__") is __init__)
        cls.__init__ = _compiled(cls)
        cls.__init__(self, *values, **named)

    def _compiled(cls):
        positional, named, lines, scope = [], [], [], {"MISSING": MISSING}
        for field in fields(cls):
            name = field.name
            scope[f"set_{name}"] = getattr(cls, name).__set__
            parameter, value = name, name
            if field.default is not MISSING:
                scope[f"default_{name}"] = field.default
                parameter = f"{name}=default_{name}"
            elif field.default_factory is not MISSING:
                scope[f"make_{name}"] = field.default_factory
                parameter, value = f"{name}=MISSING", f"make_{name}() if {name} is MISSING else {name}"
            (named if field.kw_only else positional).append(parameter)
            lines.append(f"    set_{name}(self, {value})")
        if hasattr(cls, "__post_init__"):
            lines.append("    self.__post_init__()")
        parameters = ", ".join(["self", *positional, *(["*", *named] if named else [])])
        exec("\n".join([f"def __init__({parameters}):", *(lines or ["    pass"])]), scope)
        made = scope["__init__"]
        made.__qualname__ = f"{cls.__qualname__}.__init__"
        return made

    def __setattr__(self, name, value):
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name):
        raise FrozenInstanceError(f"cannot delete field {name!r}")

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
