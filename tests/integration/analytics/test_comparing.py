"""Like machines of two sites, ranked by one KPI, and what the others lose that the best does not."""

import math
from collections.abc import Sequence

import grpc.aio
import numpy as np
import pytest

from dualspan.analytics.v1 import comparison_pb2 as contract
from dualspan.analytics.v1 import kpis_pb2, states_pb2
from dualspan.analytics.v1.comparison_pb2_grpc import ComparisonServiceStub
from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import production
from dualspan_analytics.kpis.grouping import Dimension
from dualspan_analytics.service.kpis import KpiQuestion
from dualspan_analytics.service.publishing import contributions
from dualspan_analytics.servicer.times import write_time
from dualspan_runtime.errors import error_info
from harness.analytics import AnalyticsPlatform, Plant, line, machine, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

T0 = 1_788_307_200_000_000  # 2026-09-02 00:00 UTC
HOUR = 3_600_000_000
MODEL = "injection-moulding-machine"
PROPERTIES = ["state", "good-count", "scrap-count"]
RUNNING, SETUP, FAULT, STARVED = 0, 1, 3, 4
STATES = ("running", "setup", "maintenance", "fault", "starved", "blocked", "break")
# Hours running, down, starved and in setup; good and scrap pieces of a planned 36 s.
DAYS = {
    "imm01": (18.0, 4.0, 1.0, 1.0, 1500, 100),
    "imm02": (22.0, 1.0, 1.0, 0.0, 2100, 0),
    "imm03": (20.0, 2.0, 0.0, 2.0, 1800, 60),
    "imm04": (12.0, 10.0, 1.0, 1.0, 1100, 20),
}


async def described(plant: Plant) -> None:
    """What the numbers of the state property mean, and how long a piece is to take."""
    profile = states_pb2.MachineProfile(name=f"{plant.parent}/machineProfiles/moulding", models=[MODEL])
    profile.values.values.extend(
        states_pb2.MachineProfile.StateValue(value=str(number), state=state) for number, state in enumerate(STATES)
    )
    profile.run_times.add().per_item.FromSeconds(36)
    request = states_pb2.UpdateMachineProfileRequest(machine_profile=profile)
    await StateServiceStub(plant.channel).UpdateMachineProfile(request)


async def lived(plant: Plant, asset: str, hours: Sequence[float], good: int, scrap: int) -> None:
    """A day: running, down, starved, in setup, in this order; pieces are made while it runs."""
    ends = np.cumsum([0.0, *hours])
    times = (T0 + ends * HOUR).astype(np.int64)
    states = [RUNNING, FAULT, STARVED, SETUP]
    lasting = [place for place in range(4) if hours[place] > 0]
    running = T0 + np.linspace(0, hours[0] * HOUR, 200).astype(np.int64)
    await plant.ingest(
        {
            PropertyRef(asset, "state"): (times[lasting], [states[place] for place in lasting]),
            PropertyRef(asset, "good-count"): (running, np.linspace(0, good, 200).round().astype(np.int64)),
            PropertyRef(asset, "scrap-count"): (running, np.linspace(0, scrap, 200).round().astype(np.int64)),
        }
    )


async def two_sites(platform: AnalyticsPlatform) -> Plant:
    plant = await platform.plant(
        [
            site("suzhou"),
            line("hall-a", "suzhou"),
            machine("imm01", MODEL, PROPERTIES, "hall-a"),
            machine("imm02", MODEL, PROPERTIES, "hall-a"),
            site("wuhan"),
            machine("imm03", MODEL, PROPERTIES, "wuhan"),
            machine("imm04", MODEL, PROPERTIES, "wuhan"),
            machine("press", "tyre-curing-press", ["state"], "wuhan"),
        ]
    )
    await described(plant)
    for asset, (*hours, good, scrap) in DAYS.items():
        await lived(plant, asset, hours, int(good), int(scrap))
    return plant


def asked(plant: Plant, **changes: object) -> contract.CompareAssetsRequest:
    request = contract.CompareAssetsRequest(
        parent=plant.parent, model=MODEL, kpi="oee", start_time=write_time(T0), end_time=write_time(T0 + 24 * HOUR)
    )
    request.MergeFrom(contract.CompareAssetsRequest(**changes))  # pyright: ignore[reportArgumentType]
    return request


def oee(asset: str) -> float:
    """PRI x GQ / PBT."""
    *hours, good, _ = DAYS[asset]
    return good * 36 / 3600 / sum(hours)


async def test_kilograms_and_pieces_are_neither_compared_nor_shared_as_one(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(
        [
            site("works"),
            machine("m1", MODEL, PROPERTIES, "works"),
            machine("m2", MODEL, ["state", "operating-hours"], "works"),
        ]
    )
    await described(plant)
    await lived(plant, "m1", (18.0, 4.0, 1.0, 1.0), 1500, 100)
    hours = T0 + np.arange(25) * HOUR
    await plant.ingest(
        {PropertyRef("m2", "state"): ([T0], [RUNNING]), PropertyRef("m2", "operating-hours"): (hours, np.arange(25))}
    )
    own = states_pb2.MachineProfile(name=f"{plant.parent}/machineProfiles/own", assets=["m2"])
    own.values.values.extend([states_pb2.MachineProfile.StateValue(value="0", state="running")])
    own.good.property = "operating-hours"
    request = states_pb2.UpdateMachineProfileRequest(machine_profile=own)
    await StateServiceStub(plant.channel).UpdateMachineProfile(request)
    for kpi in ("quality-ratio", "throughput-rate"):
        found = await ComparisonServiceStub(plant.channel).CompareAssets(asked(plant, kpi=kpi))
        assert math.isnan(found.sites[0].value), kpi
        assert "different units" in found.sites[0].reason
    found = await ComparisonServiceStub(plant.channel).CompareAssets(asked(plant, kpi="availability"))
    assert found.sites[0].value == pytest.approx((18 + 24) / 48)
    question = KpiQuestion([], T0, T0 + 24 * HOUR, ["oee"], [Dimension.MACHINE])
    answer = await production.kpis(plant.parts).query(plant.tenant, question)
    given = {
        each.kpi: each.value
        for each in contributions(await plant.data.assets(plant.tenant), answer, "2026-09")
        if each.group.id == MODEL
    }
    assert {"quality-ratio", "oee", "scrap-ratio"}.isdisjoint(given)
    assert given["availability"] == pytest.approx((18 + 24) / 48)
    assert given["throughput-rate"] == pytest.approx(1600 / 24)  # of the machine that counts pieces


async def test_two_sites(platform: AnalyticsPlatform) -> None:
    plant = await two_sites(platform)
    found = await ComparisonServiceStub(plant.channel).CompareAssets(asked(plant))
    assert [(each.asset, each.site, each.rank, each.quartile) for each in found.members] == [
        ("imm02", "suzhou", 1, 1),
        ("imm03", "wuhan", 2, 2),
        ("imm01", "suzhou", 3, 3),
        ("imm04", "wuhan", 4, 4),
    ]
    assert found.higher_is_better
    for each in found.members:
        assert each.value == pytest.approx(oee(each.asset), rel=1e-3)
        assert each.good_share == pytest.approx(1.0)
        assert each.value + sum(loss.share for loss in each.losses) == pytest.approx(1.0)
    down = next(loss for loss in found.members[3].losses if loss.cause == "down")
    assert (down.hours, down.share) == (pytest.approx(10.0), pytest.approx(10 / 24))
    values = [oee(asset) for asset in DAYS]
    quartiles = (found.lower_quartile, found.median, found.upper_quartile)
    assert quartiles == pytest.approx(np.quantile(values, [0.25, 0.5, 0.75]), rel=1e-3)
    # The machines of a site together: pieces and hours are added up before the ratio.
    assert [(each.site, each.machines) for each in found.sites] == [("suzhou", 2), ("wuhan", 2)]
    assert found.sites[0].value == pytest.approx((1500 + 2100) * 36 / 3600 / 48, rel=1e-3)


async def test_the_best_and_the_median_differ_by_what_is_told(platform: AnalyticsPlatform) -> None:
    plant = await two_sites(platform)
    found = await ComparisonServiceStub(plant.channel).CompareAssets(asked(plant))
    told = {each.cause: each.share for each in found.best_to_median}
    assert sum(told.values()) == pytest.approx(found.members[0].value - found.median)
    # Half of imm01, half of imm03, less imm02: down 4 and 2 hours against 1.
    assert told["down"] == pytest.approx((3.0 - 1.0) / 24)
    assert told["setup"] == pytest.approx((1.5 - 0.0) / 24)
    assert told["delay"] == pytest.approx((0.5 - 1.0) / 24)
    assert next(iter(told)) == "down"


async def test_models_that_extend_it_belong_and_others_do_not(platform: AnalyticsPlatform) -> None:
    plant = await two_sites(platform)
    stub = ComparisonServiceStub(plant.channel)
    wide = await stub.CompareAssets(asked(plant, model="production-machine", kpi="availability"))
    assert [each.asset for each in wide.members] == ["imm02", "imm03", "imm01", "imm04"]
    assert wide.skipped_assets == ["press"]
    here = await stub.CompareAssets(asked(plant, assets=["wuhan"]))
    assert [each.asset for each in here.members] == ["imm03", "imm04"]


async def test_less_is_better_and_custom_kpis(platform: AnalyticsPlatform) -> None:
    plant = await two_sites(platform)
    stub = ComparisonServiceStub(plant.channel)
    scrap = await stub.CompareAssets(asked(plant, kpi="scrap-ratio"))
    assert not scrap.higher_is_better
    assert [each.asset for each in scrap.members] == ["imm02", "imm04", "imm03", "imm01"]
    kpi = kpis_pb2.Kpi(name=f"{plant.parent}/kpis/pieces", formula="GQ / 10", unit="{piece}")
    await KpiServiceStub(plant.channel).UpdateKpi(kpis_pb2.UpdateKpiRequest(kpi=kpi))
    custom = await stub.CompareAssets(asked(plant, kpi="pieces"))
    assert [each.asset for each in custom.members] == ["imm02", "imm03", "imm01", "imm04"]
    assert custom.members[0].value == pytest.approx(210.0, rel=1e-3)
    assert not custom.best_to_median
    worst = await stub.CompareAssets(asked(plant, kpi="pieces", lower_is_better=True))
    assert worst.members[0].asset == "imm04"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": "tunnel-pasteuriser"}, "NO_LIKE_ASSETS"),
        ({"kpi": "beauty"}, "KPI_NOT_FOUND"),
        ({"assets": ["nowhere"]}, "ASSET_NOT_FOUND"),
        ({"end_time": write_time(T0 - HOUR)}, "BAD_KPI_QUERY"),
        ({"model": "A model!"}, "MALFORMED_ID"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    platform: AnalyticsPlatform, changes: dict[str, object], reason: str
) -> None:
    plant = await platform.plant([site("suzhou"), machine("imm01", MODEL, PROPERTIES, "suzhou")])
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await ComparisonServiceStub(plant.channel).CompareAssets(asked(plant, **changes))
    info = error_info(raised.value)
    assert info is not None
    assert info.reason == reason
