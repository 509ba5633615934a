"""The local harness: an app's view of simulated plants, held against what really happens there."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import pytest_asyncio

from dualspan_cli.harness import LocalPlant, local_plant
from dualspan_sdk import Aggregate, DualSpanError, Plant, PropertyRef, SyncPlant, open_plant
from plc_sim.plants import make_plant

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
US = 1_000_000


def us(instant: datetime) -> int:
    return int(instant.timestamp()) * US


@pytest_asyncio.fixture
async def local() -> AsyncIterator[LocalPlant]:
    async with local_plant(["moulding", "packaging"], start=NOON) as running:
        yield running


@pytest_asyncio.fixture
async def plant(local: LocalPlant) -> AsyncIterator[Plant]:
    async with await open_plant(local.settings) as opened:
        yield opened


async def test_machines_are_found_by_what_they_have(plant: Plant) -> None:
    assets = await plant.assets()
    machines = await plant.machines("state", "active-power")
    assert len(machines) == 22
    assert {assets.path(each.id)[0].id for each in machines} == {"moulding", "packaging"}
    assert not await plant.machines("state", "no-such-property")
    moulding = assets["imm01"].model
    assert moulding is not None
    assert moulding.properties["good-count"].unit == "{piece}"
    assert [state.iso22400 for state in moulding.states][:4] == ["APT", "AUST", "PMT", "ADOT"]


async def test_samples_are_the_simulators(plant: Plant) -> None:
    variable = make_plant("moulding", 1).variables["IMM01/Production/GoodCount"]
    timestamp, value, _ = variable.samples(us(NOON - 8 * HOUR), us(NOON))
    got = await plant.read("imm01", "good-count", NOON - 8 * HOUR, NOON)
    assert np.array_equal(got.timestamp, timestamp)
    assert np.array_equal(got.value, value)
    first = await plant.read("imm01", "good-count", NOON - 8 * HOUR, NOON, before=True)
    assert first.timestamp[0] < us(NOON - 8 * HOUR) <= first.timestamp[1]


async def test_large_answers_come_in_pages(plant: Plant) -> None:
    ref = PropertyRef("imm01", "active-power")
    frames = [
        frame
        async for frame in plant.client.read_raw_pages(
            [(await plant.assets()).source(ref).tag_id], NOON - HOUR, NOON, page_size=1000
        )
    ]
    assert len(frames) > 5
    whole = await plant.read(*("imm01", "active-power"), NOON - HOUR, NOON)
    assert sum(frame.sample_count for frame in frames) == len(whole)


async def test_aggregates_follow_part_13(plant: Plant) -> None:
    refs = [PropertyRef("imm01", "active-power"), PropertyRef("line1filler", "speed")]
    found = await plant.read_processed(
        refs, NOON - 4 * HOUR, NOON, interval=HOUR, aggregates=[Aggregate.TIME_AVERAGE, Aggregate.COUNT]
    )
    raw = await plant.read("imm01", "active-power", NOON - HOUR, NOON)
    assert found[refs[0], Aggregate.COUNT].value[-1] == len(raw)
    assert found[refs[0], Aggregate.COUNT].unit == "1"
    average = found[refs[0], Aggregate.TIME_AVERAGE]
    assert average.unit == "kW"
    assert average.value[-1] == pytest.approx(raw.value.mean(), rel=0.05)


async def test_live_goes_on_where_the_newest_value_was() -> None:
    async with local_plant(["curing"], start=NOON, speed=600) as local, await open_plant(local.settings) as plant:
        ref = PropertyRef("press01", "active-power")
        times: list[int] = []
        async for batch in plant.subscribe([ref]):
            times += batch.timestamp.tolist()
            if times[-1] > us(NOON + timedelta(minutes=10)):
                break
        got = await plant.read("press01", "active-power", NOON, times[-1] + 1, before=True)
        assert times[1:] == got.timestamp.tolist()[-len(times) + 1 :]
        assert len(times) > 100


async def test_what_is_not_there_is_said(plant: Plant) -> None:
    with pytest.raises(DualSpanError, match="There is no asset 'imm99'"):
        await plant.read("imm99", "state", NOON - HOUR, NOON)
    with pytest.raises(DualSpanError, match=r"imm01/speed has no values. imm01 has: .*good-count"):
        await plant.read("imm01", "speed", NOON - HOUR, NOON)
    with pytest.raises(DualSpanError, match="TAG_NOT_FOUND"):
        await plant.client.read_latest([99_999])
    with pytest.raises(DualSpanError, match="REVERSED_INTERVAL"):
        await plant.read("imm01", "state", NOON, NOON - HOUR)


async def test_a_plant_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="moulding, curing, packaging"):
        async with local_plant(["brewery"]):
            pass


async def test_the_same_without_async(local: LocalPlant) -> None:
    import asyncio

    def in_a_notebook() -> tuple[int, float, int]:
        with SyncPlant.open(local.settings) as plant:
            live = plant.subscribe([("imm01", "state")])
            first = next(iter(live))
            live.close()
            machines = plant.machines("good-count")
            latest = plant.latest([("imm01", "product-code")])[PropertyRef("imm01", "product-code")]
            assert latest.value[0].startswith("HA-")
            series = plant.read_processed([("imm01", "active-power")], NOON - HOUR, NOON)
            return len(machines), float(next(iter(series.values())).value[0]), len(first)

    machines, average, live = await asyncio.to_thread(in_a_notebook)
    assert machines == 10
    assert 1 < average < 200
    assert live == 1
