"""Sealing and merging never hide, double or reorder a sample, whatever happens between their steps."""

import asyncio
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest

from dualspan_frame import BinaryColumn, Block, Frame, ValueKind
from dualspan_historian.storage import frame_store, segment_store
from harness.historian import SECOND, T0, TENANT, Historian, Worker, block, ramp

GATEWAY = "g1"
KINDS = {1: ValueKind.FLOAT64, 2: ValueKind.INT64, 3: ValueKind.BOOL, 4: ValueKind.TEXT, 5: ValueKind.BYTES}


def mixed(first: int, count: int) -> Frame:
    number = np.arange(first, first + count)
    ts = T0 + number * SECOND
    value = np.where(number % 50 == 7, np.nan, number / 8)
    status = np.where(number % 50 == 7, 0x809B0000, 0)
    text = BinaryColumn.from_list([f"state {n % 3}" for n in number])
    contents = BinaryColumn.from_list([bytes([n % 256]) * (n % 5) for n in number])
    return Frame(
        (
            block(np.full(count, 1), ts, value, status),
            block(np.full(count, 2), ts, number * 3, kind=ValueKind.INT64),
            block(np.full(count, 3), ts, number % 7 < 3, kind=ValueKind.BOOL),
            block(np.full(count, 4), ts, text, kind=ValueKind.TEXT),
            block(np.full(count, 5), ts, contents, kind=ValueKind.BYTES),
        )
    )


async def test_every_kind_reads_the_same_before_and_after(historian: Historian, worker: Worker) -> None:
    await historian.register(KINDS)
    uploader = await historian.uploader()
    await uploader.upload([mixed(first * 40, 40) for first in range(12)])
    expected = mixed(0, 480)
    assert (await historian.read_raw(list(KINDS))).same_as(expected)
    assert await worker.sealer.seal(TENANT, GATEWAY) == 2000
    assert (await historian.read_raw(list(KINDS))).same_as(expected)
    assert await worker.sealer.seal_all(TENANT, GATEWAY) == 400
    assert (await historian.read_raw(list(KINDS), page_size=37)).same_as(expected)
    statistics = await historian.statistics()
    assert (statistics.sealed_samples, statistics.unsealed_frames, statistics.unsealed_samples) == (2400, 0, 0)
    assert statistics.segments == 10
    assert statistics.sealed_bytes > 0


async def test_small_segments_become_large_ones(historian: Historian, worker: Worker) -> None:
    await historian.register(KINDS)
    uploader = await historian.uploader()
    for first in range(20):
        await uploader.upload([mixed(first * 10, 10)], first=first + 1)
        await worker.sealer.seal_all(TENANT, GATEWAY)
    assert (await historian.statistics()).segments == 100
    assert await worker.merger.merge_all(TENANT, GATEWAY) > 0
    while await worker.merger.merge_all(TENANT, GATEWAY):
        pass
    statistics = await historian.statistics()
    assert statistics.segments <= 5 * 9
    assert statistics.sealed_samples == 1000
    assert (await historian.read_raw(list(KINDS))).same_as(mixed(0, 200))


async def test_late_and_repeated_samples_fall_into_place(historian: Historian, worker: Worker) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    order = [5, 1, 1, 9, 0, 2, 5, 7, 3, 4, 8, 6, 9, 0]
    for sequence, chunk in enumerate(order, 1):
        await uploader.upload([ramp([1], chunk * 10, 10)], first=sequence)
        if sequence % 3 == 0:
            await worker.sealer.seal_all(TENANT, GATEWAY)
            await worker.merger.merge_all(TENANT, GATEWAY)
    assert (await historian.read_raw([1])).same_as(ramp([1], 0, 100))
    await worker.sealer.seal_all(TENANT, GATEWAY)
    assert (await historian.read_raw([1], page_size=7)).same_as(ramp([1], 0, 100))


async def test_values_of_one_moment_keep_the_order_in_which_they_came(historian: Historian, worker: Worker) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    for sequence, value in enumerate([3.0, 1.0, 2.0, 1.0], 1):
        await uploader.upload([Frame((block([1], [T0], [value]),))], first=sequence)
        if sequence == 2:
            await worker.sealer.seal_all(TENANT, GATEWAY)
    expected = [3.0, 1.0, 2.0]
    for page_size in (1, 2, 100):
        (found,) = (await historian.read_raw([1], page_size=page_size)).blocks
        assert np.asarray(found.value).tolist() == expected
    await worker.sealer.seal_all(TENANT, GATEWAY)
    (found,) = (await historian.read_raw([1])).blocks
    assert np.asarray(found.value).tolist() == expected


STEPS = [
    (segment_store, "insert"),
    (segment_store, "upsert_latest"),
    (frame_store, "delete"),
    (segment_store, "add_totals"),
]


@pytest.mark.parametrize(("store", "step"), STEPS)
async def test_a_crash_while_sealing_changes_nothing(
    historian: Historian, worker: Worker, store: Any, step: str
) -> None:
    await historian.register({1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([ramp([1, 2], first * 10, 10) for first in range(5)])
    before = await historian.statistics()
    real = getattr(store, step)

    async def die_after(*arguments: Any) -> None:
        await real(*arguments)
        await arguments[0].execute("SELECT pg_terminate_backend(pg_backend_pid())")

    with patch.object(store, step, die_after), pytest.raises(Exception):  # noqa: B017, PT011
        await worker.sealer.seal(TENANT, GATEWAY)
    assert await historian.statistics() == before
    assert (await historian.read_raw([1, 2])).same_as(ramp([1, 2], 0, 50))
    assert await worker.sealer.seal_all(TENANT, GATEWAY) == 100
    assert (await historian.read_raw([1, 2])).same_as(ramp([1, 2], 0, 50))


@pytest.mark.parametrize("step", ["delete", "insert", "add_totals"])
async def test_a_crash_while_merging_changes_nothing(historian: Historian, worker: Worker, step: str) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    for first in range(9):
        await uploader.upload([ramp([1], first * 10, 10)], first=first + 1)
        await worker.sealer.seal_all(TENANT, GATEWAY)
    before = await historian.statistics()
    real = getattr(segment_store, step)

    async def die_after(*arguments: Any) -> Any:
        result = await real(*arguments)
        await arguments[0].execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return result

    with patch.object(segment_store, step, die_after), pytest.raises(Exception):  # noqa: B017, PT011
        await worker.merger.merge_all(TENANT, GATEWAY)
    assert await historian.statistics() == before
    assert (await historian.read_raw([1])).same_as(ramp([1], 0, 90))
    assert await worker.merger.merge_all(TENANT, GATEWAY) > 0
    assert (await historian.read_raw([1])).same_as(ramp([1], 0, 90))


async def test_reads_are_whole_while_frames_come_and_are_sealed_and_merged(
    historian: Historian, worker: Worker
) -> None:
    await historian.register({1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    done = asyncio.Event()

    async def ingest() -> None:
        for number in range(150):
            await uploader.send(number + 1, ramp([1, 2], number * 5, 5))
            if number % 10 == 9:
                await uploader.until(number + 1)
                await asyncio.sleep(0.01)
        await uploader.until(150)
        done.set()

    async def seal() -> None:
        while not done.is_set():
            await worker.sealer.seal(TENANT, GATEWAY)
            await asyncio.sleep(0)

    async def merge() -> None:
        while not done.is_set():
            await worker.merger.merge_all(TENANT, GATEWAY)
            await asyncio.sleep(0)

    async def check() -> int:
        seen = reads = 0
        while not done.is_set() or reads == 0:
            acknowledged = uploader.committed * 5
            frame = await historian.read_raw([1, 2])
            if not frame.blocks:
                continue
            count = frame.sample_count // 2
            # A prefix without holes, never shorter than before, nor than what was acknowledged.
            assert frame.same_as(ramp([1, 2], 0, count))
            assert count >= max(seen, acknowledged)
            seen, reads = count, reads + 1
        return reads

    tasks = [asyncio.create_task(work) for work in (ingest(), seal(), seal(), merge(), check())]
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    assert (await historian.read_raw([1, 2])).same_as(ramp([1, 2], 0, 750))
    await worker.sealer.seal_all(TENANT, GATEWAY)
    assert (await historian.read_raw([1, 2])).same_as(ramp([1, 2], 0, 750))
    statistics = await historian.statistics()
    assert (statistics.sealed_samples, statistics.repeated_samples) == (1500, 0)


async def test_tags_sampled_together_share_their_timestamps(
    historian: Historian, worker: Worker, database_url: str
) -> None:
    import asyncpg

    tags = list(range(1, 11))
    await historian.register(dict.fromkeys(tags, ValueKind.FLOAT64))
    random = np.random.default_rng(1)
    uploader = await historian.uploader()
    expected: list[Block] = []
    for sequence in range(1, 10):
        ts = T0 + (sequence * 100 + np.arange(100)) * SECOND + random.integers(-400_000, 400_000, 100)
        frame = Frame((block(np.repeat(tags, 100), np.tile(ts, 10), np.tile(ts % 97, 10)),))
        expected.extend(frame.blocks)
        await uploader.upload([frame], first=sequence)
        await worker.sealer.seal_all(TENANT, GATEWAY)
    connection = await asyncpg.connect(database_url)
    assert await connection.fetchval("SELECT count(*) FROM historian.timeline") == 9
    await worker.merger.merge_all(TENANT, GATEWAY)
    # Merged together, they share again, and nothing is left of the old ones.
    shared = "SELECT count(DISTINCT timeline_id) FROM historian.segment"
    assert await connection.fetchval("SELECT count(*) FROM historian.timeline") == await connection.fetchval(shared)
    stored = await connection.fetchval(
        "SELECT (SELECT sum(byte_count) FROM historian.segment)"
        " + (SELECT sum(octet_length(ts)) FROM historian.timeline)"
    )
    assert (await historian.statistics()).sealed_bytes == stored
    await connection.close()
    joined = Block.concat(expected)
    order = np.lexsort((joined.timestamp, joined.tag))
    assert (await historian.read_raw(tags)).same_as(Frame((joined.take(order),)))
