"""HistoryRead of a plant (Part 11): the same functions of time as the live values."""

import asyncio
import struct
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from asyncua import ua

from plc_sim.model.machine import COMMISSIONED_US, DAY
from plc_sim.model.plant import Samples, Variable
from plc_sim.opcua import encoding
from plc_sim.opcua.encoding import FILETIME_EPOCH, Stamps
from plc_sim.opcua.standard import extension, node_id, status_code
from plc_sim.opcua.subscription import now_us, stamps_of
from plc_sim.plant_encoding import data_values
from plc_sim.plant_sampler import Lookup

HISTORY_US = 7 * DAY
MAX_VALUES = 10_000
_HISTORY_DATA = node_id(ua.ObjectIds.HistoryData_Encoding_DefaultBinary)
_POINT = struct.Struct("<4sqqI")
_MAGIC = b"plc1"
_CHUNK_TICKS = 65_536
_BOUND_NOT_FOUND = 0x80D7_0000


@dataclass(frozen=True, slots=True)
class _Span:
    """What is left of a request: `first` to `last` inclusive, backwards if first is the later."""

    first_us: int
    last_us: int
    remaining: int  # 0: no limit


class PlantHistory:
    """Raw history of the last seven days."""

    def __init__(self, lookup: Lookup, types_namespace: Callable[[], int], clock: Callable[[], int] = now_us) -> None:
        self._lookup = lookup
        self._types_namespace = types_namespace
        self._clock = clock

    async def init(self) -> None:
        """Nothing to open: history is computed."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def read_history(self, params: ua.HistoryReadParameters) -> list[ua.HistoryReadResult]:
        """HistoryRead of raw values, with stateless continuation points."""
        details = params.HistoryReadDetails
        if not isinstance(details, ua.ReadRawModifiedDetails) or details.IsReadModified:
            return [_refused(ua.StatusCodes.BadHistoryOperationUnsupported) for _ in params.NodesToRead]
        if params.ReleaseContinuationPoints:
            return [ua.HistoryReadResult() for _ in params.NodesToRead]
        stamps = stamps_of(params.TimestampsToReturn)
        if stamps == Stamps.NEITHER:
            return [_refused(ua.StatusCodes.BadTimestampsToReturnInvalid) for _ in params.NodesToRead]
        results: list[ua.HistoryReadResult] = []
        for node in params.NodesToRead:
            results.append(self._read(node, details, stamps))
            await asyncio.sleep(0)  # live values go out between two nodes
        return results

    def _read(
        self, node: ua.HistoryReadValueId, details: ua.ReadRawModifiedDetails, stamps: Stamps
    ) -> ua.HistoryReadResult:
        variable = self._lookup(node.NodeId)
        if variable is None:
            return _refused(ua.StatusCodes.BadNodeIdUnknown)
        if node.ContinuationPoint:
            span = _continued(node.ContinuationPoint)
            if span is None:
                return _refused(ua.StatusCodes.BadContinuationPointInvalid)
        else:
            span = self._asked(details)
            if span is None:
                return _refused(ua.StatusCodes.BadHistoryOperationInvalid)
        samples, following = self._take(variable, span)
        if details.ReturnBounds and not node.ContinuationPoint:
            samples = self._with_first_bound(variable, span, samples)
        if details.ReturnBounds and following is None and span.remaining == 0:
            samples = self._with_last_bound(variable, span, samples)
        return self._result(variable, samples, stamps, following)

    def _asked(self, details: ua.ReadRawModifiedDetails) -> _Span | None:
        """Start, end and limit: two of the three are needed (Part 11, 6.5.3)."""
        start, end = _microseconds(details.StartTime), _microseconds(details.EndTime)
        limit = int(details.NumValuesPerNode)
        now = self._clock()
        if start is None and end is None:
            return None
        if start is None:
            return _Span(end or 0, 0, limit) if limit else None
        if end is None:
            return _Span(start, now, limit) if limit else None
        return _Span(start, end, limit)

    def _window(self) -> tuple[int, int]:
        now = self._clock()
        return max(now - HISTORY_US, COMMISSIONED_US), now

    def _take(self, variable: Variable, span: _Span) -> tuple[Samples, _Span | None]:
        """Samples in the asked order, at most as many as one answer holds, and what is left."""
        oldest, now = self._window()
        backwards = span.first_us > span.last_us
        low, high = sorted((span.first_us, span.last_us))
        # The end is exclusive unless both are the same instant (Part 11, 6.5.3.2).
        if low != high:
            low, high = (low + 1, high) if backwards else (low, high - 1)
        low, high = max(low, oldest), min(high, now)
        room = min(span.remaining or MAX_VALUES, MAX_VALUES)
        samples = _collect(variable, low, high, room + 1, backwards=backwards)
        count = len(samples[0])
        if count <= room:
            return samples, None
        taken = samples[0][:room], samples[1][:room], samples[2][:room]
        remaining = span.remaining - room if span.remaining else 0
        if span.remaining and remaining <= 0:
            return taken, None
        return taken, _Span(int(samples[0][room]), span.last_us, remaining)

    @staticmethod
    def _with_first_bound(variable: Variable, span: _Span, samples: Samples) -> Samples:
        if len(samples[0]) and int(samples[0][0]) == span.first_us:
            return samples
        bound = variable.last(span.first_us) if span.first_us <= span.last_us else _missing(samples, span.first_us)
        return _joined(bound, samples)

    @staticmethod
    def _with_last_bound(variable: Variable, span: _Span, samples: Samples) -> Samples:
        backwards = span.first_us > span.last_us
        bound = variable.last(span.last_us) if backwards else _missing(samples, span.last_us)
        return _joined(samples, bound)

    def _result(
        self, variable: Variable, samples: Samples, stamps: Stamps, following: _Span | None
    ) -> ua.HistoryReadResult:
        result = ua.HistoryReadResult()
        count = len(samples[0])
        if not count:
            result.StatusCode = status_code(ua.StatusCodes.GoodNoData)
        column = data_values(variable.signal, samples, self._types_namespace())
        # The server's timestamp of a stored value is when it was stored: the tick itself.
        body = encoding.encode(column, stamps, int(samples[0][-1]) if count else 0)
        result.HistoryData = extension(_HISTORY_DATA, count.to_bytes(4, "little") + body)
        if following is not None:
            result.ContinuationPoint = _POINT.pack(_MAGIC, following.first_us, following.last_us, following.remaining)
        return result


def _collect(variable: Variable, low: int, high: int, room: int, *, backwards: bool) -> Samples:
    """The first `room` samples in [low, high], from the end if backwards, chunk by chunk."""
    span = _CHUNK_TICKS * variable.grid_us
    parts: list[Samples] = []
    count = 0
    position = high if backwards else low
    while low <= position <= high and count < room:
        begin, end = (
            (max(low, position - span + 1), position) if backwards else (position, min(high, position + span - 1))
        )
        part = variable.samples(begin, end + 1)
        if backwards:
            part = part[0][::-1], part[1][::-1], part[2][::-1]
        parts.append(part)
        count += len(part[0])
        position = begin - 1 if backwards else end + 1
    if not parts:
        return variable.samples(low, low)
    times, values, codes = zip(*parts, strict=True)
    return np.concatenate(times)[:room], np.concatenate(values)[:room], np.concatenate(codes)[:room]


def _joined(first: Samples, second: Samples) -> Samples:
    if not len(first[0]):
        return second
    if not len(second[0]):
        return first
    return (
        np.concatenate([first[0], second[0]]),
        np.concatenate([first[1], second[1]]),
        np.concatenate([first[2], second[2]]),
    )


def _missing(samples: Samples, time_us: int) -> Samples:
    """A bounding value that is not there: Bad_BoundNotFound at the bound's time (Part 11, 6.5.3.2)."""
    _, values, _ = samples
    empty = np.zeros((1, *values.shape[1:]), values.dtype)
    return np.array([time_us], np.int64), empty, np.array([_BOUND_NOT_FOUND], np.uint32)


def _continued(point: bytes) -> _Span | None:
    if len(point) != _POINT.size:
        return None
    magic, first, last, remaining = _POINT.unpack(point)
    return _Span(first, last, remaining) if magic == _MAGIC else None


def _microseconds(time: datetime | None) -> int | None:
    """Microseconds of a DateTime; None for one that was not given (1601-01-01)."""
    ticks = int(ua.datetime_to_win_epoch(time)) if time is not None else 0
    return (ticks - FILETIME_EPOCH) // 10 if ticks > 0 else None


def _refused(code: int) -> ua.HistoryReadResult:
    return ua.HistoryReadResult(StatusCode=status_code(code))
