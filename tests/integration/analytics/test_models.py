"""Models over the wire: a definition, trained on a week, proven, promoted, scoring the week after."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import grpc
import grpc.aio
import numpy as np
import pytest
import pytest_asyncio

from dualspan.analytics.v1 import models_pb2 as contract
from dualspan.analytics.v1.models_pb2_grpc import ModelServiceStub
from dualspan_analytics.alarms.plan import make_plan
from dualspan_analytics.alarms.rules import AlarmRule, Limit, Limits, Scope, SignalKind
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import models
from dualspan_analytics.intelligence.episodes import Episode, detection, together
from dualspan_analytics.intelligence.forecast import ForecastSpec, Kind
from dualspan_analytics.service.anomaly_signals import AnomalySignals
from dualspan_analytics.service.live_scoring import LiveScoring
from dualspan_analytics.service.machine_reading import MachineReader
from dualspan_analytics.service.scoring import loaded
from dualspan_analytics.store import anomaly_scores
from dualspan_analytics.store import models as store
from harness.analytics import AnalyticsPlatform, Plant, machine, site
from harness.machine_tables import faults_of
from harness.models import at, defined, ingest_span, stored_machines, trained
from plc_sim.model.machine import COMMISSIONED_US, WEEK
from plc_sim.plants import make_plant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.models_pb2_grpc import ModelServiceAsyncStub

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

START = COMMISSIONED_US + 8 * WEEK
MIDDLE, END = START + WEEK, START + 2 * WEEK
MACHINES = ("Line1Depalletiser", "Line2Depalletiser")
DEFINITION = "depalletisers"


@dataclass
class Works:
    plant: Plant
    models: ModelServiceAsyncStub
    name: str
    version: contract.ModelVersion


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def works(platform: AnalyticsPlatform) -> AsyncGenerator[Works]:
    plant = await stored_machines(platform, make_plant("packaging", 1), MACHINES, (START, END))
    stub: ModelServiceAsyncStub = ModelServiceStub(plant.channel)
    given = contract.ModelDefinition(asset_model="depalletiser", anomaly=contract.AnomalySpec())
    name = await defined(plant, DEFINITION, given)
    yield Works(plant, stub, name, await trained(plant, name, (START, MIDDLE)))


async def test_a_version_comes_with_its_proof(works: Works) -> None:
    version = works.version
    assert version.ready
    assert [each.method for each in version.backtest] == ["model", "fixed limits"]
    assert {each.asset for each in version.assets} == {name.lower() for name in MACHINES}
    assert all(len(each.span_sha256) == 64 and not each.problem for each in version.assets)
    assert version.libraries["numpy"] == np.__version__
    assert version.verdict_text.count("false alarms per machine and week") == 2


async def test_each_fault_is_found_before_it_ends(works: Works) -> None:
    truth = make_plant("packaging", 1).truth(MIDDLE, END)
    parts = []
    for name in MACHINES:
        found = await works.models.ScoreSpan(
            contract.ScoreSpanRequest(
                name=works.name, asset=name.lower(), start_time=at(MIDDLE), end_time=at(END), version=1
            )
        )
        assert len(found.time) == len(found.score) == len(found.reason) == 7 * 24 * 60
        alarms = [Episode(e.start_time.ToMicroseconds(), e.end_time.ToMicroseconds()) for e in found.episodes]
        parts.append(detection(faults_of(truth, name), alarms, WEEK))
        for episode in found.episodes:
            assert episode.peak >= 1.0
            assert math.isclose(sum(each.share for each in episode.contributions), 1.0, abs_tol=0.02)
        if parts[-1].events:
            assert found.episodes[0].contributions[0].property == "gripper-vacuum"
    assert together(parts).found == together(parts).events > 0
    assert max(part.false_alarms for part in parts) <= 1


@pytest.mark.parametrize(
    ("verdict", "advice"),
    [
        (contract.VERDICT_NOT_BETTER, "alarm rules with limits"),
        (contract.VERDICT_UNPROVEN, "say which faults there were"),
    ],
)
async def test_what_is_not_better_or_not_proven_does_not_go_live(works: Works, verdict: int, advice: str) -> None:
    plant, tenant = works.plant, works.plant.tenant
    async with plant.parts.database.transaction(tenant) as connection:
        words = "UPDATE model_version SET verdict = $1, verdict_text = 'F1 0.10 against 0.20.'"
        await connection.execute(words, verdict)
        # Nor by any other way.
        await store.set_live(connection, tenant, DEFINITION, 1)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await works.models.PromoteModelVersion(contract.PromoteModelVersionRequest(name=works.version.name))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "F1 0.10 against 0.20" in (refused.value.details() or "")
    assert advice in (refused.value.details() or "")
    definition = await works.models.GetModelDefinition(contract.GetModelDefinitionRequest(name=works.name))
    assert definition.live_version == 0


async def test_what_is_better_goes_live(works: Works) -> None:
    async with works.plant.parts.database.transaction(works.plant.tenant) as connection:
        await connection.execute("UPDATE model_version SET verdict = 1")
    await works.models.PromoteModelVersion(contract.PromoteModelVersionRequest(name=works.version.name))
    definition = await works.models.GetModelDefinition(contract.GetModelDefinitionRequest(name=works.name))
    assert definition.live_version == 1


async def test_scores_are_kept_for_alarms_and_charts(works: Works) -> None:
    plant = works.plant
    scoring = models.scoring(plant.parts)
    asset = MACHINES[0].lower()
    span = (MIDDLE, MIDDLE + 3_600_000_000)
    scored = await scoring.score(plant.tenant, DEFINITION, asset, span, 1)
    async with plant.parts.database.transaction(plant.tenant) as connection:
        definition = await store.find_definition(connection, plant.tenant, DEFINITION)
    assert definition is not None
    await scoring.put(plant.tenant, definition, asset, scored)
    await scoring.put(plant.tenant, definition, asset, scored)
    read = await works.models.ReadScores(
        contract.ReadScoresRequest(name=works.name, asset=asset, start_time=at(span[0]), end_time=at(span[1]))
    )
    assert list(read.time) == scored.scores.time_us.tolist()
    assert np.array_equal(np.array(read.score), scored.scores.score, equal_nan=True)
    async with plant.parts.database.transaction(plant.tenant) as connection:
        wanted = [(DEFINITION, asset, 0), ("other", asset, 0)]
        (stored,) = await anomaly_scores.scores_after(connection, plant.tenant, wanted)
        assert not await anomaly_scores.scores_after(connection, plant.tenant, [(DEFINITION, asset, stored.end_us)])


async def test_alarm_rules_see_each_score_once(works: Works) -> None:
    plant, asset = works.plant, MACHINES[1].lower()
    rule = AlarmRule(
        rule_id="odd",
        display_name="odd",
        scope=Scope((asset,)),
        condition=Limits((Limit("H", 1.0),)),
        response="look",
        source=SignalKind.ANOMALY,
        name=DEFINITION,
    )
    plan = make_plan([rule], await plant.data.assets(plant.tenant))
    signals = AnomalySignals(plant.parts.database, 0.0, catch_up_us=52 * WEEK)
    scoring = models.scoring(plant.parts)
    heard = np.array([MIDDLE], np.int64)
    assert not len(await signals.take(plant.tenant, plan, heard))
    scored = await scoring.score(plant.tenant, DEFINITION, asset, (MIDDLE, MIDDLE + 7_200_000_000), 1)
    async with plant.parts.database.transaction(plant.tenant) as connection:
        definition = await store.find_definition(connection, plant.tenant, DEFINITION)
    assert definition is not None
    await scoring.put(plant.tenant, definition, asset, scored)
    found = await signals.take(plant.tenant, plan, heard)
    assert found.timestamp.tolist() == scored.scores.time_us.tolist()
    assert np.array_equal(found.value, scored.scores.score, equal_nan=True)
    assert ((found.status >> 30 == 1) == np.isnan(found.value)).all()
    assert not len(await signals.take(plant.tenant, plan, found.timestamp[-1:]))


async def test_scores_follow_the_stream(works: Works) -> None:
    plant, name = works.plant, MACHINES[0]
    live = LiveScoring(plant.parts.database, plant.data, models.scoring(plant.parts))
    running = asyncio.create_task(live.run())
    simulated, last = make_plant("packaging", 1), END + 20 * 60_000_000
    read = contract.ReadScoresRequest(
        name=works.name, asset=name.lower(), start_time=at(END - 60_000_000), end_time=at(last)
    )
    try:
        for start_us in range(END, last, 60_000_000):
            await ingest_span(plant, simulated, name, (start_us, start_us + 60_000_000))
            await asyncio.sleep(0.1)
        found = await works.models.ReadScores(read)
        for _ in range(100):
            found = await works.models.ReadScores(read)
            if found.time and found.time[-1] >= last - 2 * 60_000_000:
                break
            await asyncio.sleep(0.2)
    finally:
        running.cancel()
    assert found.time[-1] >= last - 2 * 60_000_000
    assert (np.diff(np.array(found.time)) == 60_000_000).all()


async def test_inputs_that_have_moved_ask_for_another_training(works: Works) -> None:
    plant, scoring = works.plant, models.scoring(works.plant.parts)
    async with plant.parts.database.transaction(plant.tenant) as connection:
        definition = await store.find_definition(connection, plant.tenant, DEFINITION)
        fitted = (await store.fitted(connection, plant.tenant, DEFINITION, 1))[0]
    assert definition is not None
    model = loaded(fitted)
    look = await scoring.look_for_drift(plant.tenant, definition, fitted, model, END)
    assert look is not None
    assert not look.is_drifted
    get = contract.GetModelDefinitionRequest(name=works.name)
    assert not (await works.models.GetModelDefinition(get)).needs_retraining
    elsewhere = replace(model, reference=model.reference + 5.0)
    await scoring.look_for_drift(plant.tenant, definition, fitted, elsewhere, END)
    assert (await works.models.GetModelDefinition(get)).needs_retraining
    versions = await works.models.ListModelVersions(contract.ListModelVersionsRequest(parent=works.name))
    assert versions.model_versions[0].assets[0].drift_psi > 0.25


async def test_forecasts_have_intervals_and_beat_the_naive_ones(works: Works) -> None:
    given = contract.ModelDefinition(
        asset_model="depalletiser", forecast=contract.ForecastSpec(property="active-power", season=96, horizon=24)
    )
    name = await defined(works.plant, "load", given)
    version = await trained(works.plant, name, (START, END))
    assert version.verdict == contract.VERDICT_BETTER, version.verdict_text
    await works.models.PromoteModelVersion(contract.PromoteModelVersionRequest(name=version.name))
    found = await works.models.Forecast(contract.ForecastRequest(name=name, asset=MACHINES[0].lower(), time=at(END)))
    quantiles = np.array(found.quantiles).reshape(24, 5)
    assert (np.diff(quantiles, axis=1) >= 0.0).all()
    assert found.unit == "kW"
    assert found.good_share > 0.95


async def test_what_a_forecast_learns_from_has_no_number_where_data_is_bad(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([site("hall"), machine("m1", "depalletiser", ["active-energy"], "hall")])
    ref, minute = PropertyRef("m1", "active-energy"), 60_000_000
    step, start = 15 * minute, START
    times = start - 60 * minute + np.arange(0, 6 * 60) * minute
    energy = np.arange(6 * 60) / 60.0
    # Set back in the middle of the second hour, to more than it had read at the end of that step; NaN and Bad later.
    energy[140:] += 100.0 - energy[140]
    energy[140:145] = [0.0, 0.1, 0.2, 0.3, 0.4]
    energy[200] = np.nan
    status = np.where(np.arange(6 * 60) // 15 == 16, 0x80000000, 0)
    late = np.arange(6 * 60) >= 180
    # The later half comes first.
    await plant.ingest({ref: (times[late], energy[late], status[late])})
    await plant.ingest({ref: (times[~late], energy[~late], status[~late])})
    spec = ForecastSpec("active-energy", kind=Kind.COUNTED, step_us=step)
    found = await MachineReader(plant.data).values(plant.tenant, ref, (start, start + 16 * step), spec)
    unknown = np.flatnonzero(np.isnan(found)).tolist()
    assert unknown == [5, 12, 13]
    assert np.delete(found, unknown) == pytest.approx(0.25, abs=1e-9)


async def test_changes_and_time_to_a_limit(works: Works) -> None:
    plant = works.plant
    asset = MACHINES[0].lower()
    ask = contract.EstimateRemainingRequest(
        parent=plant.parent,
        asset=asset,
        property="drive-temperature",
        start_time=at(START),
        end_time=at(START + WEEK // 7),
        limit=1e6,
    )
    found = await works.models.FindChanges(
        contract.FindChangesRequest(
            parent=plant.parent,
            asset=asset,
            property="drive-temperature",
            start_time=ask.start_time,
            end_time=ask.end_time,
        )
    )
    assert found.unit == "Cel"
    assert found.good_share > 0.95
    left = await works.models.EstimateRemaining(ask)
    assert left.slope_per_hour == pytest.approx(0.0, abs=1.0)
    ask.limit = math.nan
    with pytest.raises(grpc.aio.AioRpcError, match="number"):
        await works.models.EstimateRemaining(ask)


async def test_bad_definitions_say_what_is_wrong(works: Works) -> None:
    async def create(given: contract.ModelDefinition) -> str:
        request = contract.CreateModelDefinitionRequest(
            parent=works.plant.parent, model_definition_id="bad", model_definition=given
        )
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await works.models.CreateModelDefinition(request)
        return refused.value.details() or ""

    new = contract.ModelDefinition
    assert "There is no template" in await create(new(asset_model="no-such-model", anomaly=contract.AnomalySpec()))
    assert "watched" in await create(
        new(asset_model="depalletiser", anomaly=contract.AnomalySpec(state_property="state", running=["6"]))
    )
    assert "asset_model" in await create(new(forecast=contract.ForecastSpec(property="active-power")))
    assert "horizon" in await create(
        new(asset_model="depalletiser", forecast=contract.ForecastSpec(property="active-power", horizon=10_000))
    )


async def test_a_definition_without_machines_is_not_trained(works: Works) -> None:
    given = contract.ModelDefinition(asset_model="bottle-filler", anomaly=contract.AnomalySpec())
    name = await defined(works.plant, "fillers", given)
    with pytest.raises(grpc.aio.AioRpcError, match="bottle-filler"):
        await works.models.TrainModels(
            contract.TrainModelsRequest(name=name, start_time=at(START), end_time=at(MIDDLE))
        )
