"""Which OPC UA servers a plant has: asked only where a person said to ask, and never faster than a network bears."""

from dualspan_edge.discovery.finder import Finder

__all__ = ["Finder"]
