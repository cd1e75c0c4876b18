"""The ledger's commands and questions, a module for each subject."""
