"""Emission factors of electricity by region: facts with their sources, one file for each publication."""
