"""gRPC channels to the platform, with the certificate that is in force."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc

from dualspan_edge.errors import GatewayError
from dualspan_edge.identity import Identity

_OPTIONS = (
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.max_send_message_length", 64 * 1024 * 1024),
    # A channel of its own per use: gRPC would otherwise share connections, and with them an old certificate.
    ("grpc.use_local_subchannel_pool", 1),
)


_OPEN_TIMEOUT = 20.0
_REQUEST_ID_KEY = "x-request-id"

Stream: TypeAlias = "grpc.aio.StreamStreamCall[Any, Any]"


@dataclass(frozen=True, slots=True)
class ChannelSource:
    """Opens channels to one of the platform's services.

    Attributes:
        address: `host:port` for an identity.
        identity: The identity in force.
    """

    address: Callable[[Identity], str]
    identity: Callable[[], Identity]

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[grpc.aio.Channel]:
        """A channel with the certificate that is in force now."""
        identity = self.identity()
        async with grpc.aio.secure_channel(self.address(identity), identity.credentials(), _OPTIONS) as channel:
            yield channel


async def until_accepted(stream: Stream) -> None:
    """Waits until the platform has let this gateway in, which it says with the id that its logs have for the stream.

    Nothing may be written before: gRPC would put the failed write in the place of the reason for a refusal.

    Raises:
        grpc.aio.AioRpcError: The platform refuses, and why.
        TimeoutError: It says nothing.
    """
    async with asyncio.timeout(_OPEN_TIMEOUT):
        metadata = await stream.initial_metadata()
    if _REQUEST_ID_KEY not in {key for key, _ in metadata}:
        await stream.read()
        raise ConnectionError("the platform ended the stream before it began")


def words_of(error: Exception) -> str:
    """What went wrong on the way to the platform, for a person."""
    if isinstance(error, grpc.aio.AioRpcError):
        if error.code() in {grpc.StatusCode.PERMISSION_DENIED, grpc.StatusCode.UNAUTHENTICATED}:
            return f"the platform refuses this gateway ({error.details()}); it may be revoked: enrol again"
        return f"the platform cannot be reached ({error.code().name}: {error.details()})"
    if isinstance(error, TimeoutError):
        return str(error) or "the platform does not answer in time"
    if isinstance(error, GatewayError | OSError):
        return str(error)
    return f"{type(error).__name__}: {error}"
