"""The ledger: accounts of five kinds, balanced entries, balances, history and the trial balance."""
