"""The bridge between a real mock-bank and a server that plays our API: each thing once, nothing lost."""

from __future__ import annotations

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from jose import jwk, jws

from infra.bank import sign
from infra.bank.accounts import STEEL
from infra.bank.bridge import Bridge, Step
from infra.bank.client import BankClient
from infra.paths import ROOT
from tests.infra.bank.build import payment_file
from tests.infra.bank.conftest import BANK_ID, KEY, Api, BuildBridge, Callback, Folder

NOTHING = Step((), (), (), ())


class Crash(Exception):
    """The process ended here."""


def crash(*_: object) -> None:
    raise Crash


def kinds(api: Api) -> list[str]:
    names = {b"CstmrPmtStsRpt": "pain.002", b"BkToCstmrDbtCdtNtfctn": "camt.054", b"PmtRtr": "pacs.004"}
    return [kind for callback in api.callbacks for name, kind in names.items() if b"<" + name + b">" in callback.body]


def verified(callback: Callback) -> dict[str, object]:
    """The protected header of a callback whose signature holds over its exact body."""
    header, _, value = callback.headers["x-jws-signature"].split(".")
    payload = base64.urlsafe_b64encode(callback.body).decode().rstrip("=")
    key = jwk.construct(sign.public_key(KEY).decode(), "ES256")
    assert jws.verify(f"{header}.{payload}.{value}", key, ["ES256"]) == callback.body
    protected: dict[str, object] = jws.get_unverified_header(f"{header}.{payload}.{value}")
    return protected


def test_a_credit_becomes_one_signed_callback(bank: BankClient, api: Api, build_bridge: BuildBridge) -> None:
    bank.credit(STEEL.account, 100_000_000, reference="QT7K2M9P4")
    bridge = build_bridge()

    step = bridge.step()

    assert step == Step((), ("MB-C054-STEEL-1",), (), ())
    (callback,) = api.callbacks
    assert callback.path == f"/v1/banks/{BANK_ID}/callbacks"
    assert callback.headers["content-type"] == "application/xml"
    header = verified(callback)
    assert (header["iss"], header["jti"]) == (BANK_ID, "MB-C054-STEEL-1")
    assert abs(int(str(header["iat"])) - time.time()) < 60
    assert (bridge.step(), bank.mailbox()) == (NOTHING, ())


def test_a_message_waits_until_it_is_accepted(bank: BankClient, api: Api, build_bridge: BuildBridge) -> None:
    bank.credit(STEEL.account, 100)
    bridge = build_bridge()
    api.status = 503

    refused = bridge.step()

    assert refused == Step((), (), (), (("MB-C054-STEEL-1", 503),))
    assert len(bank.mailbox()) == 1
    api.status = 202
    assert bridge.step().delivered == ("MB-C054-STEEL-1",)
    assert api.callbacks[0].body == api.callbacks[1].body


def test_a_payment_file_is_handed_over_once_and_its_answers_passed_on(
    bank: BankClient, api: Api, folder: Folder, build_bridge: BuildBridge
) -> None:
    (folder.path / "pay_1.xml").write_bytes(payment_file("pay_1"))
    bridge = build_bridge()

    moved = bridge.drain()

    assert moved.handed_over == ("pay_1.xml",)
    assert kinds(api) == ["pain.002", "camt.054"]
    assert build_bridge().drain() == NOTHING
    assert bank.balance_minor(STEEL.account) == -4_250_000


def test_a_file_the_bank_refuses_counts_as_handed_over(
    bank: BankClient, api: Api, folder: Folder, build_bridge: BuildBridge
) -> None:
    bank.change_account(STEEL.account, behaviour="reject-file")
    (folder.path / "pay_1.xml").write_bytes(payment_file("pay_1"))
    (folder.path / "pay_2.xml").write_bytes(b"no file")

    moved = build_bridge().drain()

    assert moved.handed_over == ("pay_1.xml", "pay_2.xml")
    assert kinds(api) == ["pain.002", "pain.002"]


def test_a_statement_is_kept_for_upload_and_is_no_callback(
    bank: BankClient, api: Api, build_bridge: BuildBridge, tmp_path: Path
) -> None:
    bank.advance(days=1)

    moved = build_bridge().drain()

    assert moved.statements == ("MB-C053-GRAIN-1", "MB-C053-STEEL-1")
    assert (api.callbacks, bank.mailbox()) == ([], ())
    kept = sorted(str(path.relative_to(tmp_path / "statements")) for path in (tmp_path / "statements").rglob("*.*"))
    assert kept == ["GRAIN/MB-C053-GRAIN-1.xml", "STEEL/MB-C053-STEEL-1.xml"]
    assert b"<BkToCstmrStmt>" in (tmp_path / "statements" / "STEEL" / "MB-C053-STEEL-1.xml").read_bytes()


def test_a_crash_after_handing_over_hands_over_no_second_time(
    bank: BankClient, api: Api, folder: Folder, build_bridge: BuildBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder.path / "pay_1.xml").write_bytes(payment_file("pay_1"))
    crashing = build_bridge()
    with monkeypatch.context() as patch:
        patch.setattr("infra.bank.memory.Memory.add_file", crash)
        with pytest.raises(Crash):
            crashing.step()

    build_bridge().drain()

    assert kinds(api) == ["pain.002", "camt.054"]
    assert bank.balance_minor(STEEL.account) == -4_250_000


@pytest.mark.parametrize("place", ["infra.bank.memory.Memory.add_message", "infra.bank.client.BankClient.collect"])
def test_a_crash_after_our_202_only_tells_it_again(
    place: str, bank: BankClient, api: Api, build_bridge: BuildBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.credit(STEEL.account, 100)
    crashing = build_bridge()
    with monkeypatch.context() as patch:
        patch.setattr(place, crash)
        with pytest.raises(Crash):
            crashing.step()

    assert build_bridge().step().delivered == ("MB-C054-STEEL-1",)

    assert api.callbacks[0].body == api.callbacks[1].body
    assert bank.mailbox() == ()


def test_a_crash_between_taking_and_putting_back_loses_nothing(
    bank: BankClient, api: Api, build_bridge: BuildBridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    bank.credit(STEEL.account, 100)
    (first,) = bank.mailbox()
    crashing = build_bridge()
    monkeypatch.setattr(bank, "mailbox", lambda: (first,))
    bank.credit(STEEL.account, 200)
    monkeypatch.setattr(bank, "put_back", crash)
    with pytest.raises(Crash):
        crashing.step()
    monkeypatch.undo()
    assert bank.mailbox() == ()

    assert build_bridge().step().delivered == ("MB-C054-STEEL-2",)

    assert [verified(callback)["jti"] for callback in api.callbacks] == ["MB-C054-STEEL-1", "MB-C054-STEEL-2"]


def test_the_program_runs_over_an_outage_until_it_is_told_to_stop(bank: BankClient, api: Api, tmp_path: Path) -> None:
    (tmp_path / "key.pem").write_bytes(KEY)
    options = {
        "aws-endpoint": "http://127.0.0.1:9",
        "api-url": api.url,
        "bank-url": "http://127.0.0.1:9",
        "bank-id": BANK_ID,
        "key-file": tmp_path / "key.pem",
        "bucket": "none",
        "statements-dir": tmp_path / "statements",
        "state-file": tmp_path / "state",
    }
    command = [sys.executable, "-m", "infra.bank.bridge", *(f"--{name}={value}" for name, value in options.items())]

    with subprocess.Popen(command, stderr=subprocess.PIPE, cwd=ROOT, env=os.environ | {"AWS_MAX_ATTEMPTS": "1"}) as it:
        assert it.stderr is not None
        first = it.stderr.readline().decode()
        it.send_signal(signal.SIGTERM)
        assert it.wait(20) == 0

    assert first.startswith("waiting: ")


def test_running_steps_until_stopped_and_reports_what_moved(bank: BankClient, build_bridge: BuildBridge) -> None:
    bank.credit(STEEL.account, 100)
    reports = run_once(build_bridge())

    assert reports == ["passed on 0 files, 1 callbacks, 0 statements"]


def test_running_reports_what_is_refused(bank: BankClient, api: Api, build_bridge: BuildBridge) -> None:
    bank.credit(STEEL.account, 100)
    api.status = 401

    reports = run_once(build_bridge())

    assert reports == ["passed on 0 files, 0 callbacks, 0 statements; refused MB-C054-STEEL-1 (401)"]


def run_once(bridge: Bridge) -> list[str]:
    """One turn of `run`: the first report stops it."""
    reports: list[str] = []
    bridge.run(StopAfter(reports), report=reports.append)
    return reports


class StopAfter(threading.Event):
    """Set once something was reported, and never waits."""

    def __init__(self, reports: list[str]) -> None:
        super().__init__()
        self._reports = reports

    def is_set(self) -> bool:
        return bool(self._reports)

    def wait(self, timeout: float | None = None) -> bool:
        return self.is_set()
