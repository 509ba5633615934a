"""Trust in both directions, for all servers of a gateway: whom it trusts, who trusts it, and what is told of it."""

import asyncio
import datetime as dt
import time
from collections.abc import Callable

import structlog
from asyncua import ua
from asyncua.ua.uaerrors import UaStatusCodeError
from cryptography.hazmat.primitives.serialization import Encoding

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import notice_pb2, trust_pb2
from dualspan_edge.errors import GatewayError, UntrustedServerError
from dualspan_edge.notices import NoticeBoard
from dualspan_edge.opcua.certificates import ApplicationInstance
from dualspan_edge.opcua.connection import Connection, connect
from dualspan_edge.opcua.dialling import Dial, dial_directly
from dualspan_edge.opcua.own_certificates import OwnCertificates, sha256_of
from dualspan_edge.opcua.security import ChosenEndpoint, question_about
from dualspan_edge.trust import TrustAnchors, judge
from dualspan_edge.waiting import comes

_log = structlog.get_logger(__name__)
_LOOK_AGAIN = 60.0
# Trying the new certificate takes a session of the server's few.
_OFFER_AGAIN = 3600.0
REFUSED = "GATEWAY_CERTIFICATE_REFUSED"
UPCOMING = "GATEWAY_CERTIFICATE_UPCOMING"
_CODES = ua.StatusCodes
# What servers answer to a client whose certificate they do not trust (Part 4, 6.1.3).
_REFUSALS = frozenset(
    {
        _CODES.BadSecurityChecksFailed,
        _CODES.BadCertificateInvalid,
        _CODES.BadCertificateUntrusted,
        _CODES.BadCertificateUriInvalid,
        _CODES.BadCertificateUseNotAllowed,
        _CODES.BadCertificateTimeInvalid,
        _CODES.BadCertificateHostNameInvalid,
        _CODES.BadCertificateRevocationUnknown,
        _CODES.BadCertificateChainIncomplete,
        _CODES.BadCertificateRevoked,
        _CODES.BadCertificatePolicyCheckFailed,
        _CODES.BadNoValidCertificates,
    }
)


class ShowNewCertificate(GatewayError):
    """The server takes the gateway's new certificate: the connection is made again with it."""


class TrustDesk:
    """What the gateway's servers ask about trust.

    Args:
        own: What the gateway shows.
        notices: Where people are told.
        look_again: Seconds after which a certificate in use is judged again.
        offer_again: Seconds after which a server is asked again whether it takes the new certificate.
    """

    def __init__(
        self,
        own: OwnCertificates,
        notices: NoticeBoard,
        *,
        look_again: float = _LOOK_AGAIN,
        offer_again: float = _OFFER_AGAIN,
    ) -> None:
        self.own = own
        self.anchors = TrustAnchors()
        self.tls_certificate: Callable[[], bytes] = bytes
        self.dial: Dial = dial_directly
        self.changed = asyncio.Event()
        self._notices = notices
        self._look_again = look_again
        self._offer_again = offer_again
        self._offered: dict[str, float] = {}
        self._message = trust_pb2.TrustList()
        self._servers: dict[str, trust_pb2.GatewayCertificates.Server] = {}
        self._waiting: set[asyncio.Event] = set()
        self._told: list[ApplicationInstance | None] = []

    def trust(self, message: trust_pb2.TrustList) -> None:
        """Puts a trust list in force: servers that are connected are judged again."""
        if message != self._message:
            self._message = message
            self.anchors = TrustAnchors.of(message)
            self.wake()

    def wake(self) -> None:
        """Something about trust is different: those who follow it look again."""
        for event in self._waiting:
            event.set()

    # What a server's worker says.

    def instance_for(self, server: str) -> ApplicationInstance:
        """What a server is shown."""
        return self.own.instance_for(server)

    def connected(self, server: str, connection: Connection, shown: ApplicationInstance) -> None:
        """A connection stands: each side trusts the other."""
        chosen = connection.chosen
        self._notices.clear(REFUSED, server)
        if chosen.judgement is None:
            self._forget(server)
            return
        if self.own.upcoming is not None and shown is self.own.upcoming:
            self.own.taken(server)
        self._record(server, chosen.presented, chosen.judgement.verdict, chosen.judgement.words, [])

    def failed(self, server: str, error: Exception, shown: ApplicationInstance) -> bool:
        """A connection failed: perhaps one side does not trust the other, and people are told of that here."""
        if isinstance(error, UntrustedServerError):
            self._record(server, error.presented, error.judgement.verdict, error.judgement.reasons, [])
            return True
        refused = isinstance(error, UaStatusCodeError) and error.code in _REFUSALS
        if refused:
            self._refused(server, shown)
        return refused

    def _refused(self, server: str, shown: ApplicationInstance) -> None:
        sha256 = sha256_of(shown)
        known = self._servers.get(server)
        if known is not None:
            self._record(server, known.chain, known.verdict, known.detail, [sha256])
        self._notices.put(
            REFUSED,
            server,
            notice_pb2.NOTICE_SEVERITY_CRITICAL,
            f"The server does not trust the gateway's certificate (SHA-256 {sha256}); nothing is read from it.",
            "Trust the certificate at the server; `dualspan onboarding certificates gateway` shows it and what to do.",
            {"gateway_certificate_sha256": sha256},
        )

    def removed(self, server: str) -> None:
        """A server is no longer configured."""
        self._forget(server)
        self.own.changed.set()

    def _forget(self, server: str) -> None:
        if self._servers.pop(server, None) is not None:
            self.changed.set()

    def _record(
        self, server: str, chain: bytes, verdict: trust_pb2.TrustVerdict.ValueType, detail: str, refuses: list[str]
    ) -> None:
        entry = trust_pb2.GatewayCertificates.Server(
            server=server, chain=chain, verdict=verdict, detail=detail, refuses_sha256=refuses
        )
        if self._servers.get(server) != entry:
            self._servers[server] = entry
            self.changed.set()

    def message(self) -> trust_pb2.GatewayCertificates:
        """Every certificate that is known here; it counts as told."""
        self.changed.clear()
        own = [(self.own.in_use, trust_pb2.APPLICATION_CERTIFICATE_ROLE_IN_USE)]
        if self.own.upcoming is not None:
            own.append((self.own.upcoming, trust_pb2.APPLICATION_CERTIFICATE_ROLE_UPCOMING))
        applications = [
            trust_pb2.GatewayCertificates.Own(certificate=one.certificate.public_bytes(Encoding.DER), role=role)
            for one, role in own
        ]
        return trust_pb2.GatewayCertificates(
            applications=applications, tls=self.tls_certificate(), servers=list(self._servers.values())
        )

    # Beside a connection.

    async def follow(self, configuration: gateway.ServerConfiguration, chosen: ChosenEndpoint) -> None:
        """Watches a connection's trust for as long as it stands.

        Raises:
            UntrustedServerError: The server's certificate is trusted no more.
            ShowNewCertificate: The server takes the gateway's new certificate.
        """
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            while True:
                event.clear()
                self._judge_again(configuration, chosen)
                await self._offer_new(configuration)
                await comes(event, self._look_again)
        finally:
            self._waiting.discard(event)

    def _judge_again(self, configuration: gateway.ServerConfiguration, chosen: ChosenEndpoint) -> None:
        if chosen.judgement is None:
            return
        question = question_about(configuration, chosen.application_uri)
        judgement = judge(chosen.presented, question, self.anchors, dt.datetime.now(dt.UTC))
        if not judgement.trusted:
            raise UntrustedServerError(judgement, chosen.presented)
        if judgement.words != chosen.judgement.words or judgement.verdict != chosen.judgement.verdict:
            self._record(configuration.server, chosen.presented, judgement.verdict, judgement.words, [])

    async def _offer_new(self, configuration: gateway.ServerConfiguration) -> None:
        """Tries the new certificate on a connection of its own; the one that stands is not touched."""
        upcoming, server = self.own.upcoming, configuration.server
        now = time.monotonic()
        if upcoming is None or self.instance_for(server) is upcoming or now < self._offered.get(server, 0.0):
            return
        self._offered[server] = now + self._offer_again
        try:
            connection = await connect(configuration, upcoming, None, self.anchors, self.dial)
        except (GatewayError, OSError, TimeoutError, ua.UaError) as error:
            _log.info("new_certificate_not_taken_yet", server=server, error=str(error))
            return
        await connection.close(keep_session=False)
        self.own.taken(server)
        raise ShowNewCertificate("the server takes the gateway's new certificate")

    def offer_soon(self, server: str) -> None:
        """A server may take the new certificate now: it is asked at once."""
        self._offered.pop(server, None)
        self.wake()

    # For as long as the gateway runs.

    async def run(self) -> None:
        """Renews the gateway's own certificate in time, and says which servers do not take the new one yet."""
        while True:
            try:
                self.own.renew_if_due()
                if self.own.upcoming is not None and not self.own.waiting_for(self._servers) and self._servers:
                    self.own.promote()
            except OSError as error:
                _log.warning("application_certificate_not_stored", error=str(error))
            self.own.changed.clear()
            self._tell_of_upcoming()
            self.wake()
            await comes(self.own.changed, self._look_again)

    def _tell_of_upcoming(self) -> None:
        upcoming = self.own.upcoming
        shown = [self.own.in_use, upcoming]
        if shown != self._told:
            self._told = shown
            self.changed.set()
        if upcoming is None:
            self._notices.clear(UPCOMING, "")
            return
        waiting = self.own.waiting_for(self._servers)
        ends = self.own.in_use.certificate.not_valid_after_utc
        self._notices.put(
            UPCOMING,
            "",
            notice_pb2.NOTICE_SEVERITY_WARNING,
            f"The gateway has made its next certificate (SHA-256 {sha256_of(upcoming)}), because the present one ends "
            f"on {ends:%Y-%m-%d}. These servers do not take it yet: {', '.join(waiting) or 'none'}.",
            "Trust the new certificate there; `dualspan onboarding certificates gateway` shows it and what to do. "
            "Each server is changed over by itself as soon as it takes it.",
            {"sha256": sha256_of(upcoming), "present_sha256": sha256_of(self.own.in_use), "servers": ",".join(waiting)},
        )
