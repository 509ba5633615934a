"""What is told of alarms, and to whom. No I/O."""

import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarms.model import Alarm, Transition
from dualspan_analytics.alarms.rules import AlarmRule
from dualspan_analytics.alarms.state import Cause

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def wants(channel: contract.NotificationChannel, transition: Transition) -> bool:
    """Whether a channel is told of a transition."""
    if channel.escalations_only and transition.cause is not Cause.ESCALATED:
        return False
    if channel.alarm_rules and transition.rule_id not in channel.alarm_rules:
        return False
    return transition.is_notified and transition.priority >= channel.minimum_priority


def body(tenant: str, alarm: Alarm, transition: Transition, rule: AlarmRule) -> bytes:
    """What is said of a transition, as JSON."""
    said = {
        "alarm": f"tenants/{tenant}/alarms/{alarm.alarm_id}",
        "rule": f"tenants/{tenant}/alarmRules/{alarm.rule_id}",
        "message": alarm.message,
        "cause": transition.cause.name,
        "state": transition.to_state.name,
        "priority": transition.priority.name,
        "asset": alarm.asset,
        "property": alarm.property,
        "index": alarm.index,
        "level": alarm.level,
        "value": transition.value if math.isfinite(transition.value) else None,
        "event_time": _time(transition.event_us),
        "sequence": transition.sequence,
        "response": rule.response,
        "consequence": rule.consequence,
    }
    return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def _time(time_us: int) -> str:
    return (_EPOCH + timedelta(microseconds=time_us)).isoformat().replace("+00:00", "Z")


def email(delivery: str, content: bytes, sender: str, addresses: Sequence[str]) -> EmailMessage:
    """What is said of a transition as a message to people. Its Message-ID is the delivery's: repeats are one."""
    said = json.loads(content)
    message = EmailMessage()
    message["From"] = sender
    message["To"] = ", ".join(addresses)
    message["Subject"] = _line(f"[{said['priority']}] {said['message']} - {said['asset']}: {said['state']}")
    message["Message-ID"] = f"<{delivery}@{_line(sender.rpartition('@')[2])}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(_lines(said)))
    return message


def _lines(said: dict[str, object]) -> Iterable[str]:
    yield f"{said['message']} ({said['priority']}, {said['cause']})"
    where = f"{said['asset']}/{said['property']}" if said["asset"] else said["property"]
    yield f"Where: {where} {said['level']}".rstrip()
    if said["value"] is not None:
        yield f"Value: {said['value']}"
    yield f"When: {said['event_time']}"
    yield f"What to do: {said['response']}"
    if said["consequence"]:
        yield f"If nobody acts: {said['consequence']}"
    yield f"Alarm: {said['alarm']}"


def _line(text: str) -> str:
    """A header has one line, whatever stands in a name."""
    return " ".join(text.split())[:200]
