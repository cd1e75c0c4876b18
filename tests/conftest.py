"""Fixtures every room shares: DynamoDB Local and tables of one's own. A room's builders live beside its tests."""

from __future__ import annotations

import os
import uuid
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support import dynamodb_local
from tests.support import local_stack as local_stacks
from tests.support.digest_key import DIGEST_KEY
from tests.support.dynamodb_local import Tables
from tests.support.local_stack import LocalStack
from tests.support.processes import Shares, needs_stack
from tests.support.sharing import share

# Set before any AWS client is made: a test that forgets an endpoint must fail, not reach an account of the developer's.
os.environ.update(
    AWS_ACCESS_KEY_ID="local",
    AWS_SECRET_ACCESS_KEY="local",
    AWS_DEFAULT_REGION="eu-central-1",
    AWS_EC2_METADATA_DISABLED="true",
    AWS_CONFIG_FILE=os.devnull,
    AWS_SHARED_CREDENTIALS_FILE=os.devnull,
    QUITTANCE_DIGEST_KEY=DIGEST_KEY,
)
os.environ.pop("AWS_PROFILE", None)
share()

LOUD = "NOT TESTED: "
"""How the reason of a skip begins that is told aloud at the end of the run."""

STORE = "dynamodb_endpoint"


def cannot_run(reason: str) -> None:
    """End the asking test: skipped with a loud line at the end of the run, failed where CI=true."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(LOUD + reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take longest begin first, so that no process is left alone with one in the end.

    Those are the ones that need the deployed stack, then those that need a store. Of the first, chaos comes last: it
    leaves the stack shaken, and every other test wants it sound.
    """
    stored = {item.path for item in items if isinstance(item, pytest.Function) and STORE in item.fixturenames}
    items.sort(key=lambda item: (not needs_stack(_file(item)), item.path not in stored, "chaos" in item.path.parts))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Shares:
    """Share out files."""
    return Shares(config, log)


def _file(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[0]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say loudly which tier this run left out."""
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    told = Counter(why.partition(LOUD)[2].rstrip("')") for why in skipped if LOUD in why)
    for reason, tests in sorted(told.items()):
        terminalreporter.write_line(f"!!! NOT TESTED: {tests} tests. {reason}.", red=True)


@pytest.fixture(scope="session")
def _dynamodb() -> Iterator[str | dynamodb_local.CannotRun]:
    # The refusal is handed on, not raised: each test that needs the server is then skipped by its own name.
    try:
        with dynamodb_local.running() as endpoint:
            yield endpoint
    except dynamodb_local.CannotRun as refusal:
        yield refusal


@pytest.fixture(scope="session")
def dynamodb_endpoint(_dynamodb: str | dynamodb_local.CannotRun) -> str:
    """The address of a DynamoDB Local that lives as long as the session."""
    if isinstance(_dynamodb, dynamodb_local.CannotRun):
        cannot_run(str(_dynamodb))
    return str(_dynamodb)


@pytest.fixture(scope="session")
def session_tables(dynamodb_endpoint: str) -> Tables:
    """One set of tables for the whole session; tests keep apart by tenant."""
    return dynamodb_local.create_tables(dynamodb_endpoint, f"session-{uuid.uuid4().hex[:12]}")


@pytest.fixture(scope="session")
def _lent_tables(dynamodb_endpoint: str) -> Tables:
    return dynamodb_local.create_tables(dynamodb_endpoint, f"test-{uuid.uuid4().hex[:12]}")


@pytest.fixture
def tables(_lent_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tables]:
    """A set of empty tables for this test alone; the environment points at them as it would on Lambda."""
    monkeypatch.setenv("QUITTANCE_TABLE_PREFIX", _lent_tables.prefix)
    monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", _lent_tables.endpoint)
    yield _lent_tables
    dynamodb_local.empty_tables(_lent_tables)


@pytest.fixture(scope="session")
def local_stack() -> Iterator[LocalStack]:
    """The whole product deployed on this machine, fresh, with its bank and two tenants, for the session."""
    with local_stacks.running() as stack:
        yield stack
