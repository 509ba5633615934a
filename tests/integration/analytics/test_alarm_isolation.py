"""What one tenant's alarm rules get wrong, and what they cost, beside another tenant's alarms and live stream."""

import asyncio
import time
from contextlib import aclosing

import grpc
import grpc.aio
import numpy as np
import pytest
from integration.analytics.test_alarms import ASSETS, TEMPERATURE, Desk, hot_rule, now_us, until

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1 import kpis_pb2, states_pb2
from dualspan.analytics.v1.kpis_pb2_grpc import KpiServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan_analytics.alarms.evaluation import evaluate
from dualspan_analytics.alarms.plan import make_plan
from dualspan_analytics.alarms.rules import AlarmRule, Limit, Limits, Scope, SignalKind
from dualspan_analytics.alarms.table import CLEAR, UNKNOWN, Standing
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.composition import alarms, production
from dualspan_analytics.service.alarm_signals import NEVER
from dualspan_analytics.service.kpi_signals import KpiSignals
from harness.analytics import AnalyticsPlatform, machine, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

MANY = 2000
ALARM = "hot.imm01.1.hh"
DAY_US = 86_400_000_000


def unit_rule(**more: object) -> contract.AlarmRule:
    """A rule on an asset by name, whose parts a test gets wrong."""
    rule = hot_rule()
    rule.scope.CopyFrom(contract.AlarmRule.Scope(assets=["imm01"]))
    for field in more:
        rule.ClearField(field)  # type: ignore[arg-type]
    rule.MergeFrom(contract.AlarmRule(**more))  # type: ignore[arg-type]
    return rule


def levels(at: float) -> contract.AlarmRule.Limits:
    four = zip(("LL", "L", "H", "HH"), (-at, -at + 1, at - 1, at), strict=True)
    return contract.AlarmRule.Limits(limits=[contract.AlarmRule.Limit(level=each, value=value) for each, value in four])


def bad_rules() -> dict[str, bytes]:
    """What no person could have made through the contract, or could have once: as it may stand in a database."""
    known = {
        "broken-bytes": b"\xff\xff\xff",
        "of-a-later-release": unit_rule(priority=99).SerializeToString(),
        "no-condition": unit_rule(limits=contract.AlarmRule.Limits()).SerializeToString(),
        "unknown-property": unit_rule(property="no-such-thing").SerializeToString(),
        "unknown-asset": unit_rule(scope=contract.AlarmRule.Scope(assets=["gone"])).SerializeToString(),
        "unit": unit_rule(unit="bar").SerializeToString(),
        "unknown-kpi": unit_rule(source=contract.ALARM_SOURCE_KPI, property="happiness").SerializeToString(),
    }
    return known | {f"many-{at}": unit_rule(limits=levels(1000.0 + at)).SerializeToString() for at in range(MANY)}


async def stored(desk: Desk, rules: dict[str, bytes]) -> None:
    async with desk.plant.parts.database.transaction(desk.plant.tenant) as connection:
        await connection.executemany(
            "INSERT INTO alarm_rule (tenant_id, rule_id, revision, definition, updater) VALUES ($1, $2, 1, $3, 'x')",
            [(desk.plant.tenant, rule_id, definition) for rule_id, definition in rules.items()],
        )
        await connection.execute("SELECT pg_notify('dualspan_analytics_alarms', $1)", desk.plant.tenant)


async def troubles(desk: Desk) -> dict[str, str]:
    """What is said of each bad rule, by its id."""
    async with desk.plant.parts.database.transaction(desk.plant.tenant, readonly=True) as connection:
        rows = await connection.fetch("SELECT rule_id, troubles FROM alarm_rule WHERE troubles <> '{}'")
    return {row["rule_id"]: "; ".join(row["troubles"]) for row in rows}


async def test_bad_and_costly_rules_harm_neither_another_tenant_nor_the_good_rules_beside_them(
    platform: AnalyticsPlatform,
) -> None:
    bad, good = Desk(await platform.plant(ASSETS)), Desk(await platform.plant(ASSETS))
    for desk in (bad, good):
        await desk.rule("hot", hot_rule())
    await stored(bad, bad_rules())
    found = await until(lambda: troubles(bad), bool, timeout=60.0)
    assert "cannot be read" in found["broken-bytes"]
    assert "cannot be read" in found["of-a-later-release"]
    assert "no-such-thing" in found["unknown-property"]
    assert "gone" in found["unknown-asset"]
    assert "bar" in found["unit"]
    assert not any(rule_id.startswith("many-") or rule_id == "hot" for rule_id in found)

    async with aclosing(good.plant.data.subscribe(good.plant.tenant, [TEMPERATURE])) as stream:
        heard = asyncio.ensure_future(anext(aiter(stream)))
        began = time.monotonic()
        for _ in range(20):
            await bad.heat(20.0)
        await good.heat(95.0)
        await until(good.alarms, lambda shown: ALARM in shown)
        assert time.monotonic() - began < 10.0
        assert (await asyncio.wait_for(heard, 10.0)).blocks
    await bad.heat(95.0)
    await until(bad.alarms, lambda shown: set(shown) == {ALARM}, timeout=60.0)

    await bad.stub.DeleteAlarmRule(contract.DeleteAlarmRuleRequest(name=f"{bad.plant.parent}/alarmRules/broken-bytes"))
    assert "broken-bytes" not in await troubles(bad)


async def test_a_rule_on_a_kpi_or_a_model_that_is_not_there_is_refused(platform: AnalyticsPlatform) -> None:
    desk = Desk(await platform.plant(ASSETS))
    for source, words in ((contract.ALARM_SOURCE_KPI, "no KPI"), (contract.ALARM_SOURCE_ANOMALY, "no model")):
        with pytest.raises(grpc.aio.AioRpcError, match=f"{words}.*'happiness'") as refused:
            await desk.rule("odd", unit_rule(source=source, property="happiness"))
        assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_a_kpi_that_divides_by_zero_neither_raises_nor_clears(platform: AnalyticsPlatform) -> None:
    state, good = PropertyRef("imm01", "state"), PropertyRef("imm01", "good-count")
    machines = [machine("imm01", "injection-moulding-machine", ["state", "good-count"], "wuhan")]
    plant = await platform.plant([site("wuhan"), *machines])
    times = now_us() - np.arange(90)[::-1] * 60_000_000
    await plant.ingest({state: (times, np.zeros(90)), good: (times, np.arange(90))})
    running = states_pb2.MachineProfile.StateValue(value="0", state="running")
    profile = states_pb2.MachineProfile(
        name=f"{plant.parent}/machineProfiles/p",
        models=["injection-moulding-machine"],
        values=states_pb2.MachineProfile.ValueSource(values=[running]),
    )
    await StateServiceStub(plant.channel).UpdateMachineProfile(
        states_pb2.UpdateMachineProfileRequest(machine_profile=profile)
    )
    kpi = kpis_pb2.Kpi(name=f"{plant.parent}/kpis/per-nothing", formula="GQ / (GQ - GQ)")
    await KpiServiceStub(plant.channel).UpdateKpi(kpis_pb2.UpdateKpiRequest(kpi=kpi))
    rules = [
        AlarmRule(name, name, Scope(("imm01",)), Limits((Limit("L", 0.5),)), "x", source=SignalKind.KPI, name=name)
        for name in ("per-nothing", "availability")
    ]
    plan = make_plan(rules, await plant.data.assets(plant.tenant))
    signals = KpiSignals(production.kpi_watch(plant.parts))
    heard = np.full(len(plan.table.signals), NEVER, np.int64)
    found = await until(lambda: signals.take(plant.tenant, plan, heard), lambda samples: len(samples) == 2)
    value = {plan.table.signals[place].name: number for place, number in zip(found.signal, found.value, strict=True)}
    assert np.isnan(value["per-nothing"])
    assert value["availability"] > 0.9
    # Uncertain, and no number: nothing is said of its condition, and everything of the other.
    standing, _ = evaluate(plan.table, Standing.beginning(plan.table, 0), found, now_us(), now_us())
    said = {row.key.rule: raw for row, raw in zip(plan.table.rows, standing.raw.tolist(), strict=True)}
    assert said == {"per-nothing": UNKNOWN, "availability": CLEAR}


async def test_what_happened_long_ago_is_forgotten_and_alarms_stay(platform: AnalyticsPlatform) -> None:
    desk, other = Desk(await platform.plant(ASSETS)), Desk(await platform.plant(ASSETS))
    for each in (desk, other):
        await each.rule("hot", hot_rule())
        await each.evaluated()
        for value in (95.0, 20.0, 95.0):
            await each.heat(value)
        await until(each.causes, lambda causes: len(causes) == 3)
    old = now_us() - 401 * DAY_US
    async with desk.plant.parts.database.transaction(desk.plant.tenant) as connection:
        oldest = "SELECT min(sequence) FROM alarm_transition"
        await connection.execute(f"UPDATE alarm_transition SET recorded_us = $1 WHERE sequence = ({oldest})", old)
    await alarms.retention(desk.plant.parts).sweep(now_us())
    assert await desk.causes() == ["CLEARED", "RAISED"]
    assert await other.causes() == ["RAISED", "CLEARED", "RAISED"]
    assert set(await desk.alarms()) == {ALARM}
    assert np.isclose((await desk.alarms())[ALARM].value, 95.0)
