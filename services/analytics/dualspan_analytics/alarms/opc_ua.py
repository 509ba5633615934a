"""Conditions of OPC UA servers (Part 9) as alarms of the same list. No I/O."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dualspan.frame.v1.event_pb2 import OpcUaEvent
from dualspan_analytics.alarms.model import Alarm, Event, external_alarm_id
from dualspan_analytics.alarms.rules import AlarmRule, Priority
from dualspan_analytics.alarms.state import Cause

_MOST_TEXT = 1000
_MARK = 8
# Of so many events with one time, in bytes: a clock that stands must not fill the table.
_MOST_MARKS = 63 * _MARK
# Part 5, 6.4.2, leaves bands to the plant; thirds, the upper one halved.
_BANDS = ((834, Priority.CRITICAL), (667, Priority.HIGH), (334, Priority.MEDIUM), (0, Priority.LOW))


@dataclass(frozen=True, slots=True)
class ConditionEvent:
    """An event of a condition, and the alarm that it belongs to.

    Attributes:
        alarm: The alarm as the event describes it, in no state yet.
        at_us: When it happened.
        active: The condition holds.
        acknowledged: Somebody has acknowledged it at the server; None where it does not say.
        suppressed: The server suppresses it; None where it does not say.
        actor: Who did something at the server.
        comment: What they said.
    """

    alarm: Alarm
    at_us: int
    active: bool
    acknowledged: bool | None
    suppressed: bool | None
    actor: str
    comment: str


def priority_of(severity: int) -> Priority:
    """The priority of a severity from 1 to 1000."""
    return next(priority for least, priority in _BANDS if severity >= least)


def condition_event(rule: AlarmRule, tag_id: int, event: OpcUaEvent) -> ConditionEvent | None:
    """What an event says of a condition; None of one that is none's."""
    if not event.HasField("condition"):
        return None
    condition, alarm = event.condition, event.alarm
    at_us = event.time.seconds * 1_000_000 + event.time.nanos // 1000
    enabled = condition.enabled if condition.HasField("enabled") else True
    active = alarm.active if event.HasField("alarm") and alarm.HasField("active") else condition.retain
    described = Alarm(
        alarm_id=external_alarm_id(rule.rule_id, tag_id, condition.condition_id, condition.branch_id),
        rule_id=rule.rule_id,
        asset="",
        property=_text(event.source_name),
        index=0,
        level=_text(condition.condition_name),
        message=_text(event.message) or rule.display_name,
        priority=priority_of(event.severity),
        event_us=at_us,
        event_ids=hashlib.sha256(event.SerializeToString(deterministic=True)).digest()[:_MARK],
    )
    return ConditionEvent(
        alarm=described,
        at_us=at_us,
        active=enabled and active,
        acknowledged=condition.acknowledged if condition.HasField("acknowledged") else None,
        suppressed=alarm.suppressed if event.HasField("alarm") and alarm.HasField("suppressed") else None,
        actor=_text(condition.client_user_id),
        comment=_text(condition.comment),
    )


def is_news(stored: Alarm | None, event: ConditionEvent) -> bool:
    """Whether an event is newer than the one that was applied last: repeats and late ones change nothing.

    Of events with one time, as a coarse clock makes them, each counts once, in order of arrival.
    """
    if stored is None or event.at_us > stored.event_us:
        return True
    return event.at_us == stored.event_us and event.alarm.event_ids not in _marks(stored.event_ids)


def instead_of(before: ConditionEvent | None, event: ConditionEvent) -> ConditionEvent:
    """The last event of an alarm, which stands for those before it: one of the same time is known then."""
    if before is None or before.at_us < event.at_us:
        return event
    marks = before.alarm.event_ids[-_MOST_MARKS:] + event.alarm.event_ids
    return replace(event, alarm=replace(event.alarm, event_ids=marks))


def _marks(event_ids: bytes) -> Sequence[bytes]:
    return [event_ids[place : place + _MARK] for place in range(0, len(event_ids), _MARK)]


def described(stored: Alarm | None, event: ConditionEvent) -> Alarm:
    """The alarm as it stands, with what the event says of it."""
    if stored is None:
        return event.alarm
    priority = max(stored.priority, event.alarm.priority) if stored.escalated else event.alarm.priority
    return replace(
        stored,
        message=event.alarm.message,
        priority=priority,
        event_us=event.at_us,
        event_ids=(stored.event_ids if event.at_us == stored.event_us else b"")[-_MOST_MARKS:] + event.alarm.event_ids,
    )


def causes(alarm: Alarm, event: ConditionEvent) -> Sequence[Event]:
    """What an event makes happen to its alarm, in order."""
    standing = alarm.standing
    found: list[Cause] = []
    if event.suppressed is not None and event.suppressed != standing.suppressed:
        found.append(Cause.SUPPRESSED if event.suppressed else Cause.UNSUPPRESSED)
    if event.active != standing.condition:
        found.append(Cause.RAISED if event.active else Cause.CLEARED)
    if event.acknowledged:
        found.append(Cause.ACKNOWLEDGED)
    return [
        Event(cause, event.at_us, actor=event.actor, comment=event.comment)
        if cause is Cause.ACKNOWLEDGED
        else Event(cause, event.at_us)
        for cause in found
    ]


def _text(text: str) -> str:
    """A server's text as the database keeps it."""
    return text[:_MOST_TEXT].replace("\x00", "�").encode("utf-8", "replace").decode()
