"""DynamoDB's expressions, as far as our code speaks them: parsed once, then plain functions over an item.

What DynamoDB refuses is refused here as well: arithmetic in a condition, names and values that are undefined or never
used, two changes of one attribute, sums over what is missing or no number. What this module does not know it says
aloud (Unsupported), so that nothing passes for tested that was not. Nested paths and the reserved words are not known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

Value = dict[str, Any]
Item = dict[str, Value]
Test = Callable[[Item, Item], bool]
Operand = Callable[[Item, Item], Value | None]

TOKEN = re.compile(r"\s*(?:(<>|<=|>=|[=<>+\-(),])|([#:]?[A-Za-z_][A-Za-z0-9_]*))")
MOST_DIGITS = 38
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
ORDERED = {"N", "S", "B"}


class Invalid(Exception):
    """What DynamoDB answers with a ValidationException."""


class Unsupported(Exception):
    """What DynamoDB may know and this module does not: a gap of the simulation, never of the code under it."""


@dataclass(frozen=True)
class Condition:
    """A parsed condition: `holds(item, values)`, and the names (as written) and values it uses. For key conditions:
    what is compared as equal (`equals`, attribute and value), and which attribute lies between which (`between`)."""

    holds: Test
    names: frozenset[str]
    values: frozenset[str]
    equals: tuple[tuple[str, str], ...] = ()
    between: tuple[tuple[str, str, str], ...] = ()


@dataclass(frozen=True)
class Change:
    """A parsed update: what each attribute becomes, which are removed, and which values are summands."""

    sets: tuple[tuple[str, Operand], ...]
    removes: tuple[str, ...]
    names: frozenset[str]
    values: frozenset[str]
    summands: frozenset[str]


@lru_cache(4096)
def condition(text: str, names: tuple[tuple[str, str], ...] = ()) -> Condition:
    """The condition that a text says; `names` are the pairs of ExpressionAttributeNames."""
    parser = _Parser(text, dict(names))
    holds = parser.either()
    parser.end()
    return Condition(
        holds, frozenset(parser.names), frozenset(parser.values), tuple(parser.equals), tuple(parser.between)
    )


@lru_cache(4096)
def change(text: str, names: tuple[tuple[str, str], ...] = ()) -> Change:
    """The change that a text says."""
    parser = _Parser(text, dict(names))
    sets, removes = parser.clauses()
    touched = [name for name, _ in sets] + removes
    if len(set(touched)) < len(touched):
        raise Invalid("two paths overlap with each other")
    used = frozenset(parser.names), frozenset(parser.values), frozenset(parser.summands)
    return Change(tuple(sets), tuple(removes), *used)


def applied(what: Change, item: Item, values: Item) -> Item:
    """The item after the change; every operand is of the item before."""
    after = dict(item)
    for name, operand in what.sets:
        value = operand(item, values)
        if value is None:
            raise Invalid("an attribute that does not exist in the item")
        after[name] = value
    for name in what.removes:
        after.pop(name, None)
    return after


def check_values(used: Condition | Change, values: Item) -> None:
    """What is refused whatever the item: bounds that are none, summands that are no numbers."""
    if isinstance(used, Change) and any("N" not in values[summand] for summand in used.summands):
        raise Invalid("incorrect operand type for operator + or -")
    for _, low, high in used.between if isinstance(used, Condition) else ():
        if low in values and high in values and not _ordered("<=", values[low], values[high]):
            raise Invalid("the BETWEEN operator requires upper bound to be greater than or equal to lower bound")


def plain(value: Value) -> tuple[str, Any]:
    """Type and content, numbers as integers: what comparisons compare."""
    [(kind, content)] = value.items()
    return (kind, number(content)) if kind == "N" else (kind, content)


def number(text: str) -> int:
    """A whole number. DynamoDB would take others too; none of ours is."""
    try:
        whole = int(text)
    except ValueError as error:
        raise Unsupported(f"a number that is not whole: {text}") from error
    if abs(whole) >= 10**MOST_DIGITS and len(str(abs(whole)).rstrip("0")) > MOST_DIGITS:
        raise Invalid("more than 38 significant digits")
    return whole


@dataclass
class _Parser:
    """Recursive descent over the tokens of one expression."""

    text: str
    aliases: Mapping[str, str]
    names: set[str] = field(default_factory=set)
    values: set[str] = field(default_factory=set)
    summands: set[str] = field(default_factory=set)
    equals: list[tuple[str, str]] = field(default_factory=list)
    between: list[tuple[str, str, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tokens = _tokens(self.text)
        self.at = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        token = self.peek()
        if not token or (wanted and token not in wanted and token.upper() not in wanted):
            raise Invalid(f"syntax error at {token!r} in {self.text!r}")
        self.at += 1
        return token

    def word(self, *words: str) -> bool:
        return self.peek().upper() in words

    def end(self) -> None:
        if self.peek():
            raise Invalid(f"syntax error at {self.peek()!r} in {self.text!r}")

    def either(self) -> Test:
        tests = [self.all()]
        while self.word("OR"):
            self.take()
            tests.append(self.all())
        return tests[0] if len(tests) == 1 else lambda item, values: any(test(item, values) for test in tests)

    def all(self) -> Test:
        tests = [self.one()]
        while self.word("AND"):
            self.take()
            tests.append(self.one())
        return tests[0] if len(tests) == 1 else lambda item, values: all(test(item, values) for test in tests)

    def one(self) -> Test:
        if self.word("NOT"):
            self.take()
            inner = self.one()
            return lambda item, values: not inner(item, values)
        if self.peek() == "(":
            self.take()
            inner = self.either()
            self.take(")")
            return inner
        if self.word("ATTRIBUTE_EXISTS", "ATTRIBUTE_NOT_EXISTS", "BEGINS_WITH"):
            return self.function()
        return self.comparison()

    def function(self) -> Test:
        function = self.take().lower()
        self.take("(")
        name = self.name()
        if function == "begins_with":
            self.take(",")
            start = self.operand()
            self.take(")")
            return lambda item, values: _begins(item.get(name), start(item, values))
        self.take(")")
        wanted = function == "attribute_exists"
        return lambda item, values: (name in item) is wanted

    def comparison(self) -> Test:
        begins_at = self.at
        left = self.operand()
        if self.word("IN"):
            return self.among(left)
        if self.word("BETWEEN"):
            self.take()
            low = self.operand()
            self.take("AND")
            high = self.operand()
            name, bounds = self.resolved(self.tokens[begins_at]), (self.tokens[self.at - 3], self.tokens[self.at - 1])
            self.between.append((name, *bounds))
            return lambda item, values: (
                _ordered(">=", left(item, values), low(item, values))
                and _ordered("<=", left(item, values), high(item, values))
            )
        operator = self.take("=", "<>", "<", "<=", ">", ">=")
        right = self.operand()
        if operator == "=":
            self.equals.append((self.resolved(self.tokens[begins_at]), self.tokens[self.at - 1]))
            return lambda item, values: _same(left(item, values), right(item, values))
        if operator == "<>":
            return lambda item, values: not _same(left(item, values), right(item, values))
        return lambda item, values: _ordered(operator, left(item, values), right(item, values))

    def among(self, left: Operand) -> Test:
        self.take("IN")
        self.take("(")
        options = [self.operand()]
        while self.peek() == ",":
            self.take()
            options.append(self.operand())
        self.take(")")
        return lambda item, values: any(_same(left(item, values), option(item, values)) for option in options)

    def clauses(self) -> tuple[list[tuple[str, Operand]], list[str]]:
        sets: list[tuple[str, Operand]] = []
        removes: list[str] = []
        seen: set[str] = set()
        while self.peek():
            clause = self.take("SET", "REMOVE", "ADD", "DELETE").upper()
            if clause in seen:
                raise Invalid(f"the {clause} section can only be used once")
            seen.add(clause)
            if clause == "DELETE":
                raise Unsupported("DELETE in an update expression")
            self.clause(clause, sets, removes)
        return sets, removes

    def clause(self, clause: str, sets: list[tuple[str, Operand]], removes: list[str]) -> None:
        going = True
        while going:
            name = self.name()
            if clause == "REMOVE":
                removes.append(name)
            elif clause == "ADD":
                self.summands |= {self.peek()} if self.peek().startswith(":") else set()
                sets.append((name, _added(name, self.operand())))
            else:
                self.take("=")
                sets.append((name, self.sum()))
            going = self.peek() == ","
            if going:
                self.take(",")

    def sum(self) -> Operand:
        first, left = self.peek(), self.settable()
        if self.peek() not in {"+", "-"}:
            return left
        sign = 1 if self.take() == "+" else -1
        second, right = self.peek(), self.settable()
        self.summands |= {token for token in (first, second) if token.startswith(":")}
        return lambda item, values: _sum(left(item, values), right(item, values), sign)

    def settable(self) -> Operand:
        if not self.word("IF_NOT_EXISTS"):
            return self.operand()
        self.take()
        self.take("(")
        name = self.name()
        self.take(",")
        other = self.operand()
        self.take(")")
        return lambda item, values: item.get(name) or other(item, values)

    def operand(self) -> Operand:
        token = self.take()
        if token.startswith(":"):
            self.values.add(token)
            return lambda item, values: values[token]
        name = self.resolved(token)
        return lambda item, values: item.get(name)

    def name(self) -> str:
        return self.resolved(self.take())

    def resolved(self, token: str) -> str:
        if token.startswith("#"):
            self.names.add(token)
            if token not in self.aliases:
                raise Invalid(f"an expression attribute name is not defined: {token}")
            return self.aliases[token]
        if not token[:1].isalpha():
            raise Invalid(f"syntax error at {token!r} in {self.text!r}")
        return token


def _tokens(text: str) -> list[str]:
    tokens, at, text = [], 0, text.rstrip()
    while at < len(text):
        found = TOKEN.match(text, at)
        if found is None:
            raise Unsupported(f"{text[at:]!r} in {text!r}")
        tokens.append(found[1] or found[2])
        at = found.end()
    if not tokens:
        raise Invalid("an expression can not be empty")
    return tokens


def _same(left: Value | None, right: Value | None) -> bool:
    return left is not None and right is not None and plain(left) == plain(right)


def _ordered(operator: str, left: Value | None, right: Value | None) -> bool:
    if left is None or right is None:
        return False
    (kind, a), (other, b) = plain(left), plain(right)
    return kind == other and kind in ORDERED and COMPARE[operator](a, b)


def _begins(value: Value | None, start: Value | None) -> bool:
    return bool(value and start and "S" in value and "S" in start and value["S"].startswith(start["S"]))


def _sum(left: Value | None, right: Value | None, sign: int) -> Value:
    if left is None or right is None:
        raise Invalid("an attribute that does not exist in the item")
    if "N" not in left or "N" not in right:
        raise Invalid("an operand in the update expression has an incorrect data type")
    return {"N": str(number(str(number(left["N"]) + sign * number(right["N"]))))}


def _added(name: str, operand: Operand) -> Operand:
    def add(item: Item, values: Item) -> Value:
        more = operand(item, values)
        return _sum(item.get(name, {"N": "0"}), more, 1)

    return add
