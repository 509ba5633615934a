"""The use cases of identity: one transaction each."""
