"""DynamoDB and S3: table models, reads, one-transaction commits, and `once`, which makes a command happen once."""
