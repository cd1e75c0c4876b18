"""The fixtures of the end-to-end tests: chaos comes to the same stack."""

from tests.e2e.conftest import bank, functions, impatient_queues, new_market, open_web, register

__all__ = ["bank", "functions", "impatient_queues", "new_market", "open_web", "register"]
