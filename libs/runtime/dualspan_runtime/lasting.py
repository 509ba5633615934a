"""A channel that leaves a peer which turns out to be no server of ours.

A connection lasts as long as both ends let it. Where an address leads elsewhere for a moment, such as that of a
Kubernetes Service that nothing stands behind yet, a proxy may take the connection and answer every call with a status
of HTTP: a channel of gRPC would ask it for ever, and every caller with it.
"""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Self, TypeAlias

import grpc
import grpc.aio
import structlog

Watch: TypeAlias = Callable[[Any], None]
"""Is given every call, once it was made."""

_log = structlog.stdlib.get_logger()
# How gRPC words an answer that no server of gRPC gives.
_FOREIGN = "Received http2 header with status"
# Calls of the channel that is left have so long to end.
_GRACE_SECONDS = 30.0


class LastingChannel(grpc.aio.Channel):
    """A channel over others, one at a time.

    Args:
        address: For the log.
        make: A new one, with a number that tells it from those before it, and what is to be done with every call of it.
    """

    def __init__(self, address: str, make: Callable[[int, Watch], grpc.aio.Channel]) -> None:
        self._address = address
        self._make = make
        self._number = 0
        self._channel = self._made()
        self._tasks = set[asyncio.Task[None]]()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *ended: object) -> None:
        await self.close()

    async def close(self, grace: float | None = None) -> None:
        """Close it, and those that were left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._channel.close(grace)

    def get_state(self, try_to_connect: bool = False) -> grpc.ChannelConnectivity:  # noqa: FBT001, FBT002 - gRPC's own
        """As of the present one."""
        return self._channel.get_state(try_to_connect)

    async def wait_for_state_change(self, last_observed_state: grpc.ChannelConnectivity) -> None:
        """As of the present one."""
        await self._channel.wait_for_state_change(last_observed_state)

    async def channel_ready(self) -> None:
        """As of the present one."""
        await self._channel.channel_ready()

    def unary_unary(self, *given: Any, **more: Any) -> Any:
        """A method, of whichever channel is the present one when it is called."""
        return self._method(lambda channel: channel.unary_unary(*given, **more))

    def unary_stream(self, *given: Any, **more: Any) -> Any:
        """See `unary_unary`."""
        return self._method(lambda channel: channel.unary_stream(*given, **more))

    def stream_unary(self, *given: Any, **more: Any) -> Any:
        """See `unary_unary`."""
        return self._method(lambda channel: channel.stream_unary(*given, **more))

    def stream_stream(self, *given: Any, **more: Any) -> Any:
        """See `unary_unary`."""
        return self._method(lambda channel: channel.stream_stream(*given, **more))

    def _method(self, of: Callable[[grpc.aio.Channel], Any]) -> Any:
        made = self._number, of(self._channel)

        def call(*arguments: Any, **options: Any) -> Any:
            nonlocal made
            if made[0] != self._number:
                made = self._number, of(self._channel)
            return made[1](*arguments, **options)

        return call

    def _made(self) -> grpc.aio.Channel:
        number = self._number

        def ended(call: Any) -> None:
            self._start(self._look(number, call))

        return self._make(number, lambda call: call.add_done_callback(ended))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _look(self, number: int, call: Any) -> None:
        words = await call.details()
        if number == self._number and str(words or "").startswith(_FOREIGN):
            _log.warning("what answers is not the platform: connecting anew", address=self._address, error=words)
            left, self._number = self._channel, number + 1
            self._channel = self._made()
            await left.close(_GRACE_SECONDS)
