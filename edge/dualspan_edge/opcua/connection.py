"""One connection to a server: socket, secure channel, session."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from asyncua import Client, ua
from asyncua.client.ua_session import UaSession
from asyncua.ua.uaerrors import UaStatusCodeError

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.clock import ClockOffset, SendingTime, now_microseconds, offset_from
from dualspan_edge.opcua.certificates import ApplicationInstance
from dualspan_edge.opcua.dialling import Dial, dial_directly
from dualspan_edge.opcua.nodeids import standard_node
from dualspan_edge.opcua.security import NOBODY, ChosenEndpoint, check_password_is_safe, choose_endpoint, secure
from dualspan_edge.opcua.services import ServerLimits, read_attributes, read_limits, read_namespaces, value_of
from dualspan_edge.opcua.transport import BoundedProtocol, bounded, end, make_client
from dualspan_edge.opcua.unsecured import unsecured_channel, unsecured_client
from dualspan_edge.trust import TrustAnchors

_REQUEST_TIMEOUT = 10.0
# A session outlives a short loss of the connection by this; then its subscriptions go on without a gap.
_SESSION_TIMEOUT_MS = 600_000
_CHANNEL_LIFETIME_MS = 3_600_000
# Part 4, 5.5.2.1: a token is renewed after three quarters of its lifetime.
_RENEW_AT = 0.75


@dataclass(frozen=True, slots=True)
class SessionTicket:
    """What is needed to take a session up again on a new channel (Part 4, 6.7)."""

    token: ua.NodeId
    server_nonce: bytes | None
    token_policies: Sequence[ua.UserTokenPolicy]


class Connection:
    """An activated session, its limits and its namespaces as they are now."""

    def __init__(self, client: Client, *, resumed: bool, chosen: ChosenEndpoint) -> None:
        self._client = client
        self.resumed = resumed
        self.chosen = chosen
        self.limits = ServerLimits()
        self.namespaces: list[str] = []
        self.sending = SendingTime()

    @property
    def session(self) -> UaSession:
        """Asyncua's session, for its services."""
        return self._client.uaclient.session

    @property
    def protocol(self) -> BoundedProtocol:
        """The socket, for requests that are not waited for."""
        return bounded(self._client).bounded

    async def ask(self, request_type: int, parameters: bytes, seconds: float = _REQUEST_TIMEOUT) -> bytes:
        """The answer to a request that is encoded already, from its TypeId on.

        Args:
            request_type: Identifier of the request's binary encoding, in namespace 0.
            parameters: What follows the RequestHeader.
            seconds: How long it is waited for.

        Raises:
            TimeoutError, ConnectionError: It does not come.
        """
        try:
            async with asyncio.timeout(seconds):
                return bytes(await self.protocol.post_encoded(request_type, parameters, seconds))
        except TimeoutError:
            raise TimeoutError(
                f"the server did not answer within {seconds:.0f} s; check how busy it is, then try again"
            ) from None

    @property
    def ticket(self) -> SessionTicket:
        """For a later connection."""
        client = self._client
        nonce = client._server_nonce  # noqa: SLF001 - asyncua keeps it to itself
        return SessionTicket(self.session.authentication_token, nonce, client._policy_ids)  # noqa: SLF001

    async def learn(self) -> None:
        """Reads limits and namespaces, which may have changed since the last connection."""
        self.limits = await read_limits(self.session)
        self.namespaces = await read_namespaces(self.session)

    async def keep_channel(self) -> None:
        """Renews the channel's security token in time, until cancelled."""
        while True:
            await asyncio.sleep(self._client.secure_channel_timeout * _RENEW_AT / 1000)
            await self._client.open_secure_channel(renew=True)
            self._client.uaclient.revolve_security_token()

    async def read_clock(self) -> ClockOffset | None:
        """How far the gateway's clock is from the server's; None if the server does not say.

        The answer also shows that the session lives.
        """
        node = (standard_node(ua.ObjectIds.Server_ServerStatus_CurrentTime), ua.AttributeIds.Value)
        sent = now_microseconds()
        (answer,) = await read_attributes(self.session, [node], 1)
        received = now_microseconds()
        current = value_of(answer)
        if not isinstance(current, datetime):
            return None
        theirs = int(current.timestamp() * 1e6)
        # It was not read before it was asked for: a gateway that is slow takes no message to be newer than this says.
        self.sending.sent(theirs, sent)
        return offset_from(sent, received, theirs)

    async def close(self, *, keep_session: bool) -> None:
        """Closes the channel, and the session too unless it is to be taken up again."""
        await end(self._client, keep_session=keep_session)


async def discover(
    configuration: gateway.ServerConfiguration, trust: TrustAnchors = NOBODY, dial: Dial = dial_directly
) -> ChosenEndpoint:
    """Asks a server for its endpoints and chooses one; nothing of the configuration is sent.

    Raises:
        ServerRefusedError, UntrustedServerError: See `choose_endpoint`.
        OSError, TimeoutError, ua.UaError: The server cannot be reached.
    """
    client = await dial(configuration, partial(unsecured_client, timeout=_REQUEST_TIMEOUT))
    async with unsecured_channel(client) as channel:
        endpoints = await channel.endpoints()
    return choose_endpoint(endpoints.descriptions, configuration, trust)


async def connect(
    configuration: gateway.ServerConfiguration,
    instance: ApplicationInstance,
    ticket: SessionTicket | None,
    trust: TrustAnchors = NOBODY,
    dial: Dial = dial_directly,
) -> Connection:
    """Connects as configured, taking the ticket's session up again if the server still has it.

    Raises:
        ServerRefusedError, UntrustedServerError: See `choose_endpoint`.
        OSError, TimeoutError, ua.UaError: The server cannot be reached or refuses.
    """
    chosen = await discover(configuration, trust, dial)

    def make(url: str) -> Client:
        client = make_client(url, _REQUEST_TIMEOUT)
        client.session_timeout = _SESSION_TIMEOUT_MS
        client.secure_channel_timeout = _CHANNEL_LIFETIME_MS
        secure(client, chosen, instance)
        return client

    client = await dial(configuration, make)
    try:
        await client.send_hello()
        await client.open_secure_channel()
        resumed = ticket is not None and await _take_up(client, configuration, trust, ticket)
        if not resumed:
            await client.create_session()
            check_password_is_safe(client, configuration, trust)
            await client.activate_session(configuration.username, configuration.password)
        connection = Connection(client, resumed=resumed, chosen=chosen)
        await connection.learn()
    except BaseException:
        client.disconnect_socket()
        raise
    return connection


async def _take_up(
    client: Client, configuration: gateway.ServerConfiguration, trust: TrustAnchors, ticket: SessionTicket
) -> bool:
    """Activates an earlier session on this channel; False if the server does not have it any more."""
    session = client.uaclient.session
    session.restore_authentication_token(ticket.token)
    client._server_nonce = ticket.server_nonce  # noqa: SLF001  # pyright: ignore[reportAttributeAccessIssue]  # asyncua infers None
    client._policy_ids = list(ticket.token_policies)  # noqa: SLF001
    try:
        check_password_is_safe(client, configuration, trust)
        await client.activate_session(configuration.username, configuration.password)
    except UaStatusCodeError:
        session.reset_authentication_token()
        client._server_nonce = None  # noqa: SLF001
        return False
    return True
