"""What a frame, a sample and a connected gateway cost the platform: what the capacity model goes by, and a check of it.

Two loads that differ in what a frame holds give the costs of a frame and of a sample; a third one, which the model is
asked about before, says how far it is off.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import numpy as np

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
_FIRST_TAG = 1


@dataclass(frozen=True, slots=True)
class _Plants:
    """Gateways that send a frame a second each."""

    gateways: int
    samples: int

    @property
    def load(self) -> Load:
        return Load(frames=self.gateways, samples=self.gateways * self.samples, gateways=self.gateways)

    def __str__(self) -> str:
        return f"{self.gateways} gateways, a frame of {self.samples:,} samples a second from each"


@dataclass(frozen=True, slots=True)
class _Spent:
    """CPU seconds a second of each part, and bytes of PostgreSQL's log a sample."""

    cores: Mapping[Part, float]
    log: float


_SMALL, _LARGE, _CHECK = _Plants(60, 50), _Plants(4, 25_000), _Plants(20, 1_000)


async def capacity_costs(bench: Workbench) -> Sequence[Outcome]:
    """Costs from the small and the large frames; then cores as the model has them, beside those of a third load."""
    seconds = 3.0 if bench.quick else 60.0
    async with open_platform(bench, "capacity") as platform:
        idle_memory = platform.memory_bytes()
        idle = await _spent_idle(bench, platform, seconds)
        spent: dict[_Plants, _Spent] = {}
        memory: dict[_Plants, Mapping[str, int]] = {}
        for number, plants in enumerate((_SMALL, _LARGE, _CHECK)):
            bench.note(str(plants))
            spent[plants], memory[plants] = await _spent(platform, plants, seconds, number, idle)
    costs = _costs(spent[_SMALL], spent[_LARGE])
    stream = (memory[_SMALL]["historian"] - idle_memory["historian"]) / _SMALL.gateways
    wire = _wire_bytes()
    conditions = (
        f"{_SMALL}, against {_LARGE}; {seconds:.0f} s each and until all is sealed, less what the platform takes "
        f"without any; {FSYNC}; {bench.machine}"
    )
    outcomes = [
        _one(f"{part.value}, a frame", cost.frame * 1e6, "µs of CPU", conditions) for part, cost in costs.items()
    ]
    outcomes += [
        _one(f"{part.value}, a sample", cost.sample * 1e9, "ns of CPU", conditions) for part, cost in costs.items()
    ]
    outcomes += [
        _one("PostgreSQL's log, a sample", spent[_LARGE].log, "B", f"{_LARGE}; {conditions}"),
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
        Reading(f"{PRODUCT}, cores of the model", predicted, f"{check}; from the costs of the other two loads"),
        Reading(f"{PRODUCT}, cores measured", measured, f"{check}; {bench.machine}"),
    ]
    return [*outcomes, Outcome("cores", Better.LOWER, readings)]


def _one(subject: str, value: float, unit: str, conditions: str) -> Outcome:
    return Outcome(unit, Better.LOWER, [Reading(subject, value, conditions)])


def _costs(small: _Spent, large: _Spent) -> Mapping[Part, Costs]:
    """Solves both loads for the cost of a frame and of a sample; neither can be less than nothing."""
    rates = np.array([[each.load.frames, each.load.samples] for each in (_SMALL, _LARGE)], np.float64)
    found: dict[Part, Costs] = {}
    for part in Part:
        frame, sample = np.linalg.solve(rates, np.array([small.cores[part], large.cores[part]]))
        if sample < 0:
            frame, sample = small.cores[part] / _SMALL.load.frames, 0.0
        elif frame < 0:
            frame, sample = 0.0, large.cores[part] / _LARGE.load.samples
        found[part] = Costs(float(frame), float(sample))
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
    first = _FIRST_TAG + number * 1_000_000
    loop = asyncio.get_running_loop()
    async with AsyncExitStack() as stack:
        feeders: list[tuple[Feeder, int]] = []
        for place in range(plants.gateways):
            tags = range(first + place * plants.samples, first + (place + 1) * plants.samples)
            name = f"plant-{number}-{place}"
            feeders.append((await stack.enter_async_context(open_feeder(platform, tags, name=name)), tags.start))
        begin, before, log = loop.time(), platform.cpu_seconds(), await platform.log_bytes()
        await asyncio.gather(
            *(_stream(feeder, start, plants.samples, seconds, place) for place, (feeder, start) in enumerate(feeders))
        )
        memory = platform.memory_bytes()
    await platform.all_sealed()
    elapsed, after = loop.time() - begin, platform.cpu_seconds()
    used: Counter[Part] = Counter()
    for name, part in _PARTS.items():
        used[part] += (after[name] - before[name] - idle[name] * elapsed) / seconds  # pyright: ignore[reportArgumentType]
    samples = plants.load.samples * seconds
    return _Spent(used, (await platform.log_bytes() - log) / samples), memory


async def _stream(feeder: Feeder, first_tag: int, samples: int, seconds: float, place: int) -> None:
    # Not all of them in the same moment of the second.
    await asyncio.sleep(place % 20 / 20)
    random = np.random.default_rng(first_tag)
    level = random.uniform(20, 220, samples)
    tag = np.arange(first_tag, first_tag + samples, dtype=np.int64)
    tick = iter(range(round(seconds) + 1))
    start_us = recent_hour()

    def make() -> Frame:
        level[:] += random.normal(0, 0.02, samples)
        time_us = start_us + next(tick) * 1_000_000 + random.integers(-500, 501, samples)
        return Frame((Block(ValueKind.FLOAT64, tag, time_us, np.zeros(samples, np.uint32), level.round(2)),))

    await feeder.paced(make, 1.0, seconds)


def _wire_bytes() -> float:
    table = temperatures(recent_hour(), tags=1000, seconds=10, hertz=10, jitter_us=500)
    return sum(encode_frame(frame).ByteSize() for frame in table.frames()) / table.samples
