import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.up import Running, free_row, up


@pytest.fixture(scope="package")
def running() -> Iterator[Running]:
    """A platform on ports that are free."""
    folder = Path(tempfile.mkdtemp(prefix="dualspan-up-"))
    with up(folder, port_base=free_row()) as platform:
        yield platform
    shutil.rmtree(folder, ignore_errors=True)
