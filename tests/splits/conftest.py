"""Books with splits for every test here."""

from __future__ import annotations

import pytest

from tests.splits.desk import Desk, desk_of
from tests.support.dynamodb_local import Tables


@pytest.fixture
def desk(session_tables: Tables, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The books of a new tenant."""
    return desk_of(session_tables, monkeypatch)
