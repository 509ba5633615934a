"""Runs the console: `python -m dualspan_console`."""

import asyncio

import uvicorn

from dualspan_console.app import build
from dualspan_console.settings import ConsoleSettings
from dualspan_runtime.logs import configure_logging
from dualspan_runtime.settings import read_settings
from dualspan_runtime.tracing import start_tracing, stop_tracing


async def main() -> None:
    settings = read_settings(ConsoleSettings)
    configure_logging("console", settings.platform.log_format, settings.platform.log_level)
    start_tracing("console", settings.platform)
    host, port = settings.address
    async with build(settings) as app:
        config = uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            forwarded_allow_ips=settings.trusted_proxies,
            # Live streams never end by themselves.
            timeout_graceful_shutdown=2,
        )
        await uvicorn.Server(config).serve()
    await asyncio.to_thread(stop_tracing)


if __name__ == "__main__":
    asyncio.run(main())
