"""Mutual TLS between two workloads: what the client sends, what the server takes, what was seen, and what would change it."""
