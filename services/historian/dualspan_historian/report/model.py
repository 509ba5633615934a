"""What a report is made of. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dualspan.historian.v1 import resources_pb2
from dualspan_historian.model import GapState
from dualspan_historian.report.spans import Span, clip, length, subtract, union


@dataclass(frozen=True, slots=True)
class ReportTag:
    """A tag that a report is asked about; expected until `end_us`, None if it still is."""

    tag_id: int
    name: str
    server: str
    end_us: int | None = None


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """What is asked: tags in rising order of id, and the period [start, end) in microseconds."""

    subject: str
    tags: tuple[ReportTag, ...]
    start_us: int
    end_us: int
    requester: str


@dataclass(frozen=True, slots=True)
class LedgerGap:
    """A gap that touches the period, or may: times in microseconds, None where nobody knows them.

    `server_id` is empty for a whole gateway.
    """

    gap_id: int
    tag_id: int
    gateway_id: str
    server_id: str
    start_us: int | None
    end_us: int | None
    cause: int
    lost_samples: int
    detail: str
    state: GapState
    resolution: str
    repaired_samples: int

    @property
    def span(self) -> Span | None:
        """From when to when; None where nobody knows."""
        return None if self.start_us is None or self.end_us is None else (self.start_us, self.end_us)


@dataclass(frozen=True, slots=True)
class TagRecord:
    """What the historian knows of a tag's recording; times in microseconds, None where they are not known."""

    tag_id: int
    gateway_id: str
    server_id: str
    registered_us: int | None
    started_us: int | None
    retired_us: int | None
    cyclic_us: int
    complete_us: int | None
    hole_us: int | None


@dataclass(frozen=True, slots=True)
class TagRepair:
    """How a tag's part of a gap stands, and what stays missing of it."""

    state: GapState
    missing: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Counted:
    """Samples of one tag in the period: all that are stored, and those of them that history brought."""

    stored: int
    repaired: int


@dataclass(frozen=True, slots=True)
class Times:
    """Microseconds. The first is the sum of the others."""

    expected: int = 0
    received: int = 0
    repaired: int = 0
    missing: int = 0
    pending: int = 0

    def __add__(self, other: "Times") -> "Times":
        return Times(
            self.expected + other.expected,
            self.received + other.received,
            self.repaired + other.repaired,
            self.missing + other.missing,
            self.pending + other.pending,
        )


@dataclass(frozen=True, slots=True)
class TagFigures:
    """One line of the report.

    Attributes:
        tag: The tag.
        times: Expected, received, repaired, missing, pending.
        received_samples: Stored as they happened.
        repaired_samples: Brought by history.
        expected_samples: Reads that were due, where the gateway reads in an interval; None where the server says what
            changes. A value that is the same as at the read before is the same sample, so that fewer may be stored.
        missing_samples: Reads that were due in what is missing.
        lost_samples: How many are known to be lost in what is missing.
        causes: Microseconds missing by cause; parts with several causes count for the one that began first.
        unplaced_gaps: Gaps that nobody knows the times of, and that may lie in the period.
    """

    tag: ReportTag
    times: Times
    received_samples: int
    repaired_samples: int
    expected_samples: int | None
    lost_samples: int
    missing_samples: int = 0
    causes: Mapping[int, int] = field(default_factory=dict[int, int])
    unplaced_gaps: int = 0

    @property
    def is_complete(self) -> bool:
        """Whether nothing is missing or pending, nor may be missing at a time that nobody knows."""
        return not (self.times.missing or self.times.pending or self.unplaced_gaps)


# Causes beside those of the ledger: nothing ever came, or the server refuses the tag at present.
NEVER_RECORDED, REFUSED = 100, 101


def figures(
    tag: ReportTag,
    record: TagRecord | None,
    gaps: Sequence[LedgerGap],
    repairs: Mapping[int, TagRepair],
    counted: Counted,
    period: Span,
) -> TagFigures:
    """Return one tag's line.

    Args:
        tag: The tag.
        record: Its recording; None if the historian does not know it.
        gaps: What the ledger has of it in the period, its server's and its gateway's gaps included.
        repairs: How the tag's part of a gap stands, by gap id.
        counted: Its samples.
        period: The period.
    """
    expected = _expected(tag, record, period)
    if record is None or record.started_us is None:
        return _untold(tag, length([expected]), counted)
    pending = clip([(max(expected[0], record.complete_us or 0), expected[1])], expected)
    told = subtract([expected] if expected[0] < expected[1] else [], pending)
    holes = [] if record.hole_us is None else [(record.hole_us, expected[1], REFUSED)]
    lost = [(*span, gap.cause) for gap in gaps for span in _missing(gap, repairs.get(gap.gap_id))] + holes
    missing = _within(union((start, end) for start, end, _ in lost), told)
    touched = union(gap.span for gap in gaps if gap.span is not None and _was_repaired(repairs.get(gap.gap_id)))
    repaired = subtract(_within(touched, told), missing)
    times = Times(
        expected=length([expected]),
        received=length(told) - length(missing) - length(repaired),
        repaired=length(repaired),
        missing=length(missing),
        pending=length(pending),
    )
    return TagFigures(
        tag=tag,
        times=times,
        received_samples=counted.stored - counted.repaired,
        repaired_samples=counted.repaired,
        expected_samples=length(told) // record.cyclic_us if record.cyclic_us else None,
        missing_samples=-(-length(missing) // record.cyclic_us) if record.cyclic_us else 0,
        lost_samples=sum(gap.lost_samples for gap in gaps if gap.tag_id and _missing(gap, repairs.get(gap.gap_id))),
        causes=_causes(lost, told),
        unplaced_gaps=sum(gap.span is None for gap in gaps),
    )


def _untold(tag: ReportTag, expected: int, counted: Counted) -> TagFigures:
    """Return the line of a tag whose gateway never said that it is recorded, or does not say such things yet."""
    if counted.stored:
        times = Times(expected=expected, pending=expected)
        return TagFigures(tag, times, counted.stored - counted.repaired, counted.repaired, None, 0)
    causes = {NEVER_RECORDED: expected} if expected else {}
    return TagFigures(tag, Times(expected=expected, missing=expected), 0, 0, None, 0, causes=causes)


def _expected(tag: ReportTag, record: TagRecord | None, period: Span) -> Span:
    """Return when the tag was to be recorded within the period; from its registration if it never was."""
    start, end = period
    if record is not None:
        since = record.registered_us if record.started_us is None else record.started_us
        start = max(start, since or start)
        end = min(end, record.retired_us or end)
    end = min(end, tag.end_us or end)
    return (start, max(start, end))


# When these end, the server has told the current value of every item anew (Part 4, 5.13.1.5: the first notification of
# a monitored item; an overflowing queue drops its oldest). After other losses the next change is the first one known.
_TOLD_ANEW = frozenset(
    {
        resources_pb2.GAP_CAUSE_SERVER_OVERFLOW,
        resources_pb2.GAP_CAUSE_SUBSCRIPTION_LOST,
        resources_pb2.GAP_CAUSE_CONNECTION_LOST,
        resources_pb2.GAP_CAUSE_GATEWAY_DOWN,
    }
)


@dataclass(frozen=True, slots=True)
class MissingSpan:
    """When samples of a tag are missing, in microseconds.

    Attributes:
        tag_id: The tag.
        start_us: From here on.
        end_us: Up to here, not included.
        pending: Nothing is known to be missing; the gateway has told nothing of it yet.
        resumed: The value at the end is that of the newest sample at or before it.
    """

    tag_id: int
    start_us: int
    end_us: int
    pending: bool = False
    resumed: bool = False


def missing_spans(
    record: TagRecord, gaps: Sequence[LedgerGap], repairs: Mapping[int, TagRepair], period: Span
) -> list[MissingSpan]:
    """Return when samples of a tag are missing in a period, in order; last, from when on its gateway has told nothing.

    Args:
        record: How the tag is recorded.
        gaps: What the ledger has of it in the period, its server's and its gateway's gaps included.
        repairs: How the tag's part of a gap stands, by gap id.
        period: The period.
    """
    # Where nothing is told of tags, nothing is pending either.
    told = period[1] if record.started_us is None else max(period[0], min(period[1], record.complete_us or period[0]))
    lost = [(*span, gap.cause) for gap in gaps for span in _missing(gap, repairs.get(gap.gap_id))]
    lost += [] if record.hole_us is None else [(record.hole_us, period[1], REFUSED)]
    unknown_ends = {end for _, end, cause in lost if cause not in _TOLD_ANEW}
    found: list[MissingSpan] = []
    for start, end in union((start, end) for start, end, _ in lost):
        for part in clip([(start, end)], (period[0], told)):
            resumed = part[1] == end and end not in unknown_ends
            found.append(MissingSpan(record.tag_id, *part, resumed=resumed))
    return found + ([MissingSpan(record.tag_id, told, period[1], pending=True)] if told < period[1] else [])


def _missing(gap: LedgerGap, repair: TagRepair | None) -> list[Span]:
    """Return what of a gap is missing: nothing where it was filled, all where nobody knows of a repair."""
    if repair is not None and repair.state == GapState.REPAIRED:
        return []
    if repair is not None and repair.state == GapState.PARTLY_REPAIRED:
        return list(repair.missing)
    return [] if gap.span is None else [gap.span]


def _was_repaired(repair: TagRepair | None) -> bool:
    return repair is not None and repair.state in {GapState.REPAIRED, GapState.PARTLY_REPAIRED}


def _within(spans: Sequence[Span], told: Sequence[Span]) -> list[Span]:
    return [part for within in told for part in clip(spans, within)]


def _causes(lost: Sequence[tuple[int, int, int]], told: Sequence[Span]) -> dict[int, int]:
    """Return microseconds by cause, each moment counted once."""
    counted: list[Span] = []
    causes: dict[int, int] = {}
    for start, end, cause in sorted(lost):
        fresh = length(subtract(_within(union([(start, end)]), told), counted))
        if fresh:
            causes[cause] = causes.get(cause, 0) + fresh
        counted = union([*counted, (start, end)])
    return causes
