"""Bytes on disk for each sample: 1000 temperatures at 10 Hz for ten minutes."""

from collections.abc import Sequence

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
from dualspan_bench.workbench import Workbench


async def stored_bytes(bench: Workbench) -> Sequence[Outcome]:
    """Timestamps in microseconds against all peers, then whole milliseconds against VictoriaMetrics."""
    return [await _microseconds(bench), await _milliseconds(bench)]


async def _microseconds(bench: Workbench) -> Outcome:
    table = _table(bench, jitter_us=500, unit_us=1)
    what = _describe(table, "timestamps in µs, ±500 µs jitter")
    readings = [
        await _product(bench, table, what),
        await _row_table(bench, table, what),
        _victoriametrics(bench, table, f"{what}; it keeps milliseconds only"),
        _influxdb(bench, table, what),
        _parquet(bench, table, what),
    ]
    return Outcome("B/sample", Better.LOWER, readings)


async def _milliseconds(bench: Workbench) -> Outcome:
    table = _table(bench, jitter_us=1000, unit_us=1000)
    what = _describe(table, "timestamps in whole ms, ±1 ms jitter")
    product = await _product(bench, table, what)
    peer = _victoriametrics(bench, table, what)
    readings = [
        Reading(f"{PRODUCT}, millisecond timestamps", product.value, product.conditions),
        Reading(f"{peer.subject}, millisecond timestamps", peer.value, peer.conditions),
    ]
    return Outcome("B/sample", Better.LOWER, readings)


def _table(bench: Workbench, *, jitter_us: int, unit_us: int) -> Table:
    tags, seconds = (50, 60) if bench.quick else (1000, 600)
    return temperatures(recent_hour(), tags=tags, seconds=seconds, hertz=10, jitter_us=jitter_us, unit_us=unit_us)


def _describe(table: Table, timestamps: str) -> str:
    return f"{table.samples:,} samples, {len(table.tag_ids)} tags at {table.hertz:g} Hz, 2 decimals, {timestamps}"


async def _product(bench: Workbench, table: Table, what: str) -> Reading:
    bench.note(f"{PRODUCT}: one frame a second through Ingest, then sealed by the worker")
    async with open_platform(bench, f"stored-{table.timestamp[0, 0]}") as running:
        async with open_feeder(running, table.tag_ids.tolist()) as feeder:
            await feeder.feed(table.frames())
        await running.all_sealed()
        size = await running.sealed_bytes()
    conditions = f"{what}; segments and timelines with their indexes, after sealing (no forced merge); {platform.FSYNC}"
    return Reading(PRODUCT, size / table.samples, f"{conditions}; {bench.machine}")


async def _row_table(bench: Workbench, table: Table, what: str) -> Reading:
    bench.note(row_table.NAME)
    peer = await RowTable.open(bench)
    try:
        await peer.load(table)
        size = await peer.size()
        conditions = f"{peer.version}; {what}; table and index after VACUUM; {row_table.FSYNC}; {bench.machine}"
    finally:
        await peer.stop()
    return Reading(row_table.NAME, size / table.samples, conditions)


def _victoriametrics(bench: Workbench, table: Table, what: str) -> Reading:
    bench.note(victoriametrics.NAME)
    try:
        peer = VictoriaMetrics(bench)
    except PeerUnavailableError as err:
        return Reading(victoriametrics.NAME, None, f"left out: {err}")
    peer.load(table)
    size = peer.settled_size()
    peer.stop()
    conditions = f"{peer.version}; {what}; its folder after a forced merge; {victoriametrics.FSYNC}; {bench.machine}"
    return Reading(victoriametrics.NAME, size / table.samples, conditions)


def _influxdb(bench: Workbench, table: Table, what: str) -> Reading:
    bench.note(influxdb.NAME)
    try:
        peer = InfluxDb(bench)
    except PeerUnavailableError as err:
        return Reading(influxdb.NAME, None, f"left out: {err}")
    peer.load(table)
    size = peer.settled_size()
    peer.stop()
    conditions = f"{peer.version}; {what}; its folder after full compaction; {influxdb.FSYNC}; {bench.machine}"
    return Reading(influxdb.NAME, size / table.samples, conditions)


def _parquet(bench: Workbench, table: Table, what: str) -> Reading:
    bench.note(parquet.NAME)
    peer = ParquetFile(bench, table)
    size = peer.size()
    conditions = f"{peer.version}; {what}; {parquet.FSYNC}; {bench.machine}"
    peer.stop()
    return Reading(parquet.NAME, size / table.samples, conditions)
