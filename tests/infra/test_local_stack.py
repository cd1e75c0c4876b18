"""The local stack as a whole: it answers on loopback alone, resumes after a stop, and forgets after a reset."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from infra import stack
from infra.bank.client import BankClient
from infra.emulator import Emulator, answers
from infra.place import Place, is_taken
from tests.support.local_stack import LocalStack

SECRET_ID = "quittance-local-signing"


def listeners(port: int) -> list[str]:
    """The local addresses, in the kernel's hexadecimal, that listen on a port."""
    rows = [line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/net/{name}").read_text().splitlines()[1:]]
    return [row[1].rpartition(":")[0] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port]


def test_the_description_says_where_everything_is(local_stack: LocalStack) -> None:
    description = json.loads(local_stack.place.described.read_text())

    assert set(description) == {"api_url", "aws_endpoint", "bank", "tenants"}
    assert answers(f"{description['api_url']}/v1/health")
    assert description["bank"]["callback_url"].startswith(description["api_url"])
    assert description["bank"]["private_key_pem"].startswith("-----BEGIN PRIVATE KEY-----")
    assert BankClient(description["bank"]["control_url"]).is_up()


def test_there_are_two_marketplaces_with_credentials_of_their_own(local_stack: LocalStack) -> None:
    tenants = local_stack.description["tenants"]

    for part in ("tenant_id", "client_id", "client_secret", "iban"):
        assert len({tenant[part] for tenant in tenants}) == 2, part


def test_the_description_is_for_its_owner_alone(local_stack: LocalStack) -> None:
    assert local_stack.place.described.stat().st_mode & 0o077 == 0
    assert local_stack.place.bank_key.stat().st_mode & 0o077 == 0


@pytest.mark.skipif(not Path("/proc/net/tcp").exists(), reason="this system does not list its listeners")
def test_everything_listens_on_loopback_alone(local_stack: LocalStack) -> None:
    ports = local_stack.place.ports()

    assert listeners(ports.gateway) == listeners(ports.bank) == ["0100007F"]


def test_starting_what_runs_changes_nothing(local_stack: LocalStack) -> None:
    assert stack.up(local_stack.place) == local_stack.description


def test_bank_time_and_the_stages_clock_are_one(local_stack: LocalStack) -> None:
    key = {"pk": {"S": "sandbox#clock"}, "sk": {"S": "state"}}
    item = local_stack.client("dynamodb").get_item(TableName="quittance-local-records", Key=key)["Item"]

    bank_time = BankClient(local_stack.description["bank"]["control_url"]).now()

    assert abs(bank_time.timestamp() - time.time() - int(item["doc"]["S"])) < 5


def test_a_stop_keeps_the_state_a_reset_does_not(tmp_path: Path) -> None:
    place = Place(tmp_path / "stack", tmp_path / "stack.json")
    try:
        first = stack.up(place)
        secrets = Emulator(place.ports().gateway, place.folder / "aws").client("secretsmanager")
        signing_keys = secrets.get_secret_value(SecretId=SECRET_ID)["SecretString"]
        before = BankClient(first["bank"]["control_url"]).advance(days=3)
        stack.down(place)
        assert not is_taken(place.ports().gateway)
        assert not is_taken(place.ports().bank)

        again = stack.up(place)
        assert again == first
        assert secrets.get_secret_value(SecretId=SECRET_ID)["SecretString"] == signing_keys
        assert BankClient(again["bank"]["control_url"]).now() >= before

        stack.reset(place)
        assert not place.folder.exists()
    finally:
        stack.reset(place)


def test_after_a_crash_it_begins_afresh_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(tmp_path / "stack", tmp_path / "stack.json")
    try:
        first = stack.up(place)
        pid = int((place.folder / "run" / "ministack.pid").read_text().splitlines()[0])
        os.kill(pid, 9)
        os.waitpid(pid, 0)

        again = stack.up(place)

        assert "Beginning afresh" in capsys.readouterr().out
        assert again["tenants"] != first["tenants"]
        assert answers(f"{again['api_url']}/v1/health")
    finally:
        stack.reset(place)


def test_a_taken_port_is_told_in_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = Place(tmp_path / "stack", tmp_path / "stack.json")
    port = place.ports().gateway
    command = ["python3", "-m", "http.server", str(port), "--bind", "127.0.0.1"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as other:
        while not is_taken(port):
            time.sleep(0.05)

        with pytest.raises(SystemExit):
            stack.up(place)

        other.terminate()
    assert f"Port {port} is taken by another program" in capsys.readouterr().err
    stack.reset(place)
