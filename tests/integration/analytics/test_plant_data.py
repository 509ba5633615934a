"""Properties of assets as columns: scaled, bounded, aggregated, live."""

import numpy as np
import pytest

from dualspan.historian.v1 import resources_pb2 as historian
from dualspan_analytics.columns import PropertyRef
from dualspan_frame import ValueKind
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument, NotFound
from harness.analytics import AnalyticsPlatform, Bound, line, machine, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

T0 = 1_760_000_000_000_000
SECOND = 1_000_000
GOOD = PropertyRef("imm01", "good-count")
TEXT = PropertyRef("imm01", "stop-reason-text")
TEMPERATURE = PropertyRef("imm01", "mould-temperature", 1)
ASSETS = [
    site("wuhan"),
    line("moulding", "wuhan"),
    machine(
        "imm01",
        "injection-moulding-machine",
        ["good-count", "stop-reason-text", "running", Bound("mould-temperature", 1, ValueKind.FLOAT64, "°F")],
        "moulding",
    ),
]


async def test_samples_come_scaled_with_the_one_before(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(ASSETS)
    times = T0 + np.arange(10) * SECOND
    await plant.ingest(
        {
            GOOD: (times, np.arange(10)),
            TEXT: (times[:2], ["", "缺料"]),
            TEMPERATURE: (times, np.full(10, 212.0), [0] * 5 + [0x80000000] * 5),
        }
    )
    await plant.seal()
    found = await plant.data.read(plant.tenant, [GOOD, TEXT, TEMPERATURE], T0 + 3 * SECOND, T0 + 8 * SECOND)
    assert found[GOOD].timestamp.tolist() == times[2:8].tolist()
    assert found[GOOD].value.tolist() == list(range(2, 8))
    assert found[GOOD].value.dtype == np.int64
    assert found[TEXT].value.tolist() == ["缺料"]
    assert np.allclose(found[TEMPERATURE].value, 100.0)
    assert found[TEMPERATURE].unit == "Cel"
    assert found[TEMPERATURE].is_good.tolist() == [True] * 3 + [False] * 3
    alone = await plant.data.read(plant.tenant, [GOOD], T0 + 3 * SECOND, T0 + 8 * SECOND, before=False)
    assert alone[GOOD].timestamp[0] == times[3]


async def test_aggregates_are_scaled(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(ASSETS)
    await plant.ingest({TEMPERATURE: (T0 + np.arange(100) * SECOND, 32.0 + 1.8 * np.arange(100))})
    wanted = [historian.AGGREGATE_AVERAGE, historian.AGGREGATE_RANGE, historian.AGGREGATE_COUNT]
    found = await plant.data.read_processed(
        plant.tenant, [TEMPERATURE], T0, T0 + 100 * SECOND, interval_us=50 * SECOND, aggregates=wanted
    )
    average, spread, count = (found[TEMPERATURE, aggregate] for aggregate in wanted)
    assert np.allclose(average.value, [24.5, 74.5])
    assert (average.unit, spread.unit, count.unit) == ("Cel", "K", "1")
    assert np.allclose(spread.value, 49.0)
    assert count.value.tolist() == [50.0, 50.0]


async def test_what_is_not_there_is_named(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(ASSETS)
    data, span = plant.data, (T0, T0 + SECOND)
    with pytest.raises(NotFound, match=r"'imm77', 'imm78'") as raised:
        await data.read(plant.tenant, [PropertyRef("imm78", "state"), PropertyRef("imm77", "state")], *span)
    assert raised.value.reason == "ASSET_NOT_FOUND"
    with pytest.raises(NotFound, match="imm01/colour") as raised:
        await data.read(plant.tenant, [GOOD, PropertyRef("imm01", "colour")], *span)
    with pytest.raises(FailedPrecondition, match=r"imm01/mould-temperature\[2\]") as unbound:
        await data.read(plant.tenant, [PropertyRef("imm01", "mould-temperature", 2)], *span)
    assert unbound.value.reason == "PROPERTY_NOT_BOUND"
    with pytest.raises(InvalidArgument):
        await data.read(plant.tenant, [GOOD], T0, T0)


async def test_the_tree(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(ASSETS)
    tree = await plant.data.assets(plant.tenant)
    assert [asset.id for asset in tree.machines_under("wuhan")] == ["imm01"]
    assert [asset.id for asset in tree.path("imm01")] == ["wuhan", "moulding", "imm01"]
    model = tree.model_of("imm01")
    assert model is not None
    assert {state.iso22400 for state in model.states} >= {"APT", "ADOT"}
    assert tree.unit(TEMPERATURE) == "Cel"


async def test_live_samples_come_as_columns_of_properties(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(ASSETS)
    refs = [TEMPERATURE, GOOD, TEXT]
    await plant.ingest({GOOD: ([T0], [1])})
    batches = plant.data.subscribe(plant.tenant, refs)
    first = await anext(batches)
    assert [(block.ref.tolist(), block.value.tolist()) for block in first.blocks] == [([1], [1])]
    await plant.ingest({TEMPERATURE: ([T0 + SECOND], [212.0]), GOOD: ([T0 + SECOND], [2]), TEXT: ([T0], ["x"])})
    second = await anext(batches)
    found = {int(block.ref[0]): block.value[0] for block in second.blocks}
    assert found == {0: pytest.approx(100.0), 1: 2, 2: "x"}
    assert not second.is_incomplete
    await batches.aclose()


async def test_where_samples_are_missing_the_series_says_so(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant(ASSETS)
    await plant.ingest({GOOD: ([T0, T0 + 50 * SECOND], [1, 2])})
    await plant.lose(T0 + 10 * SECOND, T0 + 20 * SECOND, historian.GAP_CAUSE_CONNECTION_LOST)
    await plant.lose(T0 + 60 * SECOND, T0 + 70 * SECOND, historian.GAP_CAUSE_BUFFER_FULL)
    found = (await plant.data.read(plant.tenant, [GOOD], T0, T0 + 100 * SECOND))[GOOD]
    seconds = [(time - T0) / SECOND for time in found.timestamp.tolist()]
    assert list(zip(seconds, found.is_good.tolist(), strict=True)) == [
        (0, True),
        (10, False),
        (20, True),  # the server told its value when the connection was back
        (50, True),
        (60, False),  # and nobody knows what was in the frames that were lost
    ]
    assert found.value[found.is_good].tolist() == [1, 1, 2]
