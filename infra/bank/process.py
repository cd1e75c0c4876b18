"""mock-bank as a process on this machine, with a clock that starts where we say and a database that outlives it."""

from __future__ import annotations

import sqlite3
import subprocess
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

from infra.bank.client import BankClient

START_SECONDS = 15
STOP_SECONDS = 10
POLL_SECONDS = 0.05


class BankProcess:
    """One sandbox bank. `state` holds its database, its log and, after a clean stop, the bank time it had reached.

    mock-bank's clock is real time plus an offset that a restart forgets: it starts again at the latest of `opens_at`,
    the time it was stopped at, and the last message it sent, so that bank time never runs backwards, not even after a
    crash.
    """

    def __init__(self, program: Path, state: Path, *, port: int, opens_at: datetime) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.client = BankClient(self.url)
        self._program = program
        self._state = state
        self._port = port
        self._opens_at = opens_at.replace(tzinfo=None)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Start it and wait until it answers. Raises RuntimeError when it does not."""
        self._state.mkdir(parents=True, exist_ok=True)
        clock = max(self._opens_at, self._stopped_at(), self._last_sent_at()).isoformat(timespec="seconds")
        command = [str(self._program), "--host", "127.0.0.1", "--port", str(self._port), "--quiet"]
        command += ["--db", str(self._state / "bank.db"), "--clock", clock]
        with (self._state / "bank.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        deadline = time.monotonic() + START_SECONDS
        while not self.client.is_up():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError(f"mock-bank did not start; see {self._state / 'bank.log'}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Remember bank time and end the process."""
        if self._process is None:
            return
        if self._process.poll() is None:
            if self.client.is_up():
                moment = self.client.now().replace(tzinfo=None)
                self._clock_file.write_text(moment.isoformat(timespec="seconds"))
            self._process.terminate()
            self._process.wait(STOP_SECONDS)
        self._process = None

    def kill(self) -> None:
        """End it without warning, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(STOP_SECONDS)
            self._process = None

    @property
    def _clock_file(self) -> Path:
        return self._state / "clock"

    def _stopped_at(self) -> datetime:
        try:
            return datetime.fromisoformat(self._clock_file.read_text())
        except (OSError, ValueError):
            return self._opens_at

    def _last_sent_at(self) -> datetime:
        database = self._state / "bank.db"
        if not database.is_file():
            return self._opens_at
        with closing(sqlite3.connect(database)) as connection:
            try:
                (released_at,) = connection.execute("SELECT max(released_at) FROM message").fetchone()
            except sqlite3.OperationalError:  # ended before it had made its tables
                return self._opens_at
        return datetime.fromisoformat(released_at).replace(tzinfo=None) if released_at else self._opens_at
