"""The CLI as a user types it, against analytics in this process."""

import asyncio
import subprocess
import sys
from pathlib import Path

from harness.analytics import AnalyticsPlatform, Plant
from harness.historian import SECRET
from harness.up import environment


async def dualspan(platform: AnalyticsPlatform, plant: Plant, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a command as the platform, for the plant's tenant, and returns what it printed."""
    identity = await platform.identity_of(plant.tenant)
    stated = {
        "DUALSPAN_IDENTITY_ADDRESS": identity,
        "DUALSPAN_ANALYTICS_ADDRESS": platform.address,
        "DUALSPAN_SERVICE_SECRET": SECRET,
        "COLUMNS": "120",
    }
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "dualspan_cli", *arguments, "--tenant", plant.tenant],
        # Nobody has signed in here, and no platform runs.
        env=environment(Path("/nonexistent")) | stated,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
