"""When which certificate ends, what then, and when to say so. No I/O."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from dualspan_onboarding.certificates import Facts
from dualspan_onboarding.notices import Severity

_SOON = timedelta(days=30)
_RENEW_AT = 2 / 3


class CertificateUse(IntEnum):
    """What a certificate is there for; the numbers of the contract."""

    GATEWAY_TLS = 1
    GATEWAY_APPLICATION = 2
    SERVER = 3
    TRUSTED = 4
    REVOCATION_LIST = 5
    PLATFORM_CA = 6


class CertificateState(IntEnum):
    """How it stands; the numbers of the contract."""

    VALID = 1
    EXPIRING = 2
    EXPIRED = 3
    WAITING = 4
    UPCOMING = 5
    NOT_YET_VALID = 6


@dataclass(frozen=True, slots=True)
class Dated:
    """Something with an end.

    Attributes:
        tenant: Whose; empty for the platform's own.
        resource: Full name of what it belongs to.
        use: What it is there for.
        facts: What it says.
        waiting: A server shows it, and nobody has approved it.
        upcoming: It is not in use yet.
        detail: What is wrong with it besides.
    """

    tenant: str
    resource: str
    use: CertificateUse
    facts: Facts
    waiting: bool = False
    upcoming: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the calendar."""

    dated: Dated
    state: CertificateState
    renew_at: datetime | None
    action: str


@dataclass(frozen=True, slots=True)
class ExpiryNotice:
    """What is to be said about an end that comes near."""

    kind: str
    severity: Severity
    text: str
    remedy: str


_NAMES = {
    CertificateUse.GATEWAY_TLS: "The gateway's certificate towards the platform",
    CertificateUse.GATEWAY_APPLICATION: "The gateway's certificate towards OPC UA servers",
    CertificateUse.SERVER: "The server's certificate",
    CertificateUse.TRUSTED: "The trusted certificate",
    CertificateUse.REVOCATION_LIST: "The revocation list of the authority",
    CertificateUse.PLATFORM_CA: "The platform's certificate authority",
}
KINDS = {use: f"{use.name}_EXPIRES" for use in CertificateUse}
"""The kind of notice for each use."""
_ACTIONS = {
    CertificateUse.GATEWAY_TLS: "Renewed by the gateway itself; if it has not, check that it runs and is connected.",
    CertificateUse.GATEWAY_APPLICATION: "Renewed by the gateway itself; trust the new one at each server.",
    CertificateUse.SERVER: "Make a new certificate at the server, then approve it here.",
    CertificateUse.TRUSTED: "Add its successor to the trust list, then remove this one.",
    CertificateUse.REVOCATION_LIST: "Export the authority's next revocation list and add it.",
    CertificateUse.PLATFORM_CA: "A platform admin has to renew the authority; gateways then enrol again.",
}
# Days before the end at which it is said. What renews itself is late only in its last days.
_STEPS = {
    CertificateUse.GATEWAY_TLS: (7, 1),
    CertificateUse.REVOCATION_LIST: (7, 1),
}
_USUAL_STEPS = (30, 7, 1)
_SELF_RENEWING = (CertificateUse.GATEWAY_TLS, CertificateUse.GATEWAY_APPLICATION)


def _state(dated: Dated, now: datetime) -> CertificateState:
    facts = dated.facts
    if facts.not_after is not None and facts.not_after <= now:
        return CertificateState.EXPIRED
    if dated.waiting:
        return CertificateState.WAITING
    if dated.upcoming:
        return CertificateState.UPCOMING
    if facts.not_before is not None and facts.not_before > now:
        return CertificateState.NOT_YET_VALID
    return CertificateState.EXPIRING if _step(dated, now) is not None else CertificateState.VALID


def _step(dated: Dated, now: datetime) -> int | None:
    """The smallest number of days that the end is nearer than; 0 if it is over, None if it is far."""
    end = dated.facts.not_after
    if end is None:
        return None
    if end <= now:
        return 0
    near = [days for days in _STEPS.get(dated.use, _USUAL_STEPS) if end - now <= timedelta(days=days)]
    return min(near, default=None)


def entry(dated: Dated, now: datetime) -> Entry:
    """The calendar's line for a certificate."""
    state, facts = _state(dated, now), dated.facts
    renew_at = None
    if dated.use in _SELF_RENEWING and facts.not_before is not None and facts.not_after is not None:
        renew_at = facts.not_before + (facts.not_after - facts.not_before) * _RENEW_AT
    action = ""
    if state is CertificateState.WAITING:
        action = "Compare its fingerprint with the server's own display, then approve it."
    elif state is CertificateState.UPCOMING:
        action = "Trust it at each server; it is used there as soon as the server takes it."
    elif state is CertificateState.NOT_YET_VALID:
        action = "It begins in the future: check the clocks."
    elif state is not CertificateState.VALID:
        action = _ACTIONS[dated.use]
    return Entry(dated, state, renew_at, action)


def expiry_notice(dated: Dated, now: datetime) -> ExpiryNotice | None:
    """What is to be said about a certificate now; None if its end is far, or it is not in use.

    The text has dates and the step, so that it changes at 30, 7 and 1 days and not in between.
    """
    step = _step(dated, now)
    if step is None or dated.upcoming or dated.waiting or dated.facts.not_after is None:
        return None
    who = f"{_NAMES[dated.use]} ({dated.facts.subject[:200] or dated.facts.sha256[:16]})"
    end = f"{dated.facts.not_after:%Y-%m-%d %H:%M} UTC"
    if step == 0:
        text, severity = f"{who} has ended on {end}.", Severity.CRITICAL
    else:
        within = "a day" if step == 1 else f"{step} days"
        text = f"{who} ends on {end}, within {within}."
        severity = {30: Severity.INFO, 7: Severity.WARNING}.get(step, Severity.CRITICAL)
    return ExpiryNotice(KINDS[dated.use], severity, text, _ACTIONS[dated.use])
