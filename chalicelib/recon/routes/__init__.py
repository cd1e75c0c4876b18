"""Statements, breaks, the reconciliation and exports over HTTP, by subject."""
