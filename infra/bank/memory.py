"""What the bridge has done, on disk before it goes on: one JSON line each, appended and synced."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path


class Memory:
    """The payment files handed to the bank and the messages taken from it. A line torn by a crash is not counted."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._seen = {kind: set[str]() for kind in ("file", "message")}
        for line in path.read_bytes().split(b"\n") if path.exists() else []:
            self._recall(line)

    def has_file(self, name: str) -> bool:
        """Whether this payment file was handed over."""
        return name in self._seen["file"]

    def has_message(self, body: bytes) -> bool:
        """Whether a message of exactly these bytes was passed on."""
        return sha256(body).hexdigest() in self._seen["message"]

    def add_file(self, name: str) -> None:
        """A payment file is with the bank."""
        self._append("file", name)

    def add_message(self, body: bytes) -> None:
        """A message is where it belongs, and may be collected."""
        self._append("message", sha256(body).hexdigest())

    def _append(self, kind: str, value: str) -> None:
        line = json.dumps({kind: value}) + "\n"
        with self._path.open("ab") as file:
            file.write(b"\n" + line.encode())
            file.flush()
            os.fsync(file.fileno())
        self._seen[kind].add(value)

    def _recall(self, line: bytes) -> None:
        try:
            for kind, value in json.loads(line).items():
                self._seen[kind].add(value)
        except (ValueError, KeyError, AttributeError):
            return
