"""An application of one small router, with every manner of route."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.api import Api, signing, token_for
from tests.web.probe import application


@pytest.fixture
def signed() -> Iterator[None]:
    """A signing key of this test's own."""
    with signing():
        yield


@pytest.fixture
def api(signed: None) -> Api:
    """The probe, asked by a client of `ten_a` that may do everything."""
    return Api(application(), token_for("ten_a"))
