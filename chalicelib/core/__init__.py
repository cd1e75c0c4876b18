"""The pure centre: money, allocation, errors, ids, instants. Standard library only; no clock, IO or randomness."""
