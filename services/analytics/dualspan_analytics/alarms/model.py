"""Alarms, and what happened to them. Times are microseconds since the Unix epoch."""

import hashlib
from dataclasses import dataclass, field, replace

from dualspan_analytics.alarms.rules import AlarmRule, Priority
from dualspan_analytics.alarms.state import (
    AlarmStanding,
    AlarmState,
    Behaviour,
    Cause,
    after,
)
from dualspan_analytics.alarms.table import ConditionKey

SHOWN_AS_NEW = AlarmState.UNACKNOWLEDGED


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm.

    Attributes:
        alarm_id: Names it within the tenant.
        rule_id: The rule that raises it.
        asset: The asset's id; "" of an OPC UA condition.
        property: What is watched.
        index: Of an indexed property.
        level: Which limit, or what an OPC UA condition is called.
        message: What operators read.
        priority: How soon to act.
        standing: How it stands.
        shelved_until_us: Until when it is shelved; None when it is not.
        escalated: It was not acknowledged in time.
        escalate_us: When that will be so; None for never.
        value: What raised it; NaN for none.
        raised_us: When it was last raised.
        cleared_us: When it last cleared.
        actor: Who did something about it last.
        comment: What they said.
        event_us: Of an OPC UA condition: the time of the last event.
        event_ids: Marks of the events of that time that have been applied, 8 bytes each; empty: it is none.
    """

    alarm_id: str
    rule_id: str
    asset: str
    property: str
    index: int
    level: str
    message: str
    priority: Priority
    standing: AlarmStanding = field(default_factory=AlarmStanding)
    shelved_until_us: int | None = None
    escalated: bool = False
    escalate_us: int | None = None
    value: float = float("nan")
    raised_us: int | None = None
    cleared_us: int | None = None
    actor: str = ""
    comment: str = ""
    event_us: int = 0
    event_ids: bytes = b""


@dataclass(frozen=True, slots=True)
class Transition:
    """One change of an alarm; `sequence` is 0 until it is stored."""

    alarm_id: str
    rule_id: str
    cause: Cause
    from_state: AlarmState
    to_state: AlarmState
    event_us: int
    recorded_us: int
    priority: Priority
    rule_revision: int
    actor: str = ""
    comment: str = ""
    value: float = float("nan")
    left_out: int = 0
    sequence: int = 0

    @property
    def is_annunciation(self) -> bool:
        """Operators are shown it as new."""
        return self.to_state is SHOWN_AS_NEW and self.from_state is not SHOWN_AS_NEW

    @property
    def is_notified(self) -> bool:
        """It is told to those who want to hear of alarms: it came, it went, it became more urgent."""
        went = self.cause is Cause.CLEARED and self.from_state in {AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED}
        return self.is_annunciation or went or self.cause is Cause.ESCALATED


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens to an alarm.

    Attributes:
        cause: What.
        at_us: When.
        actor: Who; "" for the evaluation.
        comment: What they said.
        value: The value that did it.
        left_out: Changes right before it that were only counted.
        until_us: Until when it is shelved.
    """

    cause: Cause
    at_us: int
    actor: str = ""
    comment: str = ""
    value: float = float("nan")
    left_out: int = 0
    until_us: int | None = None


def alarm_id(key: ConditionKey) -> str:
    """The id of a condition's alarm: rule, asset, index and level, as far as there are any."""
    parts = [key.rule, key.asset, str(key.index) if key.index else "", key.level.lower()]
    return ".".join(part for part in parts if part)


def external_alarm_id(rule_id: str, tag_id: int, condition_id: str, branch_id: str) -> str:
    """The id of the alarm of an OPC UA condition: its own ids are long and have other letters."""
    named = f"{tag_id}\x00{condition_id}\x00{branch_id}".encode()
    return f"{rule_id}.ua.{hashlib.sha256(named).hexdigest()[:20]}"


def new_alarm(rule: AlarmRule, key: ConditionKey) -> Alarm:
    """An alarm to which nothing has happened."""
    return Alarm(
        alarm_id=alarm_id(key),
        rule_id=rule.rule_id,
        asset=key.asset,
        property=rule.name,
        index=key.index,
        level=key.level,
        message=rule.display_name,
        priority=rule.priority_of(key.level),
    )


def happened(alarm: Alarm, event: Event, rule: AlarmRule, now_us: int) -> tuple[Alarm, Transition | None]:
    """An alarm after something happened, and the transition; None where it changed nothing.

    Raises:
        CauseImpossibleError: A person asked for what is not possible for it.
    """
    behaviour = Behaviour(rule.needs_acknowledgement, rule.latching)
    standing = after(alarm.standing, event.cause, behaviour)
    if standing == alarm.standing and event.cause not in {Cause.ESCALATED, Cause.UPDATED}:
        return alarm, None
    changed = _changed(alarm, event, replace(alarm, standing=standing), rule, now_us)
    return changed, Transition(
        alarm_id=alarm.alarm_id,
        rule_id=rule.rule_id,
        cause=event.cause,
        from_state=alarm.standing.state,
        to_state=standing.state,
        event_us=event.at_us,
        recorded_us=now_us,
        priority=changed.priority,
        rule_revision=rule.revision,
        actor=event.actor,
        comment=event.comment,
        value=event.value,
        left_out=event.left_out,
    )


def _changed(before: Alarm, event: Event, alarm: Alarm, rule: AlarmRule, now_us: int) -> Alarm:
    """What follows from a new standing: times, who did it, what is to be escalated when."""
    if event.cause is Cause.RAISED:
        alarm = replace(alarm, raised_us=event.at_us, value=event.value)
    if event.cause is Cause.CLEARED:
        alarm = replace(alarm, cleared_us=event.at_us)
    if event.actor:
        alarm = replace(alarm, actor=event.actor, comment=event.comment)
    alarm = replace(alarm, shelved_until_us=_shelf(alarm, event))
    if event.cause is Cause.ESCALATED:
        return replace(alarm, escalated=True, escalate_us=None, priority=max(alarm.priority, rule.escalate_to))
    state = alarm.standing.state
    if state is SHOWN_AS_NEW and before.standing.state is not SHOWN_AS_NEW:
        at_us = now_us + rule.escalate_after_us if rule.escalate_after_us else None
        priority = alarm.priority if alarm.event_ids else rule.priority_of(alarm.level)
        return replace(alarm, escalated=False, escalate_us=at_us, priority=priority)
    return alarm if state is SHOWN_AS_NEW else replace(alarm, escalate_us=None)


def _shelf(alarm: Alarm, event: Event) -> int | None:
    if not alarm.standing.shelved:
        return None
    return event.until_us if event.cause is Cause.SHELVED else alarm.shelved_until_us
