"""What the tests stand on: local servers, builders, strategies."""
