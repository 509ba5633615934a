"""Evaluation is killed again and again: no transition is lost, none is there twice. And only one replica evaluates."""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, Iterator
from itertools import count

import numpy as np
import pytest
import pytest_asyncio
from integration.analytics.test_alarm_signals import fitted, scored
from numpy.typing import NDArray

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceStub
from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.plan import Plan
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.service.alarm_engine import AlarmEngine
from dualspan_analytics.service.alarm_evaluation import Sources
from dualspan_analytics.service.alarm_timing import Timing
from dualspan_analytics.service.anomaly_signals import AnomalySignals
from dualspan_analytics.service.opc_ua_events import OpcUaEvents
from dualspan_cli.embedded import EmbeddedPostgres, EmbeddedRedis
from dualspan_frame import ValueKind
from harness import alarm_engine
from harness.analytics import AnalyticsPlatform, Bound, Plant, line, machine, running_analytics, site
from harness.databases import clone, drop

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECOND = 1_000_000
FAST, SLOW = PropertyRef("imm01", "mould-temperature", 1), PropertyRef("imm01", "mould-temperature", 2)
ASSETS = [
    site("wuhan"),
    line("moulding", "wuhan"),
    machine(
        "imm01",
        "injection-moulding-machine",
        [Bound("mould-temperature", 1, ValueKind.FLOAT64), Bound("mould-temperature", 2, ValueKind.FLOAT64)],
        "moulding",
    ),
]
_names = (f"test_alarm_restarts_{number}" for number in count(1))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def idle(migrated_postgres: EmbeddedPostgres, redis_server: EmbeddedRedis) -> AsyncGenerator[AnalyticsPlatform]:
    """A platform that evaluates nothing by itself."""
    database = await clone(migrated_postgres, next(_names))
    try:
        async with running_analytics(database, redis_server.url(), alarm_interval_seconds=0) as running:
            yield running
    finally:
        await drop(database)


def now_us() -> int:
    return time.time_ns() // 1000


async def make_rule(plant: Plant, rule_id: str, index: int, delay: int) -> None:
    rule = contract.AlarmRule(
        display_name="Too hot",
        response="Cool it.",
        scope=contract.AlarmRule.Scope(assets=["imm01"]),
        property="mould-temperature",
        index=index,
        limits=contract.AlarmRule.Limits(limits=[contract.AlarmRule.Limit(level="H", value=90.0)]),
    )
    rule.on_delay.FromSeconds(delay)
    request = contract.CreateAlarmRuleRequest(parent=plant.parent, alarm_rule_id=rule_id, alarm_rule=rule)
    await AlarmServiceStub(plant.channel).CreateAlarmRule(request)


async def transitions(plant: Plant) -> dict[str, list[tuple[bool, int]]]:
    """By rule: raised or cleared, and when."""
    found: dict[str, list[tuple[bool, int]]] = {"fast": [], "slow": []}
    request = contract.ListAlarmTransitionsRequest(parent=plant.parent, page_size=1000)
    while True:
        page = await AlarmServiceStub(plant.channel).ListAlarmTransitions(request)
        for each in page.alarm_transitions:
            rule = each.alarm.rpartition("/")[2].partition(".")[0]
            found[rule].append((each.cause == contract.ALARM_CAUSE_RAISED, each.event_time.ToMicroseconds()))
        request.page_token = page.next_page_token
        if not page.next_page_token:
            return {rule: listed[::-1] for rule, listed in found.items()}


async def settled(plant: Plant, wanted: dict[str, int]) -> dict[str, list[tuple[bool, int]]]:
    """The transitions, once there are as many as wanted and nothing has come for a while."""
    end = time.monotonic() + 30
    while True:
        found = await transitions(plant)
        if all(len(found[rule]) >= number for rule, number in wanted.items()):
            await asyncio.sleep(1.5)
            return await transitions(plant)
        assert time.monotonic() < end, {rule: (len(found[rule]), number) for rule, number in wanted.items()}
        await asyncio.sleep(0.2)


async def evaluated_once(plant: Plant) -> None:
    """Until the engine has begun: what comes from now on counts."""
    end = time.monotonic() + 30
    while True:
        statistics = await AlarmServiceStub(plant.channel).GetAlarmStatistics(
            contract.GetAlarmStatisticsRequest(parent=plant.parent)
        )
        if statistics.evaluated_until.ToMicroseconds() > 0:
            return
        assert time.monotonic() < end
        await asyncio.sleep(0.1)


def phases() -> Iterator[float]:
    """Hot for 3 s, cold for 2 s, in steps of 50 ms."""
    for step in count():
        yield 95.0 if step % 100 < 60 else 20.0


async def feed(plant: Plant, seconds: float) -> dict[str, list[tuple[bool, int]]]:
    """Feed both signals; what is due: every change of the fast one, the slow one a second after it became hot."""
    due: dict[str, list[tuple[bool, int]]] = {"fast": [], "slow": []}
    end, was, since = time.monotonic() + seconds, False, 0
    for step, slow in enumerate(phases()):
        at = now_us()
        fast = 95.0 if step % 2 == 0 else 20.0
        await plant.ingest({FAST: ([at], [fast]), SLOW: ([at], [slow])})
        due["fast"].append((fast > 90, at))
        if (slow > 90) != was:
            if not was:
                since = at
            elif at - since > SECOND:
                due["slow"] += [(True, since + SECOND), (False, at)]
            was = slow > 90
        if time.monotonic() > end and not was:
            return due
        await asyncio.sleep(0.05)
    return due


async def test_killed_again_and_again_it_loses_and_repeats_nothing(idle: AnalyticsPlatform) -> None:
    plant = await idle.plant(ASSETS)
    at = now_us()
    await plant.ingest({FAST: ([at], [20.0]), SLOW: ([at], [20.0])})
    await make_rule(plant, "fast", 1, 0)
    await make_rule(plant, "slow", 2, 1)
    settings = idle.parts.settings
    engine = await alarm_engine.start(settings)
    try:
        await evaluated_once(plant)
        feeding = asyncio.create_task(feed(plant, 9.0))
        chance = random.Random(7)
        kills = 0
        while not feeding.done():
            await asyncio.sleep(chance.uniform(1.5, 3.0))
            await alarm_engine.kill(engine)
            kills += 1
            engine = await alarm_engine.start(settings)
        due = await feeding
        found = await settled(plant, {rule: len(changes) for rule, changes in due.items()})
    finally:
        await alarm_engine.kill(engine)
    assert kills >= 3
    assert len(due["fast"]) > 50
    assert found == due


@pytest.mark.long
async def test_one_replica_evaluates_and_another_takes_over(idle: AnalyticsPlatform) -> None:
    plant = await idle.plant(ASSETS)
    await plant.ingest({FAST: ([now_us()], [20.0])})
    await make_rule(plant, "fast", 1, 0)
    first, second = [await alarm_engine.start(idle.parts.settings) for _ in range(2)]
    try:
        await evaluated_once(plant)
        due: list[tuple[bool, int]] = []
        for step in range(20):
            at = now_us()
            await plant.ingest({FAST: ([at], [95.0 if step % 2 == 0 else 20.0])})
            due.append((step % 2 == 0, at))
            if step == 10:
                await settled(plant, {"fast": 11})
                await alarm_engine.kill(first)
            await asyncio.sleep(0.02)
        found = await settled(plant, {"fast": 20})
    finally:
        for process in (first, second):
            if process.returncode is None:
                await alarm_engine.kill(process)
    assert found["fast"] == due


async def test_samples_of_a_gateway_that_was_away_count_when_they_come(idle: AnalyticsPlatform) -> None:
    plant = await idle.plant(ASSETS)
    await plant.ingest({FAST: ([now_us()], [20.0])})
    await make_rule(plant, "fast", 1, 0)
    engine = await alarm_engine.start(idle.parts.settings)
    try:
        await evaluated_once(plant)
        begin = now_us()
        await asyncio.sleep(1.0)
        times = begin + np.arange(10) * 50_000
        await plant.ingest({FAST: (times, np.where(np.arange(10) % 2 == 0, 95.0, 20.0))})
        found = await settled(plant, {"fast": 10})
    finally:
        await alarm_engine.kill(engine)
    assert found["fast"] == [(number % 2 == 0, int(at)) for number, at in enumerate(times)]


class Meddling(AnomalySignals):
    """Somebody changes the rule just when its first score has been taken: what comes of it cannot be committed."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant.parts.database, 0.0)
        self._plant = plant
        self.taken = 0

    async def take(self, tenant: str, plan: Plan, heard: NDArray[np.int64]) -> Samples:
        found = await super().take(tenant, plan, heard)
        self.taken += len(found)
        if self.taken == 1 == len(found):
            async with self._plant.parts.database.transaction(tenant) as connection:
                await connection.execute("UPDATE alarm_rule SET revision = revision + 1")
        return found


async def test_a_score_whose_commit_failed_is_not_lost(idle: AnalyticsPlatform) -> None:
    plant = await idle.plant(ASSETS)
    await fitted(plant, "imm01")
    rule = contract.AlarmRule(
        display_name="Odd",
        response="Look.",
        scope=contract.AlarmRule.Scope(assets=["imm01"]),
        source=contract.ALARM_SOURCE_ANOMALY,
        property="odd",
        limits=contract.AlarmRule.Limits(limits=[contract.AlarmRule.Limit(level="H", value=1.0)]),
    )
    request = contract.CreateAlarmRuleRequest(parent=plant.parent, alarm_rule_id="fast", alarm_rule=rule)
    await AlarmServiceStub(plant.channel).CreateAlarmRule(request)
    parts, meddling = plant.parts, Meddling(plant)
    sources = Sources(parts.plant, [meddling], OpcUaEvents(parts.events, parts.changes, parts.historian))
    engine = asyncio.create_task(AlarmEngine(parts.database, sources, Timing(interval=0.05)).run())
    try:
        at = now_us()
        async with parts.database.transaction(plant.tenant) as connection:
            await scored(connection, plant, "imm01", at)
        found = await settled(plant, {"fast": 1})
    finally:
        engine.cancel()
        await asyncio.gather(engine, return_exceptions=True)
    assert [raised for raised, _ in found["fast"]] == [True]
    assert meddling.taken == 2
