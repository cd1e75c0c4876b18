"""The local stack: emulator, deployment, sandbox bank and bridge, started together and stopped together.

    python -m infra.stack up | down | reset

`up` leaves everything running in the background and writes out/stack.json; it may be repeated, and picks up what a
`down` left. The parts are in modules of their own; here is their order.
"""

from __future__ import annotations

import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra import clock, progress
from infra.bank import sign
from infra.bank.accounts import open_accounts
from infra.bank.client import BankClient
from infra.bank.process import BankProcess
from infra.bootstrap import BANK_ID, Tenants, bootstrap
from infra.build import build
from infra.deploy import Stack, deploy_app, deploy_data
from infra.emulator import NAME as EMULATOR
from infra.emulator import Emulator, answers
from infra.paths import ROOT, STACK_PYTHON
from infra.place import DEFAULT, Place, is_taken

STAGE = "local"
BANK = "mock-bank"
BRIDGE = "bridge"
BANK_OPENS_AT = datetime(2026, 3, 2, 9, tzinfo=UTC)
"""A Monday, and the same one everywhere: the sandbox's dates do not depend on the day it is tried."""
ANSWER_SECONDS = 30
POLL_SECONDS = 0.1


def up(place: Place = DEFAULT) -> dict[str, Any]:
    """Start what is not running and deploy what changed; the content of out/stack.json. Ends the program on failure."""
    _begin_afresh_after_a_crash(place)
    ports = place.ports()
    emulator = Emulator(ports.gateway, place.folder / "aws")
    with progress.step("Lambda package"):
        built = build(STAGE)
    _start_emulator(place, emulator)
    with progress.step("data stack"):
        data = deploy_data(STAGE, emulator.client, poll_seconds=POLL_SECONDS)
        _lock_checkpoints(emulator, data)
        _keep_up_with(place, data)
    with progress.step("app stack"):
        app = deploy_app(built, data, emulator.client, poll_seconds=POLL_SECONDS)
        api_url = f"{emulator.endpoint}/restapis/{app.outputs['RestAPIId']}/api/_user_request_"
        _wait_for(api_url)
    with progress.step("signing key, bank, two marketplaces"):
        key = _bank_key(place)
        public_key = sign.public_key(key).decode()
        tenants = bootstrap(emulator.client("lambda"), bank_public_key_pem=public_key, memory=place.tenants)
    bank_url = f"http://127.0.0.1:{ports.bank}"
    _start_bank(place, ports.bank)
    clock.follow(emulator.client("dynamodb"), BankClient(bank_url))
    _start_bridge(place, emulator, api_url, bank_url=bank_url, bucket=data.outputs["BucketName"])
    return _describe(place, emulator, api_url, bank_url, tenants)


def down(place: Place = DEFAULT) -> None:
    """Stop everything and keep its state. Nothing happens where nothing runs."""
    background = place.background
    with progress.step("stopping the local stack"):
        background.stop(BRIDGE)
        if background.is_running(BANK):
            _remember_bank_time(place)
        background.stop(BANK)
        background.stop(EMULATOR)
    place.unfinished.unlink(missing_ok=True)


def reset(place: Place = DEFAULT) -> None:
    """Stop everything and forget its state."""
    down(place)
    place.forget()


def _begin_afresh_after_a_crash(place: Place) -> None:
    """The emulator writes its state when it stops cleanly, the bank at once: after a crash the two disagree."""
    if place.unfinished.exists() and not place.background.is_running(EMULATOR):
        progress.say("The local stack was not stopped by `make down`; its state is incomplete. Beginning afresh.")
        reset(place)
    place.unfinished.parent.mkdir(parents=True, exist_ok=True)
    place.unfinished.touch()


def _start_emulator(place: Place, emulator: Emulator) -> None:
    if place.background.is_running(EMULATOR) and emulator.is_up():
        return
    if is_taken(emulator.port):
        progress.fail(
            f"Port {emulator.port} is taken by another program, and the local stack's addresses hold it. Stop that "
            "program; or begin afresh on another port: make reset, then make up QUITTANCE_PORT=<a free port>."
        )
    with progress.step("emulator"):
        emulator.start(place.background)


def _keep_up_with(place: Place, data: Stack) -> None:
    """A data stack that was made anew (its state was lost, say by a kill) knows none of the tenants remembered."""
    record = place.folder / "data-stack-id"
    if record.exists() and record.read_text() != data.stack_id:
        place.background.stop(BRIDGE)
        place.background.stop(BANK)
        place.forget_state()
    record.write_text(data.stack_id)


def _lock_checkpoints(emulator: Emulator, data: Stack) -> None:
    """Object lock as the template has it: the emulator's CloudFormation leaves it out, its S3 keeps to it."""
    retention = {"Mode": "GOVERNANCE", "Days": 1}
    emulator.client("s3").put_object_lock_configuration(
        Bucket=data.outputs["CheckpointBucketName"],
        ObjectLockConfiguration={"ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": retention}},
    )


def _wait_for(api_url: str) -> None:
    deadline = time.monotonic() + ANSWER_SECONDS
    while not answers(f"{api_url}/v1/health"):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{api_url}/v1/health does not answer")
        time.sleep(POLL_SECONDS)


def _bank_key(place: Place) -> bytes:
    if not place.bank_key.exists():
        place.bank_key.touch(mode=0o600)
        place.bank_key.write_bytes(sign.create_key())
    return place.bank_key.read_bytes()


def _start_bank(place: Place, port: int) -> None:
    if place.background.is_running(BANK):
        return
    if is_taken(port):
        progress.fail(
            f"Port {port} is taken by another program. Begin on another: make reset up QUITTANCE_BANK_PORT=..."
        )
    with progress.step("sandbox bank"):
        program = STACK_PYTHON.with_name("mock-bank")
        process = BankProcess(program, place.bank, port=port, opens_at=BANK_OPENS_AT)
        process.start()
        place.background.adopt(BANK, process.pid or 0)
        open_accounts(process.client)


def _start_bridge(place: Place, emulator: Emulator, api_url: str, *, bank_url: str, bucket: str) -> None:
    options = {
        "aws-endpoint": emulator.endpoint,
        "api-url": api_url,
        "bank-url": bank_url,
        "bank-id": BANK_ID,
        "key-file": place.bank_key,
        "bucket": bucket,
        "statements-dir": place.statements,
        "state-file": place.bank / "bridge.json",
    }
    command = [sys.executable, "-m", "infra.bank.bridge"]
    command += [f"--{name}={value}" for name, value in options.items()]
    place.background.keep(BRIDGE, command, {**os.environ, **emulator.credentials(), "PYTHONPATH": str(ROOT)})


def _describe(place: Place, emulator: Emulator, api_url: str, bank_url: str, tenants: Tenants) -> dict[str, Any]:
    description = {
        "api_url": api_url,
        "aws_endpoint": emulator.endpoint,
        "bank": {
            "id": BANK_ID,
            "callback_url": f"{api_url}/v1/banks/{BANK_ID}/callbacks",
            "private_key_pem": place.bank_key.read_text(),
            "control_url": bank_url,
            "statements": str(place.statements),
        },
        "tenants": tenants,
    }
    place.described.parent.mkdir(parents=True, exist_ok=True)
    place.described.unlink(missing_ok=True)
    place.described.touch(mode=0o600)
    place.described.write_text(json.dumps(description, indent=2) + "\n")
    return description


def _remember_bank_time(place: Place) -> None:
    """As BankProcess.stop does for a process of its own: bank time goes on from here at the next start."""
    moment = BankClient(f"http://127.0.0.1:{place.ports().bank}").now().replace(tzinfo=None)
    (place.bank / "clock").write_text(moment.isoformat(timespec="seconds"))


def main() -> None:
    """Do what the command line says."""
    actions = {"up": up, "down": down, "reset": reset}
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in actions:
        progress.fail("Say up, down or reset.")
    actions[name]()
    if name == "up":
        progress.say(f"The local stack answers; {Path('out/stack.json')} says where and with which credentials.")


if __name__ == "__main__":
    main()
