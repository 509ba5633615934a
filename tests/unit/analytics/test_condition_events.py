"""Events of OPC UA conditions: each counts once, in order, also where a coarse clock gives several one time."""

from hypothesis import given
from hypothesis import strategies as st

from dualspan.frame.v1.event_pb2 import OpcUaEvent
from dualspan_analytics.alarms.model import Alarm, happened
from dualspan_analytics.alarms.opc_ua import (
    ConditionEvent,
    causes,
    condition_event,
    described,
    instead_of,
    is_news,
)
from dualspan_analytics.alarms.rules import AlarmRule, OpcUaConditions, Scope

RULE = AlarmRule("plc", "From the PLC", Scope(), OpcUaConditions((1,), 1), "Look.")


def told(number: int, at_us: int) -> ConditionEvent:
    """Events of odd numbers raise, those of even ones clear."""
    event = OpcUaEvent(event_id=bytes([number]), event_type="i=2955", source_name="Tank1", severity=700)
    event.time.FromMicroseconds(at_us)
    event.alarm.active = number % 2 == 1
    event.condition.condition_id = "nsu=urn:plant;s=Tank1.Level"
    found = condition_event(RULE, 1, event)
    assert found is not None
    return found


def applied(alarm: Alarm | None, events: list[ConditionEvent]) -> tuple[Alarm | None, list[int]]:
    """The alarm after events, and the times of its transitions."""
    times: list[int] = []
    for event in events:
        if is_news(alarm, event):
            alarm = described(alarm, event)
            for cause in causes(alarm, event):
                alarm, transition = happened(alarm, cause, RULE, 0)
                times += [] if transition is None else [transition.event_us]
    return alarm, times


# How many events each tick of the server's clock has, and how often they are read again from which on.
ticks = st.lists(st.integers(1, 5), min_size=1, max_size=6)
reads = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), max_size=6)


@given(ticks, reads)
def test_events_that_are_read_again_and_again_count_once(sizes: list[int], spans: list[tuple[int, int]]) -> None:
    times = [tick for tick, size in enumerate(sizes, 1) for _ in range(size)]
    events = [told(number, at) for number, at in enumerate(times, 1)]
    alarm, found = applied(None, events)
    assert found == times
    for start, length in spans:
        again, more = applied(alarm, events[start : start + length])
        assert (again, more) == (alarm, [])


@given(ticks)
def test_the_last_event_stands_for_those_before_it(sizes: list[int]) -> None:
    times = [tick for tick, size in enumerate(sizes, 1) for _ in range(size)]
    events = [told(number, at) for number, at in enumerate(times, 1)]
    last = None
    for event in events:
        last = instead_of(last, event)
    assert last is not None
    alarm, _ = applied(None, [last])
    assert alarm is not None
    assert alarm.standing.condition is (len(events) % 2 == 1)
    assert applied(alarm, events) == (alarm, [])


def test_a_clock_that_stands_fills_no_table() -> None:
    alarm, found = applied(None, [told(number, 1) for number in range(1, 200)])
    assert alarm is not None
    assert len(found) == 199
    assert len(alarm.event_ids) == 64 * 8
