"""What waits for sealing, as gauges: while it grows, reads get slower and the frames take several times the room."""

from datetime import UTC, datetime

from prometheus_client import Gauge

from dualspan_historian.storage import frame_store
from dualspan_runtime.database import Database

_FRAMES = Gauge("dualspan_historian_unsealed_frames", "Frames that are committed and not sealed")
_SAMPLES = Gauge("dualspan_historian_unsealed_samples", "Samples in them")
_AGE = Gauge("dualspan_historian_oldest_unsealed_seconds", "Since when the oldest of them has been waiting")


class BacklogMetrics:
    """Counts it, over all tenants.

    Args:
        database: Where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def read(self) -> None:
        """Count once."""
        async with self._database.platform_transaction(readonly=True) as connection:
            backlogs = await frame_store.backlogs(connection)
        now = datetime.now(UTC)
        _FRAMES.set(sum(one.frames for one in backlogs))
        _SAMPLES.set(sum(one.samples for one in backlogs))
        _AGE.set(max(((now - one.oldest).total_seconds() for one in backlogs), default=0.0))
