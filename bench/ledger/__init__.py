"""What `make bench-ledger` measures: the ledger's costs in capacity, round trips, CPU and time, each with its bound."""
