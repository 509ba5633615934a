"""The use cases: each opens the one transaction that it needs."""
