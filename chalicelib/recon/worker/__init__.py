"""What reconciliation does beside the API: exports from a queue, positions on a schedule."""
