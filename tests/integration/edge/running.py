"""A gateway in this process."""

import asyncio
from collections.abc import Callable

from dualspan_edge.gateway import Gateway
from dualspan_edge.settings import GatewaySettings


class RunningGateway:
    """A gateway in this process, that can be stopped and started."""

    def __init__(self, settings: GatewaySettings) -> None:
        self.settings = settings
        self.task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self.task = asyncio.create_task(Gateway(self.settings).run())

    async def stop(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            self.task = None


async def until(condition: Callable[[], bool], what: str, seconds: float = 15.0) -> None:
    """Waits until the condition holds."""
    for _ in range(int(seconds / 0.02)):
        if condition():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within {seconds} s: {what}")
