from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from dualspan.historian.v1.service_pb2 import IngestRequest
from dualspan_edge.tracing import FrameTracer
from dualspan_historian.frame_traces import FrameTrace, Pace, _believable
from dualspan_runtime import tracing
from dualspan_runtime.settings import PlatformSettings

NOW = 1_795_000_000_000_000
DAY = 86_400_000_000
CONTEXT = tracing.read_traceparent(f"00-{'a' * 32}-{'b' * 16}-01")


@pytest.fixture
def on() -> Iterator[None]:
    """Traces, to nobody."""
    nobody = PlatformSettings(service_secret=SecretStr("0123456789abcdef"), otlp_endpoint="http://127.0.0.1:1")
    tracing.start_tracing("tests", nobody)
    try:
        yield
    finally:
        tracing.stop_tracing()


def marked(tracer: FrameTracer) -> IngestRequest.Upload:
    upload = IngestRequest.Upload(sequence=1)
    tracer.mark(upload, NOW)
    return upload


def test_a_gateway_marks_one_frame_in_a_while_and_none_if_nobody_asks() -> None:
    tracer = FrameTracer(60)
    first, second = marked(tracer), marked(tracer)
    assert tracing.read_traceparent(first.trace.traceparent) is not None
    assert first.trace.store_time.ToMicroseconds() == NOW
    assert first.trace.send_time.ToMicroseconds() > 0
    assert not second.HasField("trace")
    assert not marked(FrameTracer(0)).HasField("trace")


def test_no_two_frames_have_the_same_ids() -> None:
    tracer = FrameTracer(1e-9)
    assert len({marked(tracer).trace.traceparent for _ in range(100)}) == 100


def test_a_gateway_that_marks_every_frame_is_heard_at_the_pace_that_it_was_told(on: None) -> None:
    pace = Pace(60)
    assert pace.interval is not None
    assert pace.interval.seconds == 60
    heard = [pace.heard(marked(FrameTracer(1e-9))) for _ in range(10)]
    assert heard[0] is not None
    assert heard[1:] == [None] * 9


@pytest.mark.parametrize("told", ["", "nonsense", f"00-{'a' * 32}-{'b' * 16}-00"])
def test_what_is_no_context_or_not_sampled_is_not_heard(on: None, told: str) -> None:
    assert Pace(60).heard(IngestRequest.Upload(trace=IngestRequest.Trace(traceparent=told))) is None


def test_nobody_is_asked_where_nothing_is_traced() -> None:
    pace = Pace(60)
    assert pace.interval is None
    assert pace.heard(marked(FrameTracer(60))) is None


@pytest.mark.parametrize(
    ("stored", "sent", "told"),
    [
        (NOW - 5000, NOW - 10, (NOW - 5000, NOW - 10)),
        (NOW - 6 * DAY, NOW, (NOW - 6 * DAY, NOW)),  # the buffer of a plant that was cut off
        (NOW + 9, NOW, (NOW, NOW)),  # stored after it was sent
        (0, NOW, (NOW, NOW)),
        (NOW - 5000, NOW + 2 * DAY, (NOW, NOW)),  # a clock that is wrong
        (-(2**62), 2**62, (NOW, NOW)),
    ],
)
def test_a_gateways_times_are_believed_where_they_can_be(stored: int, sent: int, told: tuple[int, int]) -> None:
    assert CONTEXT is not None
    assert _believable(FrameTrace(CONTEXT, stored, sent), NOW) == told
