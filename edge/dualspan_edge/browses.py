"""The browses that the platform asked for over one stream."""

import asyncio
from collections.abc import Sequence

import structlog

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_edge.opcua.words import failure_words
from dualspan_edge.supervisor import ServerSet

_log = structlog.get_logger(__name__)
_DEFAULT_MAX_NODES = 100_000
_ALIVE_SECONDS = 10.0


class Browses:
    """Runs browses side by side; each tells of its end, and none harms another.

    Args:
        servers: What can be browsed.
        outbox: Where results go; a full one holds a browse up.
    """

    def __init__(self, servers: ServerSet, outbox: "asyncio.Queue[gateway.ConnectRequest]") -> None:
        self._servers = servers
        self._outbox = outbox
        self._running: dict[str, asyncio.Task[None]] = {}

    def begin(self, command: gateway.ConnectResponse.Browse) -> None:
        """Begins a browse."""
        task = asyncio.ensure_future(self._browse(command))
        self._running[command.command_id] = task
        task.add_done_callback(lambda _: self._running.pop(command.command_id, None))

    def cancel(self, command_id: str) -> None:
        """Ends a browse that nobody wants any more; nothing is said of one that has ended."""
        running = self._running.get(command_id)
        if running is not None:
            running.cancel()

    async def close(self) -> None:
        """Ends all of them."""
        tasks: Sequence[asyncio.Task[None]] = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _browse(self, command: gateway.ConnectResponse.Browse) -> None:
        alive = asyncio.ensure_future(self._say_alive(command.command_id))
        try:
            await self._tell_all(command)
        finally:
            alive.cancel()

    async def _say_alive(self, command_id: str) -> None:
        """A folder may have so many nodes that nothing is found for long; the platform answers if nobody waits."""
        while True:
            await asyncio.sleep(_ALIVE_SECONDS)
            result = gateway.ConnectRequest.BrowseResult(command_id=command_id)
            await self._outbox.put(gateway.ConnectRequest(browse_result=result))

    async def _tell_all(self, command: gateway.ConnectResponse.Browse) -> None:
        done = gateway.ConnectRequest.BrowseResult(command_id=command.command_id, done=True)
        try:
            browser = self._servers.browse(
                command.server, command.root_node_id, command.max_nodes or _DEFAULT_MAX_NODES
            )
            async for found in browser.run():
                result = gateway.ConnectRequest.BrowseResult(
                    command_id=command.command_id, nodes=found.nodes, types=found.types
                )
                await self._outbox.put(gateway.ConnectRequest(browse_result=result))
            done.truncated = browser.truncated
            done.warnings.extend(browser.warnings())
            done.namespaces.extend(browser.namespaces)
        except Exception as failure:  # noqa: BLE001 - supervised: a browse that fails says why and harms nothing else
            done.error = failure_words(failure)
            _log.warning("browse_failed", server=command.server, error=done.error)
        await self._outbox.put(gateway.ConnectRequest(browse_result=done))
