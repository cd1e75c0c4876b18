"""Splits: the division of an amount among parties by a waterfall of shares."""
