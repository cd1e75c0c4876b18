"""What the deployed stage signs is checked by a program that knows nothing of it; its books are proved as a whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from infra import rebuild
from infra.paths import ROOT
from tests.e2e.market import Market
from tests.support.events import schedule_event
from tests.support.local_stack import LocalStack


@pytest.fixture
def files(alpha: Market, tmp_path: Path) -> list[str]:
    """A proof and the key, as somebody keeps them who was given both; the arguments of the verifier."""
    (tmp_path / "proof.json").write_bytes(alpha.web.get(f"/v1/entries/{alpha.ids['entry_id']}/proof").body)
    (tmp_path / "public.pem").write_bytes(alpha.web.get("/v1/checkpoints/key").body)
    return [str(tmp_path / "proof.json"), "--key", str(tmp_path / "public.pem")]


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_a_proof_from_the_deployed_stage_is_checked_offline(files: list[str], alpha: Market) -> None:
    done = run("-m", "chalicelib.ledger.verify", *files)

    assert (done.returncode, done.stderr) == (0, "")
    assert alpha.ids["entry_id"] in done.stdout


def test_a_bent_proof_from_the_deployed_stage_does_not_hold(files: list[str]) -> None:
    proof = json.loads(Path(files[0]).read_text())
    proof["entry"]["postings"][0]["amount_minor"] += 1
    Path(files[0]).write_text(json.dumps(proof))

    done = run("-m", "chalicelib.ledger.verify", *files)

    assert (done.returncode, done.stdout) == (1, "")
    assert "entry_altered" in done.stderr


def test_the_books_of_the_whole_stage_are_proved_from_the_journal(functions: Any, alpha: Market) -> None:
    event = json.dumps(schedule_event()).encode()

    answer = functions.invoke(FunctionName="quittance-local-prove", Payload=event)

    told = json.loads(answer["Payload"].read())
    assert "FunctionError" not in answer, told
    assert told["entries"] > 0


def rebuilt(stack: LocalStack) -> subprocess.CompletedProcess[str]:
    """`make rebuild`, of this stack."""
    program = (
        "import sys; from pathlib import Path; from infra import rebuild; from infra.place import Place\n"
        "rebuild.DEFAULT = Place(Path(sys.argv[1]), Path(sys.argv[2]))\n"
        "sys.exit(rebuild.main([]))"
    )
    return run("-c", program, str(stack.place.folder), str(stack.place.described))


def test_rebuild_reads_the_deployed_stage_and_finds_no_difference(local_stack: LocalStack, alpha: Market) -> None:
    done = rebuilt(local_stack)

    assert alpha.tenant_id in done.stdout
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert rebuild.local_environment(local_stack.place.described)["AWS_ENDPOINT_URL"] == local_stack.emulator.endpoint


def test_rebuild_names_a_balance_that_was_changed_behind_the_ledgers_back(
    local_stack: LocalStack, alpha: Market
) -> None:
    add(local_stack, alpha, 1)
    try:
        done = rebuilt(local_stack)
    finally:
        add(local_stack, alpha, -1)

    named = [line for line in done.stdout.splitlines() if line.startswith("!")]
    assert done.returncode == 1
    assert any(f"{alpha.tenant_id} balance_differs {alpha.ids['cash']} " in line for line in named), named


def add(stack: LocalStack, market: Market, minor: int) -> None:
    """Change the balance of a market's cash, as somebody with the keys to the tables could."""
    stack.client("dynamodb").update_item(
        TableName="quittance-local-accounts",
        Key={"pk": {"S": f"{market.tenant_id}#{market.ids['cash']}"}},
        UpdateExpression="SET balance = balance + :minor",
        ExpressionAttributeValues={":minor": {"N": str(minor)}},
    )
