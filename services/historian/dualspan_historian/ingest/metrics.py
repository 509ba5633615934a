"""What comes in, counted once for each commit."""

from collections.abc import Sequence

from prometheus_client import Counter, Histogram

from dualspan_historian.storage.frame_store import NewFrame
from dualspan_historian.storage.ledger_store import Refusal

_FRAMES = Counter("dualspan_historian_frames", "Frames that were acknowledged", ["outcome"])
_STORED, _REFUSED = _FRAMES.labels("stored"), _FRAMES.labels("quarantined")
_SAMPLES = Counter("dualspan_historian_samples", "Samples that were committed")
_BYTES = Counter("dualspan_historian_frame_bytes", "Bytes of frames that were committed, compressed")
COMMIT_SECONDS = Histogram(
    "dualspan_historian_commit_seconds",
    "How long a group of frames took to commit",
    buckets=(0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0),
)


def count(stored: Sequence[NewFrame], refused: Sequence[Refusal]) -> None:
    """Count what one transaction committed."""
    _STORED.inc(len(stored))
    _SAMPLES.inc(sum(frame.sample_count for frame in stored))
    _BYTES.inc(sum(len(frame.payload) for frame in stored))
    if refused:
        _REFUSED.inc(len(refused))
