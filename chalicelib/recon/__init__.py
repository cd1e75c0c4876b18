"""Bank statements against the books: proof, matching, breaks and their resolution, exports. A line books nothing."""
