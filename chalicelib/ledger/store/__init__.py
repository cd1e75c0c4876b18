"""How the ledger stands in DynamoDB."""
