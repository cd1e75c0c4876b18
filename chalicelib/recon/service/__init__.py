"""Commands and questions of reconciliation, one module for each kind."""
