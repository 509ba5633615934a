"""Milliseconds to read one tag's day at 1 Hz as 1-minute averages."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from dualspan_bench.data import Table, recent_hour, temperatures
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.peers import influxdb, parquet, row_table, victoriametrics
from dualspan_bench.peers.influxdb import InfluxDb
from dualspan_bench.peers.install import PeerUnavailableError
from dualspan_bench.peers.parquet import ParquetFile
from dualspan_bench.peers.row_table import RowTable
from dualspan_bench.peers.victoriametrics import VictoriaMetrics
from dualspan_bench.product import platform
from dualspan_bench.product.feeder import open_feeder
from dualspan_bench.product.platform import open_platform
from dualspan_bench.workbench import Workbench, median_milliseconds, repeat
from dualspan_sdk import Aggregate

_MINUTE_US = 60_000_000
_WARM_UP = 10
_TIMES = 100
# A hundred queries take a fraction of a second, in which anything else on the machine shows: there are several rounds.
_ROUNDS = 7
_PAUSE_S = 2.0


class WrongAnswerError(Exception):
    """A subject computed other averages than the data has, so its time says nothing."""


class _Query:
    """What is asked, and the averages that must come back."""

    def __init__(self, table: Table, rounds: int, times: int) -> None:
        self.tag = int(table.tag_ids[len(table.tag_ids) // 2])
        self.start_us = int(table.timestamp[0, 0])
        self.end_us = self.start_us + len(table.value) * 1_000_000
        self._expected = table.value[:, self.tag - 1].reshape(-1, 60).mean(axis=1)
        self._rounds = rounds
        self._times = times

    async def median(self, read: Callable[[], Awaitable[NDArray[np.float64]]]) -> float:
        """The median of the repeats, once the first answer was found right."""
        means = await read()
        if means.shape != self._expected.shape or not np.allclose(means, self._expected, rtol=1e-9):
            raise WrongAnswerError(f"{len(means)} averages, not the {len(self._expected)} that the data has")
        seconds: list[float] = []
        for _ in range(self._rounds):
            await asyncio.sleep(_PAUSE_S)
            seconds += await repeat(read, warm_up=_WARM_UP, times=self._times)
        return median_milliseconds(seconds)


async def read_processed_24h(bench: Workbench) -> Sequence[Outcome]:
    """50 tags are stored in order of arrival; one of them is asked for, again and again, one query at a time."""
    tags, seconds = (5, 3600) if bench.quick else (50, 86_400)
    table = temperatures(recent_hour(), tags=tags, seconds=seconds, hertz=1, jitter_us=0, unit_us=1000)
    query = _Query(table, 1 if bench.quick else _ROUNDS, 10 if bench.quick else _TIMES)
    what = (
        f"{seconds // 60} averages of {seconds:,} samples, {tags} tags stored; median of {_ROUNDS} rounds of "
        f"{_TIMES}, each after {_WARM_UP} to warm up; client and server are processes of their own; {bench.machine}"
    )
    readings = [
        await _product(bench, table, query, what),
        await _row_table(bench, table, query, what),
        await _victoriametrics(bench, table, query, what),
        await _influxdb(bench, table, query, what),
        await _parquet(bench, table, query, what),
    ]
    return [Outcome("ms", Better.LOWER, readings)]


async def _product(bench: Workbench, table: Table, query: _Query, what: str) -> Reading:
    bench.note(PRODUCT)
    async with open_platform(bench, "read-processed") as running:
        async with open_feeder(running, table.tag_ids.tolist()) as feeder:
            await feeder.feed(table.frames(200.0))
        await running.all_sealed()

        async def read() -> NDArray[np.float64]:
            series = await running.client.read_processed(
                [query.tag],
                query.start_us,
                query.end_us,
                interval=timedelta(minutes=1),
                aggregates=[Aggregate.AVERAGE],
            )
            return series[0].value

        milliseconds = await query.median(read)
    # The peers keep what they read in caches of their own too; what ours keeps must be said as theirs is.
    conditions = (
        f"ReadProcessed over gRPC with a token, sealed, decoded segments kept in memory; {platform.FSYNC}; {what}"
    )
    return Reading(PRODUCT, milliseconds, conditions)


async def _row_table(bench: Workbench, table: Table, query: _Query, what: str) -> Reading:
    bench.note(row_table.NAME)
    peer = await RowTable.open(bench)
    try:
        await peer.load(table, seconds_per_copy=200)
        milliseconds = await query.median(lambda: peer.minute_means(query.tag, query.start_us, query.end_us))
        conditions = f"{peer.version}; asyncpg, prepared; after VACUUM ANALYZE; {row_table.FSYNC}; {what}"
    finally:
        await peer.stop()
    return Reading(row_table.NAME, milliseconds, conditions)


async def _victoriametrics(bench: Workbench, table: Table, query: _Query, what: str) -> Reading:
    bench.note(victoriametrics.NAME)
    try:
        peer = VictoriaMetrics(bench)
    except PeerUnavailableError as err:
        return Reading(victoriametrics.NAME, None, f"left out: {err}")
    peer.load(table)
    peer.settled_size()

    async def read() -> NDArray[np.float64]:
        return peer.minute_means(query.tag, query.start_us, query.end_us)

    milliseconds = await query.median(read)
    peer.stop()
    conditions = f"{peer.version}; HTTP query_range, nocache=1, kept alive; merged; {victoriametrics.FSYNC}; {what}"
    return Reading(victoriametrics.NAME, milliseconds, conditions)


async def _influxdb(bench: Workbench, table: Table, query: _Query, what: str) -> Reading:
    bench.note(influxdb.NAME)
    try:
        peer = InfluxDb(bench)
    except PeerUnavailableError as err:
        return Reading(influxdb.NAME, None, f"left out: {err}")
    peer.load(table)
    peer.settled_size()

    async def read() -> NDArray[np.float64]:
        return peer.minute_means(query.tag, query.start_us, query.end_us)

    milliseconds = await query.median(read)
    peer.stop()
    conditions = f"{peer.version}; HTTP, kept alive; compacted; {influxdb.FSYNC}; {what}"
    return Reading(influxdb.NAME, milliseconds, conditions)


async def _parquet(bench: Workbench, table: Table, query: _Query, what: str) -> Reading:
    bench.note(parquet.NAME)
    peer = ParquetFile(bench, table)

    async def read() -> NDArray[np.float64]:
        return peer.minute_means(query.tag, query.start_us, query.end_us)

    milliseconds = await query.median(read)
    conditions = f"{peer.version}; no server and no network: the query runs in the client; {parquet.FSYNC}; {what}"
    peer.stop()
    return Reading(parquet.NAME, milliseconds, conditions)
