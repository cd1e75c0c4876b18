"""A local stack for the tests that need one deployed: with ports and a folder of its own, beside that of `make up`."""

from __future__ import annotations

import io
import json
import socket
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra import stack
from infra.emulator import Emulator
from infra.paths import LOCAL
from infra.place import Place

# Runs inside the emulator under the role it is given, and tells what one AWS call came to.
PROBE = """
import botocore.exceptions, botocore.session

def handler(event, context):
    client = botocore.session.get_session().create_client(event["service"])
    try:
        client._make_api_call(event["operation"], event["arguments"])
    except botocore.exceptions.ClientError as error:
        return error.response["Error"]["Code"]
    return "allowed"
"""

BRISKLY = {"Delay": 0.1, "MaxAttempts": 600}
"""How a waiter asks a deployment that is seldom far away."""


@dataclass(frozen=True, slots=True)
class LocalStack:
    """A running stack: `description` is what out/stack.json holds."""

    place: Place
    description: dict[str, Any]

    @property
    def emulator(self) -> Emulator:
        """Its AWS."""
        return Emulator(self.place.ports().gateway, self.place.folder / "aws")

    def client(self, service: str) -> Any:
        """A client with the deployer's credentials."""
        return self.emulator.client(service)

    def outcome(self, function: str, service: str, operation: str, arguments: dict[str, Any]) -> str:
        """What an AWS call comes to under the role of `quittance-local-{function}`: "allowed", or an error's code.

        The role is the deployed one; only the code is a probe's, which makes the call and nothing else.
        """
        lambdas = self.client("lambda")
        probe = self._probe(lambdas, function)
        event = {"service": service, "operation": operation, "arguments": arguments}
        answer = lambdas.invoke(FunctionName=probe, Payload=json.dumps(event).encode())
        return str(json.loads(answer["Payload"].read()))

    def _probe(self, lambdas: Any, function: str) -> str:
        name = f"probe-{function}"
        try:
            lambdas.get_function(FunctionName=name)
        except lambdas.exceptions.ResourceNotFoundException:
            probed = lambdas.get_function_configuration(FunctionName=f"quittance-local-{function}")
            lambdas.create_function(
                FunctionName=name,
                Role=probed["Role"],
                Runtime=probed["Runtime"],
                Handler="probe.handler",
                Code={"ZipFile": _zipped("probe.py", PROBE)},
            )
            lambdas.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=BRISKLY)
        return name


@contextmanager
def running() -> Iterator[LocalStack]:
    """Start a fresh stack for the length of the block, and leave nothing of it behind."""
    LOCAL.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=LOCAL, prefix="test-") as folder:
        place = Place(Path(folder) / "stack", Path(folder) / "stack.json")
        _take_ports(place)
        try:
            yield LocalStack(place, stack.up(place))
        finally:
            stack.reset(place)


def _take_ports(place: Place) -> None:
    """Ports that nobody else would choose: another stack that starts meanwhile, a developer's say, takes the usual."""
    with socket.socket() as gateway, socket.socket() as bank:
        for one in (gateway, bank):
            one.bind(("127.0.0.1", 0))
        ports = {"gateway": gateway.getsockname()[1], "bank": bank.getsockname()[1]}
    place.folder.mkdir(parents=True)
    (place.folder / "ports.json").write_text(json.dumps(ports))


def _zipped(name: str, text: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(name, text)
    return packed.getvalue()
