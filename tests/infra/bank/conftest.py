"""A real mock-bank on a free port, a loopback server that plays our API, and payment files in a folder."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from infra.bank import sign
from infra.bank.accounts import open_accounts
from infra.bank.bridge import Bridge, Endpoint
from infra.bank.client import BankClient
from infra.bank.memory import Memory
from infra.bank.process import BankProcess
from infra.paths import STACK_PYTHON
from tests.conftest import cannot_run

MONDAY = datetime(2026, 3, 2, 9, tzinfo=UTC)
PROGRAM = STACK_PYTHON.with_name("mock-bank")
KEY = sign.create_key()
BANK_ID = "bank_test"


@dataclass(frozen=True)
class Callback:
    """One request our API was sent; header names in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Api:
    """What plays our API: it keeps every callback and answers `status`."""

    url: str
    callbacks: list[Callback] = field(default_factory=list)
    status: int = 202


class Folder:
    """Payment files in a directory, named as in the bucket."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def names(self) -> list[str]:
        return sorted(each.name for each in self.path.iterdir())

    def read(self, name: str) -> bytes:
        return (self.path / name).read_bytes()


def free_port() -> int:
    """A port of the loopback interface that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def bank_process(state: Path) -> BankProcess:
    """A bank not yet started, its clock on a Monday morning."""
    if not PROGRAM.exists():
        cannot_run("mock-bank is not installed: make stack-env")
    return BankProcess(PROGRAM, state, port=free_port(), opens_at=MONDAY)


@pytest.fixture
def bank(tmp_path: Path) -> Iterator[BankClient]:
    """A bank with the sandbox's two accounts open."""
    process = bank_process(tmp_path / "bank")
    process.start()
    open_accounts(process.client)
    yield process.client
    process.kill()


@pytest.fixture
def api() -> Iterator[Api]:
    """A server on the loopback interface that takes callbacks."""
    api = Api("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            api.callbacks.append(
                Callback(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            )
            self.send_response(api.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    yield api
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """An empty folder of payment files."""
    path = tmp_path / "payment-files"
    path.mkdir()
    return Folder(path)


@pytest.fixture
def build_bridge(bank: BankClient, api: Api, folder: Folder, tmp_path: Path) -> BuildBridge:
    """Makes a bridge between the three, as a fresh process would: only the state file is shared."""
    return BuildBridge(bank, api, folder, tmp_path)


@dataclass(frozen=True)
class BuildBridge:
    """Call it for a bridge as a new process would have it."""

    bank: BankClient
    api: Api
    folder: Folder
    path: Path

    def __call__(self) -> Bridge:
        return Bridge(
            bank=self.bank,
            files=self.folder,
            endpoint=Endpoint(self.api.url, BANK_ID, KEY),
            statements=self.path / "statements",
            memory=Memory(self.path / "bridge.jsonl"),
        )
