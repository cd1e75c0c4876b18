"""Faults between the deployed functions and DynamoDB: microburst stands in between and answers as AWS would fail.

It signs what it passes on with the deployer's credentials, so the functions' own roles are not what is tested here.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from infra.bank.http import send
from infra.emulator import answers
from infra.paths import STACK_PYTHON
from infra.place import is_taken
from tests.e2e.market import wait_for
from tests.support.local_stack import BRISKLY, LocalStack

VARIABLE = "AWS_ENDPOINT_URL_DYNAMODB"
FUNCTIONS = ("api", "callbacks", "payouts", "relay", "project", "sequence")
PORTS = range(19_400, 19_500)

CONFLICT = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
WRITE = {"service": "dynamodb", "operation": "TransactWriteItems"}
RULES: list[dict[str, Any]] = [
    # Another transaction is at the same item: nothing is written.
    WRITE
    | {
        "probability": 0.15,
        "error": {
            "code": "TransactionCanceledException",
            "status": 400,
            "message": "Transaction cancelled",
            "fields": {"CancellationReasons": [CONFLICT]},
        },
    },
    # Written, but the answer is cut off: the caller cannot know.
    WRITE | {"probability": 0.15, "response": {"abort_bytes": 0}},
    # Written, but the answer cannot be read.
    WRITE | {"probability": 0.1, "response": {"truncate_bytes": 1}},
    # Cut off before anything was written.
    {"service": "dynamodb", "probability": 0.05, "reset": True},
    {"service": "dynamodb", "probability": 0.05, "error": {"code": "ProvisionedThroughputExceededException"}},
    {"service": "dynamodb", "probability": 0.03, "error": {"code": "InternalServerError", "status": 500}},
]
"""What goes wrong, how often. A call meets at most one of them."""


@dataclass(frozen=True)
class Proxy:
    """A running proxy."""

    url: str

    def obey(self, rules: list[dict[str, Any]]) -> None:
        """Take these rules and no others."""
        status, body = send("POST", f"{self.url}/_microburst/rules", json.dumps(rules).encode(), JSON_TYPE)
        assert status == 200, body

    def fired(self) -> Counter[str]:
        """What has gone wrong so far, counted by what it was."""
        _, body = send("GET", f"{self.url}/_microburst/fired?limit=10000")
        return Counter(event["action"] for event in json.loads(body))


JSON_TYPE = {"Content-Type": "application/json"}


@contextmanager
def in_between(stack: LocalStack) -> Iterator[Proxy]:
    """A proxy that the functions reach DynamoDB through during the block. It does no harm until it is told to."""
    port = next(port for port in PORTS if not is_taken(port))
    program = STACK_PYTHON.with_name("microburst")
    upstream = stack.emulator.endpoint
    command = [program, "--host", "127.0.0.1", "--port", str(port), "--upstream", upstream, "--resign"]
    environment = {**os.environ, **stack.emulator.credentials()}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    proxy = Proxy(f"http://127.0.0.1:{port}")
    try:
        wait_for("the proxy", lambda: answers(f"{proxy.url}/_microburst/rules"))
        with _told(stack, proxy.url):
            yield proxy
    finally:
        process.kill()  # it has nothing to finish
        process.wait()


@contextmanager
def _told(stack: LocalStack, url: str) -> Iterator[None]:
    functions = stack.client("lambda")
    usual = {name: _variables(functions, name) for name in FUNCTIONS}
    try:
        for name, variables in usual.items():
            _set_variables(functions, name, variables | {VARIABLE: url})
        yield
    finally:
        for name, variables in usual.items():
            _set_variables(functions, name, variables)


def _variables(functions: Any, name: str) -> dict[str, str]:
    told = functions.get_function_configuration(FunctionName=f"quittance-local-{name}")
    return dict(told["Environment"]["Variables"])


def _set_variables(functions: Any, name: str, variables: dict[str, str]) -> None:
    function = f"quittance-local-{name}"
    functions.update_function_configuration(FunctionName=function, Environment={"Variables": variables})
    functions.get_waiter("function_updated_v2").wait(FunctionName=function, WaiterConfig=BRISKLY)
