"""Roll-ups, late data, what people say, custom KPIs, and what is refused."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import numpy as np
import pytest

from dualspan.analytics.v1 import calendars_pb2, kpis_pb2, states_pb2
from dualspan.analytics.v1.calendars_pb2_grpc import CalendarServiceStub
from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import production
from dualspan_analytics.service import definitions as definitions_
from dualspan_analytics.service import production as production_
from dualspan_analytics.service import stops as stops_
from dualspan_runtime.errors import error_info
from harness.analytics import AnalyticsPlatform, Plant, line, machine, site
from harness.historian import stamp

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.states_pb2_grpc import StateServiceAsyncStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3_600_000_000
# Some whole days ago, so that all is over.
T0 = time.time_ns() // 1000 // (24 * HOUR) * 24 * HOUR - 6 * 24 * HOUR
STATE, GOOD, SCRAP, SPEED = (
    PropertyRef("m1", name) for name in ("state", "good-count", "scrap-count", "injection-velocity")
)
Profile = states_pb2.MachineProfile
BAD = 0x80000000


async def made(platform: AnalyticsPlatform) -> Plant:
    """A machine that runs for 6 h and fails for 2 h in every 8, and makes a piece a minute."""
    names = [STATE.property, GOOD.property, SCRAP.property, SPEED.property]
    plant = await platform.plant(
        [
            site("works"),
            machine("m1", "injection-moulding-machine", names, "works"),
            machine("m2", "cnc-machine", [], "works"),
        ]
    )
    minutes = np.arange(0, 3 * 24 * 60)
    running = minutes % 480 < 360
    await plant.ingest(
        {
            STATE: (T0 + minutes * 60_000_000, np.where(running, 0, 3)),
            GOOD: (T0 + minutes * 60_000_000, np.cumsum(running)),
            SPEED: (T0 + minutes * 60_000_000, np.where(running, 100.0, 0.0)),
            SCRAP: ([T0], [0]),
        }
    )
    profile = Profile(
        name=f"{plant.parent}/machineProfiles/p",
        models=["injection-moulding-machine"],
        values=Profile.ValueSource(
            values=[Profile.StateValue(value="0", state="running"), Profile.StateValue(value="3", state="fault")]
        ),
        run_times=[Profile.RunTime(per_item={"seconds": 48})],  # pyright: ignore[reportArgumentType]
    )
    await states(plant).UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=profile))
    return plant


def states(plant: Plant) -> StateServiceAsyncStub:
    return StateServiceStub(plant.channel)


async def asked(
    plant: Plant, *group_by: kpis_pb2.Dimension.ValueType, kpis: tuple[str, ...] = ("oee",), end: int = T0 + 72 * HOUR
) -> kpis_pb2.QueryKpisResponse:
    return await KpiServiceStub(plant.channel).QueryKpis(
        kpis_pb2.QueryKpisRequest(
            parent=plant.parent,
            start_time=stamp(T0),
            end_time=stamp(end),
            kpis=kpis,
            group_by=group_by,
            include_sums=True,
        )
    )


async def refused(call: grpc.aio.UnaryUnaryCall[object, object] | object) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    info = error_info(caught.value)
    assert info is not None, caught.value
    return info.reason


def shift_calendar(plant: Plant, *shifts: tuple[str, str, str]) -> calendars_pb2.Calendar:
    return calendars_pb2.Calendar(
        name=f"{plant.parent}/calendars/works",
        time_zone="UTC",
        assets=["works"],
        shifts=[
            calendars_pb2.Calendar.Shift(
                display_name=name, span=calendars_pb2.DailySpan(start=start, end=end, weekdays=range(1, 8))
            )
            for name, start, end in shifts
        ],
    )


async def test_sums_are_rolled_up_and_late_data_make_only_their_days_stale(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    day = kpis_pb2.DIMENSION_DAY
    first = await asked(plant, day)
    assert (first.rolled_up_shifts, first.computed_shifts) == (0, 3)
    assert list(first.kpis[0].values) == pytest.approx([0.75 * 0.8] * 3, rel=0.01)
    assert list(first.skipped_assets) == ["m2"]
    again = await asked(plant, day)
    assert (again.rolled_up_shifts, again.computed_shifts) == (3, 0)
    assert list(again.kpis[0].values) == list(first.kpis[0].values)
    assert [list(each.values) for each in again.sums] == [list(each.values) for each in first.sums]
    # The machine stood still for an hour of the second day, which is told three days later.
    late = T0 + 24 * HOUR + HOUR + np.array([1, 3_599_000_000])
    await plant.ingest({STATE: (late, [1, 0])})
    third = await asked(plant, day)
    assert third.computed_shifts >= 1
    assert third.kpis[0].good_shares[1] == pytest.approx(1 - 1 / 1440, abs=1e-5)  # 1 is no known state
    fresh = await KpiServiceStub(plant.channel).QueryKpis(
        kpis_pb2.QueryKpisRequest(
            parent=plant.parent,
            start_time=stamp(T0),
            end_time=stamp(T0 + 72 * HOUR),
            kpis=["oee"],
            group_by=[day],
            include_sums=True,
            skip_rollups=True,
        )
    )
    assert [list(each.values) for each in third.sums] == [list(each.values) for each in fresh.sums]
    assert (await asked(plant, day)).computed_shifts == 0


async def test_live_data_leave_what_is_over_alone(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    await asked(plant)
    await plant.ingest({GOOD: ([T0 + 5 * 24 * HOUR], [10_000])})
    assert (await asked(plant)).rolled_up_shifts == 3


async def test_the_worker_rolls_up_before_anybody_asks(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    rollups = production.rollups(plant.parts)
    assert plant.tenant in await rollups.tenants()
    assert await rollups.roll_up(plant.tenant) > 30  # days, most without data: unknown
    assert (await asked(plant)).rolled_up_shifts == 3


async def test_what_is_too_much_at_once_is_rolled_up_in_parts(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    # 13 000 samples of three days: no more than two of these may be held at once.
    held = replace(plant.parts, plant=plant.data.holding_at_most(9_500))
    assert await production.rollups(held).roll_up(plant.tenant) > 30
    assert (await asked(plant)).rolled_up_shifts == 3


async def test_a_state_that_flaps_is_refused_and_stops_nobody(
    platform: AnalyticsPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = await made(platform)
    monkeypatch.setattr(production_, "MOST_INTERVALS", 18)  # nine stops
    span = {"start_time": stamp(T0), "end_time": stamp(T0 + 72 * HOUR)}
    shown = await states(plant).ListStateIntervals(
        states_pb2.ListStateIntervalsRequest(parent=plant.parent, asset="m1", **span)
    )
    assert len(shown.intervals) == 18
    await plant.ingest({STATE: ([T0 + HOUR, T0 + HOUR + 1], [3, 0])})
    request = states_pb2.ListStateIntervalsRequest(parent=plant.parent, asset="m1", **span)
    assert await refused(states(plant).ListStateIntervals(request)) == "TOO_MANY_INTERVALS"
    opened = kpis_pb2.GetKpiRequest(
        name=f"{plant.parent}/kpis/oee", asset="m1", start_time=span["start_time"], end_time=span["end_time"]
    )
    assert await refused(KpiServiceStub(plant.channel).GetKpi(opened)) == "TOO_MANY_INTERVALS"


async def test_another_calendar_or_profile_is_computed_anew(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    await asked(plant)
    calendar = shift_calendar(plant, ("early", "06:00", "14:00"), ("late", "14:00", "22:00"))
    calendars = CalendarServiceStub(plant.channel)
    await calendars.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    answer = await asked(plant, kpis_pb2.DIMENSION_SHIFT_NAME)
    assert answer.rolled_up_shifts == 0
    assert [answer.shifts.texts[place] for place in answer.shifts.places] == ["early", "late"]
    planned = next(each for each in answer.sums if each.sum == "POT")
    assert sum(planned.values) == 3 * 16 * 3600
    overlapping = shift_calendar(plant, ("early", "06:00", "14:30"), ("late", "14:00", "22:00"))
    reason = await refused(calendars.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=overlapping)))
    assert reason == "SHIFTS_OVERLAP"


async def test_people_say_why_it_stood(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    await asked(plant)
    note = states_pb2.StopNote(
        asset="m1", start_time=stamp(T0 + 6 * HOUR), end_time=stamp(T0 + 8 * HOUR), reason="no material"
    )
    request = states_pb2.CreateStopNoteRequest(parent=plant.parent, stop_note=note)
    viewer = StateServiceStub(await platform.channel(plant.tenant, "viewer"))
    with pytest.raises(grpc.aio.AioRpcError, match="PERMISSION"):
        await viewer.CreateStopNote(request)
    said = await states(plant).CreateStopNote(request)
    assert said.author == "users/ada"
    losses = await states(plant).ListLosses(
        states_pb2.ListLossesRequest(parent=plant.parent, start_time=stamp(T0), end_time=stamp(T0 + 24 * HOUR))
    )
    assert [(loss.key, loss.count, loss.duration.seconds // 3600) for loss in losses.losses] == [
        ("", 2, 4),
        ("no material", 1, 2),
    ]
    assert losses.losses[0].share == pytest.approx(2 / 3)
    assert (await asked(plant)).computed_shifts == 1  # the day that it is about
    await states(plant).DeleteStopNote(states_pb2.DeleteStopNoteRequest(name=said.name))
    assert (await asked(plant)).computed_shifts == 1


async def test_a_kpi_opens_down_to_its_intervals(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    await plant.ingest({GOOD: ([T0 + 12 * HOUR + 30_000_000, T0 + 12 * HOUR + 45_000_000], [3, 2])})
    opened = await KpiServiceStub(plant.channel).GetKpi(
        kpis_pb2.GetKpiRequest(
            name=f"{plant.parent}/kpis/availability", asset="m1", start_time=stamp(T0), end_time=stamp(T0 + 24 * HOUR)
        )
    )
    assert opened.value == pytest.approx(0.75)
    assert opened.good_share == 1.0
    assert [(each.state, each.element) for each in opened.intervals] == [("running", 1), ("fault", 4)] * 3
    produced = sum(e.end_time.seconds - e.start_time.seconds for e in opened.intervals if e.element == 1)
    assert next(each.values[0] for each in opened.sums if each.sum == "APT") == produced
    assert "dropped" in {mark.kind for mark in opened.counter_marks}
    assert "m1/good-count" in opened.properties


async def test_bad_data_are_neither_running_nor_stopped(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    await plant.ingest({STATE: (T0 + HOUR + np.arange(60) * 60_000_000 + 1, [0] * 60, [BAD] * 60)})
    answer = await asked(plant, end=T0 + 8 * HOUR, kpis=("availability",))
    column = answer.kpis[0]
    # Each Bad sample lasts until the next minute's good one.
    assert column.good_shares[0] == pytest.approx(7 / 8, abs=0.001)
    assert column.values[0] == pytest.approx(5 / 7, abs=0.001)


async def test_custom_kpis(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    stub = KpiServiceStub(plant.channel)

    async def put(formula: str, kpi: str = "mine", unit: str = "") -> kpis_pb2.Kpi:
        given = kpis_pb2.Kpi(name=f"{plant.parent}/kpis/{kpi}", formula=formula, unit=unit)
        return await stub.UpdateKpi(kpis_pb2.UpdateKpiRequest(kpi=given))

    await put("mean(injection_velocity) * PQ / increase(scrap_count)")
    machine_day = (kpis_pb2.DIMENSION_MACHINE, kpis_pb2.DIMENSION_DAY)
    column = (await asked(plant, *machine_day, kpis=("mine",))).kpis[0]
    assert np.isnan(column.values).all()
    assert column.reasons.texts == ["division by zero"]
    await put("mean(injection_velocity)")
    assert list((await asked(plant, *machine_day, kpis=("mine",))).kpis[0].values) == pytest.approx([75.0] * 3)
    await put("mean(injection_velocity)", unit="m/s")  # the property is in mm/s
    assert list((await asked(plant, *machine_day, kpis=("mine",))).kpis[0].values) == pytest.approx([0.075] * 3)
    await put("mean(injection_velocity)", unit="kW")
    column = (await asked(plant, *machine_day, kpis=("mine",))).kpis[0]
    assert np.isnan(column.values).all()
    assert column.reasons.texts == ["injection-velocity is in mm/s, which does not convert to kW"]
    for formula in ("open('/etc/passwd')", "__import__('os')", "injection_velocity", "1 +", "(" * 900):
        assert await refused(put(formula)) in {"BAD_EXPRESSION", "EXPRESSION_TOO_LARGE"}
    assert await refused(put("1", "oee")) == "KPI_IS_STANDARD"
    await put("mean(barrel_temperature)")
    column = (await asked(plant, *machine_day, kpis=("mine",))).kpis[0]
    assert column.reasons.texts == ["m1 has no barrel-temperature"]
    assert await refused(asked(plant, kpis=("mine",))) == "BAD_KPI_QUERY"
    assert await refused(asked(plant, kpis=("nosuch",))) == "KPI_NOT_FOUND"
    known = await stub.ListKpis(kpis_pb2.ListKpisRequest(parent=plant.parent))
    assert {kpi.name.rpartition("/")[2] for kpi in known.kpis} >= {"oee", "nee", "mine", "mtbf"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda p: p.ClearField("values"), "BAD_PROFILE"),
        (lambda p: p.values.values.add(value="5", state="flying"), "BAD_PROFILE"),
        (lambda p: p.ClearField("models"), "BAD_PROFILE"),
        (lambda p: p.rules.rules.add(when="state > ", state="running"), "BAD_EXPRESSION"),
        (lambda p: p.rules.rules.add(when="state + 1", state="running"), "BAD_EXPRESSION"),
        (lambda p: p.run_times.add(product="x"), "BAD_PROFILE"),
        (lambda p: p.good.MergeFrom(Profile.Counter(property="good-count", modulus=-1)), "BAD_PROFILE"),
        (lambda p: p.energy.MergeFrom(Profile.Counter(property="injection-velocity")), "UNIT_DOES_NOT_FIT"),
        (lambda p: p.scrap.MergeFrom(Profile.Counter(property="melt-cushion")), "PROPERTY_NOT_FOUND"),
    ],
)
async def test_profiles_that_make_no_sense_are_refused(
    platform: AnalyticsPlatform, change: Callable[[Profile], object], reason: str
) -> None:
    plant = await made(platform)
    name = f"{plant.parent}/machineProfiles/p"
    profile = await states(plant).GetMachineProfile(states_pb2.GetMachineProfileRequest(name=name))
    change(profile)
    update = states(plant).UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=profile))
    try:
        await update
    except grpc.aio.AioRpcError as error:
        info = error_info(error)
        assert info is not None
        assert info.reason == reason
        return
    assert await refused(asked(plant)) == reason


async def test_states_from_rules_over_several_properties(platform: AnalyticsPlatform) -> None:
    plant = await made(platform)
    profile = Profile(
        name=f"{plant.parent}/machineProfiles/p",
        assets=["m1"],
        rules=Profile.RuleSource(
            rules=[Profile.Rule(when="injection_velocity > 50 and state == 0", state="running")], otherwise="fault"
        ),
    )
    await states(plant).UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=profile))
    answer = await asked(plant, kpis=("availability",))
    assert answer.kpis[0].values[0] == pytest.approx(0.75)


async def test_nothing_beyond_a_limit_is_left_out_in_silence(
    platform: AnalyticsPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    plant = await made(platform)
    for number in range(2):
        start = T0 + 6 * HOUR + number * HOUR
        note = states_pb2.StopNote(asset="m1", start_time=stamp(start), end_time=stamp(start + HOUR), reason="belt")
        await states(plant).CreateStopNote(states_pb2.CreateStopNoteRequest(parent=plant.parent, stop_note=note))
    listing = states_pb2.ListStopNotesRequest(parent=plant.parent, start_time=stamp(T0), end_time=stamp(T0 + 72 * HOUR))
    assert len((await states(plant).ListStopNotes(listing)).stop_notes) == 2
    monkeypatch.setattr(production_, "MOST_NOTES", 1)
    monkeypatch.setattr(stops_, "MOST_SHOWN_NOTES", 1)
    assert await refused(states(plant).ListStopNotes(listing)) == "TOO_MANY_STOP_NOTES"
    assert await refused(asked(plant)) == "TOO_MANY_STOP_NOTES"
    assert (await asked(plant, end=T0 + 6 * HOUR)).row_count == 1
    monkeypatch.setattr(definitions_, "MOST", 1)
    second = Profile(name=f"{plant.parent}/machineProfiles/q", models=["cnc-machine"])
    second.packml.SetInParent()
    request = states_pb2.UpdateMachineProfileRequest(machine_profile=second)
    assert await refused(states(plant).UpdateMachineProfile(request)) == "TOO_MANY_DEFINITIONS"
    again = Profile(name=f"{plant.parent}/machineProfiles/p", models=["injection-moulding-machine"])
    again.packml.SetInParent()
    await states(plant).UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=again))


async def test_a_plc_that_shows_0_counts_nothing_anew_whatever_is_asked(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(
        [site("works"), machine("m1", "injection-moulding-machine", [STATE.property, GOOD.property], "works")]
    )
    minute, day = 60_000_000, 24 * HOUR
    # A piece a minute, but nothing from 20:00 of the first day to 06:00 of the third: it shows 0, then its total again.
    first, third = T0 + np.arange(0, 20 * 60) * minute, T0 + 2 * day + np.arange(6 * 60, 24 * 60) * minute
    good = 100_000 + np.arange(len(first) + len(third))
    t, values = np.concatenate([first, third]), good.copy()
    values[5] = 0
    zero = (np.array([T0 + 20 * HOUR, T0 + 21 * HOUR]), np.array([0, 0]))
    await plant.ingest({STATE: ([T0], [0]), GOOD: (np.append(t, zero[0]), np.append(values, zero[1]))})
    profile = Profile(
        name=f"{plant.parent}/machineProfiles/p",
        models=["injection-moulding-machine"],
        values=Profile.ValueSource(values=[Profile.StateValue(value="0", state="running")]),
        run_times=[Profile.RunTime(per_item={"seconds": 60})],  # pyright: ignore[reportArgumentType]
    )
    await states(plant).UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=profile))
    stub = KpiServiceStub(plant.channel)

    async def made_in(start: int, end: int, *, skip_rollups: bool = False) -> tuple[list[float], list[str]]:
        request = kpis_pb2.QueryKpisRequest(
            parent=plant.parent,
            start_time=stamp(start),
            end_time=stamp(end),
            kpis=["oee"],
            group_by=[kpis_pb2.DIMENSION_DAY],
            include_sums=True,
            skip_rollups=skip_rollups,
        )
        answer = await stub.QueryKpis(request)
        reasons = [answer.kpis[0].reasons.texts[place] for place in answer.kpis[0].reasons.places]
        return list(next(each.values for each in answer.sums if each.sum == "GQ")), reasons

    by_day = [len(first) - 1, 0, len(third)]
    alone = [(await made_in(T0 + n * day, T0 + (n + 1) * day))[0][0] for n in (2, 1, 0)]
    assert alone[::-1] == by_day
    values_, reasons = await made_in(T0, T0 + 3 * day)  # from roll-ups of the days alone
    assert values_ == by_day
    assert "showed what cannot be true once" in reasons[0]
    assert "reset once" in reasons[0]  # that it came back was not known on that day
    values_, reasons = await made_in(T0, T0 + 3 * day, skip_rollups=True)
    assert values_ == by_day
    assert "showed what cannot be true 2 times" in reasons[0]
    opened = await stub.GetKpi(
        kpis_pb2.GetKpiRequest(
            name=f"{plant.parent}/kpis/oee", asset="m1", start_time=stamp(T0 + 2 * day), end_time=stamp(T0 + 3 * day)
        )
    )
    assert next(each.values[0] for each in opened.sums if each.sum == "GQ") == by_day[2]
    kpi = kpis_pb2.Kpi(name=f"{plant.parent}/kpis/own", formula="increase(good_count)")
    await stub.UpdateKpi(kpis_pb2.UpdateKpiRequest(kpi=kpi))
    request = kpis_pb2.GetKpiRequest(
        name=kpi.name, asset="m1", start_time=stamp(T0 + 2 * day), end_time=stamp(T0 + 3 * day)
    )
    assert (await stub.GetKpi(request)).value == by_day[2]


async def test_a_figure_of_a_line_an_order_and_a_product_opens_down_to_its_intervals(
    platform: AnalyticsPlatform,
) -> None:
    names = [STATE.property, GOOD.property, "product-code"]
    plant = await platform.plant(
        [
            site("works"),
            line("hall", "works"),
            machine("m1", "injection-moulding-machine", names, "hall"),
            machine("m2", "injection-moulding-machine", names, "hall"),
            machine("m3", "cnc-machine", [], "hall"),
        ]
    )
    minutes = T0 + np.arange(0, 8 * 60) * 60_000_000
    for asset, stop in (("m1", 2), ("m2", 6)):
        await plant.ingest(
            {
                PropertyRef(asset, STATE.property): ([T0, T0 + stop * HOUR, T0 + (stop + 1) * HOUR], [0, 3, 0]),
                PropertyRef(asset, GOOD.property): (minutes, np.arange(len(minutes))),
                PropertyRef(asset, "product-code"): ([T0, T0 + 4 * HOUR], ["A", "B"]),
            }
        )
    profile = Profile(
        name=f"{plant.parent}/machineProfiles/p",
        models=["injection-moulding-machine"],
        values=Profile.ValueSource(
            values=[Profile.StateValue(value="0", state="running"), Profile.StateValue(value="3", state="fault")]
        ),
    )
    await states(plant).UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=profile))
    stub = KpiServiceStub(plant.channel)

    def opening(kpi: str, asset: str, product: str | None = None) -> kpis_pb2.GetKpiRequest:
        name, span = f"{plant.parent}/kpis/{kpi}", (stamp(T0), stamp(T0 + 8 * HOUR))
        return kpis_pb2.GetKpiRequest(name=name, asset=asset, start_time=span[0], end_time=span[1], product=product)

    for request, dimension in (
        (opening("availability", "hall"), kpis_pb2.DIMENSION_LINE),
        (opening("availability", "", "A"), kpis_pb2.DIMENSION_PRODUCT),
    ):
        found = await stub.GetKpi(request)
        row = await asked(plant, dimension, kpis=("availability",), end=T0 + 8 * HOUR)
        assert found.value == row.kpis[0].values[0]
        assert [each.asset for each in found.machines] == ["m1", "m2"]
        assert list(found.skipped_assets) == ["m3"]
        totals = {each.sum: each.values[0] for each in found.sums}
        assert totals == {each.sum: each.values[0] for each in row.sums}
        for number, which in ((1, "APT"), (4, "ADOT")):
            parts = [part for one in found.machines for part in one.intervals if part.element == number]
            assert sum(part.end_time.seconds - part.start_time.seconds for part in parts) == totals[which]
    assert [each.value for each in found.machines] == [0.75, 1.0]
    one = await stub.GetKpi(opening("availability", "m1", "B"))
    assert (one.value, len(one.machines), [each.state for each in one.intervals]) == (1.0, 0, ["running"])
    nothing = await stub.GetKpi(opening("availability", "m1", "nobody's"))
    assert (np.isnan(nothing.value), len(nothing.intervals)) == (True, 0)
    own = kpis_pb2.Kpi(name=f"{plant.parent}/kpis/own", formula="APT / 60")
    await stub.UpdateKpi(kpis_pb2.UpdateKpiRequest(kpi=own))
    assert await refused(stub.GetKpi(opening("own", "hall"))) == "BAD_KPI_QUERY"


async def shifts_with_a_stop(platform: AnalyticsPlatform, stop: tuple[int, int], told: int, **profile: object) -> Plant:
    """A machine with one stop, whose reason is told so long behind the first of two shifts; µs from its end."""
    names = [STATE.property, GOOD.property, "stop-reason"]
    plant = await platform.plant([site("works"), machine("m1", "injection-moulding-machine", names, "works")])
    end, minutes = T0 + 8 * HOUR, np.arange(24 * 60)
    await plant.ingest(
        {
            STATE: ([T0 - HOUR, end + stop[0], end + stop[1]], [0, 3, 0]),
            GOOD: (T0 + minutes * 60_000_000, minutes),
            PropertyRef("m1", "stop-reason"): ([T0 - HOUR, end + told, end + stop[1]], [0, 7, 0]),
        }
    )
    given = Profile(
        name=f"{plant.parent}/machineProfiles/p",
        models=["injection-moulding-machine"],
        values=Profile.ValueSource(
            values=[Profile.StateValue(value="0", state="running"), Profile.StateValue(value="3", state="fault")]
        ),
        **profile,  # pyright: ignore[reportArgumentType]
    )
    await states(plant).UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=given))
    calendar = shift_calendar(plant, ("a", "00:00", "08:00"), ("b", "08:00", "16:00"))
    await CalendarServiceStub(plant.channel).UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    return plant


async def times_of(plant: Plant, start: int, end: int, *, skip_rollups: bool = False) -> list[dict[str, float]]:
    """Seconds of the time elements by shift."""
    request = kpis_pb2.QueryKpisRequest(
        parent=plant.parent,
        start_time=stamp(start),
        end_time=stamp(end),
        kpis=["availability"],
        group_by=[kpis_pb2.DIMENSION_SHIFT],
        include_sums=True,
        skip_rollups=skip_rollups,
    )
    answer = await KpiServiceStub(plant.channel).QueryKpis(request)
    wanted = [each for each in answer.sums if each.sum in {"APT", "ADET", "ADOT", "PDOT"}]
    return [{each.sum: each.values[row] for each in wanted if each.values[row]} for row in range(answer.row_count)]


async def elements_of(plant: Plant, start: int, end: int) -> tuple[dict[str, float], dict[str, float]]:
    """The same of a figure that is opened, and of the losses."""
    name, span = f"{plant.parent}/kpis/availability", (stamp(start), stamp(end))
    request = kpis_pb2.GetKpiRequest(name=name, asset="m1", start_time=span[0], end_time=span[1])
    opened = await KpiServiceStub(plant.channel).GetKpi(request)
    names = {"APT", "ADET", "ADOT", "PDOT"}
    lost = await states(plant).ListLosses(
        states_pb2.ListLossesRequest(
            parent=plant.parent,
            start_time=span[0],
            end_time=span[1],
            include_planned=True,
            key=states_pb2.LOSS_KEY_ELEMENT,
        )
    )
    sums = {each.sum: each.values[0] for each in opened.sums if each.sum in names and each.values[0]}
    return sums, {loss.key: loss.duration.ToMicroseconds() / 1e6 for loss in lost.losses}


@pytest.mark.parametrize("told_hours", [1, 30, 60])
async def test_a_reason_that_is_told_in_a_later_shift_holds_for_the_whole_stop_however_it_is_asked(
    platform: AnalyticsPlatform, told_hours: int
) -> None:
    reason = Profile.Reason(code="7", display_name="maintenance", element=states_pb2.TIME_ELEMENT_PLANNED_DOWN)
    stop = -HOUR // 2, (told_hours + 1) * HOUR
    plant = await shifts_with_a_stop(platform, stop, told_hours * HOUR, reasons=[reason])
    end, later = T0 + 8 * HOUR, T0 + 16 * HOUR
    alone = await times_of(plant, T0, end)
    assert alone == [{"APT": 27_000, "PDOT": 1800}]
    assert await elements_of(plant, T0, end) == (alone[0], {"PDOT": 1800})
    both = await times_of(plant, T0, later, skip_rollups=True)
    assert both[0] == alone[0]
    assert await times_of(plant, T0, later) == both


async def test_a_minor_stop_at_the_begin_of_a_shift_counts_the_same_however_it_is_asked(
    platform: AnalyticsPlatform,
) -> None:
    minute = 60_000_000
    plant = await shifts_with_a_stop(platform, (-4 * minute, 3 * minute), 0, minor_stop={"seconds": 300})
    end, later = T0 + 8 * HOUR, T0 + 16 * HOUR
    found = await times_of(plant, end, later)
    assert found == [{"APT": 28_620, "ADOT": 180}]  # seven minutes in all
    assert await elements_of(plant, end, later) == (found[0], {"ADOT": 180})


async def test_batches_of_packml_are_no_failures_and_a_profile_may_say_what_its_states_are(
    platform: AnalyticsPlatform,
) -> None:
    plant = await platform.plant([machine("p1", "packaging-machine", ["state"])])
    # Execute, Completing, Complete, Resetting, Idle, Starting: ten minutes each.
    sequence = np.array([6, 16, 17, 15, 4, 3] * 8)
    await plant.ingest({PropertyRef("p1", "state"): (T0 + np.arange(len(sequence)) * HOUR // 6, sequence)})
    end = T0 + 8 * HOUR

    async def sums() -> dict[str, float]:
        return {each.sum: each.values[0] for each in (await asked(plant, kpis=("mtbf",), end=end)).sums}

    tenth = 8 * 600
    found = await sums()
    assert (found["APT"], found["AUST"], found["ADET"], found["ADOT"], found["FE"]) == (
        tenth,
        3 * tenth,
        2 * tenth,
        0,
        0,
    )
    own = Profile(
        name=f"{plant.parent}/machineProfiles/p",
        assets=["p1"],
        states=[Profile.State(id="completing", display_name="Draining", element=states_pb2.TIME_ELEMENT_PRODUCTION)],
    )
    own.packml.SetInParent()
    await states(plant).UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=own))
    found = await sums()
    assert (found["APT"], found["AUST"]) == (2 * tenth, 2 * tenth)
