"""How test files are shared out among processes: a file stays in one, and all that need the deployed stack in one too.

pytest-xdist could be told so by marks, but it hands them on inside a test's name, which pytest no longer lets it write.
"""

from __future__ import annotations

from functools import cache

from xdist.scheduler import LoadFileScheduling

from infra.paths import ROOT

STACK = "local_stack"
"""The fixture, and the name of the share that all of its tests are."""
ROOMS = ("tests/e2e/", "tests/chaos/")
"""Here everything speaks to the stack, most of it through other fixtures."""


class Shares(LoadFileScheduling):
    """What a process is given at a time: a file, or all that needs the stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return STACK if needs_stack(file) else file


@cache
def needs_stack(file: str) -> bool:
    """Whether a test file, named from the root of the project, speaks to the deployed stack."""
    return file.startswith(ROOMS) or STACK in (ROOT / file).read_text(encoding="utf-8")
