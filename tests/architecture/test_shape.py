"""How the code reads: functions and files of a size one can take in, each saying what it is for."""

from __future__ import annotations

import ast
import statistics

import pytest

from tests.architecture.code import Module, functions, modules

LONGEST_FUNCTION = 60
NINETIETH_PERCENTILE = 35
MEDIAN_FUNCTION = 12
LONGEST_FILE = 400


def told(module: Module) -> str:
    return module.name


@pytest.mark.parametrize("module", modules(), ids=told)
def test_a_function_fits_a_screen(module: Module) -> None:
    assert [function.name for function, length in functions(module) if length > LONGEST_FUNCTION] == []


@pytest.mark.parametrize("module", modules(), ids=told)
def test_a_file_is_no_longer_than_four_hundred_lines(module: Module) -> None:
    assert len(module.lines) <= LONGEST_FILE


@pytest.mark.parametrize("module", modules(), ids=told)
def test_a_module_says_what_it_is_for(module: Module) -> None:
    assert ast.get_docstring(module.tree)


@pytest.mark.parametrize("module", modules(), ids=told)
def test_what_a_module_offers_says_what_it_promises(module: Module) -> None:
    offered = [node for node in module.tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    silent = [node.name for node in offered if not node.name.startswith("_") and not ast.get_docstring(node)]

    assert silent == []


@pytest.mark.parametrize("module", modules(), ids=told)
def test_nothing_is_left_for_later(module: Module) -> None:
    marks = ("TODO", "FIXME", "XXX", "HACK", "pragma: no cover")

    assert [line for line in module.lines for mark in marks if mark in line] == []


def test_most_functions_are_short() -> None:
    lengths = sorted(length for module in modules() for _, length in functions(module))

    assert statistics.median(lengths) <= MEDIAN_FUNCTION
    assert lengths[len(lengths) * 9 // 10] <= NINETIETH_PERCENTILE
