"""One module for each kind of command that spans capabilities."""
