"""Clocks that differ: tokens are refused, samples lie in the future, certificates are not valid yet."""

import time
from datetime import datetime
from typing import TYPE_CHECKING, TypeAlias

import asyncpg
import structlog
from asyncpg.pool import PoolConnectionProxy

if TYPE_CHECKING:
    AnyConnection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

# Tokens of services live for a minute and bear some seconds; what is less than this is the network.
MOST_SECONDS = 5.0
_log = structlog.stdlib.get_logger()


async def offset_to_database(connection: "AnyConnection") -> float:
    """Returns this machine's clock minus the database's in seconds, as NTP has it: right to half of the round trip."""
    asked = time.time()
    theirs = await connection.fetchval("SELECT clock_timestamp()")
    answered = time.time()
    assert isinstance(theirs, datetime)  # noqa: S101 - the type of clock_timestamp()
    middle = (asked + answered) / 2 - theirs.timestamp()
    doubt = (answered - asked) / 2
    return 0.0 if abs(middle) <= doubt else middle


async def warn_of_clock(connection: "AnyConnection") -> None:
    """Writes into the log that this machine's clock and the database's differ, if they do."""
    offset = await offset_to_database(connection)
    if abs(offset) > MOST_SECONDS:
        _log.error(clock_words(offset), offset_seconds=round(offset, 1))


def clock_words(offset: float) -> str:
    """What is wrong and what to do, for an offset in seconds."""
    ahead = "ahead of" if offset > 0 else "behind"
    return (
        f"this machine's clock is {abs(offset):.0f} s {ahead} the database's: tokens and certificates are refused, and "
        "times are wrong. Have both machines synchronize their clocks (NTP), whichever is wrong"
    )
