"""Reverse connect (Part 6, 7.1.2.6 and 7.1.3): the server opens the connection, the client speaks first on it."""

import asyncio
import contextlib
import logging
import struct
from collections.abc import Callable

from plc_sim.opcua.connection import Protocol
from plc_sim.opcua.encoding import string

RETRY_S = 1.0
"""Between two attempts, and between the end of a connection and the next."""
_HEADER = struct.Struct("<4sI")

_logger = logging.getLogger(__name__)


def reverse_hello(server_uri: str, endpoint_url: str) -> bytes:
    """The ReverseHello message."""
    body = string(server_uri) + string(endpoint_url)
    return _HEADER.pack(b"RHEF", _HEADER.size + len(body)) + body


class ReverseCaller:
    """Keeps one connection open to a client that listens.

    Args:
        host: Where the client listens.
        port: Its port.
        hello: The ReverseHello message, when a connection is made.
        make_protocol: What serves the connection from then on.
    """

    def __init__(self, host: str, port: int, hello: Callable[[], bytes], make_protocol: Callable[[], Protocol]) -> None:
        self._host = host
        self._port = port
        self._hello = hello
        self._make_protocol = make_protocol
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to call."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Call no more; connections that are open end with the server."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(OSError):
                await self._call()
            await asyncio.sleep(RETRY_S)

    async def _call(self) -> None:
        loop = asyncio.get_running_loop()
        transport, protocol = await loop.create_connection(self._make_protocol, self._host, self._port)
        transport.write(self._hello())
        _logger.info("called %s:%s", self._host, self._port)
        await protocol.lost.wait()
