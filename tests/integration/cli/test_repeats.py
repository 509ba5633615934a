"""A frame that was stored twice is counted by a real historian's figures, though no query shows it."""

from dualspan_cli.demo.verify import count_repeats
from dualspan_frame import ValueKind
from dualspan_historian.migrations import MIGRATIONS
from dualspan_historian.settings import HistorianSettings
from dualspan_historian.storage.sealing import Sealer
from dualspan_runtime.database import Database
from dualspan_runtime.settings import PlatformSettings
from harness.completeness import Tally
from harness.databases import ClonedDatabase
from harness.historian import GATEWAY, TENANT, Authority, Historian, beside, ramp, running_historian


async def repeats(historian: Historian) -> int:
    statistics = await historian.statistics()
    stored = (await historian.read_raw([1])).sample_count
    tally = Tally(statistics.sealed_samples, statistics.unsealed_samples, statistics.repeated_samples, stored)
    assert stored == 100, "queries leave repeats out"
    assert tally.repeated == count_repeats(statistics, stored)
    return tally.repeated


async def test_a_frame_stored_twice_is_counted(database: ClonedDatabase, redis_url: str) -> None:
    settings = HistorianSettings(
        listen="127.0.0.1:0",
        gateway_listen="127.0.0.1:0",
        database_url=database.service_url("historian"),
        drain_seconds=0.5,
        platform=PlatformSettings.model_validate(beside(redis_url=redis_url)),
    )
    async with running_historian(settings, Authority()) as historian, Database.open(settings, schema=MIGRATIONS) as own:
        sealer = Sealer(own, 2_000)
        await historian.register({1: ValueKind.FLOAT64})
        uploader = await historian.uploader()
        await uploader.upload([ramp([1], 0, 100)], first=1)
        assert await repeats(historian) == 0
        await uploader.upload([ramp([1], 0, 100)], first=2)
        assert await repeats(historian) == 100
        await sealer.seal_all(TENANT, GATEWAY)
        assert await repeats(historian) == 100
        await uploader.upload([ramp([1], 0, 100)], first=3)
        assert await repeats(historian) == 200
