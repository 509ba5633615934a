"""One site for all tests of this package: it takes a while to start, and streams until the last of them has ended."""

import os
import subprocess
from collections.abc import AsyncGenerator, Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from harness.otlp import Receiver, receiving
from harness.site import Site, open_site, site_folder

ITEMS = 100
RATE = 10_000.0
DISK_BYTES = 24 * 1024 * 1024
# What is kept of acknowledged frames is room that a full disk still has.
SMALL_TAIL = {"DUALSPAN_GATEWAY_BUFFER_KEEP_BYTES": "65536"}


@pytest.fixture(scope="package")
def receiver() -> Generator[Receiver]:
    """Where the site's traces go: of frames only, one every two seconds."""
    with receiving() as opened:
        yield opened


@pytest_asyncio.fixture(scope="package", loop_scope="package")
async def site(free_port: Callable[[], int], receiver: Receiver) -> AsyncGenerator[Site]:
    traces = {
        "DUALSPAN_OTLP_ENDPOINT": receiver.endpoint,
        "DUALSPAN_TRACE_RATIO": "0",
        "DUALSPAN_HISTORIAN_FRAME_TRACE_SECONDS": "2",
    }
    with ExitStack() as stack:
        folder = stack.enter_context(site_folder("faults"))
        if os.geteuid() == 0:
            stack.enter_context(small_disk(folder / "gateway"))
        opening = open_site(
            folder, free_port, rate=RATE, items=ITEMS, platform_settings=traces, gateway_settings=SMALL_TAIL
        )
        async with opening as opened:
            yield opened


def small_disk(folder: Path) -> ExitStack:
    """A file system of a few megabytes for the gateway's buffer."""
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=700", "tmpfs", folder], check=True)
    stack = ExitStack()
    stack.callback(subprocess.run, ["umount", "--lazy", folder], check=True)
    return stack
