"""What an app has written goes as a whole, wherever it is stored, and nothing else does."""

import asyncio

import pytest

from dualspan_frame import ValueKind
from dualspan_historian.ingest.registry import TagRegistry
from dualspan_historian.service import HistorianService
from dualspan_historian.storage import segment_store
from dualspan_runtime.errors import Aborted
from harness.historian import TENANT, Historian, Worker, ramp

SOURCE = "night"


async def _written(historian: Historian, worker: Worker) -> None:
    """Samples of an app and of a gateway: some sealed, some not."""
    for tag, source in ((1, SOURCE), (2, "g1")):
        await historian.register({tag: ValueKind.FLOAT64}, gateway=source)
        uploader = await historian.uploader(gateway=source)
        await uploader.upload([ramp([tag], 0, 100)])
        await worker.sealer.seal_all(TENANT, source)
        await uploader.upload([ramp([tag], 100, 100)], first=2)


async def test_all_of_an_app_goes_and_a_gateways_stays(historian: Historian, worker: Worker) -> None:
    await _written(historian, worker)
    service = HistorianService(worker.database, TagRegistry(worker.database))
    assert (await historian.read_raw([1])).sample_count == 200
    for _ in range(2):
        await service.forget(TENANT, SOURCE)
    async with worker.database.transaction(TENANT) as connection:
        for table in ("tag", "frame", "segment", "buffer_position", "sealing_total", "touched"):
            found = await connection.fetch(f"SELECT DISTINCT gateway_id FROM {table}")
            assert [row["gateway_id"] for row in found] == ["g1"], table
        assert await connection.fetchval("SELECT count(*) FROM latest WHERE tag_id = 1") == 0
    assert (await historian.read_raw([2])).same_as(ramp([2], 0, 200))


async def test_it_waits_for_whoever_works_on_its_segments(historian: Historian, worker: Worker) -> None:
    await _written(historian, worker)
    service = HistorianService(worker.database, TagRegistry(worker.database))
    async with worker.database.transaction(TENANT) as connection:
        assert await segment_store.try_lock_upkeep(connection, TENANT, SOURCE)
        with pytest.raises(Aborted):
            await service.forget(TENANT, SOURCE)
    await asyncio.gather(service.forget(TENANT, SOURCE), worker.sealer.seal_all(TENANT, SOURCE))
    async with worker.database.transaction(TENANT) as connection:
        assert await connection.fetchval("SELECT count(*) FROM segment WHERE tag_id = 1") == 0
