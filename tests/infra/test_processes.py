"""Background processes: started once, stopped for good, never mistaken for another program."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from infra.processes import Background

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
# Starts a child, says its pid, and waits.
WITH_CHILD = [
    sys.executable,
    "-c",
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)']);"
    " print(child.pid, flush=True); time.sleep(60)",
]
PATIENCE_SECONDS = 10


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Background]:
    made = Background(tmp_path / "state" / "run")
    yield made
    made.stop("it")


def eventually(fact: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not fact() and time.monotonic() < deadline:
        time.sleep(0.02)
    return fact()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_started_process_runs_until_it_is_stopped(background: Background) -> None:
    pid = background.start("it", SLEEP, os.environ)

    assert background.is_running("it")
    background.stop("it")
    assert not background.is_running("it")
    assert not alive(pid)


def test_stopping_what_does_not_run_does_nothing(background: Background) -> None:
    background.stop("it")

    assert not background.is_running("it")


def test_another_command_finds_the_process_again(background: Background, tmp_path: Path) -> None:
    background.start("it", SLEEP, os.environ)

    assert Background(tmp_path / "state" / "run").is_running("it")


def test_what_a_process_left_behind_is_ended_with_it(background: Background) -> None:
    background.start("it", WITH_CHILD, os.environ)
    assert eventually(lambda: background.tail("it").strip().isdigit())
    child = int(background.tail("it"))

    background.stop("it")

    assert eventually(lambda: not alive(child))


def test_the_log_keeps_what_was_printed(background: Background) -> None:
    background.start("it", SLEEP, os.environ)

    assert eventually(lambda: background.tail("it") == "up")


def test_keeping_a_process_leaves_it_alone_while_its_command_is_the_same(
    background: Background, tmp_path: Path
) -> None:
    pid_file = tmp_path / "state" / "run" / "it.pid"
    background.keep("it", SLEEP, os.environ)
    first = pid_file.read_text()

    background.keep("it", SLEEP, os.environ)
    assert pid_file.read_text() == first
    background.keep("it", [*SLEEP, "changed"], os.environ)

    assert pid_file.read_text() != first
    assert background.is_running("it")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell when a process started")
def test_a_pid_that_was_given_to_another_program_is_not_ours(background: Background, tmp_path: Path) -> None:
    with subprocess.Popen(SLEEP, stdout=subprocess.DEVNULL) as other:
        pid_file = tmp_path / "state" / "run" / "it.pid"
        pid_file.parent.mkdir(parents=True)
        pid_file.write_text(f"{other.pid}\nanother start")

        assert not background.is_running("it")
        background.stop("it")
        assert other.poll() is None

        other.kill()
