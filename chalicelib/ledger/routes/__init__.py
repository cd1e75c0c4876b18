"""The ledger over HTTP, a module for each subject."""
