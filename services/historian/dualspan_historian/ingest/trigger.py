"""Asks the worker to seal when enough has come; the sweep finds what this misses."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import structlog
from kombu.exceptions import OperationalError

from dualspan_historian.ingest.verification import Verified
from dualspan_historian.model import Stream

_log = structlog.stdlib.get_logger()


class SealTrigger:
    """Hears of commits, and asks for sealing once a gateway has sent enough.

    Args:
        request: Puts a task on the queue for (tenant, gateway); may block.
        samples: How much is enough.
    """

    def __init__(self, request: Callable[[str, str], None], samples: int) -> None:
        self._request = request
        self._samples = samples
        self._since: Counter[tuple[str, str]] = Counter()
        self._due: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    def committed(self, stream: Stream, uploads: Sequence[Verified]) -> None:
        """Count; never waits."""
        key = (stream.tenant, stream.gateway_id)
        self._since[key] += sum(upload.stored.sample_count for upload in uploads if upload.stored is not None)
        if self._since[key] >= self._samples:
            del self._since[key]
            self._due.put_nowait(key)

    async def run(self) -> None:
        """Put tasks on the queue for ever."""
        while True:
            tenant, gateway_id = await self._due.get()
            try:
                await asyncio.to_thread(self._request, tenant, gateway_id)
            except (OperationalError, OSError) as error:
                _log.warning("sealing not requested; the sweep will", gateway=gateway_id, error=str(error))
