"""One site for all tests of this package: it takes a while to start, and streams until the last of them has ended."""

import os
import subprocess
from collections.abc import AsyncGenerator, Callable
from contextlib import ExitStack
from pathlib import Path

import pytest_asyncio

from harness.site import Site, open_site, site_folder

ITEMS = 100
RATE = 10_000.0
DISK_BYTES = 24 * 1024 * 1024


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def site(free_port: Callable[[], int]) -> AsyncGenerator[Site]:
    with ExitStack() as stack:
        folder = stack.enter_context(site_folder("faults"))
        if os.geteuid() == 0:
            stack.enter_context(small_disk(folder / "gateway"))
        async with open_site(folder, free_port, rate=RATE, items=ITEMS) as opened:
            yield opened


def small_disk(folder: Path) -> ExitStack:
    """A file system of a few megabytes for the gateway's buffer."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", folder], check=True)
    stack = ExitStack()
    stack.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
    return stack
