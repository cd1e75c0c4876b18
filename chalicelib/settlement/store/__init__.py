"""What ties a trade to its siblings, kept in DynamoDB, a module for each subject."""
