"""How a gateway of the fleet is, judged from what is known of it. No I/O."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum

from dualspan_onboarding.model import ConnectionState, Gateway, GatewayState

MOST_DETAIL = 2000
_MOST_CLOCK_US = 2_000_000
_OLD_BUFFER_US = 60_000_000
_SLOW_CONFIGURATION = timedelta(minutes=2)
_CERTIFICATE_ENDS = timedelta(days=5)
_RECENT = timedelta(hours=24)


class GatewayEnd(IntEnum):
    """How a run of the gateway software ended; the numbers of the contract."""

    NONE = 0
    STOPPED = 1
    FAILED = 2
    KILLED = 3


class Health(IntEnum):
    """How a gateway is; the numbers of the contract."""

    WELL = 1
    ATTENTION = 2
    FAILED = 3
    NONE = 4


@dataclass(frozen=True, slots=True)
class LastWords:
    """How a run of the gateway software ended, as it wrote down itself.

    Attributes:
        end: How.
        ended_at: When; for KILLED, when it was last known to be alive.
        started_at: When that run had begun.
        detail: The error that ended it, or the last one that it had logged.
        version: The software's.
    """

    end: GatewayEnd
    ended_at: datetime | None = None
    started_at: datetime | None = None
    detail: str = ""
    version: str = ""


@dataclass(frozen=True, slots=True)
class Concern:
    """Something of a gateway that a person should look at.

    Attributes:
        kind: What it is, for programs.
        text: What is wrong and what to do.
        details: Facts for programs.
    """

    kind: str
    text: str
    details: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Counts:
    """How many tags a gateway has, and how many are recorded."""

    tags: int = 0
    active_tags: int = 0


@dataclass(frozen=True, slots=True)
class FleetGateway:
    """A gateway with all that a fleet's table shows."""

    gateway: Gateway
    counts: Counts
    last_words: LastWords | None
    replaced_at: datetime | None

    @property
    def connected_servers(self) -> int:
        """Servers to which it is connected."""
        return sum(server.state is ConnectionState.CONNECTED for server in self.gateway.servers)


def judge(one: FleetGateway, now: datetime) -> tuple[Health, tuple[Concern, ...]]:
    """How a gateway is, and what a person should look at: the worst first."""
    gateway = one.gateway
    if gateway.state is GatewayState.PENDING:
        words = "no box has enrolled yet: make a token with `dualspan gateways enrolment-token`"
        return Health.NONE, (Concern("NOT_ENROLLED", words),)
    if gateway.state is GatewayState.REVOKED:
        waits, revoked = "it waits for its new box to enrol", "it is revoked; a new token brings it back"
        concern = Concern("WAITS_FOR_BOX", waits) if one.replaced_at else Concern("REVOKED", revoked)
        return Health.NONE, (concern,)
    failures = _failures(one, now)
    attention = failures + (_attention(one, now) if gateway.state is GatewayState.ONLINE else ())
    if failures:
        return Health.FAILED, attention
    return (Health.ATTENTION if attention else Health.WELL), attention


def _failures(one: FleetGateway, now: datetime) -> tuple[Concern, ...]:
    gateway = one.gateway
    if gateway.state is GatewayState.OFFLINE:
        todo = "look whether the box has power and a network, and its software runs"
        if gateway.last_seen_at is None:
            return (Concern("NEVER_HEARD", f"not heard for ever: {todo}"),)
        silent = _span(now - gateway.last_seen_at)
        return (Concern("SILENT", f"not heard for {silent}: {todo}", {"span": silent}),)
    if gateway.report.buffer_full:
        words = "its buffer is full and its servers are not acknowledged: look why the historian takes nothing"
        return (Concern("BUFFER_FULL", words),)
    return ()


def _attention(one: FleetGateway, now: datetime) -> tuple[Concern, ...]:
    gateway, report = one.gateway, one.gateway.report
    found = [
        Concern(
            "SERVER_NOT_CONNECTED",
            f"server {server.server}: {server.detail or 'not connected'}",
            {"server": server.server, "detail": server.detail},
        )
        for server in gateway.servers
        if server.state is not ConnectionState.CONNECTED
    ]
    if report.oldest_buffered_age_us > _OLD_BUFFER_US and not report.buffer_full:
        age = _span(timedelta(microseconds=report.oldest_buffered_age_us))
        words = f"frames wait in its buffer for {age}: look at the way to the historian"
        found.append(Concern("FRAMES_WAIT", words, {"span": age}))
    if abs(report.clock_offset_us) > _MOST_CLOCK_US:
        offset = f"{report.clock_offset_us / 1e6:+.1f} s"
        found.append(Concern("CLOCK_OFF", f"its clock is {offset} off: have it synchronized (NTP)", {"offset": offset}))
    behind = gateway.observed_revision < gateway.desired_revision
    settled = gateway.last_seen_at is None or now - gateway.created_at > _SLOW_CONFIGURATION
    if behind and settled:
        revision = str(gateway.desired_revision)
        words = f"configuration {revision} is not confirmed: tags wait, or servers do not answer"
        found.append(Concern("CONFIGURATION_WAITS", words, {"revision": revision}))
    if gateway.certificate_expire_at is not None and gateway.certificate_expire_at - now < _CERTIFICATE_ENDS:
        end = f"{gateway.certificate_expire_at:%Y-%m-%d}"
        found.append(Concern("CERTIFICATE_ENDS", f"its certificate ends on {end} and was not renewed", {"date": end}))
    found += _remembered(one.last_words, now)
    return tuple(found)


def _remembered(words: LastWords | None, now: datetime) -> list[Concern]:
    """What its last words say, as long as they are news."""
    if words is None or words.end in {GatewayEnd.NONE, GatewayEnd.STOPPED} or words.ended_at is None:
        return []
    if now - words.ended_at > _RECENT:
        return []
    ended = "was killed or lost its power" if words.end is GatewayEnd.KILLED else "failed"
    said = f"; its last words: {words.detail}" if words.detail else ""
    span = _span(now - words.ended_at)
    text = f"it {ended} {span} ago and began anew{said}"
    return [Concern(words.end.name, text, {"span": span, "detail": words.detail})]


def _span(span: timedelta) -> str:
    """Such as `3 d`, `5 h`, `12 min` or `40 s`."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"
