"""What the historian knows: tags, segments, gaps, positions. No I/O."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from dualspan_frame import ValueKind

SEGMENT_SAMPLES = 65_536
"""The most samples of a segment."""
OPEN_SAMPLES = SEGMENT_SAMPLES // 2
"""A segment with fewer may still be merged; the index `segment_open` says the same."""
SEGMENT_BYTES = 16 << 20
"""About the most decoded bytes of a segment; only text and bytes come near it."""
OPEN_BYTES = SEGMENT_BYTES // 2
"""A segment with as many is finished, however few samples it has; the index `segment_open` says the same."""

APP_PREFIX = "subscriptions/"
"""What the source of an app's results begins with, where a gateway has its id: no id has a slash."""

BAD_NO_DATA = 0x809B0000
SEVERITY_UNCERTAIN = 0x40000000
SEVERITY_BAD = 0x80000000
# InfoType DataValue and the historian's bits of a stored status (Part 4, 7.39.1): what says that a gateway has repeated
# the last value after a silence. It held then, but nobody has measured it.
HELD_BITS, HELD = 0x0C1F, 0x0402


class GapState(IntEnum):
    """How a gap stands; the numbers of `dualspan.historian.v1.GapState`."""

    OPEN = 1
    REPAIRED = 2
    UNREPAIRABLE = 3
    PARTLY_REPAIRED = 4


class QuarantineReason:
    """Stable words for why a frame was not accepted."""

    FOREIGN_TAG = "FOREIGN_TAG"
    WRONG_KIND = "WRONG_KIND"
    TIMESTAMP_OUT_OF_RANGE = "TIMESTAMP_OUT_OF_RANGE"
    CORRUPT_BLOCK = "CORRUPT_BLOCK"
    TOO_LARGE = "TOO_LARGE"


@dataclass(frozen=True, slots=True)
class Tag:
    """What onboarding told of a tag.

    Attributes:
        tag_id: Unique on the platform.
        gateway_id: The only gateway that may send its samples.
        kind: What its values are, for ever.
        retention_class: How long it is kept.
        sloped: Between samples the value is a straight line.
        retired: No more samples are accepted.
    """

    tag_id: int
    gateway_id: str
    kind: ValueKind
    retention_class: str = ""
    sloped: bool = False
    retired: bool = False


@dataclass(frozen=True, slots=True)
class Gap:
    """A row of the gap ledger; times are None where they are not known; `attempts`: how often it was tried again."""

    gap_id: int
    tag_id: int
    gateway_id: str
    server_id: str
    start_time: datetime | None
    end_time: datetime | None
    cause: int
    lost_samples: int
    detail: str
    state: GapState = GapState.OPEN
    create_time: datetime | None = None
    resolve_time: datetime | None = None
    repaired_samples: int = 0
    repaired_tags: int = 0
    unrepairable_tags: int = 0
    resolution: str = ""
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class QuarantinedFrame:
    """A frame that was not accepted, without its payload."""

    quarantine_id: int
    gateway_id: str
    epoch: int
    sequence: int
    reason: str
    detail: str
    size_bytes: int
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """How far one life of a gateway's buffer is committed."""

    gateway_id: str
    epoch: int
    committed_sequence: int
    commit_time: datetime


@dataclass(frozen=True, slots=True)
class StorageTotals:
    """How much is stored of a tenant."""

    committed_samples: int
    sealed_samples: int
    unsealed_frames: int
    unsealed_samples: int
    sealed_bytes: int
    segments: int
    repeated_samples: int
    open_gaps: int
    quarantined_frames: int
    positions: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class RetentionRule:
    """How long the samples of a class are kept, in days; 0: for ever."""

    raw_days: int = 400


@dataclass(frozen=True, slots=True)
class Stream:
    """Which buffer a stream comes from."""

    tenant: str
    gateway_id: str
    epoch: int

    @property
    def is_app(self) -> bool:
        """Whether an app sends its results, and no gateway its samples."""
        return self.gateway_id.startswith(APP_PREFIX)
