"""gRPC channels to the platform, with the certificate that is in force."""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

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
