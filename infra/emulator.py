"""ministack as our AWS on this machine: bound to loopback, IAM enforced, state kept over a clean stop.

What is deployed into it is infra/deploy.py's business.
"""

from __future__ import annotations

import os
import time
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from infra.paths import REGION, STACK_PYTHON
from infra.processes import Background

NAME = "ministack"
START_SECONDS = 60
POLL_SECONDS = 0.1
DEPLOYER = "local"
"""Access key and secret of the emulator's root user. Functions get their role's credentials instead."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """One emulator: its port, and the folder that keeps its state."""

    port: int
    state: Path

    @property
    def endpoint(self) -> str:
        """Where every AWS call goes."""
        return f"http://127.0.0.1:{self.port}"

    def client(self, service: str) -> Any:
        """A client with the deployer's credentials. Invocations may take as long as a function may."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id=DEPLOYER,
            aws_secret_access_key=DEPLOYER,
            config=Config(read_timeout=120, retries={"max_attempts": 0}, s3={"addressing_style": "path"}),
        )

    def credentials(self) -> dict[str, str]:
        """The deployer's credentials as environment variables, for a process of ours."""
        return {
            "AWS_ACCESS_KEY_ID": DEPLOYER,
            "AWS_SECRET_ACCESS_KEY": DEPLOYER,
            "AWS_SESSION_TOKEN": "",
            "AWS_DEFAULT_REGION": REGION,
        }

    def start(self, background: Background) -> None:
        """Start it in the background and wait until it answers. Raises RuntimeError when it does not."""
        (self.state / "tmp").mkdir(parents=True, exist_ok=True)
        program = STACK_PYTHON.with_name("ministack")
        background.start(NAME, [str(program)], self._environment())
        deadline = time.monotonic() + START_SECONDS
        while not self.is_up():
            if not background.is_running(NAME) or time.monotonic() > deadline:
                raise RuntimeError(f"ministack did not start:\n{background.tail(NAME)}")
            time.sleep(POLL_SECONDS)

    def is_up(self) -> bool:
        """Whether it answers."""
        return answers(f"{self.endpoint}/_ministack/health")

    def _environment(self) -> dict[str, str]:
        # Not the caller's environment: it would reach the functions, and AWS_* of a real account with it.
        return {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self.state),
            "TMPDIR": str(self.state / "tmp"),
            "GATEWAY_PORT": str(self.port),
            "BIND_HOST": "127.0.0.1",
            "AUTH": "true",
            **self.credentials(),
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self.state / "services"),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self.state / "s3"),
            "DOCKER_HOST": "unix:///nonexistent",  # it needs no containers, and must not look for any
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        }


def answers(url: str) -> bool:
    """Whether a GET of the address is answered 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == HTTPStatus.OK)
    except OSError:
        return False
