"""Conditions of OPC UA servers, stored as events, are alarms of the same list."""

import asyncio
import itertools
import time

import grpc
import grpc.aio
import pytest
import pytest_asyncio

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1.alarms_pb2_grpc import AlarmServiceStub
from dualspan.frame.v1.event_pb2 import OpcUaEvent
from dualspan_frame import BinaryColumn, Frame, ValueKind
from harness.analytics import AnalyticsPlatform, Plant, site
from harness.historian import Uploader, block

pytestmark = pytest.mark.asyncio(loop_scope="module")

_tags = itertools.count(900_001)
SECOND = 1_000_000


def _cause(transition: contract.AlarmTransition) -> str:
    return contract.AlarmCause.Name(transition.cause).removeprefix("ALARM_CAUSE_")


def of(source: str, number: int, at_us: int, *, active: bool) -> OpcUaEvent:
    """An event of a condition by its source."""
    found = event(number, at_us, active=active)
    found.source_name = source
    found.condition.condition_id = f"nsu=urn:plant;s={source}"
    return found


def event(number: int, at_us: int, *, active: bool, severity: int = 700, **condition: object) -> OpcUaEvent:
    found = OpcUaEvent(event_id=number.to_bytes(4, "big"), event_type="i=2955", source_name="Tank1", severity=severity)
    found.message = "Level too high"
    found.time.FromMicroseconds(at_us)
    found.alarm.active = active
    found.condition.condition_id = "nsu=urn:plant;s=Tank1.Level"
    found.condition.condition_name = "LevelAlarm"
    found.condition.retain = active
    for name, value in condition.items():
        setattr(found.condition, name, value)
    return found


class Notifier:
    """An event notifier whose events are stored."""

    def __init__(self, plant: Plant, uploader: Uploader, tag: int) -> None:
        self.plant = plant
        self.tag = tag
        self.stub = AlarmServiceStub(plant.channel)
        self._uploader = uploader
        self._sequence = 0

    async def tell(self, *events: OpcUaEvent) -> None:
        self._sequence += 1
        contents = BinaryColumn.from_list([each.SerializeToString() for each in events])
        times = [each.time.ToMicroseconds() for each in events]
        frame = Frame((block([self.tag] * len(events), times, contents, kind=ValueKind.BYTES),))
        await self._uploader.send(self._sequence, frame)
        await self._uploader.until(self._sequence)
        assert not self._uploader.quarantined

    async def rule(self, minimum_severity: int = 1, rule_id: str = "plc") -> None:
        name = f"{self.plant.parent}/tags/{self.tag}"
        conditions = contract.AlarmRule.OpcUaConditions(tags=[name], minimum_severity=minimum_severity)
        rule = contract.AlarmRule(display_name="From the PLC", response="Look.", opc_ua_conditions=conditions)
        request = contract.CreateAlarmRuleRequest(parent=self.plant.parent, alarm_rule_id=rule_id, alarm_rule=rule)
        await self.stub.CreateAlarmRule(request)

    async def rules(self) -> list[contract.AlarmRule]:
        found = await self.stub.ListAlarmRules(contract.ListAlarmRulesRequest(parent=self.plant.parent))
        return list(found.alarm_rules)

    async def alarms(self) -> list[contract.Alarm]:
        states = [number for number in contract.AlarmState.values() if number]
        found = await self.stub.ListAlarms(contract.ListAlarmsRequest(parent=self.plant.parent, states=states))
        return list(found.alarms)

    async def alarm(self) -> contract.Alarm | None:
        found = await self.alarms()
        return found[0] if found else None

    async def until_there_are(self, wanted: list[tuple[str, str, int]]) -> None:
        """Until these transitions are there; that no others come afterwards."""
        end = time.monotonic() + 20
        while len(await self.transitions()) < len(wanted):
            assert time.monotonic() < end, await self.transitions()
            await asyncio.sleep(0.1)
        await asyncio.sleep(1.5)
        assert sorted(await self.transitions()) == sorted(wanted)

    async def until(self, state: contract.AlarmState.ValueType) -> contract.Alarm:
        end = time.monotonic() + 20
        while True:
            found = await self.alarm()
            if found is not None and found.state == state:
                return found
            assert time.monotonic() < end, found
            await asyncio.sleep(0.1)

    async def transitions(self) -> list[tuple[str, str, int]]:
        """Condition, cause and time of each, in the order in which they were recorded."""
        request = contract.ListAlarmTransitionsRequest(parent=self.plant.parent, page_size=1000)
        found = (await self.stub.ListAlarmTransitions(request)).alarm_transitions
        names = {alarm.name: alarm.property for alarm in await self.alarms()}
        return [(names[each.alarm], _cause(each), each.event_time.ToMicroseconds()) for each in found][::-1]

    async def causes(self) -> list[str]:
        request = contract.ListAlarmTransitionsRequest(parent=self.plant.parent)
        found = (await self.stub.ListAlarmTransitions(request)).alarm_transitions
        return [_cause(each) for each in found][::-1]


@pytest_asyncio.fixture(loop_scope="module")
async def notifier(platform: AnalyticsPlatform) -> Notifier:
    plant, tag = await platform.plant([site("wuhan")]), next(_tags)
    await platform.historian.register({tag: ValueKind.BYTES}, tenant=plant.tenant, gateway="g9")
    return Notifier(plant, await platform.historian.uploader(tenant=plant.tenant, gateway="g9"), tag)


async def test_a_condition_is_raised_acknowledged_at_the_server_and_gone(notifier: Notifier) -> None:
    now = time.time_ns() // 1000
    await notifier.rule()
    await notifier.tell(event(1, now, active=True, acknowledged=False))
    raised = await notifier.until(contract.ALARM_STATE_UNACKNOWLEDGED)
    assert (raised.message, raised.property, raised.level) == ("Level too high", "Tank1", "LevelAlarm")
    assert raised.priority == contract.ALARM_PRIORITY_HIGH
    assert raised.raise_time.ToMicroseconds() == now
    refresh = event(1, now, active=True, acknowledged=False)
    seen = event(2, now + SECOND, active=True, acknowledged=True, client_user_id="wang", comment="on my way")
    await notifier.tell(refresh, seen)
    acknowledged = await notifier.until(contract.ALARM_STATE_ACKNOWLEDGED)
    assert (acknowledged.actor, acknowledged.comment) == ("wang", "on my way")
    await notifier.tell(event(3, now + 2 * SECOND, active=False, acknowledged=True))
    await notifier.until(contract.ALARM_STATE_NORMAL)
    assert await notifier.causes() == ["RAISED", "ACKNOWLEDGED", "CLEARED"]


async def test_of_what_was_before_the_rule_only_how_it_stands_matters(notifier: Notifier) -> None:
    now = time.time_ns() // 1000 - 60 * SECOND
    # A clock of some seconds: the last ones have one time.
    steps = [(step, now + min(step, 7) * SECOND) for step in range(1, 10)]
    await notifier.tell(*(event(step, at, active=step % 2 == 1) for step, at in steps))
    await notifier.rule()
    await notifier.until(contract.ALARM_STATE_UNACKNOWLEDGED)
    assert await notifier.causes() == ["RAISED"]
    # One that comes late changes nothing any more.
    await notifier.tell(event(99, now, active=False), event(10, now + 10 * SECOND, active=False))
    await notifier.until(contract.ALARM_STATE_RETURNED_UNACKNOWLEDGED)
    assert await notifier.causes() == ["RAISED", "CLEARED"]


async def test_events_below_the_severity_are_left_out_and_bad_tags_do_no_harm(notifier: Notifier) -> None:
    await notifier.rule(minimum_severity=800)
    tag = f"{notifier.plant.parent}/tags/4711"
    conditions = contract.AlarmRule.OpcUaConditions(tags=[tag])
    bad = contract.AlarmRule(display_name="Bad", response="Look.", opc_ua_conditions=conditions)
    request = contract.CreateAlarmRuleRequest(parent=notifier.plant.parent, alarm_rule_id="bad", alarm_rule=bad)
    await notifier.stub.CreateAlarmRule(request)
    now = time.time_ns() // 1000
    await notifier.tell(event(1, now, active=True, severity=500), event(2, now + SECOND, active=True, severity=900))
    raised = await notifier.until(contract.ALARM_STATE_UNACKNOWLEDGED)
    assert raised.raise_time.ToMicroseconds() == now + SECOND
    assert raised.priority == contract.ALARM_PRIORITY_CRITICAL


async def test_it_is_acted_on_like_any_other(notifier: Notifier) -> None:
    await notifier.rule()
    await notifier.tell(event(1, time.time_ns() // 1000, active=True))
    raised = await notifier.until(contract.ALARM_STATE_UNACKNOWLEDGED)
    request = contract.AcknowledgeAlarmRequest(name=raised.name, comment="seen")
    assert (await notifier.stub.AcknowledgeAlarm(request)).state == contract.ALARM_STATE_ACKNOWLEDGED
    with pytest.raises(grpc.aio.AioRpcError):
        await notifier.stub.AcknowledgeAlarm(request)


async def test_events_that_come_late_or_by_a_clock_that_is_wrong_count_once_and_in_order(notifier: Notifier) -> None:
    now = time.time_ns() // 1000
    await notifier.rule()
    await notifier.tell(of("now", 1, now, active=True))
    await notifier.until(contract.ALARM_STATE_UNACKNOWLEDGED)
    # The gateway was offline: what it kept comes with and after what is newer.
    kept = [now - ago * SECOND for ago in (7200, 7140, 600, 300, 120, 5)]
    late = [of("late", number, at, active=number % 2 == 0) for number, at in enumerate(kept)]
    await notifier.tell(*late[:3], of("now", 2, now + SECOND, active=False))
    await notifier.tell(*late[3:])
    # One server's clock is three hours behind, another's half an hour ahead.
    behind, ahead = now - 10_800 * SECOND, now + 1800 * SECOND
    await notifier.tell(of("behind", 1, behind, active=True), of("ahead", 1, ahead, active=True))
    await notifier.tell(of("behind", 2, behind + SECOND, active=False), of("ahead", 2, ahead + SECOND, active=False))
    wanted = [("late", "RAISED" if number % 2 == 0 else "CLEARED", at) for number, at in enumerate(kept)]
    wanted += [("now", "RAISED", now), ("now", "CLEARED", now + SECOND)]
    for source, at in (("behind", behind), ("ahead", ahead)):
        wanted += [(source, "RAISED", at), (source, "CLEARED", at + SECOND)]
    await notifier.until_there_are(wanted)
    assert [at for source, _, at in await notifier.transitions() if source == "late"] == kept


async def test_events_of_one_time_count_each_once_however_often_they_are_read(notifier: Notifier) -> None:
    """A clock of seconds: it rises, falls and rises within one of its steps."""
    at = time.time_ns() // 1000 // SECOND * SECOND
    await notifier.rule()
    await notifier.tell(event(1, at, active=True))
    await notifier.until(contract.ALARM_STATE_UNACKNOWLEDGED)
    await notifier.tell(event(2, at, active=False), event(3, at, active=True))
    wanted = [("Tank1", cause, at) for cause in ("RAISED", "CLEARED", "RAISED")]
    await notifier.until_there_are(wanted)
    assert await notifier.causes() == ["RAISED", "CLEARED", "RAISED"]
    # Another rule, and all of them are read again; to it only how the condition stands is new.
    await notifier.rule(rule_id="again")
    await notifier.tell(of("other", 1, at + 1, active=True))
    await notifier.until_there_are([*wanted, ("Tank1", "RAISED", at), *[("other", "RAISED", at + 1)] * 2])


async def test_a_rule_whose_events_cannot_be_read_says_so(notifier: Notifier) -> None:
    await notifier.rule()
    conditions = contract.AlarmRule.OpcUaConditions(tags=[f"{notifier.plant.parent}/tags/4711"])
    bad = contract.AlarmRule(display_name="Bad", response="Look.", opc_ua_conditions=conditions)
    request = contract.CreateAlarmRuleRequest(parent=notifier.plant.parent, alarm_rule_id="bad", alarm_rule=bad)
    await notifier.stub.CreateAlarmRule(request)
    end = time.monotonic() + 20
    while not (rules := {rule.name.rpartition("/")[2]: list(rule.troubles) for rule in await notifier.rules()})["bad"]:
        assert time.monotonic() < end
        await asyncio.sleep(0.1)
    assert "4711" in rules["bad"][0]
    assert not rules["plc"]
