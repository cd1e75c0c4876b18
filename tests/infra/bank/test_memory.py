"""What the bridge remembers over a crash."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bank.memory import Memory


def test_what_was_done_is_known_to_the_next_process(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "state"
    first = Memory(path)
    first.add_file("a.xml")
    first.add_message(b"body")

    second = Memory(path)

    assert (second.has_file("a.xml"), second.has_file("b.xml")) == (True, False)
    assert (second.has_message(b"body"), second.has_message(b"other")) == (True, False)


@pytest.mark.parametrize("torn", [b'{"file": "b.x', b"[]", b'{"else": "x"}', b"\xff\x00"])
def test_a_line_torn_by_a_crash_is_forgotten_alone(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "state"
    Memory(path).add_file("a.xml")
    with path.open("ab") as file:
        file.write(torn)

    Memory(path).add_file("c.xml")

    again = Memory(path)
    assert [again.has_file(name) for name in ("a.xml", "b.xml", "c.xml")] == [True, False, True]
