"""The product's code, parsed."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from infra.paths import ROOT

PACKAGE = ROOT / "chalicelib"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One file: its name as `storage/once.py`, its lines, its tree."""

    name: str
    lines: tuple[str, ...]
    tree: ast.Module


@cache
def modules() -> tuple[Module, ...]:
    """Every module of the package, by name."""
    return tuple(_module(path) for path in sorted(PACKAGE.rglob("*.py")))


def _module(path: Path) -> Module:
    text = path.read_text(encoding="utf-8")
    return Module(path.relative_to(PACKAGE).as_posix(), tuple(text.splitlines()), ast.parse(text))


def functions(module: Module) -> Iterator[tuple[Function, int]]:
    """Each function with its length in lines, signature and docstring included."""
    for node in ast.walk(module.tree):
        if isinstance(node, Function):
            yield node, (node.end_lineno or node.lineno) - node.lineno + 1


def calls(module: Module) -> set[str]:
    """What is called, as it is written: `datetime.now`, `os.urandom`."""
    return {ast.unparse(node.func) for node in ast.walk(module.tree) if isinstance(node, ast.Call)}


def imports(module: Module) -> set[str]:
    """The packages a module imports, by their first name."""
    found: set[str] = set()
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def words(module: Module) -> set[str]:
    """The words that the names in a module are made of, in lower case."""
    names = {
        name
        for node in ast.walk(module.tree)
        for field in ("id", "arg", "attr", "name")
        if isinstance(name := getattr(node, field, None), str)
    }
    return {word for name in names for word in re.findall(r"[a-z]+", re.sub(r"([A-Z])", r"_\1", name).lower())}
