"""A channel without security, for the services that need none: what a server says of itself to anybody."""

import contextlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass

from asyncua import Client, ua
from asyncua.ua.ua_binary import struct_from_binary

from dualspan_edge.clock import ClockOffset, now_microseconds, offset_from
from dualspan_edge.opcua.transport import make_client

# What a server says of itself is small; many are asked at the same time.
_MESSAGE_BYTES = 4 * 1024 * 1024
_EPOCH_1970 = 1971  # servers without a clock begin at 1601 or 1970


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What GetEndpoints gave, and how far the gateway's clock is from the server's; None if it shows no time."""

    descriptions: Sequence[ua.EndpointDescription]
    clock: ClockOffset | None


class DiscoveryChannel:
    """The discovery services (Part 4, 5.4) on one connection."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def endpoints(self) -> Endpoints:
        """GetEndpoints (Part 4, 5.4.4)."""
        request = ua.GetEndpointsRequest()
        request.Parameters.EndpointUrl = self._client.server_url.geturl()
        sent = now_microseconds()
        body = await self._client.uaclient._send_request(request)  # noqa: SLF001 - the public method drops the header
        received = now_microseconds()
        response = struct_from_binary(ua.GetEndpointsResponse, body)
        response.ResponseHeader.ServiceResult.check()
        stamp = response.ResponseHeader.Timestamp
        clock = None
        if stamp is not None and stamp.year >= _EPOCH_1970:
            clock = offset_from(sent, received, int(stamp.timestamp() * 1e6))
        return Endpoints(response.Endpoints or [], clock)

    async def servers(self) -> Sequence[ua.ApplicationDescription]:
        """FindServers (Part 4, 5.4.2)."""
        return await self._client.find_servers() or []

    async def servers_on_network(self) -> Sequence[ua.ServerOnNetwork]:
        """FindServersOnNetwork (Part 4, 5.4.3); local discovery servers know it."""
        return (await self._client.find_servers_on_network()).Servers or []


@contextlib.asynccontextmanager
async def unsecured_channel(client: Client, *, greeted: bool = False) -> AsyncGenerator[DiscoveryChannel]:
    """A channel on a client whose socket is open; both are closed behind it.

    Args:
        client: Made by `unsecured_client`.
        greeted: Its Hello was acknowledged already.

    Raises:
        OSError, TimeoutError, ua.UaError: The server does not answer, or refuses.
    """
    try:
        if not greeted:
            await client.send_hello()
        await client.open_secure_channel()
        try:
            yield DiscoveryChannel(client)
        finally:
            with contextlib.suppress(OSError, TimeoutError, ua.UaError):
                await client.close_secure_channel()
    finally:
        client.disconnect_socket()


def unsecured_client(url: str, timeout: float) -> Client:
    """A client for `unsecured_channel`; nothing is connected yet."""
    return make_client(url, timeout, _MESSAGE_BYTES)
