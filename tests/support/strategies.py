"""Hypothesis strategies that more than one room needs."""

from __future__ import annotations

from hypothesis import strategies as st

from chalicelib.core.currencies import EXPONENTS
from chalicelib.core.money import MAX_MINOR, Money

currencies = st.sampled_from(sorted(EXPONENTS))
minors = st.one_of(st.integers(-1000, 1000), st.integers(-MAX_MINOR, MAX_MINOR))
money = st.builds(Money, minors, currencies)
weights = st.lists(st.integers(0, 10_000), min_size=1, max_size=12).filter(any)
