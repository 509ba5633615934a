"""Readings of what a service's tables take."""
