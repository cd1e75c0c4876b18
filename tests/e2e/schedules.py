"""The schedules of a stack: the emulator keeps them as AWS does, and a test may stop one to run it by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.local_stack import LocalStack


@contextmanager
def stopped(stack: LocalStack, function: str) -> Iterator[None]:
    """Nothing runs `quittance-local-{function}` but who calls it, during the block."""
    events = stack.client("events")
    rules = _rules(events, f"quittance-local-{function}")
    assert rules, function
    try:
        for name in rules:
            events.disable_rule(Name=name)
        yield
    finally:
        for name in rules:
            events.enable_rule(Name=name)


def _rules(events: Any, function: str) -> list[str]:
    """The names of the rules that call a function."""
    pages = events.get_paginator("list_rules").paginate()
    names = [str(rule["Name"]) for page in pages for rule in page["Rules"]]
    return [name for name in names if any(_calls(target, function) for target in _targets(events, name))]


def _targets(events: Any, rule: str) -> list[dict[str, Any]]:
    return list(events.list_targets_by_rule(Rule=rule)["Targets"])


def _calls(target: dict[str, Any], function: str) -> bool:
    return str(target["Arn"]).partition(":function:")[2].partition(":")[0] == function
