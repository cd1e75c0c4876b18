"""Pure rules of splits: the waterfall, the fees on it, and how a refund unwinds it."""
