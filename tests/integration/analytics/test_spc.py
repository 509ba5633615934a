"""Control charts on the properties of a plant, from definition to broken rules."""

import math
import time

import grpc.aio
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from dualspan.analytics.v1 import spc_pb2 as contract
from dualspan.analytics.v1.spc_pb2_grpc import SpcServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_runtime.errors import error_info
from harness.analytics import AnalyticsPlatform, Plant, line, machine, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

T0 = 1_760_000_400_000_000
SECOND = 1_000_000
MINUTE = 60 * SECOND
BAD = 0x80000000
WEIGHT, CYCLES, GOOD, SCRAP, ARTICLE = (
    PropertyRef("imm01", name) for name in ("part-weight", "cycle-count", "good-count", "scrap-count", "product-code")
)
# NIST/SEMATECH e-Handbook, 6.3.2.2.
FLOWRATE = [49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1]


@pytest.fixture
def names() -> list[str]:
    return ["part-weight", "cycle-count", "good-count", "scrap-count", "product-code"]


async def plant_of(platform: AnalyticsPlatform, names: list[str]) -> Plant:
    model = "injection-moulding-machine"
    assets = [site("s"), line("l", "s"), machine("imm01", model, names, "l"), machine("imm02", model, names, "l")]
    return await platform.plant(assets)


def chart(kind: str, **fields: object) -> contract.ControlChart:
    number = contract.ControlChartKind.Value(f"CONTROL_CHART_KIND_{kind}")
    return contract.ControlChart(kind=number, **{"asset": "imm01", "property": "part-weight", **fields})  # type: ignore[arg-type]


async def create(plant: Plant, chart_id: str, given: contract.ControlChart) -> str:
    request = contract.CreateControlChartRequest(parent=plant.parent, control_chart_id=chart_id, control_chart=given)
    return (await SpcServiceStub(plant.channel).CreateControlChart(request)).name


def span(request: object, start_us: int, end_us: int) -> None:
    request.start_time.FromMicroseconds(start_us)  # type: ignore[attr-defined]
    request.end_time.FromMicroseconds(end_us)  # type: ignore[attr-defined]


async def evaluate(plant: Plant, name: str, end_us: int, **fields: object) -> contract.EvaluateControlChartResponse:
    request = contract.EvaluateControlChartRequest(name=name, **fields)  # type: ignore[arg-type]
    span(request, T0, end_us)
    return await SpcServiceStub(plant.channel).EvaluateControlChart(request)


async def reason_of(call: object) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    info = error_info(caught.value)
    assert info is not None
    return info.reason


async def test_a_published_example_comes_back_as_printed(platform: AnalyticsPlatform, names: list[str]) -> None:
    plant = await plant_of(platform, names)
    times = T0 + np.arange(10) * MINUTE
    await plant.ingest({WEIGHT: (times, FLOWRATE)})
    one = contract.ControlChart.Subgrouping(count=1)
    name = await create(plant, "weight", chart("INDIVIDUALS", subgrouping=one))
    found = await evaluate(plant, name, T0 + 10 * MINUTE)
    individuals, moving = found.panels
    assert list(individuals.value) == FLOWRATE
    assert [round(value[0], 4) for value in (individuals.lower, individuals.centre, individuals.upper)] == [
        45.8159,
        50.81,
        55.8041,
    ]
    assert individuals.unit == "g"
    assert math.isnan(moving.value[0])
    assert round(float(np.nanmean(moving.value)), 4) == 1.8778
    assert list(found.start) == times.tolist()
    assert (found.limits.version, found.limits.points) == (0, 10)
    assert found.good_share == 1.0
    assert any("10 points" in note for note in found.notes)


async def test_limits_are_fixed_in_versions_and_rules_hold_against_them(
    platform: AnalyticsPlatform, names: list[str]
) -> None:
    plant = await plant_of(platform, names)
    random = np.random.default_rng(3)
    values = np.concatenate([random.normal(100.0, 1.0, 200), random.normal(102.0, 1.0, 100)])
    values[50] = 120.0
    await plant.ingest({WEIGHT: (T0 + np.arange(300) * SECOND, values)})
    five = contract.ControlChart.Subgrouping(count=5)
    specification = contract.ControlChart.Specification(lower=95.0, upper=105.0)
    name = await create(plant, "weight", chart("XBAR_R", subgrouping=five, specification=specification))
    stub = SpcServiceStub(plant.channel)
    outlier = contract.Exclusion(reason="wrong part on the scale")
    span(outlier, T0 + 50 * SECOND, T0 + 51 * SECOND)
    fixing = contract.FixControlLimitsRequest(name=name, exclusions=[outlier], comment="Study of May")
    span(fixing, T0, T0 + 200 * SECOND)
    fixed = await stub.FixControlLimits(fixing)
    assert (fixed.version, fixed.points, fixed.asset) == (1, 39, "imm01")
    assert fixed.centre == pytest.approx(100.0, abs=0.3)
    assert fixed.exclusions[0].reason == "wrong part on the scale"
    assert fixed.author.startswith("users/")

    found = await evaluate(plant, name, T0 + 300 * SECOND)
    assert found.limits.version == 1
    assert found.panels[0].centre[0] == fixed.centre
    mean = [violation for violation in found.violations if violation.panel == "mean"]
    assert {violation.rule_title for violation in mean} >= {"Western Electric 1, Nelson 1", "Western Electric 4"}
    beyond = [v.signalled for v in mean if v.rule == contract.RUN_RULE_BEYOND_LIMITS]
    assert beyond[0] == 10
    assert min(point for point in beyond if point != 10) >= 40
    assert found.capability.cp.lower < found.capability.cp.value < found.capability.cp.upper
    assert any("not in control" in note for note in found.capability.notes)

    given = contract.FixControlLimitsRequest.Given(centre=100.0, sigma=1.0)
    second = await stub.FixControlLimits(contract.FixControlLimitsRequest(name=name, given=given, comment="Standard"))
    assert (second.version, second.points) == (2, 0)
    listed = await stub.ListControlLimits(contract.ListControlLimitsRequest(name=name, page_size=1))
    assert [limits.version for limits in listed.limits] == [2]
    rest = await stub.ListControlLimits(
        contract.ListControlLimitsRequest(name=name, page_size=1, page_token=listed.next_page_token)
    )
    assert [limits.version for limits in rest.limits] == [1]
    assert (await evaluate(plant, name, T0 + 300 * SECOND, limits_version=1)).limits.version == 1
    assert (await evaluate(plant, name, T0 + 300 * SECOND, estimate_limits=True)).limits.version == 0
    assert await reason_of(evaluate(plant, name, T0 + SECOND, limits_version=9)) == "LIMITS_NOT_FOUND"

    other = contract.ControlChart.Subgrouping(count=4)
    changed = chart("XBAR_R", name=name, subgrouping=other)
    assert await reason_of(stub.UpdateControlChart(contract.UpdateControlChartRequest(control_chart=changed))) == (
        "LIMITS_FIXED"
    )
    renamed = chart("XBAR_R", name=name, subgrouping=five, display_name="Weight")
    kept = await stub.UpdateControlChart(contract.UpdateControlChartRequest(control_chart=renamed))
    assert kept.display_name == "Weight"


async def test_bad_samples_and_nan_are_left_out_and_seen_to_be(platform: AnalyticsPlatform, names: list[str]) -> None:
    plant = await plant_of(platform, names)
    values = np.arange(20.0) % 3
    values[7] = np.nan
    status = np.zeros(20, np.uint32)
    status[3] = BAD
    await plant.ingest({WEIGHT: (T0 + np.arange(20) * SECOND, values, status)})
    four = contract.ControlChart.Subgrouping(count=4)
    name = await create(plant, "weight", chart("XBAR_S", subgrouping=four))
    found = await evaluate(plant, name, T0 + 20 * SECOND)
    assert list(found.left_out) == [1, 1, 0, 0, 0]
    assert list(found.size) == [3, 3, 4, 4, 4]
    assert found.good_share == pytest.approx(0.9)
    assert found.notes[0] == "2 samples were Bad or not a number and are left out."


async def test_a_chart_ends_at_now(platform: AnalyticsPlatform, names: list[str]) -> None:
    plant = await plant_of(platform, names)
    now = time.time_ns() // 1000
    # Bad for the last half of the twenty minutes before now; nothing is known of the hours behind it.
    times, status = now - np.arange(20, 9, -1) * MINUTE, np.array([0] * 10 + [BAD], np.uint32)
    await plant.ingest({WEIGHT: (times, np.arange(11.0) % 3, status)})
    one = contract.ControlChart.Subgrouping(count=1)
    request = contract.EvaluateControlChartRequest(
        name=await create(plant, "weight", chart("INDIVIDUALS", subgrouping=one))
    )
    span(request, int(times[0]), now + 6 * 60 * MINUTE)
    found = await SpcServiceStub(plant.channel).EvaluateControlChart(request)
    assert found.good_share == pytest.approx(0.5, abs=0.05)


async def test_a_chart_of_a_model_is_drawn_for_each_of_its_assets_by_cycle_and_order(
    platform: AnalyticsPlatform, names: list[str]
) -> None:
    plant = await plant_of(platform, names)
    times = T0 + np.arange(40) * SECOND
    # A server sends changes only: every second part has the weight of the one before.
    weights = np.round(np.random.default_rng(1).normal(50.0, 1.0, 20), 3)
    for asset in ("imm01", "imm02"):
        await plant.ingest(
            {
                PropertyRef(asset, "cycle-count"): (times, np.arange(40)),
                PropertyRef(asset, "part-weight"): (times[::2], weights),
                PropertyRef(asset, "product-code"): ([T0 - SECOND, T0 + 22 * SECOND], ["lid", "cup"]),
            }
        )
    by_cycle = contract.ControlChart.Subgrouping(count=2, sampled_by="cycle-count", split_by="product-code")
    # The model of the machines extends this one, and has the weight.
    given = chart("XBAR_S", asset="", model="production-machine", subgrouping=by_cycle)
    name = await create(plant, "weights", given)
    found = await evaluate(plant, name, T0 + 40 * SECOND, asset="imm02")
    assert found.asset == "imm02"
    assert set(found.label) == {"lid", "cup"}
    assert list(found.size) == [2.0] * len(found.size)
    assert len(found.size) >= 18
    assert await reason_of(evaluate(plant, name, T0 + 40 * SECOND)) == "ASSET_MISSING"
    assert await reason_of(evaluate(plant, name, T0 + 40 * SECOND, asset="l")) == "MODEL_DIFFERS"


async def test_scrap_is_charted_from_counters(platform: AnalyticsPlatform, names: list[str]) -> None:
    plant = await plant_of(platform, names)
    random = np.random.default_rng(2)
    minutes = T0 + np.arange(0, 31) * MINUTE
    scrap, good = np.cumsum(random.binomial(100, 0.05, 31)), np.arange(31) * 95
    scrap[20:] += 40
    scrap[25:] -= scrap[25] - 3
    await plant.ingest({SCRAP: (minutes, scrap), GOOD: (minutes, good)})
    window = contract.ControlChart.Subgrouping()
    window.window.FromSeconds(60)
    given = chart("P", property="scrap-count", inspected=["good-count", "scrap-count"], subgrouping=window)
    found = await evaluate(plant, await create(plant, "scrap", given), T0 + 30 * MINUTE)
    (share,) = found.panels
    assert share.title == "share"
    # The first reading says where the counters stand, so that the first minute with a share is the second.
    assert share.value[19] > share.upper[19]
    assert [v.signalled for v in found.violations if v.rule == contract.RUN_RULE_BEYOND_LIMITS] == [19]
    assert any("Counters were reset" in note and "true 1 times" in note for note in found.notes)


async def test_what_cannot_be_is_refused_with_a_reason(platform: AnalyticsPlatform, names: list[str]) -> None:
    plant = await plant_of(platform, names)
    one = contract.ControlChart.Subgrouping(count=1)
    attempts = {
        "UNKNOWN_VALUE": contract.ControlChart(asset="imm01", property="part-weight", subgrouping=one),
        "BAD_CONTROL_CHART": chart("XBAR_R", subgrouping=one),
        "TUNING_OUT_OF_RANGE": chart("EWMA", subgrouping=one, tuning=contract.ControlChart.Tuning(weight=2.0)),
        "SPECIFICATION_EMPTY": chart(
            "INDIVIDUALS", subgrouping=one, specification=contract.ControlChart.Specification(lower=2, upper=1)
        ),
        "ASSET_NOT_FOUND": chart("INDIVIDUALS", asset="imm99", subgrouping=one),
        "PROPERTY_NOT_FOUND": chart("INDIVIDUALS", property="colour", subgrouping=one),
        "PROPERTY_NOT_BOUND": chart("INDIVIDUALS", property="cushion", subgrouping=one),
        "NOT_NUMERIC": chart("INDIVIDUALS", property="product-code", subgrouping=one),
        "INVALID_LENGTH": chart(
            "INDIVIDUALS", subgrouping=contract.ControlChart.Subgrouping(window=Duration(seconds=-1))
        ),
    }
    for reason, given in attempts.items():
        assert await reason_of(create(plant, "c", given)) == reason
    window = contract.ControlChart.Subgrouping(window=Duration(seconds=60))
    counted = chart("P", inspected=["good-count"], subgrouping=window)
    assert await reason_of(create(plant, "c", counted)) == "NOT_A_COUNTER"
    name = await create(plant, "c", chart("INDIVIDUALS", subgrouping=one))
    assert await reason_of(create(plant, "c", chart("INDIVIDUALS", subgrouping=one))) == "CONTROL_CHART_EXISTS"
    assert await reason_of(evaluate(plant, name, T0 + MINUTE)) == "TOO_FEW_POINTS"
    assert await reason_of(evaluate(plant, name, T0 - MINUTE)) == "INVALID_SPAN"
    later, now = contract.EvaluateControlChartRequest(name=name), time.time_ns() // 1000
    span(later, now + 60 * MINUTE, now + 120 * MINUTE)
    assert await reason_of(SpcServiceStub(plant.channel).EvaluateControlChart(later)) == "INVALID_SPAN"
    unexplained = contract.Exclusion(reason=" ")
    span(unexplained, T0, T0 + SECOND)
    assert await reason_of(evaluate(plant, name, T0 + MINUTE, exclusions=[unexplained])) == "REASON_MISSING"
    given = contract.FixControlLimitsRequest.Given(centre=1.0, sigma=math.nan)
    fixing = contract.FixControlLimitsRequest(name=name, given=given)
    assert await reason_of(SpcServiceStub(plant.channel).FixControlLimits(fixing)) == "BAD_LIMITS"


async def test_who_only_looks_on_defines_nothing(platform: AnalyticsPlatform, names: list[str]) -> None:
    plant = await plant_of(platform, names)
    one = contract.ControlChart.Subgrouping(count=1)
    name = await create(plant, "c", chart("INDIVIDUALS", subgrouping=one))
    stub = SpcServiceStub(await platform.channel(plant.tenant, "viewer"))
    assert (await stub.GetControlChart(contract.GetControlChartRequest(name=name))).name == name
    listed = await stub.ListControlCharts(contract.ListControlChartsRequest(parent=plant.parent))
    assert [found.name for found in listed.control_charts] == [name]
    assert (
        await reason_of(stub.DeleteControlChart(contract.DeleteControlChartRequest(name=name))) == "PERMISSION_MISSING"
    )
    engineer = SpcServiceStub(plant.channel)
    await engineer.DeleteControlChart(contract.DeleteControlChartRequest(name=name))
    assert await reason_of(engineer.GetControlChart(contract.GetControlChartRequest(name=name))) == (
        "CONTROL_CHART_NOT_FOUND"
    )
