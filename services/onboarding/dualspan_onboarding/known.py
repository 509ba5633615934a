"""Certificates that gateways have or see: the model. No I/O."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from dualspan_onboarding.certificates import Facts

CHANGED, WAITING, DOUBTFUL = "SERVER_CERTIFICATE_CHANGED", "SERVER_CERTIFICATE_WAITING", "SERVER_CERTIFICATE_DOUBTFUL"
"""Kinds of notices about a server's certificate."""


class Verdict(IntEnum):
    """What a gateway thinks of a server's certificate; the numbers of the contract."""

    UNTRUSTED = 1
    APPROVED = 2
    LISTED = 3
    ISSUED = 4


class OwnRole(IntEnum):
    """How a gateway's own certificate is used; the numbers of the contract."""

    IN_USE = 1
    UPCOMING = 2


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """One that a gateway shows to servers, DER."""

    certificate: bytes
    facts: Facts
    role: OwnRole


@dataclass(frozen=True, slots=True)
class SeenCertificate:
    """One that a server shows, DER; `refuses` are the gateway's certificates that the server does not take."""

    server: str
    certificate: bytes
    facts: Facts
    verdict: Verdict
    detail: str
    refuses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GatewayCertificates:
    """All that a gateway has and sees; `tls` is DER, empty if it does not say."""

    applications: tuple[OwnCertificate, ...]
    tls: bytes
    servers: tuple[SeenCertificate, ...]


@dataclass(frozen=True, slots=True)
class Earlier:
    """The certificate that was trusted of a server before."""

    facts: Facts
    last_seen: datetime
