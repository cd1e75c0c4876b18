"""Trades: templates, terms, evidence, escrow state and final settlement."""
