"""Where a local stack keeps its things."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from infra.place import Place, is_taken


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    for variable in ("QUITTANCE_PORT", "QUITTANCE_BANK_PORT"):
        monkeypatch.delenv(variable, raising=False)
    return Place(tmp_path / "stack", tmp_path / "out" / "stack.json")


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_ports_stay_with_the_state(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    first = place.ports()
    monkeypatch.setenv("QUITTANCE_PORT", "1")

    assert place.ports() == first


def test_ports_can_be_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUITTANCE_PORT", "23456")
    monkeypatch.setenv("QUITTANCE_BANK_PORT", "23457")

    assert (place.ports().gateway, place.ports().bank) == (23456, 23457)


def test_a_taken_port_is_passed_over(place: Place, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.place.GATEWAY_PORT", taken)

    assert place.ports().gateway != taken
    assert not is_taken(place.ports().gateway)


def test_two_ports_are_never_the_same(place: Place, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.place.GATEWAY_PORT", taken)
    monkeypatch.setattr("infra.place.BANK_PORT", taken)

    assert place.ports().gateway != place.ports().bank


def test_forgetting_a_deployment_keeps_the_ports_and_the_banks_key(place: Place) -> None:
    ports = place.ports()
    place.bank.mkdir()
    place.bank_key.write_text("key")
    place.tenants.write_text("[]")

    place.forget_state()

    assert place.ports() == ports
    assert place.bank_key.exists()
    assert not place.bank.exists()
    assert not place.tenants.exists()


def test_a_reset_leaves_nothing(place: Place) -> None:
    place.ports()
    place.described.parent.mkdir()
    place.described.write_text("{}")

    place.forget()

    assert not place.folder.exists()
    assert not place.described.exists()
