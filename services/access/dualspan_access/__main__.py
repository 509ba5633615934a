"""Serves the pages of apps: `python -m dualspan_access`."""

import asyncio
import signal

from dualspan_access.server import serving
from dualspan_access.settings import AccessSettings
from dualspan_runtime.logs import configure_logging
from dualspan_runtime.settings import read_settings
from dualspan_runtime.tracing import start_tracing, stop_tracing


async def main() -> None:
    settings = read_settings(AccessSettings)
    configure_logging("access", settings.platform.log_format, settings.platform.log_level)
    start_tracing("access", settings.platform)
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    async with serving(settings):
        await stopped.wait()
    await asyncio.to_thread(stop_tracing)


if __name__ == "__main__":
    asyncio.run(main())
