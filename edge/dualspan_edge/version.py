"""The version of this software, as it is installed."""

from importlib.metadata import version

VERSION = version("dualspan-edge")
