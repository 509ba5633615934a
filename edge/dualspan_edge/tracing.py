"""Which frames are traced, when the platform asks for it: one in a while, whatever the gateway sends meanwhile.

The gateway sends no spans, for nothing but the platform can be reached from a plant. It chooses the ids, by W3C Trace
Context, and says when it had the frame and when it sent it; the platform records that in its name.
"""

import secrets
import time

from dualspan.historian.v1 import service_pb2 as ingest
from dualspan_edge.clock import now_microseconds
from dualspan_edge.gaps import timestamp_of

_SAMPLED = 1


class FrameTracer:
    """Chooses frames.

    Args:
        interval: Seconds between two; 0: none is traced.
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._next = time.monotonic()

    def mark(self, upload: ingest.IngestRequest.Upload, written: int) -> None:
        """Marks an upload, if it is time.

        Args:
            upload: Which.
            written: When its frame was on the disk, in microseconds since 1970.
        """
        if not self._interval or time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._interval
        upload.trace.traceparent = f"00-{_identifier(16)}-{_identifier(8)}-{_SAMPLED:02x}"
        upload.trace.store_time.CopyFrom(timestamp_of(written))
        upload.trace.send_time.CopyFrom(timestamp_of(now_microseconds()))


def _identifier(size: int) -> str:
    """A random one in hexadecimal. All zeros stand for none, and come once in more than the age of the world."""
    return secrets.token_hex(size)
