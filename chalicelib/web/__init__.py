"""The HTTP edge: authenticate, parse, answer; problem details; pages; the OpenAPI document. No rule of money here."""
