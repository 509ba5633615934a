"""Versions that are tried in the sandbox before anybody reviews them. Pure."""
