"""The CLI as a user types it, against analytics in this process."""

import asyncio
import os
import subprocess
import sys

from harness.analytics import AnalyticsPlatform, Plant
from harness.historian import SECRET


async def dualspan(platform: AnalyticsPlatform, plant: Plant, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as the platform, for the plant's tenant, and returns what it printed."""
    identity = await platform.identity_of(plant.tenant)
    mine = {name: value for name, value in os.environ.items() if not name.startswith("DUALSPAN_")}
    stated = {
        "DUALSPAN_IDENTITY_ADDRESS": identity,
        "DUALSPAN_ANALYTICS_ADDRESS": platform.address,
        "DUALSPAN_SERVICE_SECRET": SECRET,
        "COLUMNS": "120",
    }
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "dualspan_cli", *arguments, "--tenant", plant.tenant],
        env=mine | stated,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
