"""A plant by the properties of its assets, on the platform's own historian and onboarding."""

import itertools
from collections.abc import AsyncGenerator
from datetime import timedelta

import numpy as np
import pytest
import pytest_asyncio

from dualspan_analytics.columns import PropertyRef as Bound_
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_frame import ValueKind
from dualspan_sdk import Aggregate, DualSpanError, Endpoints, Plant, PropertyRef
from harness.analytics import AnalyticsPlatform, Bound, line, machine, running_analytics, site
from harness.analytics import Plant as StoredPlant
from harness.databases import clone, drop

pytestmark = pytest.mark.asyncio(loop_scope="module")

T0 = 1_760_000_000_000_000
SECOND = 1_000_000
TEMPERATURE = PropertyRef("imm01", "mould-temperature", 1)
ASSETS = [
    site("wuhan"),
    line("moulding", "wuhan"),
    machine(
        "imm01",
        "injection-moulding-machine",
        ["good-count", "stop-reason-text", "running", Bound("mould-temperature", 1, ValueKind.FLOAT64, "°F")],
        "moulding",
    ),
]
_names = (f"test_sdk_plant_{number}" for number in itertools.count(1))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def platform(
    migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis
) -> AsyncGenerator[AnalyticsPlatform]:
    database = await clone(migrated_postgres, next(_names))
    try:
        async with running_analytics(database, redis_server.url()) as running:
            yield running
    finally:
        await drop(database)


@pytest_asyncio.fixture(loop_scope="module")
async def stored(platform: AnalyticsPlatform) -> StoredPlant:
    plant = await platform.plant(ASSETS)
    times = T0 + np.arange(100) * SECOND
    await plant.ingest(
        {
            Bound_("imm01", "good-count"): (times, np.arange(100)),
            Bound_("imm01", "stop-reason-text"): (times[:2], ["", "缺料"]),
            Bound_("imm01", "mould-temperature", 1): (times, 32.0 + 1.8 * np.arange(100), [0] * 90 + [0x80000000] * 10),
        }
    )
    return plant


@pytest_asyncio.fixture(loop_scope="module")
async def plant(platform: AnalyticsPlatform, stored: StoredPlant) -> AsyncGenerator[Plant]:
    endpoints = Endpoints(historian=platform.historian.address, onboarding=platform.onboarding_address)
    token = platform.authority.access_token(stored.tenant, "viewer")
    async with await Plant.connect(endpoints, access_token=token) as connected:
        yield connected


async def test_assets_with_their_models(plant: Plant) -> None:
    assets = await plant.assets()
    (imm01,) = await plant.machines("good-count", "mould-temperature")
    assert [each.id for each in assets.path("imm01")] == ["wuhan", "moulding", "imm01"]
    assert imm01.model is not None
    assert imm01.model.properties["good-count"].name_zh == "合格品计数"
    assert imm01.model.states[0].iso22400 == "APT"
    assert imm01.refs("mould-temperature") == [TEMPERATURE]


async def test_samples_come_in_the_units_of_the_models(plant: Plant) -> None:
    refs = [("imm01", "good-count"), ("imm01", "stop-reason-text"), TEMPERATURE, ("imm01", "running")]
    found = await plant.read_many(refs, T0 + 50 * SECOND, T0 + 95 * SECOND, before=True)
    good = found[PropertyRef("imm01", "good-count")]
    assert good.value.tolist() == list(range(49, 95))
    assert good.unit == "{piece}"
    assert found[PropertyRef("imm01", "stop-reason-text")].value.tolist() == ["缺料"]
    assert np.allclose(found[TEMPERATURE].only_good().value, np.arange(49, 90))
    assert (found[TEMPERATURE].unit, int(found[TEMPERATURE].good.sum())) == ("Cel", 41)
    assert len(found[PropertyRef("imm01", "running")]) == 0
    latest = await plant.latest(refs[:2])
    assert latest[PropertyRef("imm01", "good-count")].value.tolist() == [99]


async def test_aggregates_are_scaled_as_their_kind_is(plant: Plant) -> None:
    wanted = [Aggregate.AVERAGE, Aggregate.RANGE, Aggregate.COUNT, Aggregate.TOTAL]
    found = await plant.read_processed(
        [TEMPERATURE], T0, T0 + 80 * SECOND, interval=timedelta(seconds=40), aggregates=wanted
    )
    average, spread, count, total = (found[TEMPERATURE, each] for each in wanted)
    assert np.allclose(average.value, [19.5, 59.5])
    assert np.allclose(spread.value, [39.0, 39.0])
    assert count.value.tolist() == [40, 40]
    assert [each.unit for each in (average, spread, count, total)] == ["Cel", "K", "1", "Cel.s"]
    assert np.allclose(total.value, [20 * 40, 60 * 40], rtol=0.01)


async def test_live_begins_with_the_newest_and_goes_on(plant: Plant, stored: StoredPlant) -> None:
    live = plant.subscribe([TEMPERATURE, ("imm01", "good-count")])
    seen: dict[str, list[float]] = {"mould-temperature": [], "good-count": []}
    sent = False
    async for columns in live:
        for place, value in zip(columns.place.tolist(), columns.value.tolist(), strict=True):
            seen[columns.refs[place].property].append(value)
        if all(seen.values()) and not sent:
            sent = True
            times = T0 + np.arange(98, 103) * SECOND
            await stored.ingest({Bound_("imm01", "good-count"): (times, np.arange(98, 103))})
        if seen["good-count"][-1:] == [102]:
            break
    await live.aclose()
    # What was there already, and its repeats, do not come again.
    assert seen["good-count"] == [99, 100, 101, 102]


async def test_what_is_refused_says_why(plant: Plant) -> None:
    with pytest.raises(DualSpanError, match=r"imm01/cushion has no values. imm01 has: good-count"):
        await plant.read("imm01", "cushion", T0, T0 + SECOND)
    with pytest.raises(DualSpanError, match="REVERSED_INTERVAL"):
        await plant.read("imm01", "good-count", T0 + SECOND, T0)
