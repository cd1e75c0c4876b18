"""Between the deployment and the sandbox bank: payment files one way, the mailbox as signed callbacks the other.

mock-bank only waits to be asked, while real banks call. So the bridge peeks at the mailbox, signs each message and
posts it; only after our 202 is the message collected. Statements are no callbacks: they are kept in a folder for
upload. Every step may be repeated after a crash at any point: the bank refuses a file twice, we a message twice.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.bank.client import ACCEPTED, BankClient, BankError, BankMessage, message_id_of
from infra.bank.files import PaymentFiles, S3PaymentFiles
from infra.bank.http import send
from infra.bank.memory import Memory
from infra.bank.sign import sign_detached

STATEMENT_KIND = "camt.053"
SIGNATURE_HEADER = "X-JWS-Signature"
MAX_STEPS = 100
INTERVAL_SECONDS = 0.3


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where callbacks go and how they are signed. `url` is the API's base; `private_key_pem` the bank's key."""

    url: str
    bank_id: str
    private_key_pem: bytes

    def post(self, message: BankMessage, *, issued_at: datetime) -> int:
        """Post one message, signed. The status of the answer."""
        signature = sign_detached(
            message.body,
            private_key_pem=self.private_key_pem,
            bank_id=self.bank_id,
            message_id=message.message_id,
            issued_at=issued_at,
        )
        target = f"{self.url.rstrip('/')}/v1/banks/{self.bank_id}/callbacks"
        status, _ = send("POST", target, message.body, {"Content-Type": "application/xml", SIGNATURE_HEADER: signature})
        return status


@dataclass(frozen=True, slots=True)
class Step:
    """What one step moved: names of files, ids of messages. `refused` were not taken by us and wait in the mailbox."""

    handed_over: tuple[str, ...]
    delivered: tuple[str, ...]
    statements: tuple[str, ...]
    refused: tuple[tuple[str, int], ...]

    @property
    def moved(self) -> bool:
        """Whether anything got further."""
        return bool(self.handed_over or self.delivered or self.statements)


class Bridge:
    """One bank's bridge. `statements` is the folder that keeps camt.053 files as `{account}/{message id}.xml`."""

    def __init__(
        self, *, bank: BankClient, files: PaymentFiles, endpoint: Endpoint, statements: Path, memory: Memory
    ) -> None:
        self._bank = bank
        self._files = files
        self._endpoint = endpoint
        self._statements = statements
        self._memory = memory
        self._recovered = False

    def step(self) -> Step:
        """Hand over every new payment file, then pass on every waiting message once. Raises OSError or BankError."""
        self._recover()
        handed_over = tuple(name for name in self._files.names() if self._hand_over(name))
        delivered: list[str] = []
        statements: list[str] = []
        refused: list[tuple[str, int]] = []
        done: list[BankMessage] = []
        for message in self._bank.mailbox():
            status = self._pass_on(message)
            if status != ACCEPTED:
                refused.append((message.message_id, status))
                continue
            self._memory.add_message(message.body)
            done.append(message)
            (statements if message.kind.startswith(STATEMENT_KIND) else delivered).append(message.message_id)
        self._bank.collect(done)
        return Step(handed_over, tuple(delivered), tuple(statements), tuple(refused))

    def drain(self) -> Step:
        """Step until nothing moves any more, at most MAX_STEPS times: all that moved, and what was refused last."""
        steps = []
        for _ in range(MAX_STEPS):
            steps.append(self.step())
            if not steps[-1].moved:
                break
        return Step(
            tuple(name for step in steps for name in step.handed_over),
            tuple(name for step in steps for name in step.delivered),
            tuple(name for step in steps for name in step.statements),
            steps[-1].refused,
        )

    def run(self, stopped: threading.Event, *, report: Callable[[str], None]) -> None:
        """Step again and again until `stopped`. An outage of either side is reported and waited for."""
        while not stopped.is_set():
            try:
                step = self.step()
                if step.moved or step.refused:
                    report(_line(step))
            except (OSError, BankError, BotoCoreError, ClientError) as error:
                report(f"waiting: {error}")
            stopped.wait(INTERVAL_SECONDS)

    def _hand_over(self, name: str) -> bool:
        if self._memory.has_file(name):
            return False
        body = self._files.read(name)
        message_id = message_id_of(body)
        if not (message_id and self._bank.has_file(message_id)):
            self._bank.hand_over(body)
        self._memory.add_file(name)
        return True

    def _pass_on(self, message: BankMessage) -> int:
        """Deliver or keep one message; ACCEPTED when it is where it belongs."""
        if not message.kind.startswith(STATEMENT_KIND):
            return self._endpoint.post(message, issued_at=datetime.now(UTC))
        folder = self._statements / message.account
        folder.mkdir(parents=True, exist_ok=True)
        unfinished = folder / f".{message.message_id}.part"
        unfinished.write_bytes(message.body)
        unfinished.replace(folder / f"{message.message_id}.xml")
        return ACCEPTED

    def _recover(self) -> None:
        """Once: put back what a crash left collected but not passed on."""
        if self._recovered:
            return
        for message in self._bank.sent():
            if message.taken and not self._memory.has_message(message.body):
                self._bank.put_back(message.number)
        self._recovered = True


def main(arguments: list[str] | None = None) -> None:
    """Run until SIGTERM or SIGINT."""
    options = _parser().parse_args(arguments)
    bridge = Bridge(
        bank=BankClient(options.bank_url),
        files=S3PaymentFiles(options.bucket, options.bank_id, endpoint=options.aws_endpoint),
        endpoint=Endpoint(options.api_url, options.bank_id, options.key_file.read_bytes()),
        statements=options.statements_dir,
        memory=Memory(options.state_file),
    )
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    bridge.run(stopped, report=lambda line: print(line, file=sys.stderr, flush=True))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.bank.bridge", description=__doc__)
    parser.add_argument("--aws-endpoint", default=os.environ.get("AWS_ENDPOINT_URL"), help="S3 endpoint; default AWS")
    parser.add_argument("--api-url", required=True, help="base URL of the API")
    parser.add_argument("--bank-url", required=True, help="base URL of mock-bank")
    parser.add_argument("--bank-id", required=True)
    parser.add_argument("--key-file", required=True, type=Path, help="the bank's private P-256 key, PEM")
    parser.add_argument("--bucket", required=True, help="bucket with the payment files")
    parser.add_argument("--statements-dir", required=True, type=Path, help="where camt.053 files are kept")
    parser.add_argument("--state-file", required=True, type=Path, help="what was done, for the next start")
    return parser


def _line(step: Step) -> str:
    refused = ", ".join(f"{message} ({status})" for message, status in step.refused)
    counts = f"{len(step.handed_over)} files, {len(step.delivered)} callbacks, {len(step.statements)} statements"
    return f"passed on {counts}" + (f"; refused {refused}" if refused else "")


if __name__ == "__main__":
    main()
