"""Joining, resampling and writing columns; no I/O."""
