"""How a socket to a server is opened: the gateway connects, or the server calls."""

from collections.abc import Awaitable, Callable

from asyncua import Client

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway

MakeClient = Callable[[str], Client]
"""Makes the client for an endpoint URL, set up with its security."""

Dial = Callable[[gateway.ServerConfiguration, MakeClient], Awaitable[Client]]
"""Makes a client for a configured server and opens its socket."""


async def dial_directly(configuration: gateway.ServerConfiguration, make: MakeClient) -> Client:
    """Connects to the server's endpoint URL.

    Raises:
        OSError, TimeoutError: It cannot be reached.
    """
    client = make(configuration.endpoint_url)
    await client.connect_socket()
    return client
