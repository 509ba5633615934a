"""Completeness reports: what was expected, received, repaired and is missing, tag by tag."""
