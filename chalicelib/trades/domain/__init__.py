"""Pure rules of trades, a module for each subject."""
