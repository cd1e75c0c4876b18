"""A bank and marketplaces for chaos alone, in the session's stack."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.market import Market, open_market, register_bank
from tests.e2e.queues import impatient
from tests.e2e.web import Web
from tests.support.local_stack import LocalStack

FIRST_NUMBER = 1_001
"""Marketplaces of the other end-to-end tests have lower ones."""


@pytest.fixture(scope="session")
def new_market(local_stack: LocalStack) -> Callable[[], Market]:
    """Makes an empty marketplace, another one each time."""
    functions, web = local_stack.client("lambda"), Web(local_stack.description["api_url"])
    bank = register_bank(functions, web, "bank_chaos")
    numbers = itertools.count(FIRST_NUMBER)
    return lambda: open_market(functions, web, bank, next(numbers))


@pytest.fixture
def impatient_queues(local_stack: LocalStack) -> Iterator[None]:
    """For one test, failed messages come again after a second."""
    with impatient(local_stack, seconds=1):
        yield
