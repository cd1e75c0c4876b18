"""Trades over HTTP, a module for each subject. Commands that move money with a trade are routes of
`chalicelib.settlement`."""
