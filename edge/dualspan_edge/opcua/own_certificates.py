"""The certificate that the gateway shows to OPC UA servers, and the one that will follow it.

Servers must trust the new certificate before the old one ends. So it is made when two thirds of the old one's life
are over, and a server is shown it as soon as it takes it; until then it goes on with the old one.
"""

import asyncio
import datetime as dt
import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path

import structlog
from cryptography.hazmat.primitives.serialization import Encoding

from dualspan_edge.opcua.certificates import (
    ApplicationInstance,
    create_application_instance,
    load_stored_instance,
    store_instance,
)

_log = structlog.get_logger(__name__)
_RENEW_AT = 2 / 3
# The old one is given up a little before it ends, whoever has not learned to trust the new one by then.
_GIVE_UP_AT = 0.98
Clock = Callable[[], dt.datetime]


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def sha256_of(instance: ApplicationInstance) -> str:
    """SHA-256 of an instance's certificate, lower-case hex."""
    return hashlib.sha256(instance.certificate.public_bytes(Encoding.DER)).hexdigest()


def at_part(instance: ApplicationInstance, part: float) -> dt.datetime:
    """When so much of a certificate's life is over."""
    begin, end = instance.certificate.not_valid_before_utc, instance.certificate.not_valid_after_utc
    return begin + (end - begin) * part


class OwnCertificates:
    """The gateway's application instance certificates: one in use, and at times one that will follow.

    Args:
        directory: Holds `application.pem` and `application-next.pem`.
        name: Unique among gateways: the last part of the application URI.
        clock: The time.
    """

    def __init__(self, directory: Path, name: str, clock: Clock = _now) -> None:
        self._current_path, self._next_path = directory / "application.pem", directory / "application-next.pem"
        self._name = name
        self._clock = clock
        stored = load_stored_instance(self._current_path)
        self.in_use = stored or create_application_instance(name)
        if stored is None:
            store_instance(self._current_path, self.in_use)
        self.upcoming = load_stored_instance(self._next_path)
        self.changed = asyncio.Event()
        self._taken_by: set[str] = set()
        self.renew_if_due()

    def instance_for(self, server: str) -> ApplicationInstance:
        """What a server is shown: the new one only if it takes it."""
        if self.upcoming is not None and server in self._taken_by:
            return self.upcoming
        return self.in_use

    def taken(self, server: str) -> None:
        """A server has taken the new certificate."""
        self._taken_by.add(server)
        self.changed.set()

    def waiting_for(self, servers: Iterable[str]) -> list[str]:
        """The servers that have not taken the new certificate yet; empty if there is no new one."""
        return sorted(set(servers) - self._taken_by) if self.upcoming is not None else []

    def renew_if_due(self) -> None:
        """Makes the new certificate when it is time, and gives the old one up before it ends."""
        if self.upcoming is None and self._clock() >= at_part(self.in_use, _RENEW_AT):
            self.upcoming = create_application_instance(self._name, application_uri=self.in_use.application_uri)
            store_instance(self._next_path, self.upcoming)
            _log.info("application_certificate_made", sha256=sha256_of(self.upcoming))
            self.changed.set()
        if self.upcoming is not None and self._clock() >= at_part(self.in_use, _GIVE_UP_AT):
            self.promote()

    def promote(self) -> None:
        """The new certificate is the one in use; the old one is gone."""
        if self.upcoming is None:
            return
        self._next_path.replace(self._current_path)
        self.in_use, self.upcoming = self.upcoming, None
        self._taken_by.clear()
        _log.info("application_certificate_changed", sha256=sha256_of(self.in_use))
        self.changed.set()
