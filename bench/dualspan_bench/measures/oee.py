"""Milliseconds for the OEE of 100 machines over 30 days by machine and shift."""

import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from google.protobuf.timestamp_pb2 import Timestamp
from numpy.typing import NDArray

from dualspan.analytics.v1 import calendars_pb2, kpis_pb2, states_pb2
from dualspan.analytics.v1.calendars_pb2_grpc import CalendarServiceStub
from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan.onboarding.v1 import asset_service_pb2 as assets
from dualspan.onboarding.v1.asset_service_pb2_grpc import AssetServiceStub
from dualspan_bench.model import PRODUCT, Better, Outcome, Reading
from dualspan_bench.peers import row_table
from dualspan_bench.peers.row_table import RowTable
from dualspan_bench.product import platform
from dualspan_bench.product.feeder import open_feeder
from dualspan_bench.product.imported_tags import import_tags
from dualspan_bench.product.platform import Platform, open_platform
from dualspan_bench.workbench import Workbench, median_milliseconds, repeat
from dualspan_frame import Block, Frame, ValueKind

_HOUR_US = 3_600_000_000
_DAY_US = 24 * _HOUR_US
_ITEM_US = 50_000_000
_PROPERTIES = ("state", "good-count", "scrap-count")
_GATEWAY = "hall"


@dataclass(frozen=True, slots=True)
class _Machine:
    """Timestamps and values of state, good count and scrap count, int64 each."""

    columns: tuple[tuple[NDArray[np.int64], NDArray[np.int64]], ...]


@dataclass(frozen=True, slots=True)
class _Fleet:
    """Machines that run and stop every few minutes and make about a piece a minute; shifts of 8 h from 06:00 UTC."""

    start_us: int
    days: int
    machines: tuple[_Machine, ...]

    @property
    def end_us(self) -> int:
        """End of the span that is asked for."""
        return self.start_us + self.days * _DAY_US

    @property
    def samples(self) -> int:
        """All of them."""
        return sum(len(times) for machine in self.machines for times, _ in machine.columns)

    def name(self, place: int) -> str:
        """A machine's id."""
        return f"m{place:03}"


def _fleet(machines: int, days: int) -> _Fleet:
    start = (time.time_ns() // 1000 // _DAY_US - days - 2) * _DAY_US + 6 * _HOUR_US
    rng = np.random.default_rng(22400)
    made: list[_Machine] = []
    for _ in range(machines):
        changes = np.concatenate([[0], np.cumsum(rng.integers(120, 1080, days * 200))]) * 1_000_000
        changes = changes[changes < days * _DAY_US]
        minutes = np.arange(days * 1440) * 60_000_000
        scrap = np.sort(rng.choice(days * 86_400, days * 14, replace=False)).astype(np.int64) * 1_000_000
        made.append(
            _Machine(
                (
                    (start + changes, np.where(np.arange(len(changes)) % 4 == 3, 3, 0).astype(np.int64)),
                    (start + minutes, np.cumsum(rng.random(len(minutes)) < 0.9).astype(np.int64)),
                    (start + np.concatenate([[0], scrap[scrap > 0]]), np.arange(len(scrap[scrap > 0]) + 1)),
                )
            )
        )
    return _Fleet(start, days, tuple(made))


async def oee(bench: Workbench) -> Sequence[Outcome]:
    """The same 9000 figures from samples, from roll-ups, and by SQL over a row for each sample."""
    fleet = _fleet(4, 3) if bench.quick else _fleet(100, 30)
    what = (
        f"{len(fleet.machines)} machines, {fleet.days} days, {3 * fleet.days * len(fleet.machines):,} figures of "
        f"{fleet.samples:,} samples; median after a first answer, caches warm on "
        f"both sides; client and server are processes of their own; {bench.machine}"
    )
    bench.note(PRODUCT)
    async with open_platform(bench, "oee") as running:
        ask = await _set_up(running, fleet)
        cold, found = await _timed(lambda: ask(skip_rollups=True), 1, 5)
        rolled, again = await _timed(lambda: ask(skip_rollups=False), 2, 20)
    if not np.array_equal(found, again):
        raise RuntimeError("roll-ups say something else than samples")
    bench.note(row_table.NAME)
    peer, theirs, version = await _rows(bench, fleet)
    if found.shape != theirs.shape or not np.allclose(found, theirs, rtol=1e-6):
        raise RuntimeError("the peer computes other figures")
    other = Reading(row_table.NAME, peer, f"{version}; one statement; after VACUUM ANALYZE; {row_table.FSYNC}; {what}")
    asked = f"QueryKpis over gRPC; {platform.FSYNC}; {what}"
    return [
        Outcome(
            "ms", Better.LOWER, [Reading(f"{PRODUCT}, from samples", cold, f"no roll-up used or kept; {asked}"), other]
        ),
        Outcome("ms", Better.LOWER, [Reading(f"{PRODUCT}, from roll-ups", rolled, asked), other]),
    ]


async def _timed(
    ask: Callable[[], Awaitable[NDArray[np.float64]]], warm_up: int, times: int
) -> tuple[float, NDArray[np.float64]]:
    found = await ask()
    return median_milliseconds(await repeat(ask, warm_up=warm_up, times=times)), found


async def _set_up(running: Platform, fleet: _Fleet) -> Callable[..., Awaitable[NDArray[np.float64]]]:
    """Store the fleet's history, and say what an engineer says; returns how it is asked."""
    names = [fleet.name(place) for place in range(len(fleet.machines))]
    wanted = [(f"{name}/{prop}", ValueKind.INT64) for name in names for prop in _PROPERTIES]
    tags = await import_tags(running, _GATEWAY, wanted)
    await _assets(running, names, tags)
    async with open_feeder(running, (), name=_GATEWAY) as feeder:
        await feeder.feed(_frames(fleet, tags))
    await running.all_sealed()
    await _describe(running, names)
    stub = KpiServiceStub(running.session.analytics_channel)

    async def ask(*, skip_rollups: bool) -> NDArray[np.float64]:
        request = kpis_pb2.QueryKpisRequest(
            parent=running.tenant,
            start_time=_stamp(fleet.start_us),
            end_time=_stamp(fleet.end_us),
            kpis=["oee"],
            group_by=[kpis_pb2.DIMENSION_MACHINE, kpis_pb2.DIMENSION_SHIFT],
            skip_rollups=skip_rollups,
        )
        return np.array((await stub.QueryKpis(request, timeout=120)).kpis[0].values)

    return ask


async def _assets(running: Platform, names: Sequence[str], tags: dict[str, int]) -> None:
    stub = AssetServiceStub(running.session.onboarding_channel)
    for name in names:
        asset = assets.Asset(display_name=name, level=assets.ASSET_LEVEL_MACHINE, model="production-machine")
        made = await stub.CreateAsset(assets.CreateAssetRequest(parent=running.tenant, asset=asset, asset_id=name))
        bindings = [
            assets.PropertyBinding(property=prop, tag=f"{running.tenant}/tags/{tags[f'{name}/{prop}']}")
            for prop in _PROPERTIES
        ]
        await stub.BindProperties(assets.BindPropertiesRequest(name=made.name, bindings=bindings))


async def _describe(running: Platform, names: Sequence[str]) -> None:
    profile = states_pb2.MachineProfile(name=f"{running.tenant}/machineProfiles/fleet", models=["production-machine"])
    for value, state in (("0", "running"), ("3", "fault")):
        profile.values.values.add(value=value, state=state)
    profile.run_times.add().per_item.FromMicroseconds(_ITEM_US)
    await StateServiceStub(running.session.analytics_channel).UpdateMachineProfile(
        states_pb2.UpdateMachineProfileRequest(machine_profile=profile)
    )
    calendar = calendars_pb2.Calendar(
        name=f"{running.tenant}/calendars/fleet",
        time_zone="UTC",
        assets=names,
    )
    for label, start, end in (("early", "06:00", "14:00"), ("late", "14:00", "22:00"), ("night", "22:00", "06:00")):
        calendar.shifts.add(
            display_name=label, span=calendars_pb2.DailySpan(start=start, end=end, weekdays=range(1, 8))
        )
    await CalendarServiceStub(running.session.analytics_channel).UpdateCalendar(
        calendars_pb2.UpdateCalendarRequest(calendar=calendar)
    )


def _frames(fleet: _Fleet, tags: dict[str, int]) -> Iterator[Frame]:
    for place, machine in enumerate(fleet.machines):
        columns = zip(_PROPERTIES, machine.columns, strict=True)
        blocks = [
            Block(
                ValueKind.INT64,
                np.full(len(times), tags[f"{fleet.name(place)}/{prop}"], np.int64),
                times,
                np.zeros(len(times), np.uint32),
                values,
            )
            for prop, (times, values) in columns
        ]
        yield Frame.concat(Frame((block,)) for block in blocks)


# Availability x effectiveness x quality is planned run time x good pieces / planned busy time.
_OEE = """
    WITH piece AS (
        SELECT tag / 3 AS machine, value, time AS start, lead(time, 1, $2) OVER (PARTITION BY tag ORDER BY time) AS stop
        FROM sample WHERE tag % 3 = 0 AND time >= $1 AND time < $2
    ), part AS (
        SELECT machine, shift,
               extract(epoch FROM least(stop, shift + interval '8 hours') - greatest(start, shift)) AS seconds
        FROM piece, generate_series(date_bin('8 hours', start, $1), date_bin('8 hours', stop, $1), '8 hours') AS shift
        WHERE shift < stop
    ), busy AS (
        SELECT machine, shift, sum(seconds) AS seconds FROM part GROUP BY machine, shift
    ), counted AS (
        SELECT tag, time, value - lag(value) OVER (PARTITION BY tag ORDER BY time) AS step
        FROM sample WHERE tag % 3 = 1 AND time >= $1 AND time < $2
    ), good AS (
        SELECT tag / 3 AS machine, date_bin('8 hours', time, $1) AS shift, sum(greatest(step, 0)) AS pieces
        FROM counted GROUP BY 1, 2
    )
    SELECT 50.0 * good.pieces / busy.seconds AS oee
    FROM busy JOIN good USING (machine, shift) ORDER BY machine, shift
"""


async def _rows(bench: Workbench, fleet: _Fleet) -> tuple[float, NDArray[np.float64], str]:
    peer = await RowTable.open(bench)
    try:
        for place, machine in enumerate(fleet.machines):
            for which, (times, values) in enumerate(machine.columns):
                tag = np.full(len(times), 3 * place + which, np.int64)
                await peer.copy(tag, times, values.astype(np.float64))
        await peer.analyze()

        async def ask() -> NDArray[np.float64]:
            return await peer.column(_OEE, fleet.start_us, fleet.end_us)

        milliseconds, found = await _timed(ask, 0, 3)
        return milliseconds, found, peer.version
    finally:
        await peer.stop()


def _stamp(time_us: int) -> Timestamp:
    message = Timestamp()
    message.FromMicroseconds(time_us)
    return message
