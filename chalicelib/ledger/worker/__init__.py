"""The ledger's functions beside the API: a module each, so that a cold start imports only what that one needs."""
