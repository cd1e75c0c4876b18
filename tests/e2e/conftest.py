"""The deployed product, a bank of the tests' own, and marketplaces in it; each lives as long as the session."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.bank import Bank
from tests.e2e.filled import fill
from tests.e2e.market import Market, open_market, register_bank
from tests.e2e.queues import impatient
from tests.e2e.schedules import stopped
from tests.e2e.web import Web
from tests.support.local_stack import LocalStack


@pytest.fixture(scope="session")
def brisk_queues(local_stack: LocalStack) -> Iterator[None]:
    """On a machine that is busy a call may fail: it comes again after seconds, or every wait here would be in vain.
    What is due is done when a test runs the schedule, lest it be between what a test looks at before and after."""
    with impatient(local_stack, seconds=10), stopped(local_stack, "due"):
        yield


@pytest.fixture(scope="session")
def open_web(local_stack: LocalStack, brisk_queues: None) -> Web:
    """The API without a token."""
    return Web(local_stack.description["api_url"])


@pytest.fixture(scope="session")
def functions(local_stack: LocalStack) -> Any:
    """A Lambda client with the deployer's credentials."""
    return local_stack.client("lambda")


@pytest.fixture(scope="session")
def register(open_web: Web, functions: Any) -> Callable[[str], Bank]:
    """Makes a bank of an id, registered with the product."""
    return lambda bank_id: register_bank(functions, open_web, bank_id)


@pytest.fixture(scope="session")
def bank(register: Callable[[str], Bank]) -> Bank:
    """The tests' own bank."""
    return register("bank_e2e")


@pytest.fixture(scope="session")
def new_market(open_web: Web, functions: Any, bank: Bank) -> Callable[..., Market]:
    """Makes an empty marketplace, another one each time, with an account at the tests' bank or the bank given."""
    numbers = itertools.count(1)
    return lambda at=bank: open_market(functions, open_web, at, next(numbers))


@pytest.fixture(scope="session")
def alpha(new_market: Callable[..., Market], functions: Any, local_stack: LocalStack) -> Market:
    """A marketplace with two of everything. Tests that read it must not write to it."""
    market = new_market()
    fill(market, functions, local_stack.client("dynamodb"))
    return market


@pytest.fixture(scope="session")
def beta(new_market: Callable[..., Market], functions: Any, local_stack: LocalStack) -> Market:
    """Another one like it, which must know nothing of the first."""
    market = new_market()
    fill(market, functions, local_stack.client("dynamodb"))
    return market


@pytest.fixture
def impatient_queues(local_stack: LocalStack) -> Iterator[None]:
    """For one test, failed messages come again after a second."""
    with impatient(local_stack, seconds=1):
        yield
