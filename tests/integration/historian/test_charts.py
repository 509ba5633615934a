"""Samples to draw: every extreme, wherever it is stored, and what is known to be missing."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import chart_pb2, repair_pb2, resources_pb2, service_pb2
from dualspan.historian.v1.chart_pb2_grpc import ChartServiceStub
from dualspan_frame import BinaryColumn, Block, Frame, ValueKind, decode_frame, encode_frame
from dualspan_historian.read import chart
from dualspan_runtime.channels import open_channel
from harness.historian import SECOND, T0, TENANT, Historian, Refusal, Worker, block, stamp

if TYPE_CHECKING:
    from dualspan.historian.v1.chart_pb2_grpc import ChartServiceAsyncStub

PARENT = f"tenants/{TENANT}"
HOUR = 3600 * SECOND


def asked(start: int, end: int, points: int = 100, tags: tuple[int, ...] = (1,)) -> chart_pb2.ReadChartRequest:
    return chart_pb2.ReadChartRequest(
        parent=PARENT, tag_ids=tags, start_time=stamp(start), end_time=stamp(end), points=points
    )


def drawn(message: frame_pb2.Block) -> Block:
    return decode_frame(frame_pb2.Frame(blocks=[message])).blocks[0]


async def read(historian: Historian, request: chart_pb2.ReadChartRequest) -> list[chart_pb2.ChartSeries]:
    secret = historian.settings.platform.service_secret
    async with open_channel(historian.address, service="tests", secret=secret) as channel:
        stub: ChartServiceAsyncStub = ChartServiceStub(channel)
        return list((await stub.ReadChart(request)).series)


async def store(historian: Historian, worker: Worker, count: int, *, sealed: int) -> np.ndarray[Any, Any]:
    """A sample a second of tag 1 that swings, with one spike; the first of them in segments. Returns the values."""
    value = np.sin(np.arange(count) / 50) * 10
    value[count // 3] = 99.0
    ts = T0 + np.arange(count) * SECOND
    await historian.register({1: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    tag = np.ones(count, np.int64)
    await uploader.upload([Frame((block(tag[:sealed], ts[:sealed], value[:sealed]),))])
    await worker.sealer.seal_all(TENANT, "g1")
    if sealed < count:
        await uploader.upload([Frame((block(tag[sealed:], ts[sealed:], value[sealed:]),))], first=2)
    return value


async def test_few_samples_come_as_they_are(historian: Historian, worker: Worker) -> None:
    value = await store(historian, worker, 60, sealed=40)
    (series,) = await read(historian, asked(T0, T0 + 60 * SECOND))
    samples = drawn(series.samples)
    assert not series.thinned
    assert series.stored_samples == 60
    np.testing.assert_array_equal(samples.value, value)
    np.testing.assert_array_equal(samples.timestamp, T0 + np.arange(60) * SECOND)
    assert not series.HasField("before")


@pytest.mark.parametrize("budget", [1_000_000, 1500])
async def test_extremes_are_kept_when_most_samples_are_not(
    historian: Historian, worker: Worker, monkeypatch: pytest.MonkeyPatch, budget: int
) -> None:
    monkeypatch.setattr(chart, "_MOST_DECODED", budget)
    value = await store(historian, worker, 8000, sealed=7000)
    (series,) = await read(historian, asked(T0, T0 + 8000 * SECOND, points=20))
    samples = drawn(series.samples)
    assert series.thinned
    assert series.stored_samples == 8000
    assert len(samples) <= 5 * 20
    assert isinstance(samples.value, np.ndarray)
    assert (samples.value.max(), samples.value.min()) == (99.0, value.min())
    assert (np.diff(samples.timestamp) >= 0).all()
    exact = samples.status == 0
    seconds = (samples.timestamp[exact] - T0) // SECOND
    np.testing.assert_array_equal(samples.value[exact], value[seconds])
    assert bool(exact.all()) == (budget > 8000)
    assert series.resolution.ToTimedelta().total_seconds() >= 400


async def test_a_line_begins_with_what_came_before(historian: Historian, worker: Worker) -> None:
    value = await store(historian, worker, 60, sealed=60)
    (series,) = await read(historian, asked(T0 + HOUR, T0 + 2 * HOUR))
    assert not series.HasField("samples")
    before = drawn(series.before)
    assert (before.timestamp.tolist(), before.value) == ([T0 + 59 * SECOND], pytest.approx([value[-1]]))


async def test_the_worst_of_a_column_shows(historian: Historian, worker: Worker) -> None:
    count = 1000
    status = np.zeros(count, np.uint32)
    status[500] = 0x80000000
    ts = T0 + np.arange(count) * SECOND
    await historian.register({1: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([Frame((block(np.ones(count, np.int64), ts, np.zeros(count), status),))])
    (series,) = await read(historian, asked(T0, T0 + count * SECOND, points=4))
    assert 0x80000000 in drawn(series.samples).status.tolist()


async def test_known_gaps_are_told(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    start, end = stamp(T0 + 10 * SECOND), stamp(T0 + 20 * SECOND)
    gap = resources_pb2.Gap(tag_id=1, cause=resources_pb2.GAP_CAUSE_CONNECTION_LOST, start_time=start, end_time=end)
    coverage = [
        repair_pb2.Coverage(server="press", starts=[repair_pb2.Coverage.Start(tag_id=1, start_time=stamp(T0 - HOUR))]),
        repair_pb2.Coverage(server="press", complete_time=stamp(T0 + HOUR)),
    ]
    upload = service_pb2.IngestRequest.Upload(
        sequence=1,
        frame=encode_frame(Frame((block([1], [T0], [1.0]),))),
        gaps=[gap],
        coverage=coverage,
    )
    uploader = await historian.uploader()
    await uploader.say(service_pb2.IngestRequest(upload=upload))
    await uploader.until(1)
    (series,) = await read(historian, asked(T0, T0 + 60 * SECOND))
    assert [(each.start_time, each.end_time) for each in series.gaps] == [(start, end)]


async def test_texts_keep_their_first_and_last(historian: Historian) -> None:
    words = [f"state {number % 7}" for number in range(500)]
    ts = T0 + np.arange(500) * SECOND
    uploader = await historian.uploader()
    await historian.register({5: ValueKind.TEXT})
    text = block(np.full(500, 5), ts, BinaryColumn.from_list([word.encode() for word in words]), kind=ValueKind.TEXT)
    await uploader.upload([Frame((text,))])
    (series,) = await read(historian, asked(T0, T0 + 500 * SECOND, points=10, tags=(5,)))
    samples = drawn(series.samples)
    assert len(samples) == 20


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        (asked(T0, T0), "EMPTY_INTERVAL"),
        (asked(T0 + 1, T0), "REVERSED_INTERVAL"),
        (asked(T0, T0 + SECOND, tags=()), "TAGS_REQUIRED"),
        (asked(T0, T0 + SECOND, tags=tuple(range(1, 102))), "TOO_MANY_TAGS"),
        (asked(T0, T0 + SECOND, tags=(999,)), "TAG_NOT_FOUND"),
        (chart_pb2.ReadChartRequest(parent=PARENT, tag_ids=[1]), "INVALID_TIME"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    historian: Historian, refusal: Refusal, request_: chart_pb2.ReadChartRequest, reason: str
) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    assert await refusal(read(historian, request_)) == reason
