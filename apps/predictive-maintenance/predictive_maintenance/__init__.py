"""Machines that behave unlike themselves, and since when."""
