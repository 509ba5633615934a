"""A process that evaluates alarm rules and does nothing else, so that a test can kill it."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process

from dualspan_analytics.parts import open_parts
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_runtime.settings import read_settings
from harness.historian import SECRET


def environment(settings: AnalyticsSettings) -> dict[str, str]:
    """What a process needs to run with the same settings."""
    return os.environ | {
        "DUALSPAN_SERVICE_SECRET": SECRET,
        "DUALSPAN_REDIS_URL": settings.platform.redis_url,
        "DUALSPAN_ONBOARDING_ADDRESS": settings.platform.onboarding_address,
        "DUALSPAN_HISTORIAN_ADDRESS": settings.platform.historian_address,
        "DUALSPAN_ANALYTICS_DATABASE_URL": settings.database_url,
        "DUALSPAN_ANALYTICS_ALARM_INTERVAL_SECONDS": "0.1",
        "DUALSPAN_ANALYTICS_ALARM_LEASE_SECONDS": "1",
    }


async def start(settings: AnalyticsSettings) -> Process:
    """Start such a process."""
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "harness.alarm_engine", env=environment(settings), cwd="tests"
    )


async def kill(process: Process) -> None:
    """End it as a power cut does, and wait until it is gone."""
    process.send_signal(signal.SIGKILL)
    await process.wait()


async def main() -> None:
    from dualspan_analytics.composition import alarms

    async with open_parts(read_settings(AnalyticsSettings)) as parts:
        await alarms.engine(parts).run()


if __name__ == "__main__":
    asyncio.run(main())
