"""What goes out: aggregates over stored data, pages, the newest samples, Arrow, and what is refused."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pytest
from google.protobuf.duration_pb2 import Duration

from dualspan.historian.v1 import resources_pb2, service_pb2
from dualspan_frame import BinaryColumn, Frame, ValueKind, decode_column, decode_frame
from dualspan_historian.read.aggregates import KNOWN
from dualspan_historian.read.samples import Rules
from dualspan_historian.read.snapshot import Snapshots
from dualspan_runtime.channels import open_channel
from harness.historian import SECOND, T0, TENANT, Historian, Refusal, Worker, block, ramp, stamp
from harness.part13 import Reference, Sample

PARENT = f"tenants/{TENANT}"


def processed(
    tags: Sequence[int], start: int, end: int, seconds: float, aggregates: Sequence[Any], **more: Any
) -> service_pb2.ReadProcessedRequest:
    interval = Duration()
    interval.FromMicroseconds(int(seconds * SECOND))
    return service_pb2.ReadProcessedRequest(
        parent=PARENT,
        tag_ids=tags,
        start_time=stamp(start),
        end_time=stamp(end),
        processing_interval=interval,
        aggregates=aggregates,
        **more,
    )


async def spread(historian: Historian, worker: Worker, seed: int) -> list[Sample]:
    """Random samples of tag 1, in segments that overlap and in frames; returns them in order, without repeats."""
    random = np.random.default_rng(seed)
    uploader = await historian.uploader()
    found: dict[tuple[int, float, int], None] = {}
    for sequence in range(1, 21):
        count = int(random.integers(1, 60))
        ts = T0 + random.integers(0, 2000, count) * SECOND // 2
        if sequence % 4:  # mostly in time, sometimes late
            ts = T0 + sequence * 50 * SECOND + np.sort(random.integers(0, 100, count)) * SECOND // 2
        value = random.integers(0, 5, count).astype(np.float64)
        status = random.choice([0, 0, 0, 0, 0, 0x40000000, 0x80000000], count) if sequence % 3 else np.zeros(count, int)
        await uploader.upload([Frame((block(np.full(count, 1), ts, value, status),))], first=sequence)
        found |= dict.fromkeys(zip(ts.tolist(), value.tolist(), status.tolist(), strict=True))
        if sequence in {3, 5, 9, 14, 17}:
            await worker.sealer.seal_all(TENANT, "g1")
        if sequence == 14:
            await worker.merger.merge_all(TENANT, "g1")
    return [Sample(*key) for key in sorted(found, key=lambda key: key[0])]


@pytest.mark.parametrize("sloped", [True, False])
async def test_aggregates_over_segments_and_frames_are_those_of_the_reference(
    historian: Historian, worker: Worker, sloped: bool
) -> None:
    await historian.register({1: ValueKind.FLOAT64}, sloped=sloped)
    samples = await spread(historian, worker, seed=int(sloped))
    reference = Reference(samples, Rules(sloped=sloped))
    spans = [
        (0, 1100, 100),
        (-50, 1200, 0),
        (333, 777, 7),
        (1100, 0, 90),
        (400, 401, 1),
        (1190, 1400, 50),
        (200, 900, 1),
    ]
    for start, end, seconds in spans:
        begin, finish = T0 + start * SECOND, T0 + end * SECOND
        groups = [
            sorted(KNOWN)[:16],
            sorted(KNOWN)[16:],
            [resources_pb2.AGGREGATE_AVERAGE, resources_pb2.AGGREGATE_COUNT, resources_pb2.AGGREGATE_RANGE],
        ]
        for aggregates in groups:
            response = await historian.stub.ReadProcessed(processed([1], begin, finish, seconds, aggregates))
            for series, aggregate in zip(response.series, aggregates, strict=True):
                plain = reference.compute(aggregate, begin, finish, seconds * SECOND)
                where = f"{resources_pb2.Aggregate.Name(aggregate)} {start} {end} {seconds}"
                count = series.count
                assert count == len(plain), where
                assert decode_column(series.timestamp, np.int64, count).tolist() == [one.t for one in plain], where
                statuses = decode_column(series.status, np.uint32, count).tolist()
                assert [hex(one) for one in statuses] == [hex(one.status) for one in plain], where
                values = decode_column(series.value, np.float64, count)
                np.testing.assert_allclose(values, [one.value for one in plain], rtol=1e-9, atol=1e-9, err_msg=where)


async def test_statistics_of_segments_stand_for_their_samples(historian: Historian, worker: Worker) -> None:
    await historian.register({1: ValueKind.FLOAT64, 2: ValueKind.INT64})
    uploader = await historian.uploader()
    for chunk in range(6):
        number = np.arange(chunk * 100, chunk * 100 + 100)
        whole = block(np.full(100, 2), T0 + number * SECOND, number * 2, kind=ValueKind.INT64)
        await uploader.upload([Frame((*ramp([1], chunk * 100, 100).blocks, whole))], first=chunk + 1)
        await worker.sealer.seal_all(TENANT, "g1")
    aggregates = [
        resources_pb2.AGGREGATE_AVERAGE,
        resources_pb2.AGGREGATE_MINIMUM,
        resources_pb2.AGGREGATE_MAXIMUM,
        resources_pb2.AGGREGATE_COUNT,
        resources_pb2.AGGREGATE_RANGE,
    ]
    response = await historian.stub.ReadProcessed(processed([2, 1], T0, T0 + 600 * SECOND, 250, aggregates))
    got = [decode_column(series.value, np.float64, series.count).tolist() for series in response.series]
    assert [series.tag_id for series in response.series] == [2] * 5 + [1] * 5
    assert got[:5] == [[249, 749, 1099], [0, 500, 1000], [498, 998, 1198], [250, 250, 100], [498, 498, 198]]
    assert got[5:] == [[125.5, 375.5, 550.5], [1, 251, 501], [250, 500, 600], [250, 250, 100], [249, 249, 99]]


async def test_what_is_decoded_already_is_read_without_a_transaction_and_as_it_is_now(
    historian: Historian, worker: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([ramp([1], 0, 100)], first=1)
    await worker.sealer.seal_all(TENANT, "g1")
    await uploader.upload([ramp([1], 100, 100)], first=2)
    opened: list[str] = []
    whole = Snapshots.open

    def counted(snapshots: Snapshots, tenant: str) -> Any:
        opened.append(tenant)
        return whole(snapshots, tenant)

    monkeypatch.setattr(Snapshots, "open", counted)
    aggregates = [resources_pb2.AGGREGATE_AVERAGE, resources_pb2.AGGREGATE_TIME_AVERAGE, resources_pb2.AGGREGATE_COUNT]
    request = processed([1], T0, T0 + 200 * SECOND, 80, aggregates)
    first = await historian.stub.ReadProcessed(request)
    assert opened
    opened.clear()
    for _ in range(4):  # by the third time it is expected that nothing changes
        assert await historian.stub.ReadProcessed(request) == first
    assert not opened

    # Committed by this process, which keeps the frame; sealed and merged by another.
    await uploader.upload([Frame((block([1], [T0 + 500_000], [1000.0]),))], first=3)
    late = await historian.stub.ReadProcessed(request)
    assert not opened
    counts = decode_column(late.series[2].value, np.float64, 3)
    assert counts.tolist() == [81, 80, 40]
    await worker.sealer.seal_all(TENANT, "g1")
    assert await historian.stub.ReadProcessed(request) == late
    assert opened
    async with worker.database.transaction(TENANT) as connection:
        await connection.execute("DELETE FROM segment")
    gone = await historian.stub.ReadProcessed(request)
    assert decode_column(gone.series[2].value, np.float64, 3).tolist() == [0, 0, 0]


async def test_text_can_be_counted_but_not_averaged(historian: Historian, refusal: Refusal) -> None:
    await historian.register({1: ValueKind.TEXT})
    uploader = await historian.uploader()
    text = block([1, 1], [T0, T0 + SECOND], BinaryColumn.from_list(["a", "b"]), kind=ValueKind.TEXT)
    await uploader.upload([Frame((text,))])
    count = await historian.stub.ReadProcessed(processed([1], T0, T0 + 10 * SECOND, 0, [resources_pb2.AGGREGATE_COUNT]))
    assert decode_column(count.series[0].value, np.float64, 1).tolist() == [2]
    average = historian.stub.ReadProcessed(processed([1], T0, T0 + SECOND, 0, [resources_pb2.AGGREGATE_AVERAGE]))
    assert await refusal(average) == "NOT_NUMERIC"


async def test_queries_that_ask_for_too_much_or_for_nothing_are_refused(historian: Historian, refusal: Refusal) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    stub = historian.stub
    raw = service_pb2.ReadRawRequest(parent=PARENT, start_time=stamp(T0), end_time=stamp(T0 + 1), tag_ids=[1])

    def changed(**fields: Any) -> service_pb2.ReadRawRequest:
        request = service_pb2.ReadRawRequest()
        request.CopyFrom(raw)
        for name, value in fields.items():
            request.ClearField(cast("Any", name))
            request.MergeFrom(service_pb2.ReadRawRequest(**{name: value}))
        return request

    assert await refusal(stub.ReadRaw(changed(tag_ids=range(1, 1_000_001)))) == "TOO_MANY_TAGS"
    assert await refusal(stub.ReadRaw(changed(tag_ids=[]))) == "TAGS_REQUIRED"
    assert await refusal(stub.ReadRaw(changed(tag_ids=[2]))) == "TAG_NOT_FOUND"
    assert await refusal(stub.ReadRaw(changed(end_time=stamp(T0)))) == "EMPTY_INTERVAL"
    assert await refusal(stub.ReadRaw(changed(end_time=stamp(T0 - 1)))) == "REVERSED_INTERVAL"
    assert await refusal(stub.ReadRaw(changed(page_token="nonsense"))) == "MALFORMED_PAGE_TOKEN"
    assert await refusal(stub.ReadRaw(changed(page_size=-1))) == "NEGATIVE_PAGE_SIZE"
    missing = service_pb2.ReadRawRequest(parent=PARENT, tag_ids=[1])
    assert await refusal(stub.ReadRaw(missing)) == "INVALID_TIME"

    day = T0 + 86_400 * SECOND
    average = [resources_pb2.AGGREGATE_AVERAGE]
    assert await refusal(stub.ReadProcessed(processed(range(1, 1_000_001), T0, day, 0, average))) == "TOO_MANY_TAGS"
    assert await refusal(stub.ReadProcessed(processed([1], T0, T0, 0, average))) == "EMPTY_INTERVAL"
    assert await refusal(stub.ReadProcessed(processed([1], T0, day, 1e-6, average))) == "TOO_MANY_RESULTS"
    assert await refusal(stub.ReadProcessed(processed([1], T0, day, -1, average))) == "INVALID_PROCESSING_INTERVAL"
    assert await refusal(stub.ReadProcessed(processed([1], T0, day, 0, []))) == "INVALID_AGGREGATES"
    assert await refusal(stub.ReadProcessed(processed([1], T0, day, 0, [99]))) == "INVALID_AGGREGATES"
    latest = service_pb2.ReadLatestRequest(parent=PARENT, tag_ids=range(1, 10_002))
    assert await refusal(stub.ReadLatest(latest)) == "TOO_MANY_TAGS"


async def test_another_tenant_sees_nothing(historian: Historian, refusal: Refusal) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    await (await historian.uploader()).upload([ramp([1], 0, 3)])
    assert await refusal(historian.read_raw([1], tenant="other")) == "TAG_NOT_FOUND"
    assert (await historian.statistics("other")).committed_samples == 0
    async with open_channel(historian.address) as channel:
        from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub

        stub = HistorianServiceStub(channel)
        metadata = [("authorization", f"Bearer {historian.authority.access_token('other')}")]
        request = service_pb2.ReadLatestRequest(parent=PARENT, tag_ids=[1])
        assert await refusal(stub.ReadLatest(request, metadata=metadata)) == "FOREIGN_TENANT"


async def test_the_newest_samples_come_from_segments_and_frames(historian: Historian, worker: Worker) -> None:
    kinds = {1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64, 3: ValueKind.TEXT, 4: ValueKind.BOOL, 5: ValueKind.FLOAT64}
    await historian.register(kinds)
    uploader = await historian.uploader()
    text = block([3], [T0], BinaryColumn.from_list(["ready"]), kind=ValueKind.TEXT)
    flag = block([4], [T0], [True], status=0x40000000, kind=ValueKind.BOOL)
    await uploader.upload([Frame((*ramp([1, 2], 0, 10).blocks, text, flag))])
    await worker.sealer.seal_all(TENANT, "g1")
    await uploader.upload([ramp([1], 10, 1), ramp([2], 3, 1)], first=2)
    response = await historian.stub.ReadLatest(service_pb2.ReadLatestRequest(parent=PARENT, tag_ids=list(kinds)))
    newest = Frame(tuple(sorted(decode_frame(response.frame).blocks, key=lambda one: one.kind)))
    numbers = block([1, 2], [T0 + 10 * SECOND, T0 + 9 * SECOND], [11, 11])
    assert newest.same_as(Frame((numbers, flag, text)))


async def test_arrow_and_raw_forms_hold_the_same(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64, 2: ValueKind.TEXT})
    uploader = await historian.uploader()
    text = block([2, 2], [T0, T0 + SECOND], BinaryColumn.from_list(["läuft", ""]), kind=ValueKind.TEXT)
    await uploader.upload([Frame((*ramp([1], 0, 3).blocks, text))])
    request = service_pb2.ReadRawRequest(
        parent=PARENT,
        tag_ids=[1, 2],
        start_time=stamp(T0),
        end_time=stamp(T0 + 10 * SECOND),
        result_form=service_pb2.RESULT_FORM_ARROW,
    )
    table = pa.ipc.open_stream((await historian.stub.ReadRaw(request)).arrow).read_all()
    assert table.schema.names == ["tag_id", "timestamp", "status", "value_float64", "value_text"]
    assert table["tag_id"].to_pylist() == [1, 1, 1, 2, 2]
    assert table["value_float64"].to_pylist() == [1, 2, 3, None, None]
    assert table["value_text"].to_pylist() == [None, None, None, "läuft", ""]
    assert table["timestamp"].cast(pa.int64()).to_pylist()[:2] == [T0, T0 + SECOND]
    request.result_form = service_pb2.RESULT_FORM_FRAME_RAW
    assert decode_frame((await historian.stub.ReadRaw(request)).frame).same_as(await historian.read_raw([1, 2]))
    aggregate = processed(
        [1], T0, T0 + 3 * SECOND, 1, [resources_pb2.AGGREGATE_END], result_form=service_pb2.RESULT_FORM_ARROW
    )
    series = pa.ipc.open_stream((await historian.stub.ReadProcessed(aggregate)).arrow).read_all()
    assert series["value"].to_pylist() == [1, 2, 3]


async def test_the_newest_sample_before_a_time(historian: Historian, worker: Worker) -> None:
    """In segments and in frames, around it and long before it; of tags without any there is none."""
    kinds = {1: ValueKind.FLOAT64, 2: ValueKind.TEXT, 3: ValueKind.INT64}
    await historian.register(kinds)
    samples = await spread(historian, worker, seed=7)
    texts = block([2], [T0 + 5 * SECOND], BinaryColumn.from_list(["mould 7"]), kind=ValueKind.TEXT)
    await (await historian.uploader(epoch=2)).upload([Frame((texts,))])
    for seconds in (-10, 0, 1, 60, 123.5, 300, 777, 900, 1100, 5000):
        time = T0 + int(seconds * SECOND)
        request = service_pb2.ReadLatestRequest(parent=PARENT, tag_ids=list(kinds), before_time=stamp(time))
        frame = decode_frame((await historian.stub.ReadLatest(request)).frame)
        earlier = [sample for sample in samples if sample.t < time]
        numbers, text = frame.block(ValueKind.FLOAT64), frame.block(ValueKind.TEXT)
        if earlier:
            assert numbers is not None
            found = (int(numbers.timestamp[0]), float(cast("Any", numbers.value)[0]), int(numbers.status[0]))
            assert found == (earlier[-1].t, earlier[-1].value, earlier[-1].status)
            assert len(numbers) == 1
        else:
            assert numbers is None
        assert (text is not None) == (seconds > 5)
        assert frame.block(ValueKind.INT64) is None
