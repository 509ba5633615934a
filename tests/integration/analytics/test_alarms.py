"""Alarms on the live stream: raised, cleared, acted on, told, restarted, beside other tenants' bad rules."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc
import grpc.aio
import numpy as np
import pytest
import pytest_asyncio
from google.protobuf.duration_pb2 import Duration

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1 import states_pb2
from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.service.alarms import Alarms
from dualspan_frame import ValueKind
from dualspan_runtime.errors import error_info
from harness.analytics import AnalyticsPlatform, Bound, Plant, line, machine, site

pytestmark = pytest.mark.asyncio(loop_scope="module")

T = TypeVar("T")
TEMPERATURE = PropertyRef("imm01", "mould-temperature", 1)
RUNNING = PropertyRef("imm01", "running")
BAD = 0x80000000
NO_NUMBER = contract.AlarmRule.Limit(level="H", value=float("nan"))
ASSETS = [
    site("wuhan"),
    line("moulding", "wuhan"),
    machine(
        "imm01",
        "injection-moulding-machine",
        ["good-count", "running", Bound("mould-temperature", 1, ValueKind.FLOAT64)],
        "moulding",
    ),
]


def now_us() -> int:
    return time.time_ns() // 1000


def seconds(value: float) -> Duration:
    return Duration(seconds=int(value), nanos=int(value % 1 * 1e9))


def hot_rule(**more: object) -> contract.AlarmRule:
    return contract.AlarmRule(
        display_name="Mould too hot",
        response="Check the cooling water.",
        scope=contract.AlarmRule.Scope(model="injection-moulding-machine"),
        property="mould-temperature",
        limits=contract.AlarmRule.Limits(limits=[contract.AlarmRule.Limit(level="HH", value=90.0)], deadband=2.0),
        priority=contract.ALARM_PRIORITY_HIGH,
        **more,  # type: ignore[arg-type]
    )


async def until(ask: Callable[[], Awaitable[T]], holds: Callable[[T], bool], timeout: float = 20.0) -> T:
    """Ask again and again until the answer is as wanted."""
    end = time.monotonic() + timeout
    while True:
        answer = await ask()
        if holds(answer):
            return answer
        assert time.monotonic() < end, answer
        await asyncio.sleep(0.1)


class Desk:
    """An operator's desk: alarms of one plant."""

    def __init__(self, plant: Plant) -> None:
        self.plant = plant
        self.stub = AlarmServiceStub(plant.channel)

    async def rule(self, rule_id: str, rule: contract.AlarmRule) -> contract.AlarmRule:
        request = contract.CreateAlarmRuleRequest(parent=self.plant.parent, alarm_rule_id=rule_id, alarm_rule=rule)
        return await self.stub.CreateAlarmRule(request)

    async def alarms(self, *states: int) -> dict[str, contract.Alarm]:
        request = contract.ListAlarmsRequest(parent=self.plant.parent, states=states)  # type: ignore[arg-type]
        return {each.name.rpartition("/")[2]: each for each in (await self.stub.ListAlarms(request)).alarms}

    async def transitions(self, alarm: str = "") -> list[contract.AlarmTransition]:
        request = contract.ListAlarmTransitionsRequest(parent=self.plant.parent, page_size=1000, alarm=alarm)
        return list((await self.stub.ListAlarmTransitions(request)).alarm_transitions)[::-1]

    async def causes(self, alarm: str = "") -> list[str]:
        found = await self.transitions(alarm)
        return [contract.AlarmCause.Name(each.cause).removeprefix("ALARM_CAUSE_") for each in found]

    def name(self, alarm: str) -> str:
        return f"{self.plant.parent}/alarms/{alarm}"

    async def heat(self, value: float, at_us: int = 0, status: int = 0) -> int:
        at_us = at_us or now_us()
        await self.plant.ingest({TEMPERATURE: ([at_us], [value], [status])})
        return at_us

    async def evaluated(self) -> None:
        """Wait until everything up to now has been decided."""
        asked = now_us()
        request = contract.GetAlarmStatisticsRequest(parent=self.plant.parent)

        async def ask() -> int:
            return (await self.stub.GetAlarmStatistics(request)).evaluated_until.ToMicroseconds()

        await until(ask, lambda decided: decided > asked)


@pytest_asyncio.fixture(loop_scope="module")
async def desk(platform: AnalyticsPlatform) -> Desk:
    return Desk(await platform.plant(ASSETS))


async def test_an_alarm_lives_by_the_standard(desk: Desk) -> None:
    await desk.rule("hot", hot_rule())
    alarm = "hot.imm01.1.hh"
    raised_us = await desk.heat(95.0)
    found = await until(desk.alarms, lambda alarms: alarm in alarms)
    assert found[alarm].state == contract.ALARM_STATE_UNACKNOWLEDGED
    assert (found[alarm].value, found[alarm].priority) == (95.0, contract.ALARM_PRIORITY_HIGH)
    assert found[alarm].response == "Check the cooling water."
    acknowledged = await desk.stub.AcknowledgeAlarm(
        contract.AcknowledgeAlarmRequest(name=desk.name(alarm), comment="valve opened")
    )
    assert acknowledged.state == contract.ALARM_STATE_ACKNOWLEDGED
    with pytest.raises(grpc.aio.AioRpcError, match="waits for no acknowledgement") as refused:
        await desk.stub.AcknowledgeAlarm(contract.AcknowledgeAlarmRequest(name=desk.name(alarm)))
    assert refused.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    await desk.heat(89.0)  # within the deadband
    cleared_us = await desk.heat(88.0)
    await until(desk.alarms, lambda alarms: not alarms)
    transitions = await desk.transitions(alarm)
    assert await desk.causes(alarm) == ["RAISED", "ACKNOWLEDGED", "CLEARED"]
    assert transitions[0].event_time.ToMicroseconds() >= raised_us
    assert transitions[2].event_time.ToMicroseconds() == cleared_us
    assert (transitions[1].comment, transitions[1].actor.startswith("users/")) == ("valve opened", True)


async def test_a_violated_limit_is_raised_as_soon_as_there_is_a_rule(desk: Desk) -> None:
    await desk.heat(95.0, now_us() - 3_600_000_000)
    made_us = now_us()
    await desk.rule("hot", hot_rule())
    await until(desk.alarms, lambda alarms: "hot.imm01.1.hh" in alarms)
    assert (await desk.transitions())[0].event_time.ToMicroseconds() >= made_us


async def test_a_clock_that_is_ahead_is_told_at_the_rule(desk: Desk) -> None:
    made = await desk.rule("hot", hot_rule())
    await desk.evaluated()

    async def troubles() -> list[str]:
        return list((await desk.stub.GetAlarmRule(contract.GetAlarmRuleRequest(name=made.name))).troubles)

    assert not await troubles()
    await desk.heat(95.0, now_us() + 20 * 60_000_000)
    words = (
        "imm01: Its samples come from more than 10 minutes ahead and are not evaluated: set the clock of its server."
    )
    await until(troubles, lambda found: found == [words])
    assert not await desk.alarms()


async def test_a_delay_passes_without_samples_and_bad_data_raises_nothing(desk: Desk) -> None:
    await desk.heat(20.0)
    await desk.rule("hot", hot_rule(on_delay=seconds(0.5)))
    await desk.rule(
        "bad",
        contract.AlarmRule(
            display_name="Sensor broken",
            response="Call maintenance.",
            scope=contract.AlarmRule.Scope(assets=["imm01"]),
            property="mould-temperature",
            bad_data=contract.AlarmRule.BadData(),
        ),
    )
    await desk.evaluated()
    await desk.heat(1e9, status=BAD)
    await until(desk.alarms, lambda alarms: set(alarms) == {"bad.imm01.1"})
    await desk.evaluated()
    assert set(await desk.alarms()) == {"bad.imm01.1"}
    hot_us = await desk.heat(95.0)
    await until(desk.alarms, lambda alarms: "hot.imm01.1.hh" in alarms)
    raised = next(each for each in await desk.transitions("hot.imm01.1.hh"))
    assert raised.event_time.ToMicroseconds() == hot_us + 500_000


async def test_shelving_ends_and_design_suppresses(desk: Desk) -> None:
    await desk.plant.ingest({RUNNING: ([now_us()], [True])})
    suppression = contract.AlarmRule.Suppression(property="running", states=contract.AlarmRule.States(values=["false"]))
    await desk.rule("hot", hot_rule(suppressed_while=suppression))
    alarm = "hot.imm01.1.hh"
    await desk.heat(95.0)
    await until(desk.alarms, lambda alarms: alarm in alarms)
    shelve = contract.ShelveAlarmRequest(name=desk.name(alarm), shelve_for=seconds(1.5), comment="known")
    assert (await desk.stub.ShelveAlarm(shelve)).state == contract.ALARM_STATE_SHELVED
    assert not await desk.alarms()
    again = await until(desk.alarms, lambda alarms: alarm in alarms)
    assert again[alarm].state == contract.ALARM_STATE_UNACKNOWLEDGED
    await desk.plant.ingest({RUNNING: ([now_us()], [False])})
    await until(desk.alarms, lambda alarms: not alarms)
    assert alarm in await desk.alarms(contract.ALARM_STATE_SUPPRESSED_BY_DESIGN)
    await desk.heat(20.0)
    await desk.plant.ingest({RUNNING: ([now_us()], [True])})
    await until(desk.causes, lambda causes: causes[-1] == "UNSUPPRESSED")
    assert await desk.causes() == ["RAISED", "SHELVED", "SHELF_EXPIRED", "SUPPRESSED", "CLEARED", "UNSUPPRESSED"]


async def test_what_nobody_acknowledges_becomes_more_urgent(desk: Desk) -> None:
    await desk.rule("hot", hot_rule(escalate_after=seconds(1), escalate_to=contract.ALARM_PRIORITY_CRITICAL))
    await desk.heat(95.0)
    found = await until(desk.alarms, lambda alarms: any(each.escalated for each in alarms.values()))
    assert found["hot.imm01.1.hh"].priority == contract.ALARM_PRIORITY_CRITICAL
    assert await desk.causes() == ["RAISED", "ESCALATED"]


async def test_rules_change_while_they_run(desk: Desk) -> None:
    made = await desk.rule("hot", hot_rule())
    await desk.heat(95.0)
    await until(desk.alarms, lambda alarms: "hot.imm01.1.hh" in alarms)
    made.limits.limits[0].value = 100.0
    changed = await desk.stub.UpdateAlarmRule(contract.UpdateAlarmRuleRequest(alarm_rule=made))
    assert changed.revision == 2
    with pytest.raises(grpc.aio.AioRpcError) as stale:
        await desk.stub.UpdateAlarmRule(contract.UpdateAlarmRuleRequest(alarm_rule=made))
    assert stale.value.code() is grpc.StatusCode.ABORTED
    found = await until(desk.alarms, lambda alarms: not alarms["hot.imm01.1.hh"].active)
    assert found["hot.imm01.1.hh"].state == contract.ALARM_STATE_RETURNED_UNACKNOWLEDGED
    await desk.stub.DeleteAlarmRule(contract.DeleteAlarmRuleRequest(name=made.name))
    assert not await desk.alarms()
    assert await desk.causes() == ["RAISED", "CLEARED", "REMOVED"]


async def test_a_rule_is_tried_on_history_and_statistics_count(desk: Desk) -> None:
    end = now_us() - 60_000_000
    start = end - 3_600_000_000
    times = start + np.arange(3600) * 1_000_000
    values = np.where(np.arange(3600) % 600 < 60, 95.0, 80.0)
    await desk.plant.ingest({TEMPERATURE: (times, values)})
    request = contract.TestAlarmRuleRequest(parent=desk.plant.parent, alarm_rule=hot_rule())
    request.start_time.FromMicroseconds(start)
    request.end_time.FromMicroseconds(end)
    tried = await desk.stub.TestAlarmRule(request)
    assert (tried.raised, round(tried.raised_per_hour), tried.chattering) == (6, 6, 0)
    entry = tried.entries[0]
    assert (entry.asset, entry.level, entry.active.seconds) == ("imm01", "HH", 360)
    assert entry.unknown_share == pytest.approx(0.0, abs=1e-6)
    await desk.rule("hot", hot_rule())
    await desk.heat(95.0)
    # A rule is taken up within moments; what came and went before is not its business.
    await until(desk.causes, lambda causes: causes == ["RAISED"])
    for value in (20.0, 95.0, 20.0, 95.0):
        await desk.heat(value)
        await asyncio.sleep(0.01)
    await until(desk.causes, lambda causes: causes.count("RAISED") == 3)
    found = await desk.stub.GetAlarmStatistics(contract.GetAlarmStatisticsRequest(parent=desk.plant.parent))
    assert found.annunciations == 3
    assert list(found.chattering) == [desk.name("hot.imm01.1.hh")]
    assert [each.annunciations for each in found.top_ten] == [3]
    alarms = Alarms(desk.plant.parts.database, desk.plant.parts.plant)
    of_assets = [
        (await alarms.statistics(desk.plant.tenant, None, None, 1, assets=[asset])).statistics.annunciations
        for asset in ("imm01", "works")
    ]
    assert of_assets == [3, 0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"property": "no-such-thing"}, "no property"),
        ({"unit": "bar"}, "bar"),
        ({"response": ""}, "response"),
        (
            {"limits": contract.AlarmRule.Limits(limits=[contract.AlarmRule.Limit(level="H", value=float("nan"))])},
            "finite",
        ),
        ({"scope": contract.AlarmRule.Scope(assets=["nobody"])}, "nobody"),
    ],
)
async def test_a_rule_that_makes_no_sense_is_refused_in_words(
    desk: Desk, change: dict[str, object], words: str
) -> None:
    rule = hot_rule()
    for field in change:
        rule.ClearField(field)  # type: ignore[arg-type]
    rule.MergeFrom(contract.AlarmRule(**change))  # type: ignore[arg-type]
    with pytest.raises(grpc.aio.AioRpcError, match=words) as refused:
        await desk.rule("wrong", rule)
    assert error_info(refused.value) is not None


async def test_an_alarm_of_nothing_is_not_there(desk: Desk) -> None:
    for name in ("hot.imm01.1.hh", "no-rule.x"):
        with pytest.raises(grpc.aio.AioRpcError) as missing:
            await desk.stub.GetAlarm(contract.GetAlarmRequest(name=desk.name(name)))
        assert missing.value.code() is grpc.StatusCode.NOT_FOUND
    await desk.rule("hot", hot_rule())
    waiting = await desk.stub.GetAlarm(contract.GetAlarmRequest(name=desk.name("hot.imm01.1.hh")))
    assert waiting.state == contract.ALARM_STATE_NORMAL


async def test_a_kpi_of_the_last_hour_is_watched(platform: AnalyticsPlatform) -> None:
    state, good = PropertyRef("imm01", "state"), PropertyRef("imm01", "good-count")
    plant = await platform.plant(
        [site("wuhan"), machine("imm01", "injection-moulding-machine", ["state", "good-count"], "wuhan")]
    )
    desk, minutes = Desk(plant), np.arange(180)
    times = now_us() - (180 - minutes) * 60_000_000
    running = minutes < 135
    await plant.ingest({state: (times, np.where(running, 0, 3)), good: (times, np.cumsum(running))})
    profile = states_pb2.MachineProfile(
        name=f"{plant.parent}/machineProfiles/p",
        models=["injection-moulding-machine"],
        values=states_pb2.MachineProfile.ValueSource(
            values=[
                states_pb2.MachineProfile.StateValue(value="0", state="running"),
                states_pb2.MachineProfile.StateValue(value="3", state="fault"),
            ]
        ),
    )
    request = states_pb2.UpdateMachineProfileRequest(machine_profile=profile)
    await StateServiceStub(plant.channel).UpdateMachineProfile(request)
    rule = contract.AlarmRule(
        display_name="Stands too much",
        response="Find out why.",
        scope=contract.AlarmRule.Scope(assets=["imm01"]),
        source=contract.ALARM_SOURCE_KPI,
        property="availability",
        limits=contract.AlarmRule.Limits(limits=[contract.AlarmRule.Limit(level="L", value=0.5)]),
    )
    await desk.rule("idle", rule)
    found = await until(desk.alarms, lambda alarms: "idle.imm01.l" in alarms)
    assert found["idle.imm01.l"].value == pytest.approx(0.25, abs=0.03)
