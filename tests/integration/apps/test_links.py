"""What an app sees and writes when its connection breaks."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest_asyncio

from dualspan_cli.harness import LocalPlant, local_plant
from dualspan_manifest import LocalText, Output, PropertyNeed, Requirement, ValueKind
from dualspan_sdk import AppSettings, Endpoints, PropertyRef, open_app, open_plant
from harness.link import Link
from plc_sim.plants import make_plant

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
NEEDS = (Requirement("machine", (), 1, 5, (PropertyNeed("active-power", ValueKind.NUMBER),)),)
OUTPUTS = (Output("score", LocalText("x", "x"), ValueKind.FLOAT64, "", "machine"),)


@pytest_asyncio.fixture
async def local() -> AsyncIterator[LocalPlant]:
    async with local_plant(["curing"], NEEDS, OUTPUTS, start=NOON, speed=60.0) as running:
        yield running


@pytest_asyncio.fixture
async def link(local: LocalPlant) -> AsyncIterator[Link]:
    host, _, port = local.settings.endpoints.historian.rpartition(":")
    opened = Link((host, int(port)))
    await opened.open()
    yield opened
    await opened.close()


def through(link: Link, local: LocalPlant) -> AppSettings:
    return replace(local.settings, endpoints=Endpoints(historian=link.address))


async def test_nothing_is_missed_and_nothing_comes_twice(link: Link, local: LocalPlant) -> None:
    ref, times = PropertyRef("press01", "active-power"), list[int]()
    cuts = 0
    async with asyncio.timeout(60), await open_plant(through(link, local)) as plant:
        async for columns in plant.subscribe([ref]):
            times += columns.timestamp.tolist()
            if len(times) > 100 * (cuts + 1):
                cuts += 1
                if cuts == 4:
                    break
                link.cut()
                await asyncio.sleep(0.3)
                link.mend()
    variable = make_plant("curing", 1).variables["Press01/Energy/ActivePower"]
    assert times[1:] == variable.samples(times[0] + 1, times[-1] + 1)[0].tolist()


async def test_results_are_stored_once_when_acknowledgements_are_lost(link: Link, local: LocalPlant) -> None:
    async with open_app(through(link, local)) as app:
        for number in range(30):
            if number % 10 == 5:
                link.swallow_answers = True
            await app.results.write("press01", "score", number, float(number))
            if number % 10 == 8:
                await asyncio.sleep(0.2)
                link.cut()
                link.mend()
        await app.results.flush(60)
    (block,) = local.results.of("press01", "score").blocks
    assert block.timestamp.tolist() == list(range(30))
