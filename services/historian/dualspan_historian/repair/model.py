"""What a gateway tells beside its samples: gaps, repairs, and how far its servers are complete. No I/O."""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from dualspan_historian.frame_traces import FrameTrace
from dualspan_historian.model import Gap, GapState

EVERY_TAG = 0
"""A repair of this tag is one of all tags of its server."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A part of a gap that no history fills: [start, end) in microseconds; an end of 0 means all of the gap."""

    start_us: int
    end_us: int
    detail: str


@dataclass(frozen=True, slots=True)
class Repair:
    """How far one tag's part of a gap is filled.

    Attributes:
        gap_id: The gap.
        tag_id: The tag; `EVERY_TAG` means all of `server_id` that are not done.
        server_id: The server, where the tag is `EVERY_TAG`.
        until_us: History was read up to here, in microseconds, not included.
        done: No more of it will be read.
        missing: What stays missing.
    """

    gap_id: int
    tag_id: int
    server_id: str
    until_us: int
    done: bool
    missing: tuple[Missing, ...] = ()

    @property
    def state(self) -> GapState:
        """How the tag's part of the gap stands after this, whatever was missing before."""
        if not self.done:
            return GapState.OPEN
        if any(not part.end_us for part in self.missing):
            return GapState.UNREPAIRABLE
        return GapState.PARTLY_REPAIRED if self.missing else GapState.REPAIRED

    @property
    def detail(self) -> str:
        """Why something stays missing."""
        return next((part.detail for part in self.missing), "")

    def given_up(self, why: str) -> "Repair":
        """The same, ended because its samples cannot be stored."""
        return replace(self, done=True, missing=(Missing(0, 0, why),))


@dataclass(frozen=True, slots=True)
class RepairedSpan:
    """Samples that history brought and that were not stored before: their times, rising, int64 microseconds."""

    gap_id: int
    tag_id: int
    ts: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TagStart:
    """A tag is recorded since a time; read every `cyclic_us` microseconds, 0 where the server says what changes."""

    tag_id: int
    start_us: int
    cyclic_us: int


@dataclass(frozen=True, slots=True)
class OpenHole:
    """Nothing of a tag arrives since a time."""

    tag_id: int
    since_us: int
    detail: str


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a server is complete.

    Attributes:
        server_id: The server.
        complete_us: Before this moment nothing is on its way; 0 if that is not known.
        starts: Tags that began to be recorded.
        holes: What stands now in the place of all earlier open holes; None: they are the same.
    """

    server_id: str
    complete_us: int
    starts: tuple[TagStart, ...] = ()
    holes: tuple[OpenHole, ...] | None = None


@dataclass(frozen=True, slots=True)
class Notes:
    """What an upload has beside its samples.

    Attributes:
        gaps: What the gateway wrote down.
        repairs: The gaps that its samples fill.
        coverage: How far servers are complete with it.
        lineage: A digest over this frame and all before it; 0 if there is none.
        trace: Its trace, if it is traced.
    """

    gaps: tuple[Gap, ...] = ()
    repairs: tuple[Repair, ...] = ()
    coverage: tuple[Coverage, ...] = field(default=())
    lineage: int = 0
    trace: FrameTrace | None = None


@dataclass(frozen=True, slots=True)
class PendingTag:
    """A tag whose part of a gap is not done, and where to go on, in microseconds."""

    tag_id: int
    start_us: int


@dataclass(frozen=True, slots=True)
class RepairQuery:
    """Which gaps a gateway asks for: of one server, at most so many, without tags that cannot be read at present."""

    gateway_id: str
    server_id: str
    most: int
    except_tags: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class RepairableGap:
    """A gap that may be filled, and the tags of one server that are not done."""

    gap: Gap
    tags: tuple[PendingTag, ...]
