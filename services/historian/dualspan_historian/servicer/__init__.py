"""Protobuf ⇄ use cases, nothing else."""
