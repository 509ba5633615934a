"""The traces of single frames, one of each gateway in a while: from its disk to the segments that it ends in.

A frame's trace begins at the gateway, which has chosen its ids; committing and sealing are parts of it. What is done
for many frames at once is a part of the first one's trace and linked from the others.
"""

import time
from collections.abc import Generator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from opentelemetry.trace import Span, SpanContext

from dualspan.historian.v1 import service_pb2
from dualspan_historian.model import Stream
from dualspan_runtime import tracing

_DAY_US = 86_400_000_000
# A buffer keeps a frame for a week, unless it is told otherwise.
_LONGEST_US = 31 * _DAY_US
# Most frames are not traced, and this is all that they cost.
_NOTHING: AbstractContextManager[None] = nullcontext()


@dataclass(frozen=True, slots=True)
class FrameTrace:
    """What a gateway says of a frame that it traces; times in microseconds since 1970, by its own clock."""

    context: SpanContext
    stored_us: int
    sent_us: int


class Pace:
    """How often a stream's frames are traced: gateways are told, and those that do not heed it are not heard.

    Args:
        seconds: Between two; None where nothing is traced.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._next = 0.0

    @property
    def interval(self) -> Duration | None:
        """What gateways are told; None where nothing is traced."""
        if not tracing.is_on():
            return None
        told = Duration()
        told.FromMicroseconds(round(self._seconds * 1e6))
        return told

    def heard(self, upload: service_pb2.IngestRequest.Upload) -> FrameTrace | None:
        """Return what an upload says of its trace, if it is to be traced."""
        if not tracing.is_on() or not upload.HasField("trace") or time.monotonic() < self._next:
            return None
        context = tracing.read_traceparent(upload.trace.traceparent)
        if context is None or not context.trace_flags.sampled:
            return None
        # Half of it: what was sent on time may have come late, and the next one not.
        self._next = time.monotonic() + self._seconds / 2
        return FrameTrace(context, _micros(upload.trace.store_time), _micros(upload.trace.send_time))


def verifying(stream: Stream, sequence: int, trace: FrameTrace | None) -> AbstractContextManager[object]:
    """Record that a frame came and is verified, if it is traced."""
    return _NOTHING if trace is None else _verifying(stream, sequence, trace)


@contextmanager
def _verifying(stream: Stream, sequence: int, trace: FrameTrace) -> Generator[None]:
    about = {**_about(stream), "dualspan.frame.sequence": sequence}
    started, ended = _believable(trace, time.time_ns() // 1000)
    tracing.record_elsewhere(trace.context, "buffer frame", started * 1000, ended * 1000, about)
    with tracing.span("verify frame", parent=trace.context, attributes=about):
        yield


def committing(stream: Stream, traces: Sequence[FrameTrace]) -> AbstractContextManager[Span | None]:
    """Record that a group of frames is committed, if one of them is traced; it is a part of the first one's trace."""
    if not traces:
        return _NOTHING
    first, others = traces[0].context, [trace.context for trace in traces[1:]]
    return tracing.span("commit frames", parent=first, links=others, attributes=_about(stream))


@contextmanager
def sealing(tenant: str, gateway_id: str, traceparents: Sequence[str]) -> Generator[Span]:
    """Record that frames are sealed: in the trace of the first one that is traced, linked from all others."""
    found = [context for text in traceparents if (context := tracing.read_traceparent(text)) is not None]
    about = _about(Stream(tenant, gateway_id, 0))
    links = found[1:]
    task = tracing.running_context()
    if found and task is not None:
        links = [*links, task]
    with tracing.span("seal frames", parent=found[0] if found else None, links=links, attributes=about) as begun:
        started = time.time_ns()
        yield begun
    for context in found[1:]:
        with tracing.span(
            "seal frames", parent=context, links=[begun.get_span_context()], attributes=about, start_ns=started
        ):
            pass


def _micros(moment: Timestamp) -> int:
    return moment.seconds * 1_000_000 + moment.nanos // 1000


def _about(stream: Stream) -> dict[str, str]:
    return {"dualspan.tenant": stream.tenant, "dualspan.gateway": stream.gateway_id}


def _believable(trace: FrameTrace, now: int) -> tuple[int, int]:
    """Return when the gateway's part began and ended; by our clock, if its own is far off or it said nothing."""
    if abs(trace.sent_us - now) > _DAY_US:
        return now, now
    is_told = trace.sent_us - _LONGEST_US <= trace.stored_us <= trace.sent_us
    return (trace.stored_us if is_told else trace.sent_us), trace.sent_us
