"""The deployed product, a bank of the tests' own, and marketplaces in it; each lives as long as the session."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from infra.bootstrap import operate
from tests.e2e.bank import Bank, new_bank, public_pem
from tests.e2e.market import Market, fill, open_market
from tests.e2e.web import Web
from tests.support.local_stack import LocalStack

BANK_ID = "bank_e2e"


@pytest.fixture(scope="session")
def open_web(local_stack: LocalStack) -> Web:
    """The API without a token."""
    return Web(local_stack.description["api_url"])


@pytest.fixture(scope="session")
def functions(local_stack: LocalStack) -> Any:
    """A Lambda client with the deployer's credentials."""
    return local_stack.client("lambda")


@pytest.fixture(scope="session")
def bank(open_web: Web, functions: Any) -> Bank:
    """The tests' own bank."""
    made = new_bank(open_web, BANK_ID)
    told = {"action": "register_bank", "bank_id": BANK_ID, "name": "Bank of the tests"}
    operate(functions, {**told, "public_key_pem": public_pem(made)})
    return made


@pytest.fixture(scope="session")
def new_market(open_web: Web, functions: Any, bank: Bank) -> Callable[[], Market]:
    """Makes an empty marketplace, another one each time."""
    numbers = itertools.count(1)
    return lambda: open_market(functions, open_web, bank, next(numbers))


@pytest.fixture(scope="session")
def alpha(new_market: Callable[[], Market]) -> Market:
    """A marketplace with two of everything. Tests that read it must not write to it."""
    market = new_market()
    fill(market)
    return market


@pytest.fixture(scope="session")
def beta(new_market: Callable[[], Market]) -> Market:
    """Another one like it, which must know nothing of the first."""
    market = new_market()
    fill(market)
    return market
