"""What is told of alarms, to whom, and how a receiver knows that it is from us. No I/O."""

import hashlib
import hmac
import ipaddress
import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarms.model import Alarm, Transition
from dualspan_analytics.alarms.rules import AlarmRule
from dualspan_analytics.alarms.state import Cause

SIGNATURE_HEADER = "DualSpan-Signature"
DELIVERY_HEADER = "DualSpan-Delivery"
MOST_ATTEMPTS = 12
_FIRST_PAUSE = timedelta(seconds=10)
_LONGEST_PAUSE = timedelta(hours=1)
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


def signature(secret: str, delivery: str, content: bytes, at: int) -> str:
    """The header that proves who sent a call and when: `t=<Unix seconds>,v1=<hex>`.

    `v1` is HMAC-SHA-256 under the channel's secret over time, delivery id and body with dots between them, so that
    none of the three can be exchanged. A receiver refuses times that are minutes old, and ids that it has had.
    """
    signed = b".".join([str(at).encode(), delivery.encode(), content])
    return f"t={at},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


def pause_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts: from 10 seconds, twice as long each time, up to an hour."""
    return min(_FIRST_PAUSE * 2 ** min(attempts - 1, 20), _LONGEST_PAUSE)


def is_public(address: str) -> bool:
    """Whether an IP address is one on the internet: not private, link-local (cloud metadata), loopback, multicast."""
    ip = ipaddress.ip_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        # NAT64 (RFC 6052) hides an IPv4 address in the last four bytes.
        if ip in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(ip.packed[-4:])
        if inner is not None:
            ip = inner
    return ip.is_global and not ip.is_multicast


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
