"""PostgreSQL the usual way: a row per sample, a primary key on (tag, time)."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Self

import asyncpg
import numpy as np
from numpy.typing import NDArray

from dualspan_bench.data import Table
from dualspan_bench.workbench import Workbench
from dualspan_cli.embedded import EmbeddedPostgres

NAME = "PostgreSQL rows"
FSYNC = "fsync and synchronous_commit on"
_TABLE = """
    CREATE TABLE sample (
        tag integer NOT NULL, time timestamptz NOT NULL, status integer NOT NULL, value double precision NOT NULL,
        PRIMARY KEY (tag, time)
    )
"""
_MEANS = """
    SELECT date_bin('1 minute', time, timestamptz '2000-01-01 00:00:00+00') AS minute, avg(value)
    FROM sample
    WHERE tag = $1
        AND time >= to_timestamp($2::double precision / 1e6) AND time < to_timestamp($3::double precision / 1e6)
    GROUP BY minute ORDER BY minute
"""
# Binary COPY (PostgreSQL documentation, "COPY", Binary Format): all big-endian, each field after its length.
_COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
_COPY_ROW = np.dtype(
    [
        ("fields", ">i2"),
        ("tag_size", ">i4"), ("tag", ">i4"),
        ("time_size", ">i4"), ("time", ">i8"),
        ("status_size", ">i4"), ("status", ">i4"),
        ("value_size", ">i4"), ("value", ">f8"),
    ]
)  # fmt: skip
# timestamptz counts from 2000-01-01T00:00:00Z.
_POSTGRES_EPOCH_US = 946_684_800_000_000


class RowTable:
    """A database with the table; made by `open`."""

    def __init__(self, postgres: EmbeddedPostgres, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._postgres = postgres
        self._connection = connection

    @classmethod
    async def open(cls, bench: Workbench) -> Self:
        """Start a PostgreSQL of its own, of the product's version and settings."""
        postgres = EmbeddedPostgres(bench.folder("postgresql-rows"))
        postgres.start()
        connection = await asyncpg.connect(postgres.url())
        await connection.execute(_TABLE)
        return cls(postgres, connection)

    @property
    def version(self) -> str:
        """Name and version."""
        server = self._connection.get_server_version()
        return f"PostgreSQL {server.major}.{server.minor}, one row a sample, primary key (tag, time)"

    @property
    def url(self) -> str:
        """Of the database, for another process."""
        return self._postgres.url()

    async def load(self, table: Table, *, seconds_per_copy: float = 1.0) -> None:
        """Store a table in order of arrival, one binary COPY and commit for so many seconds of data."""
        step = max(1, round(table.hertz * seconds_per_copy))
        for first in range(0, len(table.value), step):
            rows = copy_rows(
                np.tile(table.tag_ids, len(table.value[first : first + step])),
                table.timestamp[first : first + step].ravel(),
                table.value[first : first + step].ravel(),
            )
            await self._connection.copy_to_table("sample", source=_chunks(rows), format="binary")
        await self._connection.execute("VACUUM ANALYZE sample")

    async def copy(self, tag: NDArray[np.int64], timestamp: NDArray[np.int64], value: NDArray[np.float64]) -> None:
        """Store samples by one binary COPY."""
        rows = copy_rows(tag, timestamp, value)
        await self._connection.copy_to_table("sample", source=_chunks(rows), format="binary")

    async def analyze(self) -> None:
        """Let the planner know the data."""
        await self._connection.execute("VACUUM ANALYZE sample")

    async def column(self, query: str, start_us: int, end_us: int) -> NDArray[np.float64]:
        """The first column of a query about [start, end)."""
        span = (datetime.fromtimestamp(start_us / 1e6, UTC), datetime.fromtimestamp(end_us / 1e6, UTC))
        return np.array([float(row[0]) for row in await self._connection.fetch(query, *span)], np.float64)

    async def size(self) -> int:
        """Bytes of the table and its index."""
        return int(await self._connection.fetchval("SELECT pg_total_relation_size('sample')"))

    async def minute_means(self, tag: int, start_us: int, end_us: int) -> NDArray[np.float64]:
        """One tag's 1-minute averages over [start, end)."""
        rows = await self._connection.fetch(_MEANS, tag, float(start_us), float(end_us))
        return np.array([mean for _, mean in rows], np.float64)

    async def stop(self) -> None:
        """End it."""
        await self._connection.close()
        self._postgres.stop()


def copy_rows(tag: NDArray[np.int64], timestamp: NDArray[np.int64], value: NDArray[np.float64]) -> bytes:
    """Rows of binary COPY, made by NumPy so that the peer does not pay for our formatting."""
    rows = np.empty(len(tag), _COPY_ROW)
    rows["fields"] = 4
    rows["tag_size"] = rows["status_size"] = 4
    rows["time_size"] = rows["value_size"] = 8
    rows["tag"] = tag
    rows["time"] = timestamp - _POSTGRES_EPOCH_US
    rows["status"] = 0
    rows["value"] = value
    return b"".join((_COPY_HEADER, rows.tobytes(), b"\xff\xff"))


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data
