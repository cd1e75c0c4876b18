"""Every function but the API is entered as Lambda enters it: its worker module alone, in a fresh interpreter."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from infra.paths import ROOT
from tests.support.dynamodb_local import Tables
from tests.support.events import queue_event, schedule_event, stream_event

NO_MESSAGE = queue_event(("a", "no JSON"), ("b", {}))
BOTH_FAILED = {"batchItemFailures": [{"itemIdentifier": "m0"}, {"itemIdentifier": "m1"}]}
NOTHING_SWEPT = {"holds_returned": 0, "tenants_folded": 0, "entries_folded": 0, "blocks_totalled": 0}
REMOVED = stream_event(({"pk": {"S": "ten_a#x"}}, None))

ENTRANCES: dict[str, tuple[str, dict[str, Any], Any]] = {
    "callbacks": ("chalicelib.settlement.worker.bank_messages", NO_MESSAGE, BOTH_FAILED),
    "payouts": ("chalicelib.settlement.worker.payments", NO_MESSAGE, BOTH_FAILED),
    "exports": ("chalicelib.recon.worker.exports", NO_MESSAGE, BOTH_FAILED),
    "statements": ("chalicelib.recon.worker.statements", NO_MESSAGE, BOTH_FAILED),
    "relay": ("chalicelib.settlement.worker.relay", REMOVED, None),
    "project": ("chalicelib.ledger.worker.project", REMOVED, None),
    "accrue": ("chalicelib.credit.worker", schedule_event(), {"lines": 0, "days": 0}),
    "sequence": ("chalicelib.ledger.worker.sequence", REMOVED, None),
    "sweep": ("chalicelib.ledger.worker.sweep", schedule_event(), NOTHING_SWEPT),
    "follow": ("chalicelib.recon.worker.follow", schedule_event(), {"accounts": 0, "entries": 0}),
    "due": ("chalicelib.settlement.worker.due", schedule_event(), {"records": 0, "acts": 0}),
    "calendars": ("chalicelib.settlement.worker.calendars", schedule_event(), {"trades": 0, "recounted": 0}),
    "unpaid": ("chalicelib.settlement.worker.unpaid", schedule_event(), {"tenants": 0, "entries": 0}),
    "checkpoint": ("chalicelib.ledger.worker.checkpoint", schedule_event(), {"checkpoints": 0, "entries": 0}),
    "prove": ("chalicelib.ledger.worker.prove", schedule_event(), {"tenants": 1, "entries": 0}),
    "operate": ("chalicelib.settlement.worker.operating", {"action": "none"}, "unknown_action"),
}
"""Function: its module, an event it can answer without any books, and the answer."""

OF_ALL_BOOKS = {"accrue", "sweep", "follow", "due", "calendars", "unpaid", "checkpoint", "prove"}
"""Functions that look at every tenant's books: they are entered where there are none."""

ENTER = """
import importlib, json, sys
module, name = sys.argv[1:]
event = json.load(sys.stdin)
answer = getattr(importlib.import_module(module), name)(event, None)
assert "app" not in sys.modules, "a worker must not need the application"
print(json.dumps(answer))
"""


def entered(module: str, name: str, event: dict[str, Any], environment: dict[str, str]) -> Any:
    """What the handler answers in a process that has imported nothing else."""
    done = subprocess.run(
        [sys.executable, "-c", ENTER, module, name],
        input=json.dumps(event),
        env=os.environ | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ENTRANCES)
def test_a_worker_needs_its_own_module_only(name: str, request: pytest.FixtureRequest) -> None:
    module, event, expected = ENTRANCES[name]
    tables: Tables = request.getfixturevalue("tables" if name in OF_ALL_BOOKS else "session_tables")
    environment = {
        "QUITTANCE_TABLE_PREFIX": tables.prefix,
        "AWS_ENDPOINT_URL_DYNAMODB": tables.endpoint,
    }

    answer = entered(module, name, event, environment | {"QUITTANCE_STAGE": "dev"})

    assert (answer["refused"] if name == "operate" else answer) == expected


def test_every_function_that_is_deployed_is_entered_here() -> None:
    functions = json.loads((ROOT / ".chalice" / "config.json").read_text())["lambda_functions"]

    assert set(functions) - {"api_handler"} == set(ENTRANCES)
