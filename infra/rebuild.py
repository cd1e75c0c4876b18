"""Computes every balance again from the journal alone and compares: `make rebuild`.

    python -m infra.rebuild            the local stack that out/stack.json describes
    python -m infra.rebuild dev        a stage on AWS, with the caller's credentials and region

It only reads. The program ends with 1 where anything differs; what differs stands below the table. The rules are those
of the nightly proof, `chalicelib/ledger/service/proving.py`.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3

from chalicelib.ledger.service import proving
from chalicelib.ledger.service.proving import Report
from chalicelib.web import clock
from infra import progress
from infra.emulator import DEPLOYER
from infra.paths import REGION, STAGES
from infra.place import DEFAULT

MOST_TOLD = 100


def main(arguments: Sequence[str]) -> int:
    """Prove the stage that the command line names; the program's status."""
    stage = arguments[0] if arguments else "local"
    if stage not in STAGES:
        progress.fail(f"Say one of {', '.join(STAGES)}, or nothing for the local stack.")
    if stage == "local":
        os.environ.update(local_environment(DEFAULT.described))
    os.environ.update(stage_environment(stage, boto3.client("cloudformation")))
    reports = proving.prove_all(clock.now(), mend=False)
    sys.stdout.write("\n".join(table(reports)) + "\n")
    return int(any(report.differences for report in reports))


def local_environment(described: Path) -> dict[str, str]:
    """How the local stack is reached. Ends the program where none was started."""
    if not described.exists():
        progress.fail("There is no local stack: start it with `make up`, or name a stage: make rebuild STAGE=dev.")
    return {
        "AWS_ENDPOINT_URL": json.loads(described.read_text())["aws_endpoint"],
        "AWS_ACCESS_KEY_ID": DEPLOYER,
        "AWS_SECRET_ACCESS_KEY": DEPLOYER,
        "AWS_SESSION_TOKEN": "",
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
    }


def stage_environment(stage: str, cloudformation: Any) -> dict[str, str]:
    """What the functions of a stage are told of where its state is."""
    [data] = cloudformation.describe_stacks(StackName=f"quittance-{stage}-data")["Stacks"]
    outputs = {output["OutputKey"]: output["OutputValue"] for output in data["Outputs"]}
    return {
        "QUITTANCE_STAGE": stage,
        "QUITTANCE_TABLE_PREFIX": f"quittance-{stage}",
        "QUITTANCE_CHECKPOINT_BUCKET": outputs["CheckpointBucketName"],
        "QUITTANCE_CHECKPOINT_KEY": outputs["CheckpointKeyArn"],
    }


def table(reports: Sequence[Report]) -> list[str]:
    """The lines of a table, one for each tenant, and one for each difference below it."""
    names = ("tenant", *proving.FIGURES, "differences")
    rows = [(report.tenant, *map(str, proving.counts(report).values())) for report in reports]
    widths = [max(map(len, column)) for column in zip(names, *rows, strict=True)]
    lines = ["  ".join(text.rjust(width) for text, width in zip(row, widths, strict=True)) for row in (names, *rows)]
    for report in reports:
        for difference in report.differences[:MOST_TOLD]:
            facts = " ".join(f"{name}={value}" for name, value in difference.facts.items())
            lines.append(f"! {report.tenant} {difference.kind} {difference.subject} {facts}".rstrip())
    return lines


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
