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
WORKERS = ("callbacks", "payouts", "relay", "project", "sequence")
EACH_ROUND = Counter({"api": 2, **dict.fromkeys(WORKERS, 1)})
"""How many processes of which function are killed in a round."""
NAME = b"ministack-lambda-quittance-local-"
"""How the folder is called that a function's process runs in: the function's name follows."""


def warm(stack: LocalStack) -> dict[int, str]:
    """The functions' processes of a stack's emulator that have begun to work: the function by process id.

    A process that has a connection to AWS is past its start. The emulator may hang over one that dies before.
    """
    emulator = int((stack.place.folder / "run" / "ministack.pid").read_text().splitlines()[0])
    found: dict[int, str] = {}
    for folder in PROC.glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            command = (folder / "cmdline").read_bytes()
            if parent == emulator and NAME in command and _is_connected(folder):
                found[int(folder.name)] = command.partition(NAME)[2].partition(b"-")[0].decode()
        except OSError:
            continue  # it has ended meanwhile
    return found


@contextmanager
def killing(stack: LocalStack, *, every_seconds: float, rounds: int) -> Iterator[Counter[str]]:
    """During the block, processes are killed with no warning, of the function that has lost least, until each has lost
    its share of so many rounds. Gives what is still to be killed, counted by function."""
    wanted = Counter({name: rounds * times for name, times in EACH_ROUND.items()})
    stopped = threading.Event()

    def kill() -> None:
        while wanted.total() and not stopped.wait(every_seconds):
            found = [(wanted[name], pid, name) for pid, name in warm(stack).items() if wanted[name]]
            if found:
                _, pid, name = max(found)
                _kill(pid)
                wanted[name] -= 1

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield wanted
    finally:
        stopped.set()
        thread.join()


def _is_connected(folder: Path) -> bool:
    return any(str(handle.readlink()).startswith("socket:") for handle in (folder / "fd").iterdir())


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return
