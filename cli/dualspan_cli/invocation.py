"""How a person calls this command: what is printed to be typed must work where it is read."""

from __future__ import annotations

import shutil
from pathlib import Path

COMMAND = "dualspan"


def typed_command(called_as: str) -> str:
    """What to type to call this command again.

    Args:
        called_as: `sys.argv[0]`.

    Returns:
        `dualspan` where that is found and is this command; else its path, from the working folder where it is below.
    """
    path = Path(called_as)
    found = shutil.which(COMMAND)
    if path.name != COMMAND or (found is not None and Path(found).resolve() == path.resolve()):
        return COMMAND
    here = Path.cwd()
    return str(path.absolute().relative_to(here)) if path.absolute().is_relative_to(here) else str(path.absolute())
