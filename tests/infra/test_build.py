"""The package: the same bytes each time, small, compiled, and with the sandbox clock in the local one alone."""

from __future__ import annotations

import struct
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from infra import build as building
from infra.build import Built, PackageRefused, build, refuse_unfit, refuse_unknown, source_files, write_zip
from infra.dependencies import AWS_SERVICES
from infra.paths import BUILD, ROOT

UNCHECKED_HASH = 0b01
MODULES = (
    "app",
    "boto3",
    "jose.jws",
    "jose.jwt",
    "lxml.etree",
    "msgspec.json",
    "pynamodb.models",
    "pynamodb.connection",
    "cryptography.hazmat.primitives.ciphers.aead",
    "cryptography.hazmat.primitives.asymmetric.ec",
)


@pytest.fixture(scope="module")
def local() -> Built:
    return build("local")


@pytest.fixture(scope="module")
def unpacked(local: Built, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("package")
    with zipfile.ZipFile(local.package_path) as archive:
        archive.extractall(folder)
    return folder


def names(built: Built) -> list[str]:
    with zipfile.ZipFile(built.package_path) as archive:
        return archive.namelist()


def run(package: Path, code: str) -> subprocess.CompletedProcess[str]:
    environment = {"AWS_DEFAULT_REGION": "eu-central-1"}
    prelude = f"import sys; sys.path.insert(0, {str(package)!r}); "
    command = [sys.executable, "-I", "-S", "-c", prelude + code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_package_is_within_twenty_megabytes(local: Built) -> None:
    assert local.zip_bytes <= 20 * 1024 * 1024


def test_equal_input_is_not_built_again(local: Built) -> None:
    stamp = local.package_path.stat().st_mtime_ns

    assert build("local") == local
    assert local.package_path.stat().st_mtime_ns == stamp


def test_equal_trees_give_equal_zips(local: Built, unpacked: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.zip"

    write_zip(unpacked, again)

    assert again.read_bytes() == local.package_path.read_bytes()


def test_the_zip_is_sorted_and_has_no_time_of_its_own(local: Built) -> None:
    with zipfile.ZipFile(local.package_path) as archive:
        members = archive.infolist()

    assert [m.filename for m in members] == sorted((m.filename for m in members), key=lambda name: Path(name).parts)
    assert {m.date_time for m in members} == {(1980, 1, 1, 0, 0, 0)}


def test_every_module_has_bytecode_that_is_never_checked(unpacked: Path) -> None:
    tag = sys.implementation.cache_tag

    for source in unpacked.rglob("*.py"):
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        (flags,) = struct.unpack("<I", compiled.read_bytes()[4:8])
        assert flags == UNCHECKED_HASH, source


def test_only_the_services_in_use_are_modelled(unpacked: Path) -> None:
    assert {path.name for path in (unpacked / "botocore" / "data").iterdir() if path.is_dir()} == set(AWS_SERVICES)


@pytest.mark.parametrize("module", MODULES)
def test_what_was_pruned_is_not_missed(unpacked: Path, module: str) -> None:
    done = run(unpacked, f"import {module}")

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("service", sorted(AWS_SERVICES))
def test_a_client_of_each_service_can_be_made(unpacked: Path, service: str) -> None:
    done = run(unpacked, f"import boto3; boto3.client({service!r})")

    assert done.returncode == 0, done.stderr


def test_the_packages_bytes_are_signed_by_cryptography_not_by_a_fallback(unpacked: Path) -> None:
    done = run(unpacked, "from jose.backends import ECKey; print(ECKey.__module__)")

    assert done.stdout.strip() == "jose.backends.cryptography_backend"


def test_the_local_package_moves_the_clock(local: Built) -> None:
    assert "chalicelib/sandbox.py" in names(local)


@pytest.mark.parametrize("stage", ["dev", "prod"])
def test_no_other_stage_is_given_the_sandbox_clock(stage: str) -> None:
    assert not [path for path in source_files(stage) if "sandbox" in path.name]
    assert not [name for name in names(build(stage)) if name.startswith("chalicelib/") and "sandbox" in name]


def test_a_package_that_moves_the_clock_is_refused_elsewhere(local: Built) -> None:
    with pytest.raises(PackageRefused, match=r"chalicelib/.*sandbox"):
        refuse_unfit(replace(local, stage="prod"))


def test_a_package_beyond_the_limit_is_refused(local: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "MOST_ZIP_BYTES", local.zip_bytes - 1)

    with pytest.raises(PackageRefused, match="bytes"):
        refuse_unfit(local)


def test_a_template_that_speaks_of_a_missing_function_is_refused() -> None:
    template = {"Resources": {"Api": {"Type": "AWS::Serverless::Api"}, "Accrue": {"Properties": {}}}}

    with pytest.raises(PackageRefused, match="Accrue"):
        refuse_unknown(template)


def test_builds_lie_outside_what_is_committed() -> None:
    ignored = (ROOT / ".gitignore").read_text().splitlines()

    assert f"{BUILD.name}/" in ignored
