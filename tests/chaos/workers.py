"""The processes that functions run in, and their sudden end. Only children of the emulator of one's own are touched."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.local_stack import LocalStack

PROC = Path("/proc")
FUNCTIONS = ("callbacks", "api", "payouts", "api", "relay", "project")
WARM_SECONDS = 2.0
"""Older processes have been started up. The emulator may hang over one that dies before."""
NAME = b"ministack-lambda-quittance-local-"
"""How the folder is called that a function's process runs in: the function's name follows."""


def warm(stack: LocalStack) -> dict[int, str]:
    """The functions' processes of a stack's emulator that have started up: the function by process id."""
    emulator = int((stack.place.folder / "run" / "ministack.pid").read_text().splitlines()[0])
    found: dict[int, str] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue  # it has ended meanwhile
        if int(fields[1]) == emulator and NAME in command and _age(int(fields[19])) > WARM_SECONDS:
            found[int(folder.name)] = command.partition(NAME)[2].partition(b"-")[0].decode()
    return found


@contextmanager
def killing(stack: LocalStack, *, every_seconds: float, rounds: int) -> Iterator[Counter[str]]:
    """During the block, processes of one function after the other are killed with no warning, so many times round.
    Counted by function."""
    killed: Counter[str] = Counter()
    stopped = threading.Event()

    def kill() -> None:
        for function in FUNCTIONS * rounds:
            pid = None
            while pid is None and not stopped.wait(every_seconds):
                pid = next((one for one, name in warm(stack).items() if name == function), None)
            if pid is not None:
                _kill(pid)
                killed[function] += 1

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        stopped.set()
        thread.join()


def _age(started_ticks: int) -> float:
    """Seconds since a process started, by the kernel's clock."""
    return float((PROC / "uptime").read_text().split()[0]) - started_ticks / os.sysconf("SC_CLK_TCK")


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
