"""Seconds to back a platform up while it runs, to look at the backup, and to restore it, for so many gigabytes."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import asyncpg
import numpy as np

from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.product import platform
from dualspan_bench.product.feeder import open_feeder
from dualspan_bench.product.platform import Platform, open_platform
from dualspan_bench.workbench import Workbench
from dualspan_cli.backup.keys import make_lock, open_lock
from dualspan_cli.backup.repository import Manifest, Repository
from dualspan_cli.backup.restoring import Wish, restore
from dualspan_cli.backup.taking import take
from dualspan_cli.backup.verifying import verify
from dualspan_cli.embedded import EmbeddedPostgres
from dualspan_cli.origins import Origin
from dualspan_frame import Block, Frame, ValueKind

_QUICK_GIGABYTES = 0.2
_TAGS = 1000
_FRAME_SAMPLES = 50_000
_FRAMES_AT_ONCE = 200
_COUNT = "SELECT coalesce(sum(committed_samples), 0)::bigint FROM historian.buffer_position"


async def backup_restore(bench: Workbench) -> Sequence[Outcome]:
    """Fills a platform with samples that hardly compress, and takes it there and back."""
    gigabytes = _QUICK_GIGABYTES if bench.quick else bench.gigabytes
    folder = bench.folder("repository-of-backups")
    repository = Repository(folder / "repository")
    make_lock(repository.folder, key_file=folder / "key")
    key = open_lock(repository.folder, key_file=folder / "key")
    async with open_platform(bench, "backed-up") as running:
        size = await _fill(bench, running, gigabytes)
        samples = await _samples(running.here.platform.postgres.url())
        bench.note(f"{PRODUCT}: backing {size / 1e9:.2f} GB up while it runs")
        origin = Origin(running.here.platform.postgres.url(), running.here.platform.folder.service_secret())
        start = time.perf_counter()
        manifest = await take(repository, origin, lambda _size, _total: None)
        taken = time.perf_counter() - start
    bench.note(f"{PRODUCT}: verifying, all of it decrypted")
    start = time.perf_counter()
    verdict = await asyncio.to_thread(verify, repository, manifest, key, lambda _size: None)
    verified = time.perf_counter() - start
    if verdict.problems:
        raise RuntimeError(f"the backup is not what was written: {verdict.problems}")
    bench.note(f"{PRODUCT}: restoring")
    target = bench.folder("restored") / "platform"
    start = time.perf_counter()
    await restore(repository, key, target, Wish(), lambda *_: None)
    restored = time.perf_counter() - start
    await _check(target, samples)
    return _outcomes(bench, manifest, (taken, verified, restored))


async def _fill(bench: Workbench, running: Platform, gigabytes: float) -> int:
    """Sends frames until the database has so many bytes; returns how many it has."""
    rng = np.random.default_rng(9)
    start_us = time.time_ns() // 1000 - 86_400_000_000
    ids = list(range(1, _TAGS + 1))
    sent = 0
    async with open_feeder(running, ids) as feeder:
        while (size := await _size(running)) < gigabytes * 1e9:
            bench.note(f"{PRODUCT}: {size / 1e9:.2f} of {gigabytes:g} GB")
            await feeder.feed(_frames(rng, ids, start_us + sent * 1000))
            sent += _FRAMES_AT_ONCE * _FRAME_SAMPLES // _TAGS
    return size


def _frames(rng: np.random.Generator, ids: Sequence[int], start_us: int) -> Iterator[Frame]:
    each = _FRAME_SAMPLES // len(ids)
    tag = np.repeat(np.array(ids, np.int64), each)
    for number in range(_FRAMES_AT_ONCE):
        first = start_us + number * each * 1000
        stamp = np.tile(first + 1000 * np.arange(each, dtype=np.int64), len(ids))
        value = rng.standard_normal(len(tag))
        yield Frame((Block(ValueKind.FLOAT64, tag, stamp, np.zeros(len(tag), np.uint32), value),))


async def _size(running: Platform) -> int:
    connection = await asyncpg.connect(running.here.platform.postgres.url())
    try:
        return int(await connection.fetchval("SELECT pg_database_size(current_database())"))
    finally:
        await connection.close()


async def _samples(url: str) -> int:
    connection = await asyncpg.connect(url)
    try:
        return int(await connection.fetchval(_COUNT))
    finally:
        await connection.close()


async def _check(target: Path, samples: int) -> None:
    """The restored database has every sample that was committed before the backup."""
    server = EmbeddedPostgres(target)
    await asyncio.to_thread(server.start)
    try:
        found = await _samples(server.url())
    finally:
        await asyncio.to_thread(server.stop)
    if found < samples:
        raise RuntimeError(f"{found} of {samples} samples came back")


def _outcomes(bench: Workbench, manifest: Manifest, seconds: tuple[float, float, float]) -> list[Outcome]:
    what = (
        f"{manifest.size / 1e9:.2f} GB of PostgreSQL in {manifest.stored_size / 1e9:.2f} GB, float64 at random so that "
        f"little compresses; zstd and age; repository on the same disk; {platform.FSYNC}; {bench.machine}"
    )
    names = ("backup while it runs", "verification of all of it", "restore until it may be started")
    return [
        Outcome("s", Better.LOWER, [Reading(f"{PRODUCT}, {name}", value, what)])
        for name, value in zip(names, seconds, strict=True)
    ]
