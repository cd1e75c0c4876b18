"""Tokens, signatures and sealing: every use of a key is in this room."""
