"""Why a server cannot be connected to: tried step by step, said in plain words."""

from dualspan_edge.diagnosis.tester import ConnectionTester

__all__ = ["ConnectionTester"]
