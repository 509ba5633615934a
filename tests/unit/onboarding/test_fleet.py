"""How a gateway is judged."""

import dataclasses
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from dualspan_onboarding.fleet import Counts, FleetGateway, GatewayEnd, Health, LastWords, judge
from dualspan_onboarding.model import ConnectionState, Gateway, GatewayReport, ServerReport
from dualspan_onboarding.names import GatewayName

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)


def gateway(**changes: object) -> Gateway:
    healthy = Gateway(
        name=GatewayName("acme", "g1"),
        display_name="g1",
        site="Hall",
        created_at=NOW - timedelta(days=30),
        enrolled_at=NOW - timedelta(days=30),
        revoked_at=None,
        revocation_confirmed_at=None,
        certificate_expire_at=NOW + timedelta(days=20),
        session_id=uuid.UUID(int=1),
        last_seen_at=NOW,
        online=True,
        desired_revision=3,
        observed_revision=3,
        report=GatewayReport(),
        servers=(ServerReport("plc", ConnectionState.CONNECTED),),
    )
    return dataclasses.replace(healthy, **changes)  # pyright: ignore[reportArgumentType]


def one(
    changes: dict[str, object] | None = None, last_words: LastWords | None = None, replaced_at: datetime | None = None
) -> FleetGateway:
    return FleetGateway(gateway(**changes or {}), Counts(10, 10), last_words, replaced_at)


def test_nothing_is_said_of_a_gateway_that_is_well() -> None:
    assert judge(one(), NOW) == (Health.WELL, ())


@pytest.mark.parametrize(
    ("changes", "health", "words"),
    [
        ({"enrolled_at": None}, Health.NONE, "enrolment-token"),
        ({"revoked_at": NOW}, Health.NONE, "revoked"),
        ({"online": False, "last_seen_at": NOW - timedelta(hours=3)}, Health.FAILED, "not heard for 3 h"),
        ({"online": False, "last_seen_at": None}, Health.FAILED, "not heard for ever"),
        ({"report": GatewayReport(buffer_full=True)}, Health.FAILED, "buffer is full"),
        ({"report": GatewayReport(oldest_buffered_age_us=300_000_000)}, Health.ATTENTION, "for 5 min"),
        ({"report": GatewayReport(clock_offset_us=-7_500_000)}, Health.ATTENTION, "-7.5 s off"),
        ({"servers": (ServerReport("plc", ConnectionState.FAILED, "no route"),)}, Health.ATTENTION, "plc: no route"),
        ({"observed_revision": 2}, Health.ATTENTION, "configuration 3"),
        ({"certificate_expire_at": NOW + timedelta(days=2)}, Health.ATTENTION, "2026-05-06"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(changes: dict[str, object], health: Health, words: str) -> None:
    found, attention = judge(one(changes), NOW)
    assert found is health
    assert any(words in line.text for line in attention), attention


@pytest.mark.parametrize(
    ("end", "ago", "is_news"),
    [
        (GatewayEnd.KILLED, timedelta(minutes=5), True),
        (GatewayEnd.FAILED, timedelta(hours=23), True),
        (GatewayEnd.FAILED, timedelta(hours=25), False),
        (GatewayEnd.STOPPED, timedelta(minutes=5), False),
    ],
)
def test_last_words_are_news_for_a_day(end: GatewayEnd, ago: timedelta, *, is_news: bool) -> None:
    health, attention = judge(one(None, LastWords(end, NOW - ago, detail="OSError: x")), NOW)
    assert (health is Health.ATTENTION) is is_news
    assert any("OSError: x" in line.text for line in attention) is is_news


def test_a_gateway_that_waits_for_its_new_box_says_so() -> None:
    health, attention = judge(one({"revoked_at": NOW}, None, NOW), NOW)
    assert health is Health.NONE
    assert ("new box" in attention[0].text, attention[0].kind) == (True, "WAITS_FOR_BOX")
