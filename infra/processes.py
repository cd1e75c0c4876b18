"""Background processes that outlive the command that started them, each known by a pid file.

Only processes that this module started are ever stopped: a pid file whose process is another program by now is stale.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 20
POLL_SECONDS = 0.05


class Background:
    """The processes of one folder: `name.pid` says which process, `name.log` what it printed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """Start a process in a session of its own, its output in the log. Returns its pid."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                list(command),
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder.parents[1],
                start_new_session=True,
            )
        self.adopt(name, process.pid)
        return process.pid

    def keep(self, name: str, command: Sequence[str], environment: Mapping[str, str]) -> None:
        """Have a process running with exactly this command: left alone when it is, started anew when not."""
        record = self._folder / f"{name}.command"
        wanted = json.dumps(list(command))
        if self.is_running(name) and record.exists() and record.read_text() == wanted:
            return
        self.stop(name)
        self.start(name, command, environment)
        record.write_text(wanted)

    def adopt(self, name: str, pid: int) -> None:
        """Remember a process that a library started for us."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._pid_file(name).write_text(f"{pid}\n{_started(pid)}")

    def is_running(self, name: str) -> bool:
        """Whether the process lives."""
        return self._pid(name) is not None

    def stop(self, name: str) -> None:
        """Ask the process to end and wait for it, then end what it left behind in its session."""
        pid = self._pid(name)
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
            _wait(pid)
            _end_session(pid)
        self._pid_file(name).unlink(missing_ok=True)

    def log(self, name: str) -> Path:
        """Where the output of a process goes."""
        return self._folder / f"{name}.log"

    def tail(self, name: str, lines: int = 15) -> str:
        """The last lines of its log."""
        try:
            text = self.log(name).read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-lines:])

    def _pid_file(self, name: str) -> Path:
        return self._folder / f"{name}.pid"

    def _pid(self, name: str) -> int | None:
        try:
            first, _, started = self._pid_file(name).read_text().partition("\n")
        except OSError:
            return None
        pid = int(first)
        return pid if _is_alive(pid) and _started(pid) == started else None


def _wait(pid: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while _is_alive(pid):
        if time.monotonic() > deadline:
            os.kill(pid, signal.SIGKILL)
            return
        time.sleep(POLL_SECONDS)


def _end_session(pid: int) -> None:
    # The process led its own session, so the group holds its children and nobody else's.
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return


def _is_alive(pid: int) -> bool:
    try:
        os.waitpid(pid, os.WNOHANG)  # a child of ours that ended must not linger as a zombie
    except ChildProcessError:
        pass
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _started(pid: int) -> str:
    """When the process started, where the system tells; it guards against a pid that was given anew."""
    try:
        # The name, in parentheses, may hold anything; the start is the 20th field behind it.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""
