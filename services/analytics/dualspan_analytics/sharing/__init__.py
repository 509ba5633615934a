"""Quartiles across enterprises that give nobody away: what may be published, and how. Pure."""
