"""KPIs and anomaly scores as alarms see them: nothing is lost, and what is wrong with one machine stays with it."""

import asyncio
import threading

import numpy as np
import pytest
from integration.analytics.test_alarms import ASSETS, Desk, hot_rule, now_us, seconds, until

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1 import states_pb2
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.plan import Plan, make_plan
from dualspan_analytics.alarms.rules import AlarmRule, Limit, Limits, Scope, SignalKind
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import production
from dualspan_analytics.service.alarm_signals import NEVER
from dualspan_analytics.service.anomaly_signals import AnomalySignals
from dualspan_analytics.service.kpi_signals import KpiSignals
from dualspan_analytics.store import anomaly_scores
from dualspan_analytics.store.anomaly_scores import StoredScores
from dualspan_runtime.database import Connection
from harness.analytics import AnalyticsPlatform, Plant, line, machine, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = "injection-moulding-machine"
MINUTE = 60_000_000
Profile = states_pb2.MachineProfile


def watching(source: SignalKind, name: str, *assets: str) -> AlarmRule:
    return AlarmRule("watch", "watch", Scope(assets), Limits((Limit("L", 0.5),)), "Look.", source=source, name=name)


def nothing_heard(plan: Plan) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.full(len(plan.table.signals), NEVER, np.int64)


def by_asset(plan: Plan, samples: Samples) -> dict[str, float]:
    return {plan.table.signals[place].asset: value for place, value in zip(samples.signal, samples.value, strict=True)}


async def scored(connection: Connection, plant: Plant, asset: str, end_us: int) -> None:
    scores = StoredScores(0, "odd", asset, 1, end_us - MINUTE, end_us, [end_us], [2.0], [0], [-1], [0.0], [])
    assert await anomaly_scores.put_scores(connection, plant.tenant, scores)


async def fitted(plant: Plant, *assets: str) -> None:
    async with plant.parts.database.transaction(plant.tenant) as connection:
        await connection.execute(
            "INSERT INTO model_definition (tenant_id, definition_id, display_name, kind, asset_model, under, spec)"
            " VALUES ($1, 'odd', '', 'anomaly', $2, '', '{}')",
            plant.tenant,
            MODEL,
        )
        await connection.execute(
            "INSERT INTO model_version (tenant_id, definition_id, version, start_us, end_us, operation, known_faults)"
            " VALUES ($1, 'odd', 1, 0, 1, '', '[]')",
            plant.tenant,
        )
        await connection.executemany(
            "INSERT INTO fitted_model (tenant_id, definition_id, version, asset_id, arrays, facts, span_sha256,"
            " problem) VALUES ($1, 'odd', 1, $2, '', '', '', '')",
            [(plant.tenant, asset) for asset in assets],
        )


async def test_a_score_that_is_committed_after_a_later_one_is_seen(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([site("works"), *(machine(name, MODEL, ["state"], "works") for name in ("m1", "m2"))])
    await fitted(plant, "m1", "m2")
    plan = make_plan([watching(SignalKind.ANOMALY, "odd", "m1", "m2")], await plant.data.assets(plant.tenant))
    signals, heard, end = AnomalySignals(plant.parts.database, 0.0), nothing_heard(plan), now_us()
    async with plant.parts.database.transaction(plant.tenant) as first:
        await scored(first, plant, "m1", end)
        async with plant.parts.database.transaction(plant.tenant) as second:
            await scored(second, plant, "m2", end)
        found = await signals.take(plant.tenant, plan, heard)
        assert by_asset(plan, found) == {"m2": 2.0}
    heard[found.signal] = found.timestamp
    assert by_asset(plan, await signals.take(plant.tenant, plan, heard)) == {"m1": 2.0}


async def test_scores_whose_evaluation_was_not_committed_are_given_again(platform: AnalyticsPlatform) -> None:
    plant = await platform.plant([site("works"), machine("m1", MODEL, ["state"], "works")])
    await fitted(plant, "m1")
    plan = make_plan([watching(SignalKind.ANOMALY, "odd", "m1")], await plant.data.assets(plant.tenant))
    signals, heard, end = AnomalySignals(plant.parts.database, 0.0), nothing_heard(plan), now_us()
    # A process was away for hours: what was evaluated before says from where on, not the clock.
    heard[0] = end - 300 * MINUTE
    for ago in (240, 120, 0):
        async with plant.parts.database.transaction(plant.tenant) as connection:
            await scored(connection, plant, "m1", end - ago * MINUTE)
    for _ in range(2):
        found = await signals.take(plant.tenant, plan, heard)
        assert found.timestamp.tolist() == [end - 240 * MINUTE, end - 120 * MINUTE, end]
    heard[0] = end - 120 * MINUTE
    assert (await signals.take(plant.tenant, plan, heard)).timestamp.tolist() == [end]


async def producing(platform: AnalyticsPlatform) -> Plant:
    """A machine that stands, one that runs, and one that counts hours."""
    plant = await platform.plant(
        [
            site("works"),
            line("moulding", "works"),
            machine("m1", MODEL, ["state", "good-count"], "moulding"),
            machine("m2", MODEL, ["state", "good-count", "injection-velocity"], "moulding"),
            machine("m3", MODEL, ["state", "operating-hours"], "moulding"),
            machine("m4", MODEL, ["state"], "moulding"),
        ]
    )
    times = now_us() - np.arange(90)[::-1] * MINUTE
    made = np.arange(90)
    await plant.ingest(
        {
            PropertyRef("m1", "state"): (times, np.full(90, 3)),
            PropertyRef("m1", "good-count"): (times, made),
            PropertyRef("m2", "state"): (times, np.zeros(90)),
            PropertyRef("m2", "good-count"): (times, made),
            PropertyRef("m3", "state"): (times, np.zeros(90)),
            PropertyRef("m3", "operating-hours"): (times, made),
        }
    )
    for name in ("m1", "m2"):
        await profile(plant, name)
    await profile(plant, "m3", good=Profile.Counter(property="operating-hours"))
    return plant


async def profile(plant: Plant, asset: str, **more: object) -> None:
    states = [Profile.StateValue(value="0", state="running"), Profile.StateValue(value="3", state="fault")]
    made = Profile(
        name=f"{plant.parent}/machineProfiles/of-{asset}",
        assets=[asset],
        values=Profile.ValueSource(values=states),
        **more,  # type: ignore[arg-type]
    )
    request = states_pb2.UpdateMachineProfileRequest(machine_profile=made)
    await StateServiceStub(plant.channel).UpdateMachineProfile(request)


MISFIT = Profile.Counter(property="injection-velocity")


async def test_what_is_wrong_with_one_machine_keeps_no_other_from_its_figure(platform: AnalyticsPlatform) -> None:
    plant = await producing(platform)
    await profile(plant, "m2", energy=MISFIT)
    watch, end = production.kpi_watch(plant.parts), now_us()
    assets = ["m1", "m2", "m3", "m4", "moulding"]
    found = await watch.watched(plant.tenant, "availability", assets, end - 60 * MINUTE, end)
    assert found.values == {"m1": pytest.approx(0.0, abs=0.02), "m3": pytest.approx(1.0, abs=0.02)}
    assert "injection-velocity is in" in found.troubles["m2"]
    assert "Nothing says how the states of 'm4' are known" in found.troubles["m4"]
    assert "this is none" in found.troubles["moulding"]
    # Pieces and hours in one answer are none; each machine has its own.
    await profile(plant, "m2")
    rates = (await watch.watched(plant.tenant, "throughput-rate", assets, end - 60 * MINUTE, end)).values
    assert rates == {
        "m1": pytest.approx(60, rel=0.05),
        "m2": pytest.approx(60, rel=0.05),
        "m3": pytest.approx(60, rel=0.05),
    }
    unknown = await watch.watched(plant.tenant, "happiness", assets, end - 60 * MINUTE, end)
    assert set(unknown.troubles) >= {"m1", "m2", "m3"}


async def test_a_minute_whose_evaluation_was_not_committed_is_computed_again(platform: AnalyticsPlatform) -> None:
    plant = await producing(platform)
    plan = make_plan([watching(SignalKind.KPI, "availability", "m1", "m4")], await plant.data.assets(plant.tenant))
    signals, heard = KpiSignals(production.kpi_watch(plant.parts)), nothing_heard(plan)
    heard[:] = (now_us() // MINUTE - 3) * MINUTE

    async def taken() -> Samples:
        return await until(lambda: signals.take(plant.tenant, plan, heard), lambda samples: len(samples) == 2)

    lost, first = await taken(), await taken()
    assert lost.timestamp.tolist() == first.timestamp.tolist() == [int(heard[0]) + MINUTE] * 2
    assert (first.status >> 30 == 1).tolist() == np.isnan(first.value).tolist() == [False, True]
    assert [trouble.asset for trouble in signals.troubles(plant.tenant, plan)] == ["m4"]
    heard[first.signal] = first.timestamp
    assert (await taken()).timestamp.tolist() == [int(heard[0]) + MINUTE] * 2


async def test_a_misfit_is_shown_at_the_rule_and_the_others_alarms_go_on(platform: AnalyticsPlatform) -> None:
    plant = await producing(platform)
    await profile(plant, "m2", energy=MISFIT)
    desk = Desk(plant)
    rule = contract.AlarmRule(
        display_name="Stands too much",
        response="Find out why.",
        scope=contract.AlarmRule.Scope(assets=["m1", "m2"]),
        source=contract.ALARM_SOURCE_KPI,
        property="availability",
        limits=contract.AlarmRule.Limits(limits=[contract.AlarmRule.Limit(level="L", value=0.5)]),
    )
    made = await desk.rule("idle", rule)
    await until(desk.alarms, lambda alarms: set(alarms) == {"idle.m1.l"})

    async def ask() -> list[str]:
        return list((await desk.stub.GetAlarmRule(contract.GetAlarmRuleRequest(name=made.name))).troubles)

    troubles = await until(ask, bool)
    assert len(troubles) == 1
    assert troubles[0].startswith("m2: m2/injection-velocity is in")


async def test_alarms_do_not_wait_for_threads_that_answer_questions(platform: AnalyticsPlatform) -> None:
    desk, done = Desk(await platform.plant(ASSETS)), threading.Event()
    await desk.heat(20.0)
    await desk.rule("hot", hot_rule(on_delay=seconds(1.0)))
    await desk.evaluated()
    await desk.heat(95.0)
    loop = asyncio.get_running_loop()
    # More than the threads that there are for whoever asks.
    costly = [loop.run_in_executor(None, done.wait) for _ in range(100)]
    try:
        await until(desk.alarms, lambda alarms: "hot.imm01.1.hh" in alarms, timeout=8.0)
    finally:
        done.set()
        await asyncio.gather(*costly)
