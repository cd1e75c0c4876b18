"""Deployment and the local stack: templates, the Lambda package, the sandbox bank. Nothing here runs on AWS."""
