"""Generated from protos/; `make protos` writes it."""
