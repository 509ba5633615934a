"""A week of the simulated plants: OEE, stops and energy from stored samples against what really happened."""

from collections import Counter, defaultdict

import numpy as np
import pytest

from dualspan.analytics.v1 import calendars_pb2, kpis_pb2, states_pb2
from dualspan.analytics.v1.calendars_pb2_grpc import CalendarServiceStub
from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from harness.analytics import AnalyticsPlatform
from harness.historian import stamp
from harness.plant_week import PlantWeek, plant_week
from plc_sim.model.machine import Mode
from plc_sim.model.schedule import COMMON_REASONS

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]

Profile = states_pb2.MachineProfile
ELEMENTS = {
    901: states_pb2.TIME_ELEMENT_SETUP,
    902: states_pb2.TIME_ELEMENT_PLANNED_DOWN,
    903: states_pb2.TIME_ELEMENT_PLANNED_DOWN,
}
STATES = ("running", "setup", "maintenance", "fault", "starved", "blocked", "break")


async def described(found: PlantWeek) -> None:
    """Tells analytics what an engineer would: what values mean, the reasons, the run times, when the plant runs."""
    plant, model = found.plant, found.simulated.machines[0].timeline.model
    names = {reason.code: reason.text for each in found.simulated.machines for reason in each.timeline.model.reasons}
    profile = Profile(
        name=f"{plant.parent}/machineProfiles/hall",
        assets=[found.asset(each) for each in found.machines],
        reasons=[
            Profile.Reason(
                code=str(code), display_name=text, element=ELEMENTS.get(code, states_pb2.TIME_ELEMENT_UNSPECIFIED)
            )
            for code, text in (names | COMMON_REASONS).items()
        ],
    )
    if found.simulated.name == "packaging":
        profile.packml.SetInParent()
    else:
        profile.values.values.extend(
            Profile.StateValue(value=str(number), state=state) for number, state in enumerate(STATES)
        )
        for product in model.products:
            run_time = profile.run_times.add(product=product.code)
            run_time.per_item.FromMicroseconds(round(product.cycle_s * 1e6 / product.units))
    await StateServiceStub(plant.channel).UpdateMachineProfile(
        states_pb2.UpdateMachineProfileRequest(machine_profile=profile)
    )
    span = calendars_pb2.DailySpan
    shifts = (("early", "06:00", "14:00"), ("late", "14:00", "22:00"), ("night", "22:00", "06:00"))
    calendar = calendars_pb2.Calendar(
        name=f"{plant.parent}/calendars/works",
        time_zone="Asia/Shanghai",
        assets=["works"],
        shifts=[
            calendars_pb2.Calendar.Shift(display_name=name, span=span(start=start, end=end, weekdays=range(1, 8)))
            for name, start, end in shifts
        ],
    )
    await CalendarServiceStub(plant.channel).UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=calendar))


async def asked(
    found: PlantWeek, *group_by: kpis_pb2.Dimension.ValueType, kpis: tuple[str, ...]
) -> kpis_pb2.QueryKpisResponse:
    return await KpiServiceStub(found.plant.channel).QueryKpis(
        kpis_pb2.QueryKpisRequest(
            parent=found.plant.parent,
            assets=["works"],
            start_time=stamp(found.start_us),
            end_time=stamp(found.end_us),
            kpis=kpis,
            group_by=group_by,
            include_sums=True,
        )
    )


class Deviations:
    """How far figures are from what happened, and which machine's is the farthest."""

    def __init__(self) -> None:
        self._worst: dict[str, tuple[float, str]] = {}

    def hold(self, what: str, whose: str, computed: float, truth: float) -> None:
        """Within 1 %."""
        assert computed == pytest.approx(truth, rel=0.01), (what, whose)
        away = abs(computed - truth) / truth if truth else 0.0
        self._worst[what] = max(self._worst.get(what, (0.0, "")), (away, whose))

    def __str__(self) -> str:
        return ", ".join(f"{what} {away:.3%} ({whose})" for what, (away, whose) in self._worst.items())


@pytest.mark.parametrize(
    "name", ["moulding", *(pytest.param(name, marks=pytest.mark.long) for name in ("curing", "packaging"))]
)
async def test_a_week_agrees_with_the_truth(platform: AnalyticsPlatform, name: str) -> None:
    found = await plant_week(platform, name)
    await described(found)
    kpis = ("availability", "effectiveness", "quality-ratio", "oee", "energy-per-unit")
    answer = await asked(found, kpis_pb2.DIMENSION_MACHINE, kpis=kpis)
    table = {column.kpi: column for column in answer.kpis}
    sums = {each.sum: np.array(each.values) for each in answer.sums}
    assets = [answer.assets.texts[place] for place in answer.assets.places]
    assert not answer.skipped_assets
    assert min(table["oee"].good_shares) > 0.999
    week_us = found.end_us - found.start_us
    away = Deviations()
    for output in found.truth.outputs:
        row = assets.index(found.asset(output.machine))
        planned = found.span_us(output.machine, Mode.MAINTENANCE, Mode.BREAK)
        truth = {
            "availability": output.running_us / (week_us - planned),
            "effectiveness": found.ideal_us(output.machine) / output.running_us,
            "quality-ratio": output.good / (output.good + output.scrap),
        }
        truth["oee"] = truth["availability"] * truth["effectiveness"] * truth["quality-ratio"]
        truth["energy-per-unit"] = output.energy_kwh / (output.good + output.scrap)
        for kpi, value in truth.items():
            away.hold(kpi, assets[row], table[kpi].values[row], value)
        away.hold("energy", assets[row], sums["E"][row], output.energy_kwh)
        away.hold("setup", assets[row], sums["AUST"][row], found.span_us(output.machine, Mode.SETUP) / 1e6)
        away.hold("down time", assets[row], sums["ADOT"][row], found.span_us(output.machine, Mode.FAULT) / 1e6)
    assert sum(sums["GQ"]) == pytest.approx(sum(each.good for each in found.truth.outputs), rel=0.001)
    stops = [(found.asset(stop.machine), str(stop.reason), stop.end_us - stop.start_us) for stop in found.truth.stops]
    await stops_agree(found, away, states_pb2.LOSS_KEY_REASON, [(reason, span) for _, reason, span in stops])
    await stops_agree(found, away, states_pb2.LOSS_KEY_ASSET, [(machine, span) for machine, _, span in stops])
    print(f"{name}, {len(assets)} machines, the farthest from the truth: {away}")


async def stops_agree(
    found: PlantWeek, away: Deviations, key: states_pb2.LossKey.ValueType, truth: list[tuple[str, int]]
) -> None:
    """Count and duration by a key."""
    answer = await StateServiceStub(found.plant.channel).ListLosses(
        states_pb2.ListLossesRequest(
            parent=found.plant.parent,
            start_time=stamp(found.start_us),
            end_time=stamp(found.end_us),
            include_planned=True,
            key=key,
        )
    )
    counts: Counter[str] = Counter(each for each, _ in truth)
    spans: defaultdict[str, int] = defaultdict(int)
    for each, span in truth:
        spans[each] += span
    assert {loss.key for loss in answer.losses} == set(counts)
    for loss in answer.losses:
        away.hold("stops", loss.key, loss.count, counts[loss.key])
        away.hold("time of stops", loss.key, loss.duration.ToMicroseconds(), spans[loss.key])
    durations = [loss.duration.ToMicroseconds() for loss in answer.losses]
    assert durations == sorted(durations, reverse=True)
    assert answer.losses[-1].cumulative_share == pytest.approx(1.0)


async def test_shifts_add_up_to_the_week_and_the_line_to_its_machines(platform: AnalyticsPlatform) -> None:
    found = await plant_week(platform, "moulding", machines=2)
    await described(found)
    whole = await asked(found, kpis=("oee",))
    sums = {each.sum: each.values[0] for each in whole.sums}
    dimension = kpis_pb2.Dimension
    for group in (["SHIFT"], ["MACHINE", "DAY"], ["LINE", "SHIFT_NAME"], ["PRODUCT"], ["SITE", "ORDER", "PRODUCT"]):
        wanted = [dimension.Value(f"DIMENSION_{each}") for each in group]
        answer = await asked(found, *wanted, kpis=("oee", "throughput-rate"))
        assert answer.row_count > 1
        for each in answer.sums:
            assert sum(each.values) == pytest.approx(sums[each.sum], rel=1e-9, abs=1e-6), (group, each.sum)
    by_shift = await asked(found, dimension.Value("DIMENSION_SHIFT"), kpis=("oee",))
    assert set(by_shift.shifts.texts) >= {"early", "late", "night"}
    assert by_shift.rolled_up_shifts > 0  # the questions before left them
