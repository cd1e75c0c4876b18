"""Tenants, their clients, and the tokens these get."""
