"""What runs by itself across capabilities, a module for each function: a cold start imports what its function needs.

Each handler asks the clock once. All it does is keyed by what it is about, so a message that comes again changes
nothing: one fact of a bank's message is one command, and so is one payout.
"""
