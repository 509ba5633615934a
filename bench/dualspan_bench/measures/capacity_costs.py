"""What a frame, a sample, a tag and a connected gateway cost: what the capacity model goes by, and a check of it.

Three loads that differ in what a frame holds, and of how many tags, give the costs of each; a fourth one says how far
the model is off.
"""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np
from scipy.optimize import nnls

from dualspan_bench.data import recent_hour, temperatures
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.product.feeder import Feeder, open_feeder
from dualspan_bench.product.platform import FSYNC, Platform, open_platform
from dualspan_bench.workbench import Workbench
from dualspan_cli.scaling.capacity import Costs, Load, Part, cores
from dualspan_frame import Block, Frame, ValueKind, encode_frame

# Whose CPU time is counted for which part; whatever else runs is the same for any load.
_PARTS: Mapping[str, Part] = {
    "historian": Part.HISTORIAN,
    "worker": Part.SEALING,
    "postgres": Part.POSTGRESQL,
    "redis": Part.REDIS,
}


@dataclass(frozen=True, slots=True)
class _Plants:
    """Gateways that send a frame a second each, with so many samples of so many tags."""

    gateways: int
    tags: int
    hertz: int

    @property
    def load(self) -> Load:
        tags = self.gateways * self.tags
        return Load(frames=self.gateways, samples=tags * self.hertz, tags=tags)

    def __str__(self) -> str:
        return f"{self.gateways} gateways of {self.tags:,} tags at {self.hertz} Hz"


@dataclass(frozen=True, slots=True)
class _Spent:
    """CPU seconds a second of each part, and bytes of PostgreSQL's log a sample."""

    cores: Mapping[Part, float]
    log: float


_SMALL, _WIDE, _DEEP = _Plants(60, 50, 1), _Plants(4, 10_000, 1), _Plants(4, 4_000, 25)
_CHECK = _Plants(20, 1_000, 2)


async def capacity_costs(bench: Workbench) -> Sequence[Outcome]:
    """Costs from three loads; then cores as the model has them, beside those of a fourth."""
    seconds = 3.0 if bench.quick else 60.0
    async with open_platform(bench, "capacity") as platform:
        idle_memory = platform.memory_bytes()
        idle = await _spent_idle(bench, platform, seconds)
        spent: dict[_Plants, _Spent] = {}
        memory: dict[_Plants, Mapping[str, int]] = {}
        for number, plants in enumerate((_SMALL, _WIDE, _DEEP, _CHECK)):
            bench.note(str(plants))
            spent[plants], memory[plants] = await _spent(platform, plants, seconds, number, idle)
    costs = _costs(spent)
    stream = (memory[_SMALL]["historian"] - idle_memory["historian"]) / _SMALL.gateways
    wire = _wire_bytes()
    conditions = (
        f"{_SMALL}, {_WIDE}, {_DEEP}, a frame a second from each; {seconds:.0f} s each and until all is sealed, less "
        f"what the platform takes without any; {FSYNC}; {bench.machine}"
    )
    outcomes = [
        _one(f"{part.value}, a frame", cost.frame * 1e6, "µs of CPU", conditions) for part, cost in costs.items()
    ]
    outcomes += [
        _one(f"{part.value}, a sample", cost.sample * 1e9, "ns of CPU", conditions) for part, cost in costs.items()
    ]
    outcomes += [
        _one(f"{part.value}, a tag", cost.tag * 1e6, "µs of CPU a second", conditions) for part, cost in costs.items()
    ]
    outcomes += [
        _one("PostgreSQL's log, a sample", spent[_DEEP].log, "B", f"{_DEEP}; {conditions}"),
        _one("wire, a sample", wire, "B", "a frame of 1,000 tags at 10 Hz, 1 s, 2 decimals, as it is sent; no TLS"),
        _one("historian, a gateway", max(stream, 0.0) / 1e6, "MB", f"memory, {_SMALL}; {bench.machine}"),
    ]
    for name in ("historian", "worker", "postgres", "redis"):
        most = max(each[name] for each in memory.values())
        outcomes.append(_one(f"{name}, memory", most / 1e6, "MB", f"the most after any of the loads; {conditions}"))
    measured = sum(spent[_CHECK].cores.values())
    predicted = sum(cores(costs, _CHECK.load).values())
    check = f"{_CHECK}; {seconds:.0f} s and until all is sealed; historian, sealing, PostgreSQL and Redis together"
    readings = [
        Reading(f"{PRODUCT}, cores of the model", predicted, f"{check}; from the costs that the other loads gave"),
        Reading(f"{PRODUCT}, cores measured", measured, f"{check}; {bench.machine}"),
    ]
    return [*outcomes, Outcome("cores", Better.LOWER, readings)]


def _one(subject: str, value: float, unit: str, conditions: str) -> Outcome:
    return Outcome(unit, Better.LOWER, [Reading(subject, value, conditions)])


def _costs(spent: Mapping[_Plants, _Spent]) -> Mapping[Part, Costs]:
    """Solves three loads for three costs, none of which can be less than nothing."""
    loads = (_SMALL, _WIDE, _DEEP)
    rates = np.array([[each.load.frames, each.load.samples, each.load.tags] for each in loads], np.float64)
    found: dict[Part, Costs] = {}
    for part in Part:
        used = np.array([spent[each].cores[part] for each in loads])
        # Each load counts alike, or the largest would be all that is fitted.
        solved, _ = nnls(rates / used[:, np.newaxis], np.ones(len(loads)))
        found[part] = Costs(*map(float, solved))
    return found


async def _spent_idle(bench: Workbench, platform: Platform, seconds: float) -> Mapping[str, float]:
    """CPU seconds a second of each member while nobody sends."""
    bench.note("nobody sends")
    await asyncio.sleep(min(seconds, 10.0))
    before = platform.cpu_seconds()
    await asyncio.sleep(seconds)
    after = platform.cpu_seconds()
    return {name: (after[name] - before[name]) / seconds for name in after}


async def _spent(
    platform: Platform, plants: _Plants, seconds: float, number: int, idle: Mapping[str, float]
) -> tuple[_Spent, Mapping[str, int]]:
    first = 1 + number * 1_000_000
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        feeders: list[tuple[Feeder, int]] = []
        for place in range(plants.gateways):
            tags = range(first + place * plants.tags, first + (place + 1) * plants.tags)
            name = f"plant-{number}-{place}"
            feeders.append((await stack.enter_async_context(open_feeder(platform, tags, name=name)), tags.start))
        begin, before, log = loop.time(), platform.cpu_seconds(), await platform.log_bytes()
        await asyncio.gather(
            *(_stream(feeder, start, plants, seconds, place) for place, (feeder, start) in enumerate(feeders))
        )
        memory = platform.memory_bytes()
    await platform.all_sealed()
    elapsed, after = loop.time() - begin, platform.cpu_seconds()
    used: dict[Part, float] = {}
    for name, part in _PARTS.items():
        # Never nothing: what is less than a thousandth of a core is lost in what the platform takes by itself.
        used[part] = max((after[name] - before[name] - idle[name] * elapsed) / seconds, 1e-4)
    samples = plants.load.samples * seconds
    return _Spent(used, (await platform.log_bytes() - log) / samples), memory


async def _stream(feeder: Feeder, first_tag: int, plants: _Plants, seconds: float, place: int) -> None:
    # Not all of them in the same moment of the second.
    await asyncio.sleep(place % 20 / 20)
    random = np.random.default_rng(first_tag)
    samples = plants.tags * plants.hertz
    tag = np.tile(np.arange(first_tag, first_tag + plants.tags, dtype=np.int64), plants.hertz)
    level = np.tile(random.uniform(20, 220, plants.tags), plants.hertz)
    grid = np.repeat(np.arange(plants.hertz) * 1_000_000 // plants.hertz, plants.tags)
    seconds_sent = iter(range(round(seconds) + 1))
    start_us = recent_hour()

    def make() -> Frame:
        value = (level + random.normal(0, 0.5, samples)).round(2)
        time_us = start_us + next(seconds_sent) * 1_000_000 + grid + random.integers(-500, 501, samples)
        return Frame((Block(ValueKind.FLOAT64, tag, time_us, np.zeros(samples, np.uint32), value),))

    await feeder.paced(make, 1.0, seconds)


def _wire_bytes() -> float:
    table = temperatures(recent_hour(), tags=1000, seconds=10, hertz=10, jitter_us=500)
    return sum(encode_frame(frame).ByteSize() for frame in table.frames()) / table.samples
