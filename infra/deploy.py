"""Deploys a stage by CloudFormation: the data stack, the package, then the app stack.

    python -m infra.deploy dev        (to AWS, with the caller's credentials and region)

The same code deploys the local stage into the emulator, handed a client factory of its own.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infra import progress
from infra.build import Built, build
from infra.paths import STAGES
from infra.templates import DATA_TEMPLATE

Clients = Callable[[str], Any]
"""Makes a client by the name of its service."""

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
MOST_BODY_BYTES = 51_200
"""A longer template has to lie in S3."""
WAIT_SECONDS = 1800


class DeploymentFailed(Exception):
    """CloudFormation gave up; the message holds its reasons."""


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack that stands: its id, new whenever it was made anew, and its outputs."""

    stack_id: str
    outputs: dict[str, str]


def deploy_data(stage: str, clients: Clients, *, poll_seconds: float) -> Stack:
    """Create or update the data stack of a stage. Raises DeploymentFailed."""
    body = {"TemplateBody": DATA_TEMPLATE.read_text(encoding="utf-8")}
    return _deploy(clients("cloudformation"), f"quittance-{stage}-data", body, {"Stage": stage}, poll_seconds)


def deploy_app(built: Built, data: Stack, clients: Clients, *, poll_seconds: float) -> Stack:
    """Upload the package and create or update the app stack. Raises DeploymentFailed."""
    s3 = clients("s3")
    bucket = data.outputs["PackagesBucketName"]
    key = f"packages/{built.package_sha256}.zip"
    with built.package_path.open("rb") as package:
        s3.put_object(Bucket=bucket, Key=key, Body=package)
    # Compact, because a body is limited.
    text = json.dumps(json.loads(built.template_path.read_text()), separators=(",", ":"))
    body = {"TemplateBody": text}
    if len(text) > MOST_BODY_BYTES:
        template_key = f"templates/{built.package_sha256}.json"
        s3.put_object(Bucket=bucket, Key=template_key, Body=text.encode())
        body = {"TemplateURL": _address(s3, bucket, template_key)}
    parameters = {"Stage": built.stage, "CodeBucket": bucket, "CodeKey": key}
    return _deploy(clients("cloudformation"), f"quittance-{built.stage}-app", body, parameters, poll_seconds)


def _address(s3: Any, bucket: str, key: str) -> str:
    return f"{s3.meta.endpoint_url}/{bucket}/{key}"


def _deploy(
    cloudformation: Any, name: str, body: dict[str, str], parameters: dict[str, str], poll_seconds: float
) -> Stack:
    listed = [{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()]
    arguments = {"StackName": name, "Parameters": listed, "Capabilities": CAPABILITIES, **body}
    try:
        cloudformation.create_stack(**arguments)
    except cloudformation.exceptions.AlreadyExistsException:
        try:
            cloudformation.update_stack(**arguments)
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
    return _finished(cloudformation, name, poll_seconds)


def _finished(cloudformation: Any, name: str, poll_seconds: float) -> Stack:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
        status = stack["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(poll_seconds)
    if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise DeploymentFailed(f"{name} is {status}:\n{_reasons(cloudformation, name)}")
    outputs = {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}
    return Stack(stack["StackId"], outputs)


def _reasons(cloudformation: Any, name: str) -> str:
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    failed = [e for e in events if e["ResourceStatus"].endswith("FAILED")]
    return "\n".join(f"  {e['LogicalResourceId']}: {e.get('ResourceStatusReason', '')}" for e in failed)


def main() -> None:
    """Deploy the stage named on the command line to AWS."""
    stage = sys.argv[1] if len(sys.argv) > 1 else ""
    if stage not in STAGES or stage == "local":
        progress.fail("Say which stage to deploy to AWS: make deploy STAGE=dev (or prod). The local one is `make up`.")
    built = build(stage)
    with progress.step(f"data stack of {stage}"):
        data = deploy_data(stage, boto3.client, poll_seconds=3)
    with progress.step(f"app stack of {stage}"):
        app = deploy_app(built, data, boto3.client, poll_seconds=3)
    progress.say(f"The API answers at {app.outputs['EndpointURL'].rstrip('/')}/v1/health")


if __name__ == "__main__":
    main()
