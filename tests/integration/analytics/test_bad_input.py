"""What is wrong in data, calendars and profiles is refused in words, or marked: no figure is silently wrong."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

import grpc.aio
import numpy as np
import pytest

from dualspan.analytics.v1 import calendars_pb2, kpis_pb2, query_pb2, states_pb2
from dualspan.analytics.v1.calendars_pb2_grpc import CalendarServiceStub
from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan.analytics.v1.query_pb2_grpc import QueryServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.expressions import instants
from dualspan_frame import ValueKind
from dualspan_runtime.errors import error_info
from harness.analytics import AnalyticsPlatform, Bound, Plant, PlantAsset, Samples, machine, site
from harness.historian import stamp

pytestmark = pytest.mark.asyncio(loop_scope="module")

HOUR = 3_600_000_000
MINUTE = 60_000_000
T0 = 1_789_257_600_000_000  # 2026-09-13T00:00:00Z
BAD = 0x80340000
MODEL = "injection-moulding-machine"
Profile = states_pb2.MachineProfile
NAN = float("nan")


def ref(prop: str, asset: str = "m1") -> PropertyRef:
    return PropertyRef(asset, prop)


async def described(
    platform: AnalyticsPlatform, things: Sequence[PlantAsset], data: Mapping[PropertyRef, Samples], **profile: object
) -> Plant:
    """A plant whose machines run at 0 and fail at 3, and shall need a minute for a piece."""
    plant = await platform.plant(things)
    await plant.ingest(data)
    values = [Profile.StateValue(value="0", state="running"), Profile.StateValue(value="3", state="fault")]
    given = {
        "models": [MODEL],
        "values": Profile.ValueSource(values=values),
        "run_times": [Profile.RunTime(per_item={"seconds": 60})],  # pyright: ignore[reportArgumentType]
    }
    wanted = Profile(name=f"{plant.parent}/machineProfiles/p", **(given | profile))  # pyright: ignore[reportArgumentType]
    await StateServiceStub(plant.channel).UpdateMachineProfile(
        states_pb2.UpdateMachineProfileRequest(machine_profile=wanted)
    )
    return plant


async def asked(
    plant: Plant, *by: kpis_pb2.Dimension.ValueType, kpis: Sequence[str], start: int = T0, hours: int = 8
) -> kpis_pb2.QueryKpisResponse:
    request = kpis_pb2.QueryKpisRequest(
        parent=plant.parent,
        start_time=stamp(start),
        end_time=stamp(start + hours * HOUR),
        kpis=kpis,
        group_by=by,
        include_sums=True,
    )
    return await KpiServiceStub(plant.channel).QueryKpis(request)


async def opened(plant: Plant, kpi: str = "oee", asset: str = "m1") -> kpis_pb2.KpiDetail:
    name = f"{plant.parent}/kpis/{kpi}"
    request = kpis_pb2.GetKpiRequest(name=name, asset=asset, start_time=stamp(T0), end_time=stamp(T0 + 8 * HOUR))
    return await KpiServiceStub(plant.channel).GetKpi(request)


def sums(answer: kpis_pb2.QueryKpisResponse | kpis_pb2.KpiDetail) -> dict[str, float]:
    return {each.sum: each.values[0] for each in answer.sums}


async def refusal(call: object) -> tuple[str, str]:
    """Reason and words."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    info = error_info(caught.value)
    assert info is not None, caught.value
    return info.reason, caught.value.details() or ""


def eight_hours(**changes: Samples) -> dict[PropertyRef, Samples]:
    """Running all the time, a good piece a minute."""
    minutes = np.arange(8 * 60)
    found: dict[str, Samples] = {
        "state": ([T0], [0]),
        "good_count": (T0 + minutes * MINUTE, minutes),
        "scrap_count": ([T0], [0]),
    }
    return {ref(name.replace("_", "-")): samples for name, samples in (found | changes).items()}


ONE = [site("works"), machine("m1", MODEL, ["state", "good-count", "scrap-count"], "works")]


async def test_nan_and_bad_counts_are_passed_over_and_stand_in_the_good_share(platform: AnalyticsPlatform) -> None:
    minutes = np.arange(8 * 60)
    values, status = minutes.astype(float), np.zeros(480, np.uint32)
    values[120:240], status[300:360] = NAN, BAD
    counter = Bound("good-count", kind=ValueKind.FLOAT64)
    assets = [site("works"), machine("m1", MODEL, ["state", counter, "scrap-count"], "works")]
    plant = await described(platform, assets, eight_hours(good_count=(T0 + minutes * MINUTE, values, status)))
    found = await opened(plant, "quality-ratio")
    assert sums(found)["GQ"] == 479
    assert found.good_share == pytest.approx(1 - 3 / 8)
    assert (await opened(plant, "availability")).good_share == 1.0  # the state was known


async def test_a_state_that_is_nan_is_no_state(platform: AnalyticsPlatform) -> None:
    state = Bound("state", kind=ValueKind.FLOAT64)
    assets = [site("works"), machine("m1", MODEL, [state, "good-count", "scrap-count"], "works")]
    given = (T0 + np.array([0, 2, 4]) * HOUR, np.array([0.0, NAN, 3.0]))
    found = await opened(await described(platform, assets, eight_hours(state=given)), "availability")
    assert (sums(found)["APT"], sums(found)["ADOT"]) == (2 * 3600, 4 * 3600)
    assert (found.value, found.good_share) == (pytest.approx(2 / 6), 0.75)


async def test_a_reset_and_a_correction_are_counted_once_and_marked(platform: AnalyticsPlatform) -> None:
    values = np.concatenate([np.arange(100, 340), np.arange(0, 120), [110], np.arange(111, 230)])
    given = (T0 + np.arange(480) * MINUTE, values)
    found = await opened(await described(platform, ONE, eight_hours(good_count=given)))
    assert sums(found)["GQ"] == 239 + 229  # up to the reset, and from 0 since
    assert sorted((mark.property, mark.kind) for mark in found.counter_marks) == [
        ("good-count", "backwards"),
        ("good-count", "reset"),
    ]


async def test_samples_that_come_backwards_in_time_change_nothing(platform: AnalyticsPlatform) -> None:
    straight = await opened(await described(platform, ONE, eight_hours()))
    times, values = T0 + np.arange(480) * MINUTE, np.arange(480)
    plant = await described(platform, ONE, eight_hours(good_count=(times[240:], values[240:])))
    assert sums(await opened(plant))["GQ"] == 239
    await plant.ingest({ref("good-count"): (times[239::-1], values[239::-1])})
    late = await opened(plant)
    assert (sums(late), late.value, late.good_share) == (sums(straight), straight.value, straight.good_share)


async def test_lost_samples_are_neither_running_nor_stopped(platform: AnalyticsPlatform) -> None:
    plant = await described(platform, ONE, eight_hours())
    await plant.lose(T0 + 2 * HOUR, T0 + 4 * HOUR, historian.GAP_CAUSE_BUFFER_FULL)
    found = await opened(plant, "availability")
    # Nobody knows the state again: it does not change later.
    assert (sums(found)["APT"], found.good_share) == (2 * 3600, 0.25)
    query = query_pb2.QueryRequest(
        parent=plant.parent,
        columns=[
            query_pb2.QueryColumn(
                asset=f"{plant.parent}/assets/m1", property="good-count", aggregate=historian.AGGREGATE_MAXIMUM
            )
        ],
        start_time=stamp(T0),
        end_time=stamp(T0 + 8 * HOUR),
        interval={"seconds": 3600},  # pyright: ignore[reportArgumentType]
    )
    pages = [page async for page in QueryServiceStub(plant.channel).Query(query)]
    assert pages[0].columns[0].good_share == pytest.approx(0.75)


async def test_one_long_text_among_many_takes_only_its_own_room(platform: AnalyticsPlatform) -> None:
    """Samples that are all as wide as the longest text would fill the memory."""
    assets = [site("works"), machine("m1", MODEL, [*ONE[1].properties, "order-number"], "works")]
    orders = ["A", "B"] * 240
    orders[7] = "x" * 65_536
    data = eight_hours() | {ref("order-number"): (T0 + np.arange(480) * MINUTE, orders)}
    plant = await described(platform, assets, data)
    answer = await asked(plant, kpis_pb2.DIMENSION_ORDER, kpis=["quality-ratio"])
    assert [len(answer.orders.texts[place]) for place in answer.orders.places] == [1, 1, 65_536]
    query = query_pb2.QueryRequest(
        parent=plant.parent,
        columns=[query_pb2.QueryColumn(asset=f"{plant.parent}/assets/m1", property="order-number")],
        start_time=stamp(T0 + 7 * MINUTE),
        end_time=stamp(T0 + 8 * MINUTE),
        interval={"nanos": 5_000_000},  # pyright: ignore[reportArgumentType]
    )
    with pytest.raises(grpc.aio.AioRpcError, match="texts of the column") as caught:
        _ = [page async for page in QueryServiceStub(plant.channel).Query(query)]
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("prop", "profile", "words"),
    [
        ("injection-velocity", {"rate_property": "injection-velocity"}, "mm/s, which is no rate in {piece} per time"),
        ("injection-velocity", {"scrap": Profile.Counter(property="injection-velocity")}, "no quantity in {piece}"),
        ("injection-velocity", {"energy": Profile.Counter(property="injection-velocity")}, "which is no energy"),
    ],
)
async def test_units_that_do_not_fit_are_told_with_the_property(
    platform: AnalyticsPlatform, prop: str, profile: dict[str, object], words: str
) -> None:
    assets = [site("works"), machine("m1", MODEL, [*ONE[1].properties, prop], "works")]
    plant = await described(platform, assets, eight_hours(), **profile)
    reason, details = await refusal(opened(plant))
    assert (reason, words in details) == ("UNIT_DOES_NOT_FIT", True), details


async def test_machines_that_count_in_different_units_are_not_added_up(platform: AnalyticsPlatform) -> None:
    other = machine("m2", MODEL, ["state", "operating-hours"], "works")
    data = eight_hours() | {
        ref("state", "m2"): ([T0], [0]),
        ref("operating-hours", "m2"): (T0 + np.arange(9) * HOUR, np.arange(9)),
    }
    plant = await described(platform, [*ONE, other], data, models=[], assets=["m1"])
    hours = Profile(
        name=f"{plant.parent}/machineProfiles/hours",
        assets=["m2"],
        values=Profile.ValueSource(values=[Profile.StateValue(value="0", state="running")]),
        good=Profile.Counter(property="operating-hours"),
    )
    await StateServiceStub(plant.channel).UpdateMachineProfile(
        states_pb2.UpdateMachineProfileRequest(machine_profile=hours)
    )
    answer = await asked(plant, kpis=["availability", "quality-ratio"])
    assert answer.kpis[0].values[0] == 1.0
    assert np.isnan(answer.kpis[1].values[0])
    assert "different units" in answer.kpis[1].reasons.texts[0]
    each = await asked(plant, kpis_pb2.DIMENSION_MACHINE, kpis=["quality-ratio", "throughput-rate"])
    assert list(each.kpis[0].values) == [1.0, 1.0]
    assert each.kpis[1].reasons.texts == ["machines count in h and in {piece}; ask for each"]


async def test_a_calendar_holds_for_assets_that_are_there_and_have_no_other(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(ONE)
    stub = CalendarServiceStub(plant.channel)

    def put(name: str, *assets: str) -> object:
        given = calendars_pb2.Calendar(name=f"{plant.parent}/calendars/{name}", time_zone="UTC", assets=assets)
        return stub.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=given))

    reason, words = await refusal(put("one", "wroks"))
    assert (reason, "'wroks'" in words) == ("ASSET_NOT_FOUND", True)
    await put("one", "works")  # type: ignore[misc]
    await put("one", "works", "m1")  # type: ignore[misc]
    reason, words = await refusal(put("two", "m1"))
    assert reason == "ASSET_HAS_CALENDAR"
    assert "Calendar 'one' holds for 'm1' already" in words


async def test_a_machine_has_one_profile(platform: AnalyticsPlatform) -> None:
    plant = await described(platform, ONE, {})
    again = Profile(name=f"{plant.parent}/machineProfiles/q", models=[MODEL], packml=Profile.PackmlSource())
    update = StateServiceStub(plant.channel).UpdateMachineProfile(
        states_pb2.UpdateMachineProfileRequest(machine_profile=again)
    )
    reason, words = await refusal(update)
    assert reason == "MACHINE_HAS_PROFILE"
    assert f"'p' is for {MODEL!r} already" in words


@pytest.mark.parametrize(("day", "night_hours"), [(dt.date(2026, 3, 28), 7), (dt.date(2025, 10, 25), 9)])
async def test_shifts_and_days_are_right_across_changes_of_the_clock(
    platform: AnalyticsPlatform, day: dt.date, night_hours: int
) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    start = round(dt.datetime.combine(day, dt.time(6), berlin).timestamp() * 1e6)
    minutes = start + np.arange(50 * 60) * MINUTE
    data = {
        ref("state"): ([start - HOUR], [0]),
        ref("good-count"): (minutes, np.arange(len(minutes))),
        ref("scrap-count"): ([start - HOUR], [0]),
    }
    plant = await described(platform, ONE, data)
    hours = (("early", "06:00", "14:00"), ("late", "14:00", "22:00"), ("night", "22:00", "06:00"))
    calendar = calendars_pb2.Calendar(name=f"{plant.parent}/calendars/c", time_zone="Europe/Berlin", assets=["works"])
    for name, begin, end in hours:
        span = calendars_pb2.DailySpan(start=begin, end=end, weekdays=range(1, 8))
        calendar.shifts.add(display_name=name, span=span)
    await CalendarServiceStub(plant.channel).UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    by_shift = await asked(plant, kpis_pb2.DIMENSION_SHIFT, kpis=["oee"], start=start, hours=40 + night_hours)
    planned = next(each.values for each in by_shift.sums if each.sum == "POT")
    assert [value / 3600 for value in planned] == [8, 8, night_hours, 8, 8, 8]
    good = next(each.values for each in by_shift.sums if each.sum == "GQ")
    assert list(good)[2] == night_hours * 60
    assert list(by_shift.kpis[0].values)[1:] == pytest.approx([1.0] * 5)
    by_day = await asked(plant, kpis_pb2.DIMENSION_DAY, kpis=["oee"], start=start, hours=40 + night_hours)
    lengths = np.subtract(by_day.end_times_us, by_day.start_times_us) / HOUR
    # A night shift belongs to the day on which it begins; the next day has the hour more or less.
    assert lengths.tolist() == [24, 16 + night_hours]
    assert [value / 3600 for value in next(e.values for e in by_day.sums if e.sum == "POT")] == [16 + night_hours, 24]


async def test_days_of_sites_are_those_of_their_own_clocks(platform: AnalyticsPlatform) -> None:
    assets = [
        site("wuhan"),
        machine("m1", MODEL, ["state"], "wuhan"),
        site("ulm"),
        machine("m2", MODEL, ["state"], "ulm"),
    ]
    plant = await described(platform, assets, {ref("state"): ([T0], [0]), ref("state", "m2"): ([T0], [0])})
    for name, zone in (("wuhan", "Asia/Shanghai"), ("ulm", "Europe/Berlin")):
        calendar = calendars_pb2.Calendar(name=f"{plant.parent}/calendars/{name}", time_zone=zone, assets=[name])
        span = calendars_pb2.DailySpan(start="00:00", end="00:00", weekdays=range(1, 8))
        calendar.shifts.add(display_name="day", span=span)
        await CalendarServiceStub(plant.channel).UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))
    answer = await asked(
        plant, kpis_pb2.DIMENSION_SITE, kpis_pb2.DIMENSION_DAY, kpis=["availability"], start=T0 + 24 * HOUR, hours=24
    )
    sites = [answer.assets.texts[place] for place in answer.assets.places]
    begins = [dt.datetime.fromtimestamp(each / 1e6, dt.UTC).hour for each in answer.start_times_us]
    assert list(zip(sites, begins, strict=True)) == [("ulm", 22), ("ulm", 22), ("wuhan", 16), ("wuhan", 16)]


async def test_a_custom_kpi_of_sums_says_how_much_of_them_is_known(platform: AnalyticsPlatform) -> None:
    counts = (T0 + np.arange(480) * MINUTE, np.arange(480), np.where(np.arange(480) < 240, 0, BAD))
    plant = await described(platform, ONE, eight_hours(good_count=counts))
    kpi = kpis_pb2.Kpi(name=f"{plant.parent}/kpis/pace", formula="GQ / (APT / 3600)", unit="/h")
    await KpiServiceStub(plant.channel).UpdateKpi(kpis_pb2.UpdateKpiRequest(kpi=kpi))
    found = await opened(plant, "pace")
    assert (found.value, found.good_share) == (pytest.approx(239 / 8), pytest.approx(0.5))


async def test_all_machines_of_an_opened_kpi_share_what_rules_may_cost(
    platform: AnalyticsPlatform, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ["state", "good-count", "scrap-count"]
    running = Profile.RuleSource(rules=[Profile.Rule(when="good_count >= 0", state="running")])
    data = eight_hours()
    plant = await described(
        platform,
        [site("works"), *(machine(each, MODEL, names, "works") for each in ("m1", "m2"))],
        data | {ref(each.property, "m2"): samples for each, samples in data.items()},
        values=None,
        rules=running,
        states=[Profile.State(id="running", display_name="Runs", element=states_pb2.TIME_ELEMENT_PRODUCTION)],
    )
    monkeypatch.setattr(instants, "MOST_STEPS", 3 * 480 * 3 // 2)  # one and a half machines
    assert (await opened(plant, "availability")).value == 1.0
    assert (await refusal(opened(plant, "availability", "works")))[0] == "EXPRESSION_TOO_COSTLY"


async def test_a_failure_behind_bad_data_is_counted_whether_its_day_is_asked_for_alone_or_not(
    platform: AnalyticsPlatform,
) -> None:
    fault = T0 + 24 * HOUR + 10 * MINUTE
    states: Samples = ([T0, T0 + 23 * HOUR, fault, fault + HOUR], [0, 0, 3, 0], [0, BAD, 0, 0])
    plant = await described(platform, [site("s"), machine("m1", MODEL, ["state"], "s")], {ref("state"): states})

    async def failures(day: int, days: int) -> float:
        found = await asked(plant, kpis=["mttr"], start=T0 + day * 24 * HOUR, hours=days * 24)
        return sums(found)["FE"]

    name = f"{plant.parent}/kpis/mttr"
    request = kpis_pb2.GetKpiRequest(
        name=name, asset="m1", start_time=stamp(fault - MINUTE), end_time=stamp(fault + HOUR)
    )
    found = await KpiServiceStub(plant.channel).GetKpi(request)
    assert sums(found)["FE"] == 1
    assert [each.state for each in found.intervals] == ["unknown", "fault"]
    assert found.intervals[0].start_time == stamp(fault - MINUTE)
    assert [await failures(1, 1), await failures(0, 1), await failures(0, 2)] == [1, 0, 1]
    # It was down before already: what depends on that is computed anew.
    await plant.ingest({ref("state"): ([T0 + 22 * HOUR], [3])})
    assert [await failures(1, 1), await failures(0, 1), await failures(0, 2)] == [0, 1, 1]
