"""Energy of simulated plants against what really was used, and what follows from it."""

import math
import time

import grpc.aio
import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration

from dualspan.analytics.v1 import energy_pb2 as contract
from dualspan.analytics.v1.energy_pb2_grpc import EnergyServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_frame import ValueKind
from dualspan_onboarding.assets import AssetLevel
from dualspan_runtime.errors import error_info
from harness.analytics import AnalyticsPlatform, Bound, Plant, PlantAsset, line, machine, site
from harness.historian import stamp
from plc_sim.plants import make_plant

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND = 1_000_000
HOUR = 3600 * SECOND
DAY = 24 * HOUR
# Monday, 2026-09-14, 00:00 in Shanghai.
T0 = 1_789_315_200_000_000
BAD = 0x80000000
# Model, and what counts units: property and variable.
PLANTS = {
    "moulding": ("injection-moulding-machine", "good-count", "Production/GoodCount"),
    "curing": ("tyre-curing-press", "good-count", "Production/GoodCount"),
    "packaging": ("packaging-machine", "total-count", "Admin/ProdProcessedCount"),
}
PEAK_AND_VALLEY = contract.Tariff(
    display_name="Industry",
    time_zone="Asia/Shanghai",
    currency="CNY",
    rates=[
        contract.Tariff.Rate(display_name="peak", price=1.0),
        contract.Tariff.Rate(display_name="valley", price=0.3),
    ],
    windows=[contract.Tariff.Window(rate="peak", start="08:00", end="22:00")],
    default_rate="valley",
    demand_price=40.0,
)


async def simulated(platform: AnalyticsPlatform, name: str, *, days: int, every_s: int) -> Plant:
    """A simulated plant whose meters were read every so many seconds."""
    plant = make_plant(name, seed=1)
    model, counter, path = PLANTS[name]
    made = [machine(one.name.lower(), model, ["active-energy", counter], "hall") for one in plant.machines]
    tenant = await platform.plant([site("works"), line("hall", "works"), *made])
    wanted = {"active-energy": "Energy/ActiveEnergy", counter: path}
    for one in plant.machines:
        for name_of, variable_of in wanted.items():
            variable = plant.variables[f"{one.name}/{variable_of}"]
            every = max(1, every_s * SECOND // variable.grid_us)
            times, values, status = variable.ticks(T0 - HOUR, T0 + days * DAY + HOUR, every)
            await tenant.ingest({PropertyRef(one.name.lower(), name_of): (times, values, status)})
    return tenant


def use(plant: Plant, asset: str, end_us: int, **fields: object) -> contract.QueryEnergyUseRequest:
    request = contract.QueryEnergyUseRequest(parent=plant.parent, asset=asset, **fields)  # type: ignore[arg-type]
    request.start_time.FromMicroseconds(T0)
    request.end_time.FromMicroseconds(end_us)
    return request


def profile(plant: Plant, asset: str, end_us: int, **fields: object) -> contract.QueryLoadProfileRequest:
    request = contract.QueryLoadProfileRequest(parent=plant.parent, asset=asset, **fields)  # type: ignore[arg-type]
    request.start_time.FromMicroseconds(T0)
    request.end_time.FromMicroseconds(end_us)
    return request


async def reason_of(call: object) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call  # type: ignore[misc]
    info = error_info(caught.value)
    assert info is not None
    return info.reason


@pytest.mark.parametrize("name", list(PLANTS))
async def test_energy_of_a_week_is_the_true_one_within_a_percent(platform: AnalyticsPlatform, name: str) -> None:
    plant = await simulated(platform, name, days=7, every_s=60)
    stub = EnergyServiceStub(plant.channel)
    counter = PLANTS[name][1]
    found = await stub.QueryEnergyUse(use(plant, "hall", T0 + 7 * DAY, region="CN-GD", unit_property=counter))
    truth = {output.machine.lower(): output for output in make_plant(name, seed=1).truth(T0, T0 + 7 * DAY).outputs}
    assert [one.asset for one in found.uses] == sorted(truth)
    for one in found.uses:
        true = truth[one.asset]
        assert one.energy == pytest.approx(true.energy_kwh, rel=0.01)
        made = true.good + (true.scrap if counter == "total-count" else 0)
        assert one.energy_per_unit == pytest.approx(true.energy_kwh / made, rel=0.01)
        assert one.good_share == 1.0
    total = sum(output.energy_kwh for output in truth.values())
    assert found.total.energy == pytest.approx(total, rel=0.01)
    assert found.total.carbon == pytest.approx(total * 0.4403, rel=0.01)
    assert found.emission_factor.version == "cn-mee-2022"
    assert found.notes == ["The emission factor is that of 2022, the newest there is."]
    assert math.isnan(found.total.cost)


async def test_a_load_profile_adds_up_and_names_who_made_its_peaks(platform: AnalyticsPlatform) -> None:
    plant = await simulated(platform, "moulding", days=1, every_s=30)
    stub = EnergyServiceStub(plant.channel)
    found = await stub.QueryLoadProfile(profile(plant, "", T0 + DAY, limits=[100.0]))
    true = sum(output.energy_kwh for output in make_plant("moulding", seed=1).truth(T0, T0 + DAY).outputs)
    assert len(found.power) == 96
    assert sum(found.energy) == pytest.approx(true, rel=0.01)
    assert found.total == pytest.approx(sum(found.energy))
    assert found.base_load < found.peak == max(found.power)
    assert 0 < found.load_factor < 1
    assert found.peaks[0].power == found.peak
    parts = found.peaks[0].parts
    assert len(parts) == 5
    assert parts[0].power >= parts[-1].power > 0
    (shaving,) = found.shavings
    above = np.array(found.power) - 100.0
    assert shaving.energy == pytest.approx(above[above > 0].sum() / 4)
    assert shaving.power == pytest.approx(above.max())


async def test_cost_is_that_of_the_tariffs_hours(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([machine("m1", "energy-meter", ["active-energy"])])
    # 10 kW at night, 30 kW from 08:00 to 20:00 local time.
    hours = np.arange(0, 49)
    load = np.where((hours[:-1] % 24 >= 8) & (hours[:-1] % 24 < 20), 30.0, 10.0)
    readings = np.concatenate([[0.0], np.cumsum(load)])
    await plant.ingest({PropertyRef("m1", "active-energy"): (T0 + hours * HOUR, readings)})
    stub = EnergyServiceStub(plant.channel)
    tariff = contract.Tariff()
    tariff.CopyFrom(PEAK_AND_VALLEY)
    tariff.name = f"{plant.parent}/tariffs/industry"
    assert await stub.UpdateTariff(contract.UpdateTariffRequest(tariff=tariff)) == await stub.GetTariff(
        contract.GetTariffRequest(name=tariff.name)
    )
    found = await stub.QueryEnergyUse(use(plant, "m1", T0 + 2 * DAY, tariff="industry"))
    assert list(found.rate_names) == ["peak", "valley"]
    assert found.total.energy == pytest.approx(960.0)
    assert list(found.total.rates) == pytest.approx([2 * (12 * 30 + 2 * 10), 2 * 10 * 10])
    assert found.total.cost == pytest.approx(760 * 1.0 + 200 * 0.3)
    assert found.currency == "CNY"
    assert found.demand_cost == pytest.approx(30 * 40.0)
    listed = await stub.ListTariffs(contract.ListTariffsRequest(parent=plant.parent))
    assert [each.name for each in listed.tariffs] == [tariff.name]
    await stub.DeleteTariff(contract.DeleteTariffRequest(name=tariff.name))
    assert await reason_of(stub.GetTariff(contract.GetTariffRequest(name=tariff.name))) == "TARIFF_NOT_FOUND"


async def test_resets_gaps_and_power_without_a_counter_are_marked(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(
        [
            site("s"),
            machine("counted", "energy-meter", [Bound("active-energy", unit="MWh")], "s"),
            machine("powered", "energy-meter", ["active-power"], "s"),
        ]
    )
    hours = T0 + np.arange(-1, 12) * HOUR
    reading = np.array([900, 910, 920, 930, 5, 15, 25, 25, 65, 75, 85, 95, 105]) / 1000
    status = np.zeros(13, np.uint32)
    status[7] = BAD
    power = np.full(13, 20.0)
    power[5] = np.nan
    await plant.ingest(
        {
            PropertyRef("counted", "active-energy"): (hours, reading, status),
            PropertyRef("powered", "active-power"): (hours, power),
        }
    )
    stub = EnergyServiceStub(plant.channel)
    counted, powered = (await stub.QueryEnergyUse(use(plant, "s", T0 + 10 * HOUR))).uses
    # 910 to 930, 5 after the reset, up to 25, across the gap to 65, up to 95.
    assert counted.energy == pytest.approx(20 + 5 + 20 + 40 + 30)
    assert counted.good_share == pytest.approx(0.9)
    assert any("reset once" in note for note in counted.notes)
    assert powered.energy == pytest.approx(180.0)
    assert powered.good_share == pytest.approx(0.9)
    assert any("no meter counted it" in note for note in powered.notes)
    found = await stub.QueryLoadProfile(profile(plant, "powered", T0 + 10 * HOUR, interval=Duration(seconds=3600)))
    assert math.isnan(found.power[4])
    assert [round(value) for index, value in enumerate(found.power) if index != 4] == [20] * 9


async def test_nothing_is_used_after_now(platform: AnalyticsPlatform) -> None:
    model = "energy-meter"
    plant = await platform.plant(
        [machine("powered", model, ["active-power"]), machine("read", model, ["active-energy"])]
    )
    now = time.time_ns() // 1000
    minutes = now - 2 * HOUR + np.arange(120) * HOUR // 60
    await plant.ingest(
        {
            PropertyRef("powered", "active-power"): (minutes, np.full(120, 20.0)),
            PropertyRef("read", "active-energy"): (minutes, np.arange(120) / 6),
        }
    )
    stub = EnergyServiceStub(plant.channel)
    request = use(plant, "powered", now + DAY, region="CN")
    request.start_time.FromMicroseconds(now - 2 * HOUR)
    found = (await stub.QueryEnergyUse(request)).uses[0]
    assert found.energy == pytest.approx(40, rel=0.02)
    assert found.carbon < 40
    shown = profile(plant, "read", now + DAY, interval=Duration(seconds=900))
    shown.start_time.FromMicroseconds(now - 2 * HOUR)
    answer = await stub.QueryLoadProfile(shown)
    assert answer.base_load == pytest.approx(10, rel=0.02)
    assert any("after now" in note for note in answer.notes)
    request.start_time.FromMicroseconds(now + HOUR)
    assert await reason_of(stub.QueryEnergyUse(request)) == "INVALID_SPAN"


async def test_a_hall_with_a_meter_is_taken_by_it_and_its_machines_are_not_added_twice(
    platform: AnalyticsPlatform,
) -> None:
    hall = PlantAsset("hall", AssetLevel.LINE, "works", "energy-meter", ["active-energy"])
    plant = await platform.plant([site("works"), hall, machine("m1", "energy-meter", ["active-energy"], "hall")])
    hours = T0 + np.arange(3) * HOUR
    await plant.ingest(
        {
            PropertyRef("hall", "active-energy"): (hours, [0.0, 60.0, 100.0]),
            PropertyRef("m1", "active-energy"): (hours, [0.0, 20.0, 40.0]),
        }
    )
    stub = EnergyServiceStub(plant.channel)
    found = await stub.QueryEnergyUse(use(plant, "works", T0 + 2 * HOUR))
    assert [(one.asset, one.energy) for one in found.uses] == [("m1", 40.0)]
    assert found.total.energy == 100.0
    assert found.notes == ["The sum is that of hall; machines without a meter are in it as well."]
    shown = await stub.QueryLoadProfile(profile(plant, "works", T0 + 2 * HOUR, interval=Duration(seconds=3600)))
    assert list(shown.assets) == ["hall"]
    assert list(shown.power) == [60.0, 40.0]
    assert [(part.asset, part.power) for part in shown.peaks[0].parts] == [("m1", 20.0)]


async def test_own_factors_go_before_the_built_in_ones(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([machine("m1", "energy-meter", ["active-energy"])])
    stub = EnergyServiceStub(plant.channel)
    own = contract.EmissionFactor(
        name=f"{plant.parent}/emissionFactors/contract", region="CN-GD", year=2022, value=0.05, gas="CO2e", source="PPA"
    )
    await stub.UpdateEmissionFactor(contract.UpdateEmissionFactorRequest(emission_factor=own))
    request = contract.ListEmissionFactorsRequest(parent=plant.parent, region="CN-G", page_size=2)
    first = await stub.ListEmissionFactors(request)
    assert [factor.value for factor in first.emission_factors] == [0.05, 0.4403]
    request.page_token = first.next_page_token
    assert [factor.region for factor in (await stub.ListEmissionFactors(request)).emission_factors] == [
        "CN-GRID-CENTRAL",
        "CN-GRID-EAST",
    ]
    await plant.ingest({PropertyRef("m1", "active-energy"): (T0 + np.arange(3) * HOUR, [0.0, 10.0, 20.0])})
    found = await stub.QueryEnergyUse(use(plant, "", T0 + 2 * HOUR, region="CN-GD"))
    assert found.total.carbon == pytest.approx(1.0)
    assert found.emission_factor.name == own.name
    await stub.DeleteEmissionFactor(contract.DeleteEmissionFactorRequest(name=own.name))
    again = await stub.QueryEnergyUse(use(plant, "", T0 + 2 * HOUR, region="CN-GD"))
    assert again.total.carbon == pytest.approx(20 * 0.4403)


async def test_a_year_has_its_own_emission_factor_and_two_are_told(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([machine("m1", "energy-meter", ["active-energy"])])
    stub = EnergyServiceStub(plant.channel)
    for year, value in ((2025, 0.1), (2026, 0.2)):
        factor = contract.EmissionFactor(
            name=f"{plant.parent}/emissionFactors/y{year}", region="X", year=year, value=value, gas="CO2", source="own"
        )
        await stub.UpdateEmissionFactor(contract.UpdateEmissionFactorRequest(emission_factor=factor))
    new_year = 1_767_225_600_000_000
    hours = new_year + np.arange(-3, 4) * HOUR
    await plant.ingest({PropertyRef("m1", "active-energy"): (hours, np.arange(7) * 10.0)})

    async def used(start: int, end: int) -> contract.QueryEnergyUseResponse:
        request = contract.QueryEnergyUseRequest(
            parent=plant.parent,
            start_time=stamp(new_year + start * HOUR),
            end_time=stamp(new_year + end * HOUR),
            region="X",
        )
        return await stub.QueryEnergyUse(request)

    old = await used(-2, 0)
    assert (old.emission_factor.year, old.total.carbon, list(old.notes)) == (2025, pytest.approx(2.0), [])
    both = await used(-2, 2)
    assert (both.emission_factor.year, both.total.carbon) == (2026, pytest.approx(8.0))
    assert both.notes == ["The emission factor of 2026 is taken for all of it; ask for 2025 apart."]


async def test_what_cannot_be_is_refused_with_a_reason(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(
        [machine("m1", "energy-meter", [Bound("active-energy", 0, ValueKind.FLOAT64, "kWh")]), site("empty")]
    )
    stub = EnergyServiceStub(plant.channel)
    assert await reason_of(stub.QueryEnergyUse(use(plant, "m1", T0))) == "INVALID_SPAN"
    assert await reason_of(stub.QueryEnergyUse(use(plant, "m9", T0 + HOUR))) == "ASSET_NOT_FOUND"
    assert await reason_of(stub.QueryEnergyUse(use(plant, "empty", T0 + HOUR))) == "NOTHING_METERED"
    assert await reason_of(stub.QueryEnergyUse(use(plant, "m1", T0 + HOUR, tariff="t"))) == "TARIFF_NOT_FOUND"
    assert await reason_of(stub.QueryEnergyUse(use(plant, "m1", T0 + HOUR, region="MOON"))) == (
        "EMISSION_FACTOR_NOT_FOUND"
    )
    assert await reason_of(stub.QueryEnergyUse(use(plant, "m1", T0 + HOUR, modulus=math.nan))) == "BAD_MODULUS"
    short = profile(plant, "m1", T0 + HOUR, interval=Duration(seconds=1))
    assert await reason_of(stub.QueryLoadProfile(short)) == "BAD_INTERVAL"
    bad = contract.Tariff()
    bad.CopyFrom(PEAK_AND_VALLEY)
    bad.name = f"{plant.parent}/tariffs/bad"
    bad.windows.add(rate="valley", start="21:00", end="23:00")
    assert await reason_of(stub.UpdateTariff(contract.UpdateTariffRequest(tariff=bad))) == "BAD_TARIFF"
    # Nothing was ever sampled: nothing is made up.
    nothing = await stub.QueryLoadProfile(profile(plant, "m1", T0 + HOUR))
    assert all(math.isnan(value) for value in nothing.power)
    assert math.isnan(nothing.peak)
    assert nothing.total_good_share == 0.0
