"""The `dualspan` command."""

from importlib.metadata import version

__version__ = version("dualspan-cli")
