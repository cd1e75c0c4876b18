"""The lock files: versions pinned and hashed, runtime dependencies the same everywhere, no index named."""

from __future__ import annotations

import re

import pytest

from infra.paths import ROOT

LOCKS = ("requirements.txt", "requirements/dev.txt", "requirements/stack.txt")
PINNED = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", re.MULTILINE)


def text(lock: str) -> str:
    return (ROOT / lock).read_text()


def pins(lock: str) -> set[tuple[str, str]]:
    return set(PINNED.findall(text(lock)))


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_is_pinned_and_hashed(lock: str) -> None:
    requirements = re.split(r"\n(?=\S)", text(lock).strip())

    assert requirements
    assert all(PINNED.match(r) and "--hash=sha256:" in r for r in requirements)


@pytest.mark.parametrize("lock", LOCKS)
def test_no_index_is_named(lock: str) -> None:
    assert not re.search(r"^(-|--)|://", text(lock), re.MULTILINE)


def test_tests_run_against_the_versions_that_are_deployed() -> None:
    assert pins("requirements.txt") <= pins("requirements/dev.txt")


def test_the_package_is_made_of_runtime_dependencies_only() -> None:
    names = {name for name, _ in pins("requirements.txt")}

    assert not names & {"pytest", "moto", "ruff", "mypy", "hypothesis", "chalice", "setuptools", "pip"}
