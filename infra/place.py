"""Where one local stack keeps its things: its folder, its ports, its public description.

`make up` uses one place for good; each test run makes one of its own, so that neither disturbs the other.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path

from infra.paths import LOCAL, OUT
from infra.processes import Background

GATEWAY_PORT = 14566
BANK_PORT = 18090


@dataclass(frozen=True, slots=True)
class Ports:
    """Loopback ports of the emulator and of the bank. Queue addresses hold the first, so it stays with the state."""

    gateway: int
    bank: int


@dataclass(frozen=True, slots=True)
class Place:
    """One local stack. `folder` is thrown away by a reset; `described` is the file that others read."""

    folder: Path
    described: Path

    @property
    def background(self) -> Background:
        """Its processes."""
        return Background(self.folder / "run")

    @property
    def unfinished(self) -> Path:
        """There while the stack runs; found by a start, it tells that the last stop was none."""
        return self.folder / "run" / "unfinished"

    @property
    def bank(self) -> Path:
        """Where the sandbox bank keeps its database, and the bridge what it has done."""
        return self.folder / "bank"

    @property
    def bank_key(self) -> Path:
        """The bank's private signing key, PEM."""
        return self.folder / "bank-key.pem"

    @property
    def tenants(self) -> Path:
        """The credentials that were told once."""
        return self.folder / "tenants.json"

    @property
    def statements(self) -> Path:
        """Where the bridge puts the bank's statements."""
        return self.folder / "statements"

    def ports(self) -> Ports:
        """The ports of this place, chosen on first use: QUITTANCE_PORT and QUITTANCE_BANK_PORT, or what is free."""
        record = self.folder / "ports.json"
        if record.exists():
            return Ports(**json.loads(record.read_text()))
        ports = Ports(_port("QUITTANCE_PORT", GATEWAY_PORT), _port("QUITTANCE_BANK_PORT", BANK_PORT))
        self.folder.mkdir(parents=True, exist_ok=True)
        record.write_text(json.dumps({"gateway": ports.gateway, "bank": ports.bank}))
        return ports

    def forget_state(self) -> None:
        """Drop what belongs to a deployment that no longer exists: tenants, the bank's books, its statements."""
        self.tenants.unlink(missing_ok=True)
        for folder in (self.bank, self.statements):
            shutil.rmtree(folder, ignore_errors=True)

    def forget(self) -> None:
        """Drop everything."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.described.unlink(missing_ok=True)


DEFAULT = Place(LOCAL / "stack", OUT / "stack.json")
"""The place of `make up` and `make demo`."""


def is_taken(port: int) -> bool:
    """Whether something listens on a loopback port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _port(variable: str, usual: int) -> int:
    if variable in os.environ:
        return int(os.environ[variable])
    if not is_taken(usual):
        return usual
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
