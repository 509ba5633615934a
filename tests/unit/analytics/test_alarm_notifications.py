"""What is told of alarms: signed, bounded in its attempts, never to a private address, readable."""

import dataclasses
import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarms.model import Alarm, Transition
from dualspan_analytics.alarms.notifications import body, email, wants
from dualspan_analytics.alarms.rules import AlarmRule, BadData, Priority, Scope
from dualspan_analytics.alarms.state import AlarmState, Cause
from dualspan_runtime.webhooks import is_public, pause_after, signature

RULE = AlarmRule("hot", "Too hot\r\nBcc: x@y", Scope(("m1",)), BadData(), "Cool it.", consequence="It melts.")
ALARM = Alarm("hot.m1", "hot", "m1", "temperature", 0, "HH", RULE.display_name, Priority.HIGH, value=95.0)


def transition(**more: object) -> Transition:
    given = {
        "cause": Cause.RAISED,
        "from_state": AlarmState.NORMAL,
        "to_state": AlarmState.UNACKNOWLEDGED,
        "priority": Priority.HIGH,
    }
    return Transition(  # type: ignore[call-arg]
        alarm_id="hot.m1",
        rule_id="hot",
        event_us=1_760_000_000_123_456,
        recorded_us=0,
        rule_revision=1,
        value=95.0,
        sequence=7,
        **given | more,  # type: ignore[arg-type]
    )


def test_the_signature_is_what_a_receiver_computes() -> None:
    expected = hmac.new(b"s" * 16, b"1700000000.id.{}", hashlib.sha256).hexdigest()
    assert signature("s" * 16, "id", b"{}", 1_700_000_000) == f"t=1700000000,v1={expected}"


@pytest.mark.parametrize(
    ("channel", "change", "wanted"),
    [
        ({}, {}, True),
        ({"minimum_priority": contract.ALARM_PRIORITY_CRITICAL}, {}, False),
        ({"alarm_rules": ["cold"]}, {}, False),
        ({"alarm_rules": ["cold", "hot"]}, {}, True),
        ({"escalations_only": True}, {}, False),
        ({"escalations_only": True}, {"cause": Cause.ESCALATED, "from_state": AlarmState.UNACKNOWLEDGED}, True),
        ({}, {"cause": Cause.ACKNOWLEDGED, "to_state": AlarmState.ACKNOWLEDGED}, False),
        ({}, {"cause": Cause.CLEARED, "from_state": AlarmState.ACKNOWLEDGED, "to_state": AlarmState.NORMAL}, True),
        ({}, {"from_state": AlarmState.SHELVED, "to_state": AlarmState.SHELVED}, False),
    ],
)
def test_a_channel_is_told_what_it_wants(channel: dict[str, object], change: dict[str, object], wanted: bool) -> None:
    assert wants(contract.NotificationChannel(**channel), transition(**change)) is wanted  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
    ],
)
def test_addresses_inside_are_none_on_the_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c", "64:ff9b::5db8:d70e"])
def test_addresses_on_the_internet_are(address: str) -> None:
    assert is_public(address)


def test_pauses_grow_up_to_an_hour() -> None:
    assert [pause_after(attempts) for attempts in (1, 2, 3)] == [timedelta(seconds=each) for each in (10, 20, 40)]
    assert pause_after(1000) == timedelta(hours=1)


def test_what_is_said_is_json_without_numbers_that_json_has_not() -> None:
    said = json.loads(body("t", ALARM, transition(), RULE))
    assert (said["alarm"], said["value"], said["event_time"]) == (
        "tenants/t/alarms/hot.m1",
        95.0,
        "2025-10-09T08:53:20.123456Z",
    )
    unknown = dataclasses.replace(transition(), value=float("nan"))
    assert json.loads(body("t", ALARM, unknown, RULE))["value"] is None


def test_an_email_has_one_subject_whatever_a_name_holds() -> None:
    message = email("d-1", body("t", ALARM, transition(), RULE), "alarms@plant.example", ["a@b.example"])
    assert message["Subject"] == "[HIGH] Too hot Bcc: x@y - m1: UNACKNOWLEDGED"
    assert message["Bcc"] is None
    assert message["Message-ID"] == "<d-1@plant.example>"
    assert "What to do: Cool it." in message.get_content()
