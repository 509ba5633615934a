"""Gauges that somebody has to be asked for: the database, the broker. Read while metrics are served, and not else."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

import structlog

from dualspan_runtime.errors import DomainError
from dualspan_runtime.supervision import Background

Reading: TypeAlias = Callable[[], Awaitable[None]]
"""Reads, and sets gauges."""

_PAUSE_SECONDS = 15.0
_log = structlog.stdlib.get_logger()


def again_and_again(read: Reading, *, pause: float = _PAUSE_SECONDS) -> Background:
    """Returns work that takes a reading for ever; one that cannot be had is left out.

    Args:
        read: The reading.
        pause: Seconds between two.
    """

    async def keep_reading() -> None:
        while True:
            try:
                await read()
            except DomainError as error:
                _log.warning("a reading for the metrics is left out", error=error.message)
            await asyncio.sleep(pause)

    return keep_reading
