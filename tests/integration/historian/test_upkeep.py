"""What the worker does on its own: one gateway's failure is not another's, and what has expired goes."""

from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import asyncpg

from dualspan.historian.v1 import service_pb2
from dualspan_frame import ValueKind
from dualspan_historian.model import RetentionRule
from dualspan_historian.settings import HistorianSettings
from dualspan_historian.storage import frame_store, segment_store
from dualspan_historian.storage.retention import Retention
from dualspan_historian.storage.upkeep import Upkeep
from harness.historian import TENANT, Authority, Historian, Worker, ramp, running_historian

LONG_AGO = datetime.now(UTC) - timedelta(days=200)


async def _two_gateways(historian: Historian) -> None:
    for tag, gateway in ((1, "g1"), (2, "g2")):
        await historian.register({tag: ValueKind.FLOAT64}, gateway=gateway, retention_class=gateway)
        uploader = await historian.uploader(gateway=gateway)
        await uploader.upload([ramp([tag], 0, 100), ramp([tag], 100, 100)])


def _failing_for(store: Any, step: str, gateway_id: str) -> Any:
    real = getattr(store, step)

    async def step_or_fail(*arguments: Any) -> Any:
        if gateway_id in arguments:
            raise ConnectionError(gateway_id)
        return await real(*arguments)

    return patch.object(store, step, step_or_fail)


async def test_a_gateway_that_cannot_be_sealed_does_not_keep_the_others_waiting(
    historian: Historian, worker: Worker
) -> None:
    await _two_gateways(historian)
    upkeep = Upkeep(worker.database, worker.sealer, worker.merger, timedelta(0))
    for gateway in ("g1", "g2"):
        with _failing_for(frame_store, "lock_oldest", gateway):
            await upkeep.sweep()
        assert (await historian.statistics()).unsealed_frames == (2 if gateway == "g1" else 0)
        if gateway == "g1":
            await worker.sealer.seal_all(TENANT, "g1")


async def test_samples_leave_when_their_class_says_so(historian: Historian, worker: Worker) -> None:
    await _two_gateways(historian)
    for gateway in ("g1", "g2"):
        await worker.sealer.seal_all(TENANT, gateway)
    for_ever = Retention(worker.database, {"": RetentionRule(raw_days=0)})
    assert await for_ever.expire_all() == 0
    rules = {"": RetentionRule(raw_days=0), "g1": RetentionRule(raw_days=1)}
    assert await Retention(worker.database, rules).expire_all() == 1
    assert (await historian.read_raw([1])).sample_count == 0
    assert (await historian.read_raw([2])).same_as(ramp([2], 0, 200))
    statistics = await historian.statistics()
    assert (statistics.sealed_samples, statistics.segments, statistics.committed_samples) == (200, 1, 400)


async def test_a_gateway_whose_samples_cannot_expire_does_not_keep_the_others_waiting(
    historian: Historian, worker: Worker
) -> None:
    await _two_gateways(historian)
    for gateway in ("g1", "g2"):
        await worker.sealer.seal_all(TENANT, gateway)
    retention = Retention(worker.database, {"": RetentionRule(raw_days=1)})
    with _failing_for(segment_store, "expired", "g1"):
        assert await retention.expire_all() == 1
    assert (await historian.read_raw([2])).sample_count == 0
    assert (await historian.read_raw([1])).sample_count == 200


async def test_only_so_many_bytes_of_refused_frames_are_kept(
    historian_settings: HistorianSettings, authority: Authority
) -> None:
    settings = historian_settings.model_copy(update={"quarantine_bytes": 3 * 4096})
    async with running_historian(settings, authority) as historian:
        await historian.register({1: ValueKind.FLOAT64})
        uploader = await historian.uploader()
        for sequence in range(1, 6):
            await uploader.upload([ramp([99], 0, 1)], first=sequence)
        request = service_pb2.ListQuarantinedFramesRequest(parent=f"tenants/{TENANT}")
        listed = (await historian.stub.ListQuarantinedFrames(request)).quarantined_frames
    assert [frame.sequence for frame in listed] == [5, 4, 3, 2, 1]
    assert [frame.size_bytes > 0 for frame in listed] == [True] * 3 + [False] * 2
    assert {frame.reason for frame in listed} == {"FOREIGN_TAG"}


async def test_old_rows_of_the_ledgers_go_and_the_totals_stay(
    historian: Historian, worker: Worker, database_url: str
) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    for epoch in range(1, 13):
        uploader = await historian.uploader(epoch=epoch)
        await uploader.upload([ramp([1], epoch, 1), ramp([99], 0, 1)])
    before = await historian.statistics()
    assert [position.epoch for position in before.positions] == list(range(3, 13))
    connection = await asyncpg.connect(database_url)
    await connection.execute("UPDATE historian.buffer_position SET commit_time = $1 WHERE epoch < 12", LONG_AGO)
    await connection.execute("UPDATE historian.quarantined_frame SET create_time = $1 WHERE epoch < 12", LONG_AGO)
    await connection.execute("UPDATE historian.gap SET state = 2, resolve_time = $1 WHERE gap_id % 2 = 0", LONG_AGO)
    kept = timedelta(days=90)
    await Retention(worker.database, {"": RetentionRule(raw_days=0)}, ledger=kept).expire_all()
    gaps = await connection.fetchval("SELECT count(*) FROM historian.gap")
    quarantined = await connection.fetchval("SELECT count(*) FROM historian.quarantined_frame")
    await connection.close()
    assert (gaps, quarantined) == (6, 1)
    after = await historian.statistics()
    assert [position.epoch for position in after.positions] == [12]
    assert (after.committed_samples, after.quarantined_frames) == (before.committed_samples, before.quarantined_frames)
    assert after.unsealed_frames == before.unsealed_frames == 12
    # A buffer whose position went counts anew.
    late = await historian.uploader(epoch=5)
    assert late.opened.committed_sequence == 0
    await late.upload([ramp([1], 50, 1)], first=3)
    assert (await historian.statistics()).committed_samples == 13
